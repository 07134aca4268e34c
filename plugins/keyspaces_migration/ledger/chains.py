"""Signed, numbered records: appended one after the other, and read only where none was changed, added or taken away."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.canonical import Signable, Values, as_stored
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.errors import LedgerSignatureError
from keyspaces_migration.ledger.keyring import Keyring
from keyspaces_migration.ledger.records import RunConfiguration

_runs = schema.run_configurations.c
Row = Mapping[Any, Any]
SIGNATURE_COLUMNS = frozenset({"chain_number", "key_id", "signature"})
UNSIGNED = "it is not signed"
LOOK = (
    "Somebody wrote to the database, or it was put back in part: rely on nothing in it before you know who and why. "
    "List all such records: python -m keyspaces_migration.ledger verify"
)
_SIGN = (
    "If a version that did not sign yet wrote it, look at the records and then sign them: "
    "python -m keyspaces_migration.ledger sign. Otherwise somebody wrote to the database"
)
_KEY_MISSING = "If the key is one of yours, put it back into the secret; otherwise somebody wrote to the database"


@dataclass(frozen=True)
class Chain:
    """The signed records of a table, numbered from 1 for each migration.

    Attributes:
        table: Where they are.
        of_run: What of the run's record is signed with them, as they are read with it.
    """

    table: sa.Table
    of_run: tuple[sa.Column[Any], ...] = ()

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self.table.name)

    @property
    def fields(self) -> tuple[sa.Column[Any], ...]:
        """What is signed."""
        own = (column for column in self.table.c if column.name not in {"id", *SIGNATURE_COLUMNS})
        return (*own, *self.of_run)

    def select(self) -> sa.Select[Any]:
        """The records with their signatures, in the order of their numbers."""
        with_run = self.table if self.table is schema.run_configurations else self.table.join(schema.run_configurations)
        table = self.table.c
        query = sa.select(table.id, *self.fields, table.chain_number, table.key_id, table.signature)
        return query.select_from(with_run).order_by(table.chain_number, table.id)


RUNS = Chain(schema.run_configurations)
MILESTONES = Chain(schema.milestones, (_runs.digest,))
REPORTS = Chain(schema.reports, (_runs.stage,))
APPROVALS = Chain(schema.approvals)
CHECKS = Chain(schema.check_runs)
BACKFILLS = Chain(schema.backfill_tables)
BACKFILL_PLANS = Chain(schema.backfill_plans)
REPAIR_PLANS = Chain(schema.repair_plans)
REPAIR_RESULTS = Chain(schema.repair_results)
BARRIERS = Chain(schema.barriers)
FLAG_CHANGES = Chain(schema.flag_changes)
CANARY_EVENTS = Chain(schema.canary_events)
DRIFT_LOOKS = Chain(schema.drift_looks)
SWEEPS = Chain(schema.sweeps)
LETTER_BATCHES = Chain(schema.letter_batches)
CHAINS = (
    RUNS,
    MILESTONES,
    REPORTS,
    APPROVALS,
    CHECKS,
    BACKFILLS,
    BACKFILL_PLANS,
    REPAIR_PLANS,
    REPAIR_RESULTS,
    BARRIERS,
    FLAG_CHANGES,
    CANARY_EVENTS,
    DRIFT_LOOKS,
    SWEEPS,
    LETTER_BATCHES,
)


class Seals:
    """Signs and verifies single records with a keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    @property
    def current_key(self) -> str:
        """Id of the key that signs."""
        return self._keyring.current

    def sign(self, signable: Signable) -> dict[str, str]:
        """The signature's columns for a record."""
        return {"key_id": self._keyring.current, "signature": self._keyring.sign(signable.to_bytes())}

    def require(self, signable: Signable, row: Row, *, record: str) -> None:
        """Refuse a record that is not as it was signed.

        Args:
            signable: What is signed of it, as it was read.
            row: It, with the signature's columns.
            record: It, in words.

        Raises:
            LedgerSignatureError: It is unsigned, changed, copied from elsewhere, or signed with a key that is not here.
        """
        if (finding := self._finding(signable, row)) is not None:
            raise LedgerSignatureError(table=signable.table, record=record, found=finding[0], advice=finding[1])

    def _finding(self, signable: Signable, row: Row) -> tuple[str, str] | None:
        key_id, signature = row["key_id"], row["signature"]
        if key_id is None or signature is None:
            return UNSIGNED, _SIGN
        if key_id not in self._keyring.keys:
            return f"it is signed with key {key_id!r}, which the keyring does not have", _KEY_MISSING
        if self._keyring.verifies(signable.to_bytes(), key_id=key_id, signature=signature):
            return None
        return "its signature does not fit: it was changed, or copied from another place", LOOK


class Chains:
    """Appends to chains and reads them, within a transaction of the caller's."""

    def __init__(self, keyring: Keyring) -> None:
        self.seals = Seals(keyring)

    def append(
        self,
        connection: sa.Connection,
        chain: Chain,
        values: Values,
        *,
        run: RunConfiguration,
        key: tuple[str, ...] | None = None,
    ) -> bool:
        """Add a record; whether this call did, where `key` names columns that only one record may have so.

        What is signed is what the caller gave, never what the database gave back: a trigger could have changed that.

        Raises:
            LedgerSignatureError: The record of how many there are is not as it was signed.
        """
        counts = self.locked_counts(connection, run.migration)
        number = counts.get(chain.name, 0) + 1
        stored = as_stored(chain.table, values)
        signed = stored | {column.name: getattr(run, column.name) for column in chain.of_run}
        seal = self.seals.sign(Signable(table=chain.name, migration=run.migration, number=number, values=signed))
        row = {**stored, "chain_number": number, **seal}
        if key is None:
            connection.execute(sa.insert(chain.table).values(row))
        elif not insert_once(connection, chain.table, row, key=key):
            return False
        self.write_counts(connection, run.migration, {**counts, chain.name: number})
        return True

    def read(self, connection: sa.Connection, chain: Chain, migration: str) -> list[sa.RowMapping]:
        """All records of a migration, in the order of appending.

        Raises:
            LedgerSignatureError: One was changed, copied, added or taken away.
        """
        rows, bad = self.examine(connection, chain, migration)
        if bad:
            raise bad[0]
        return rows

    def examine(
        self, connection: sa.Connection, chain: Chain, migration: str
    ) -> tuple[list[sa.RowMapping], list[LedgerSignatureError]]:
        """All records of a migration, and what is wrong with them; nothing is refused."""
        rows = list(connection.execute(chain.select().where(_runs.migration == migration)).mappings())
        bad = []
        for number, row in enumerate(rows, start=1):
            try:
                self.require(chain, row, migration)
            except LedgerSignatureError as error:
                bad.append(error)
            else:
                if not bad and row["chain_number"] != number:
                    bad.append(_not_in_order(chain, migration, number=number, found=row["chain_number"]))
        try:
            self._require_counted(connection, chain, migration, len(rows))
        except LedgerSignatureError as error:
            bad.append(error)
        return rows, bad

    def require(self, chain: Chain, row: Row, migration: str) -> None:
        """Refuse a row of `chain.select()` that is not as it was signed.

        Raises:
            LedgerSignatureError: It is not.
        """
        self.seals.require(signable(chain, row, migration), row, record=describe(migration, row))

    def locked_counts(self, connection: sa.Connection, migration: str) -> dict[str, int]:
        """How many records each chain of a migration has; others who append to one wait until this transaction ends.

        Raises:
            LedgerSignatureError: That record is not as it was signed, or there are records and it is not there.
        """
        query = _counts_of(migration).with_for_update()
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            first = {"migration": migration, **self._counts_row(migration, {})}
            if insert_once(connection, schema.chains, first, key=("migration",)):
                _refuse_records_before_the_first(connection, migration)
            row = connection.execute(query).mappings().one()
        return self._verified_counts(row, migration)

    def write_first_counts(self, connection: sa.Connection, migration: str, counts: Mapping[str, int]) -> None:
        """Write the counts of a migration that has none."""
        connection.execute(
            sa.insert(schema.chains).values({"migration": migration, **self._counts_row(migration, counts)})
        )

    def write_counts(self, connection: sa.Connection, migration: str, counts: Mapping[str, int]) -> None:
        """Replace the counts, whose row this transaction has locked."""
        where = schema.chains.c.migration == migration
        connection.execute(sa.update(schema.chains).where(where).values(self._counts_row(migration, counts)))

    def _require_counted(self, connection: sa.Connection, chain: Chain, migration: str, found: int) -> None:
        row = connection.execute(_counts_of(migration)).mappings().one_or_none()
        counted = 0 if row is None else self._verified_counts(row, migration).get(chain.name, 0)
        if counted != found:
            what = f"{counted} were written and {found} are there"
            raise LedgerSignatureError(table=chain.name, record=_all_of(migration), found=what, advice=LOOK)

    def _counts_row(self, migration: str, counts: Mapping[str, int]) -> dict[str, str]:
        text = json.dumps(counts, sort_keys=True)
        return {"counts": text, **self.seals.sign(_signable_counts(migration, text))}

    def _verified_counts(self, row: Row, migration: str) -> dict[str, int]:
        signed = _signable_counts(migration, row["counts"])
        self.seals.require(signed, row, record=f"the counts of migration {migration}")
        counts: dict[str, int] = json.loads(row["counts"])
        return counts


def signable(chain: Chain, row: Row, migration: str) -> Signable:
    """What is signed of a row of `chain.select()`."""
    values = {column.name: row[column.name] for column in chain.fields}
    return Signable(table=chain.name, migration=migration, number=row["chain_number"] or 0, values=values)


def _signable_counts(migration: str, counts: str) -> Signable:
    return Signable(table="chains", migration=migration, number=0, values={"counts": counts})


def describe(migration: str, row: Row) -> str:
    """A record in words: its number, and the run that wrote it."""
    number = row["chain_number"]
    named = f"record {number}" if number else f"the record with id {row['id']}"
    return f"{named} of migration {migration}, of run {row['run_id']} of {row['dag_id']}"


def _all_of(migration: str) -> str:
    return f"the records of migration {migration}"


def _counts_of(migration: str) -> sa.Select[Any]:
    return sa.select(schema.chains).where(schema.chains.c.migration == migration)


def _not_in_order(chain: Chain, migration: str, *, number: int, found: int) -> LedgerSignatureError:
    what = f"number {number} is missing" if found > number else f"number {found} is there more than once"
    return LedgerSignatureError(table=chain.name, record=_all_of(migration), found=what, advice=LOOK)


def _refuse_records_before_the_first(connection: sa.Connection, migration: str) -> None:
    query = sa.select(sa.func.count()).select_from(schema.run_configurations).where(_runs.migration == migration)
    if count := connection.execute(query).scalar_one():
        found = f"there are {count} runs, and the record of how many were written is not there"
        raise LedgerSignatureError(table="chains", record=_all_of(migration), found=found, advice=_SIGN)
