"""Consistency checks in the ledger: runs, what each looked at, and what it found."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckedTable, CheckRun, MismatchRecord
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.errors import RunNotRecordedError
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.revision import require_current_schema

_runs, _checks = schema.run_configurations.c, schema.check_runs.c
_RUN_COLUMNS = [column for column in _checks if column.name != "id"]


class CheckLedger:
    """Reads and writes checks in a ledger, each call in one transaction; nothing recorded is changed.

    Every method raises `LedgerUnreachableError` where the database does not answer, and `LedgerSchemaError` where its
    schema is not the code's.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database

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
        with self._database.writing() as connection:
            require_current_schema(connection, where=self._database.address)
            _require_run(connection, run)
            if not insert_once(connection, schema.check_runs, asdict(run), key=("dag_id", "run_id", "attempt")):
                return False
            check = _id_of(connection, run.dag_id, run.run_id, run.attempt)
            _insert(connection, schema.checked_tables, check, [asdict(table) for table in tables])
            _insert(connection, schema.check_coverage, check, [asdict(part) for part in coverage])
            _insert(connection, schema.mismatches, check, [_mismatch_row(mismatch) for mismatch in mismatches])
        return True

    def runs(self, migration: str) -> tuple[CheckRun, ...]:
        """The checks of a migration, every attempt of every run, in the order of recording."""
        query = sa.select(*_RUN_COLUMNS).join_from(schema.check_runs, schema.run_configurations)
        query = query.where(_runs.migration == migration).order_by(_checks.id)
        with self._reading() as connection:
            return tuple(CheckRun(**row) for row in connection.execute(query).mappings())

    def tables(self, *, dag_id: str, run_id: str, attempt: int) -> tuple[CheckedTable, ...]:
        """The verdicts of a check's tables."""
        rows = self._rows_of(schema.checked_tables, dag_id, run_id, attempt)
        return tuple(CheckedTable(**row) for row in rows)

    def coverage(self, *, dag_id: str, run_id: str, attempt: int) -> tuple[CheckCoverage, ...]:
        """What a check's draws looked at."""
        rows = self._rows_of(schema.check_coverage, dag_id, run_id, attempt)
        return tuple(CheckCoverage(**row) for row in rows)

    def mismatches(self, *, dag_id: str, run_id: str, attempt: int) -> tuple[MismatchRecord, ...]:
        """What a check confirmed; the first of each table where there were very many."""
        rows = self._rows_of(schema.mismatches, dag_id, run_id, attempt)
        return tuple(_mismatch(row) for row in rows)

    def _rows_of(self, table: sa.Table, dag_id: str, run_id: str, attempt: int) -> list[dict[str, Any]]:
        columns = [column for column in table.c if column.name not in {"id", "check_run_id"}]
        query = sa.select(*columns).join_from(table, schema.check_runs).order_by(table.c.id)
        query = query.where(_checks.dag_id == dag_id, _checks.run_id == run_id, _checks.attempt == attempt)
        with self._reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._database.reading() as connection:
            require_current_schema(connection, where=self._database.address)
            yield connection


def _require_run(connection: sa.Connection, run: CheckRun) -> None:
    query = sa.select(_runs.id).where(_runs.dag_id == run.dag_id, _runs.run_id == run.run_id)
    if connection.scalar(query) is None:
        raise RunNotRecordedError(
            f"Run {run.run_id} of {run.dag_id} has no configuration in the ledger, so its check cannot be recorded. "
            "Its first task records one: clear the run from its first task, or start a new run"
        )


def _id_of(connection: sa.Connection, dag_id: str, run_id: str, attempt: int) -> int:
    query = sa.select(_checks.id).where(_checks.dag_id == dag_id, _checks.run_id == run_id, _checks.attempt == attempt)
    found: int = connection.execute(query).scalar_one()
    return found


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
