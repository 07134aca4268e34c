"""Historical backfills in the ledger: plans, splits claimed by lease, dead letters."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.backfill_records import (
    BackfillTable,
    ClaimedSplit,
    DeadLetter,
    LoadMode,
    PlannedSplit,
    SplitCounts,
    SplitState,
    TableProgress,
)
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.errors import LeaseLostError, RunNotRecordedError
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.revision import require_current_schema

_runs, _tables, _splits = schema.run_configurations.c, schema.backfill_tables.c, schema.backfill_splits.c
_letters = schema.dead_letters.c
_TABLE_COLUMNS = [_tables[field.name] for field in fields(BackfillTable)]
_SPLIT_COLUMNS = [_splits[field.name] for field in fields(PlannedSplit)]
_COUNTS = [field.name for field in fields(SplitCounts)]


class BackfillLedger:
    """Plans and splits of a ledger, each call in one transaction.

    Every method raises `LedgerUnreachableError` where the database does not answer, and `LedgerSchemaError` where its
    schema is not the code's.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database

    def record_table(self, table: BackfillTable, splits: Sequence[PlannedSplit]) -> BackfillTable:
        """Record what a run loads into a table, with its splits; once per run and table.

        Returns:
            The table as recorded, which a retry finds as it was recorded first.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._writing() as connection:
            _require_run(connection, table)
            key = ("dag_id", "run_id", "table_name")
            if insert_once(connection, schema.backfill_tables, asdict(table), key=key):
                _insert_splits(connection, _table_id(connection, table), splits)
            return self._table(connection, table)

    def tables(self, *, dag_id: str, run_id: str) -> tuple[BackfillTable, ...]:
        """What a run loads, in the order of recording."""
        query = sa.select(*_TABLE_COLUMNS).where(_tables.dag_id == dag_id, _tables.run_id == run_id)
        with self._reading() as connection:
            return tuple(_table_of(row) for row in connection.execute(query.order_by(_tables.id)).mappings())

    def splits(self, *, dag_id: str, run_id: str, table: str) -> tuple[PlannedSplit, ...]:
        """The splits of a table, in order."""
        query = sa.select(*_SPLIT_COLUMNS).join_from(schema.backfill_splits, schema.backfill_tables)
        query = query.where(_tables.dag_id == dag_id, _tables.run_id == run_id, _tables.table_name == table)
        with self._reading() as connection:
            found = connection.execute(query.order_by(_splits.number)).mappings()
            return tuple(PlannedSplit(**row) for row in found)

    def is_loaded_before(self, migration: str, table: str, *, run_id: str) -> bool:
        """Whether another run has begun to load the table, so that rows of it may be on the target."""
        query = sa.select(_splits.id).select_from(
            schema.backfill_splits.join(schema.backfill_tables).join(schema.run_configurations)
        )
        query = query.where(_runs.migration == migration, _tables.table_name == table, _tables.run_id != run_id)
        with self._reading() as connection:
            return connection.scalar(query.where(_splits.attempt > 0).limit(1)) is not None

    def latest_whole(self, migration: str, table: str) -> BackfillTable | None:
        """The newest load of all keys of a table, stamped when written, whose every split is done; None without one."""
        unfinished = (
            sa.select(_splits.id)
            .where(_splits.backfill_table_id == _tables.id, _splits.state != SplitState.DONE)
            .exists()
        )
        query = sa.select(*_TABLE_COLUMNS).join_from(schema.backfill_tables, schema.run_configurations)
        query = query.where(_runs.migration == migration, _tables.table_name == table, ~unfinished)
        query = query.where(_tables.mode != LoadMode.DELTA, _tables.barrier_us.is_(None))
        with self._reading() as connection:
            row = connection.execute(query.order_by(_tables.id.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else _table_of(row)

    def claim(  # noqa: PLR0913 # a claim's parts, all by keyword
        self, *, dag_id: str, run_id: str, worker: str, now: datetime, lease: timedelta, table: str | None = None
    ) -> ClaimedSplit | None:
        """Take a split that is free, or None: pending, failed, left by this worker, or held beyond its lease.

        Two that claim at once get different splits.
        """
        free = sa.or_(
            _splits.state.in_((SplitState.PENDING, SplitState.FAILED)),
            sa.and_(_splits.state == SplitState.CLAIMED, sa.or_(_splits.lease_until < now, _splits.worker == worker)),
        )
        query = _of_run(sa.select(_splits.id), dag_id, run_id, table).where(free)
        # Left over first, so that a run again begins where it was broken off.
        query = query.order_by(_splits.state == SplitState.PENDING, _splits.id).limit(1)
        with self._writing() as connection:
            # PostgreSQL lets others go on beside this transaction; on SQLite a writer is alone, and this says nothing.
            split_id = connection.scalar(query.with_for_update(skip_locked=True, of=schema.backfill_splits))
            if split_id is None:
                return None
            taken = {
                "state": SplitState.CLAIMED,
                "worker": worker,
                "lease_until": now + lease,
                "attempt": _splits.attempt + 1,
                "first_claimed_at": sa.func.coalesce(_splits.first_claimed_at, sa.literal(now, schema.UtcTimestamp)),
                "reason": None,
            }
            connection.execute(sa.update(schema.backfill_splits).where(_splits.id == split_id).values(taken))
            return _claimed(connection, split_id, worker)

    def live_workers(self, *, dag_id: str, run_id: str, now: datetime) -> int:
        """How many workers hold splits of a run, by leases that have not ended."""
        query = _of_run(sa.select(sa.func.count(_splits.worker.distinct())), dag_id, run_id, None)
        query = query.where(_splits.state == SplitState.CLAIMED, _splits.lease_until >= now)
        with self._reading() as connection:
            return connection.scalar(query) or 0

    def renew(self, claimed: ClaimedSplit, *, now: datetime, lease: timedelta) -> None:
        """Lengthen the lease.

        Raises:
            LeaseLostError: Another worker has the split by now.
        """
        with self._writing() as connection:
            _update_held(connection, claimed, {"lease_until": now + lease})

    def finish(
        self, claimed: ClaimedSplit, counts: SplitCounts, *, dead_letters: Sequence[DeadLetter], now: datetime
    ) -> None:
        """Record a split as done, with its counts and dead letters, all or nothing.

        Raises:
            LeaseLostError: Another worker has the split by now.
        """
        done = {"state": SplitState.DONE, "lease_until": None, "finished_at": now, **asdict(counts)}
        with self._writing() as connection:
            _update_held(connection, claimed, done)
            if dead_letters:
                common = {"backfill_split_id": claimed.id, "recorded_at": now}
                connection.execute(sa.insert(schema.dead_letters), [asdict(letter) | common for letter in dead_letters])

    def fail(self, claimed: ClaimedSplit, *, reason: str) -> None:
        """Give a split back with the reason why it could not be loaded.

        Raises:
            LeaseLostError: Another worker has the split by now.
        """
        with self._writing() as connection:
            _update_held(connection, claimed, {"state": SplitState.FAILED, "lease_until": None, "reason": reason})

    def unfinished(self, *, dag_id: str, run_id: str, table: str | None = None) -> int:
        """How many splits are not done."""
        query = _of_run(sa.select(sa.func.count()), dag_id, run_id, table).where(_splits.state != SplitState.DONE)
        with self._reading() as connection:
            return int(connection.execute(query).scalar_one())

    def progress(self, *, dag_id: str, run_id: str) -> tuple[TableProgress, ...]:
        """How far each table of a run is, in the order of recording."""
        sums = [sa.func.sum(_splits[name]).label(name) for name in _COUNTS]
        states = [
            sa.func.sum(sa.case((_splits.state == state, 1), else_=0)).label(state.value)
            for state in (SplitState.DONE, SplitState.FAILED)
        ]
        query = sa.select(
            *_TABLE_COLUMNS,
            *sums,
            *states,
            sa.func.count().label("splits"),
            sa.func.min(_splits.first_claimed_at, type_=schema.UtcTimestamp()).label("first_claimed_at"),
            sa.func.max(_splits.finished_at, type_=schema.UtcTimestamp()).label("last_finished_at"),
        ).join_from(schema.backfill_tables, schema.backfill_splits)
        query = query.where(_tables.dag_id == dag_id, _tables.run_id == run_id)
        query = query.group_by(_tables.id, *_TABLE_COLUMNS).order_by(_tables.id)
        with self._reading() as connection:
            return tuple(_progress_of(row) for row in connection.execute(query).mappings())

    def dead_letters(self, *, dag_id: str, run_id: str, table: str | None = None) -> tuple[DeadLetter, ...]:
        """The rows that a run could not write, in the order of recording."""
        columns = [_letters[field.name] for field in fields(DeadLetter)]
        query = sa.select(*columns).select_from(
            schema.dead_letters.join(schema.backfill_splits).join(schema.backfill_tables)
        )
        query = query.where(_tables.dag_id == dag_id, _tables.run_id == run_id).order_by(_letters.id)
        if table is not None:
            query = query.where(_tables.table_name == table)
        with self._reading() as connection:
            return tuple(DeadLetter(**row) for row in connection.execute(query).mappings())

    @staticmethod
    def _table(connection: sa.Connection, table: BackfillTable) -> BackfillTable:
        query = sa.select(*_TABLE_COLUMNS).where(_tables.id == _table_id(connection, table))
        return _table_of(connection.execute(query).mappings().one())

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._database.reading() as connection:
            require_current_schema(connection, where=self._database.address)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with self._database.writing() as connection:
            require_current_schema(connection, where=self._database.address)
            yield connection


def _require_run(connection: sa.Connection, table: BackfillTable) -> None:
    query = sa.select(_runs.id).where(_runs.dag_id == table.dag_id, _runs.run_id == table.run_id)
    if connection.scalar(query) is None:
        raise RunNotRecordedError(
            f"Run {table.run_id} of {table.dag_id} has no configuration in the ledger. Its first task records one: "
            "clear the run from its first task, or start a new run"
        )


def _table_id(connection: sa.Connection, table: BackfillTable) -> int:
    query = sa.select(_tables.id).where(_tables.dag_id == table.dag_id, _tables.run_id == table.run_id)
    found: int = connection.execute(query.where(_tables.table_name == table.table_name)).scalar_one()
    return found


def _insert_splits(connection: sa.Connection, table_id: int, splits: Sequence[PlannedSplit]) -> None:
    fresh = {"backfill_table_id": table_id, "state": SplitState.PENDING, "attempt": 0} | asdict(SplitCounts())
    if splits:
        connection.execute(sa.insert(schema.backfill_splits), [asdict(split) | fresh for split in splits])


def _of_run(query: sa.Select[Any], dag_id: str, run_id: str, table: str | None) -> sa.Select[Any]:
    query = query.select_from(schema.backfill_splits.join(schema.backfill_tables))
    query = query.where(_tables.dag_id == dag_id, _tables.run_id == run_id)
    return query if table is None else query.where(_tables.table_name == table)


def _claimed(connection: sa.Connection, split_id: int, worker: str) -> ClaimedSplit:
    columns = (*_TABLE_COLUMNS, *_SPLIT_COLUMNS, _splits.attempt)
    query = sa.select(*columns).join_from(schema.backfill_splits, schema.backfill_tables).where(_splits.id == split_id)
    row = connection.execute(query).mappings().one()
    split = PlannedSplit(**{column.name: row[column.name] for column in _SPLIT_COLUMNS})
    return ClaimedSplit(id=split_id, table=_table_of(row), split=split, worker=worker, attempt=row["attempt"])


def _update_held(connection: sa.Connection, claimed: ClaimedSplit, values: dict[str, Any]) -> None:
    held = sa.and_(
        _splits.id == claimed.id,
        _splits.state == SplitState.CLAIMED,
        _splits.worker == claimed.worker,
        _splits.attempt == claimed.attempt,
    )
    if connection.execute(sa.update(schema.backfill_splits).where(held).values(values)).rowcount != 1:
        raise LeaseLostError(
            f"Split {claimed.split.number} of {claimed.split.of} of {claimed.table.table_name} is no longer "
            f"{claimed.worker}'s (attempt {claimed.attempt}): its lease ended, and another worker took it"
        )


def _table_of(row: Mapping[Any, Any]) -> BackfillTable:
    return BackfillTable(**{column.name: row[column.name] for column in _TABLE_COLUMNS})


def _progress_of(row: Mapping[Any, Any]) -> TableProgress:
    return TableProgress(
        table=_table_of(row),
        splits=row["splits"],
        done=int(row["done"]),
        failed=int(row["failed"]),
        counts=SplitCounts(**{name: int(row[name]) for name in _COUNTS}),
        first_claimed_at=row["first_claimed_at"],
        last_finished_at=row["last_finished_at"],
    )
