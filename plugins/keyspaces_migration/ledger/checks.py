"""Consistency checks in the ledger: runs, what each looked at, and what it found."""

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.canonical import as_stored, rows_digest
from keyspaces_migration.ledger.chains import CHECKS, LOOK, Row, describe
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckedTable, CheckRun, MismatchRecord
from keyspaces_migration.ledger.errors import CheckNotRecordedError, LedgerSignatureError
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run

_checks = schema.check_runs.c
_FIELDS = [field.name for field in fields(CheckRun)]
# The column of a check's record with the digest of its rows in each of these tables.
DIGESTS = {
    "tables_sha256": schema.checked_tables,
    "coverage_sha256": schema.check_coverage,
    "mismatches_sha256": schema.mismatches,
}


class CheckLedger:
    """Reads and writes checks in a ledger, each call in one transaction; nothing recorded is changed.

    Errors are the ledger's. A check's record is signed, with digests of its rows in the other tables.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def record(
        self,
        run: CheckRun,
        *,
        tables: Sequence[CheckedTable],
        coverage: Sequence[CheckCoverage],
        mismatches: Sequence[MismatchRecord],
    ) -> bool:
        """Record a finished check whole; whether this call did. The same attempt of a run is recorded once.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        rows = {
            "tables_sha256": [asdict(table) for table in tables],
            "coverage_sha256": [asdict(part) for part in coverage],
            "mismatches_sha256": [_mismatch_row(mismatch) for mismatch in mismatches],
        }
        digests = {name: digest_of(DIGESTS[name], found) for name, found in rows.items()}
        with self._ledger.writing() as connection:
            of = recorded_run(connection, self._chains, dag_id=run.dag_id, run_id=run.run_id)
            key = ("dag_id", "run_id", "attempt")
            if not self._chains.append(connection, CHECKS, asdict(run) | digests, run=of, key=key):
                return False
            check = self._row(connection, run.dag_id, run.run_id, run.attempt)["id"]
            for name, table in DIGESTS.items():
                _insert(connection, table, check, rows[name])
        return True

    def runs(self, migration: str) -> tuple[CheckRun, ...]:
        """The checks of a migration, every attempt of every run, in the order of recording."""
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, CHECKS, migration)
        return tuple(CheckRun(**{name: row[name] for name in _FIELDS}) for row in rows)

    def tables(self, *, dag_id: str, run_id: str, attempt: int) -> tuple[CheckedTable, ...]:
        """The verdicts of a check's tables."""
        rows = self._rows_of("tables_sha256", dag_id, run_id, attempt)
        return tuple(CheckedTable(**row) for row in rows)

    def coverage(self, *, dag_id: str, run_id: str, attempt: int) -> tuple[CheckCoverage, ...]:
        """What a check's draws looked at."""
        rows = self._rows_of("coverage_sha256", dag_id, run_id, attempt)
        return tuple(CheckCoverage(**row) for row in rows)

    def mismatches(self, *, dag_id: str, run_id: str, attempt: int) -> tuple[MismatchRecord, ...]:
        """What a check confirmed; the first of each table where there were very many."""
        rows = self._rows_of("mismatches_sha256", dag_id, run_id, attempt)
        return tuple(_mismatch(row) for row in rows)

    def _rows_of(self, digest: str, dag_id: str, run_id: str, attempt: int) -> list[dict[str, Any]]:
        with self._ledger.reading() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            check = self._row(connection, dag_id, run_id, attempt)
            self._chains.require(CHECKS, check, run.migration)
            return rows_of_check(connection, digest, check, migration=run.migration)

    @staticmethod
    def _row(connection: sa.Connection, dag_id: str, run_id: str, attempt: int) -> sa.RowMapping:
        query = CHECKS.select().where(_checks.dag_id == dag_id, _checks.run_id == run_id, _checks.attempt == attempt)
        row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise CheckNotRecordedError(f"Attempt {attempt} of run {run_id} of {dag_id} has recorded no check")
        return row


def rows_of_check(connection: sa.Connection, digest: str, check: Row, *, migration: str) -> list[dict[str, Any]]:
    """The rows of a check in the table whose digest is in the column `digest`, in the order of recording.

    Raises:
        LedgerSignatureError: They do not have it.
    """
    table = DIGESTS[digest]
    rows = stored_rows(connection, table, check["id"])
    if digest_of(table, rows) != check[digest]:
        record = f"those of {describe(migration, check)}, of table check_runs"
        found = "they do not have the digest that is signed: one was changed, added or taken away"
        raise LedgerSignatureError(table=str(table.name), record=record, found=found, advice=LOOK)
    return rows


def stored_rows(connection: sa.Connection, table: sa.Table, check: int) -> list[dict[str, Any]]:
    """The rows of a check, unverified."""
    columns = [column for column in table.c if column.name not in {"id", "check_run_id"}]
    query = sa.select(*columns).where(table.c.check_run_id == check).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def digest_of(table: sa.Table, rows: Sequence[Row]) -> str:
    """The digest of a check's rows in a table."""
    return rows_digest([as_stored(table, row) for row in rows])


def _insert(connection: sa.Connection, table: sa.Table, check: int, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        connection.execute(sa.insert(table), [row | {"check_run_id": check} for row in rows])


def _mismatch_row(mismatch: MismatchRecord) -> dict[str, Any]:
    row = asdict(mismatch)
    values = row.pop("values")
    return row | {
        "key": _json(row["key"]),
        "columns": _json(row["columns"]),
        "values_by_column": None if values is None else _json(values),
    }


def _mismatch(row: dict[str, Any]) -> MismatchRecord:
    values = row.pop("values_by_column")
    return MismatchRecord(
        **row
        | {
            "key": json.loads(row["key"]),
            "columns": tuple(json.loads(row["columns"])),
            "values": None if values is None else json.loads(values),
        }
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
