"""Dead letters of dual writes in the ledger: signed batches, and in each the letters that were recorded together."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.canonical import as_stored, rows_digest
from keyspaces_migration.ledger.chains import LETTER_BATCHES, LOOK, Row, describe
from keyspaces_migration.ledger.errors import LedgerSignatureError
from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome, LetterRecord
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run

_runs, _batches, _letters = schema.run_configurations.c, schema.letter_batches.c, schema.letters.c
_FIELDS = [field.name for field in fields(LetterRecord)]
# A message may have 256 KB: its digest stands for it, so that a batch can be verified without reading them.
_SIGNED = [column for column in schema.letters.c if column.name not in {"id", "letter_batch_id", "body"}]


class LetterLedger:
    """Reads and writes letters, each call in one transaction; nothing recorded is changed. Errors are the ledger's.

    A batch's record is signed, with a digest of its letters and how many stand how; so the number of parked letters,
    which a gate relies on, can be had without reading the letters.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def record(
        self, letters: Sequence[LetterRecord], *, dag_id: str, run_id: str, now: datetime
    ) -> tuple[LetterRecord, ...]:
        """Record what became of letters; those that this call recorded.

        A letter that was replayed or closed before stays so: it came again. One that was parked before is recorded
        anew.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
            LedgerSignatureError: What was recorded before is not as it was signed.
        """
        unique = {letter.letter_id: letter for letter in letters}
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            # Others that record letters of this migration wait here, so that none is counted twice.
            self._chains.locked_counts(connection, run.migration)
            before = self._standing(connection, run.migration, unique)
            new = [
                letter
                for letter in unique.values()
                if letter.letter_id not in before or before[letter.letter_id] is LetterOutcome.PARKED
            ]
            if not new:
                return ()
            taken_up = sum(letter.letter_id in before for letter in new)
            values = _batch_values(new, taken_up=taken_up, now=now) | {"dag_id": dag_id, "run_id": run_id}
            values["number"] = 1 + self._batches_of_run(connection, dag_id, run_id)
            self._chains.append(connection, LETTER_BATCHES, values, run=run)
            batch = connection.execute(
                sa.select(_batches.id).where(
                    _batches.dag_id == dag_id, _batches.run_id == run_id, _batches.number == values["number"]
                )
            ).scalar_one()
            connection.execute(
                sa.insert(schema.letters), [asdict(letter) | {"letter_batch_id": batch} for letter in new]
            )
        return tuple(new)

    def counts(self, migration: str) -> LetterCounts:
        """How a migration's letters stand."""
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, LETTER_BATCHES, migration)
        return _counts(rows)

    def standing(self, migration: str, letter_ids: Iterable[str]) -> dict[str, LetterOutcome]:
        """How letters stand, by id; those that were never recorded are left out."""
        with self._ledger.reading() as connection:
            return self._standing(connection, migration, letter_ids)

    def parked(self, migration: str) -> tuple[LetterRecord, ...]:
        """The letters that wait for a person, in the order of recording, messages included.

        Raises:
            LedgerSignatureError: They are not those that were recorded.
        """
        newest = sa.select(sa.func.max(_letters.id)).select_from(_with_run()).where(_runs.migration == migration)
        query = (
            sa.select(schema.letters)
            .where(_letters.id.in_(newest.group_by(_letters.letter_id)), _letters.outcome == LetterOutcome.PARKED)
            .order_by(_letters.id)
        )
        with self._ledger.reading() as connection:
            counted = _counts(self._chains.read(connection, LETTER_BATCHES, migration)).parked
            rows = list(connection.execute(query).mappings())
            if len(rows) != counted:
                found = f"{counted} letters are parked by the signed batches, and {len(rows)} are there"
                raise _not_as_signed(f"those of migration {migration}", found)
            self._require_batches(connection, {row["letter_batch_id"] for row in rows}, migration)
        return tuple(_record(row, migration) for row in rows)

    def rough_classes(self, migration: str) -> dict[tuple[LetterOutcome, ReasonClass], int]:
        """How many letters stand how, by the class of their reason, not verified: for display. No gate may ask."""
        newest = sa.select(sa.func.max(_letters.id)).select_from(_with_run()).where(_runs.migration == migration)
        query = (
            sa.select(_letters.outcome, _letters.reason_class, sa.func.count())
            .where(_letters.id.in_(newest.group_by(_letters.letter_id)))
            .group_by(_letters.outcome, _letters.reason_class)
        )
        with self._ledger.reading() as connection:
            return {(outcome, reason): int(count) for outcome, reason, count in connection.execute(query)}

    def of_run(self, *, dag_id: str, run_id: str) -> tuple[LetterRecord, ...]:
        """What a run recorded, in order, without the messages.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.reading() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            batches = [
                row
                for row in self._chains.read(connection, LETTER_BATCHES, run.migration)
                if (row["dag_id"], row["run_id"]) == (dag_id, run_id)
            ]
            found = [row for each in batches for row in letters_of_batch(connection, each, migration=run.migration)]
        return tuple(LetterRecord(**row, body=None) for row in found)

    def replayed_at(self, migration: str) -> datetime | None:
        """When letters were last replayed, which changes rows; None where none were."""
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, LETTER_BATCHES, migration)
        return max((row["recorded_at"] for row in rows if row["replayed"]), default=None)

    def _standing(
        self, connection: sa.Connection, migration: str, letter_ids: Iterable[str]
    ) -> dict[str, LetterOutcome]:
        query = (
            sa.select(_letters.letter_batch_id, _letters.letter_id, _letters.outcome)
            .select_from(_with_run())
            .where(_runs.migration == migration, _letters.letter_id.in_(list(letter_ids)))
            .order_by(_letters.id)
        )
        rows = list(connection.execute(query).mappings())
        self._require_batches(connection, {row["letter_batch_id"] for row in rows}, migration)
        return {row["letter_id"]: row["outcome"] for row in rows}

    def _require_batches(self, connection: sa.Connection, ids: set[int], migration: str) -> None:
        for batch in connection.execute(LETTER_BATCHES.select().where(_batches.id.in_(ids))).mappings():
            self._chains.require(LETTER_BATCHES, batch, migration)
            letters_of_batch(connection, batch, migration=migration)

    @staticmethod
    def _batches_of_run(connection: sa.Connection, dag_id: str, run_id: str) -> int:
        query = sa.select(sa.func.count()).select_from(schema.letter_batches)
        return connection.execute(query.where(_batches.dag_id == dag_id, _batches.run_id == run_id)).scalar_one()


def letters_of_batch(connection: sa.Connection, batch: Row, *, migration: str) -> list[dict[str, Any]]:
    """The letters of a batch, without their messages.

    Raises:
        LedgerSignatureError: They do not have the digest that is signed.
    """
    query = sa.select(*_SIGNED).where(_letters.letter_batch_id == batch["id"]).order_by(_letters.id)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    if _digest(rows) != batch["letters_sha256"]:
        record = f"those of {describe(migration, batch)}, of table letter_batches"
        raise _not_as_signed(record, "they do not have the digest that is signed: one was changed, added or taken away")
    return rows


def _batch_values(letters: Sequence[LetterRecord], *, taken_up: int, now: datetime) -> dict[str, Any]:
    signed = {column.name for column in _SIGNED}
    rows = [{name: value for name, value in asdict(letter).items() if name in signed} for letter in letters]
    outcomes = [letter.outcome for letter in letters]
    return {
        **{outcome.value: outcomes.count(outcome) for outcome in LetterOutcome},
        "taken_up": taken_up,
        "letters_sha256": _digest(rows),
        "recorded_at": now,
    }


def _digest(rows: Sequence[Row]) -> str:
    return rows_digest([as_stored(schema.letters, row) for row in rows])


def _counts(batches: Sequence[Row]) -> LetterCounts:
    return LetterCounts(
        replayed=sum(row["replayed"] for row in batches),
        parked=sum(row["parked"] - row["taken_up"] for row in batches),
        closed=sum(row["closed"] for row in batches),
    )


def _record(row: Row, migration: str) -> LetterRecord:
    body = row["body"]
    if body is not None and sha256(body.encode()).hexdigest() != row["body_sha256"]:
        record = f"letter {row['letter_id']} of migration {migration}"
        raise _not_as_signed(record, "its message does not have the digest that is signed")
    return LetterRecord(**{name: row[name] for name in _FIELDS})


def _with_run() -> sa.Join:
    return schema.letters.join(schema.letter_batches).join(schema.run_configurations)


def _not_as_signed(record: str, found: str) -> LedgerSignatureError:
    return LedgerSignatureError(table="letters", record=record, found=found, advice=LOOK)
