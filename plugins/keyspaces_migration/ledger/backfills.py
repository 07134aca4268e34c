"""Historical backfills in the ledger: plans, splits claimed by lease, dead letters."""

from collections.abc import Sequence
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
    RoughProgress,
    SplitCounts,
    SplitState,
    SplitUsage,
    TableProgress,
)
from keyspaces_migration.ledger.chains import BACKFILL_PLANS, BACKFILLS, Row
from keyspaces_migration.ledger.errors import LeaseLostError, PlanNotRecordedError
from keyspaces_migration.ledger.plan_records import LoadPlan
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run
from keyspaces_migration.ledger.split_seals import require_all_splits, require_split, select_splits, sign_split

_tables, _splits, _letters = schema.backfill_tables.c, schema.backfill_splits.c, schema.dead_letters.c
_TABLE_FIELDS = [field.name for field in fields(BackfillTable)]
_SPLIT_FIELDS = [field.name for field in fields(PlannedSplit)]
_COUNTS = [field.name for field in fields(SplitCounts)]
_USAGE = [field.name for field in fields(SplitUsage)]


class BackfillLedger:
    """Plans and splits of a ledger, each call in one transaction.

    Errors are the ledger's. What was planned and what was finished is signed, and verified whenever it is read; who
    holds a split, and what is in a dead letter, is not.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def record_table(self, table: BackfillTable, splits: Sequence[PlannedSplit]) -> BackfillTable:
        """Record what a run loads into a table, with its splits; once per run and table.

        Returns:
            The table as recorded, which a retry finds as it was recorded first.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values = {**asdict(table), "splits": len(splits)}
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, dag_id=table.dag_id, run_id=table.run_id)
            key = ("dag_id", "run_id", "table_name")
            if self._chains.append(connection, BACKFILLS, values, run=run, key=key):
                self._insert_splits(connection, table, splits, migration=run.migration)
            recorded = self._tables(connection, dag_id=table.dag_id, run_id=table.run_id)
        (found,) = [row for row in recorded if row["table_name"] == table.table_name]
        return _table_of(found)

    def tables(self, *, dag_id: str, run_id: str) -> tuple[BackfillTable, ...]:
        """What a run loads, in the order of recording.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.reading() as connection:
            return tuple(_table_of(row) for row in self._tables(connection, dag_id=dag_id, run_id=run_id))

    def record_plan(self, plan: LoadPlan) -> LoadPlan:
        """Record what a run may load; once a run.

        Returns:
            The plan as recorded, which a retry finds as it was recorded first.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        where = {"dag_id": plan.dag_id, "run_id": plan.run_id}
        values: dict[str, Any] = {**where, "digest": plan.digest, "facts": plan.to_json()}
        values["planned_at"] = plan.planned_at
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, **where)
            self._chains.append(connection, BACKFILL_PLANS, values, run=run, key=("dag_id", "run_id"))
        return self.plan(**where)

    def plan(self, *, dag_id: str, run_id: str) -> LoadPlan:
        """What a run may load, and for how much.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
            PlanNotRecordedError: It recorded no plan, as a dry run.
        """
        with self._ledger.reading() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            for row in self._chains.read(connection, BACKFILL_PLANS, run.migration):
                if (row["dag_id"], row["run_id"]) == (dag_id, run_id):
                    return LoadPlan.from_json(row["facts"], planned_at=row["planned_at"])
        raise PlanNotRecordedError(
            f"Run {run_id} of {dag_id} has recorded no plan, so nothing may be loaded: it was a dry run, or its task "
            "plan did not end. Start a new run, with dry_run off"
        )

    def newest_plan(self, migration: str) -> LoadPlan | None:
        """The plan that was recorded last, of whichever run; None where there is none."""
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, BACKFILL_PLANS, migration)
        return LoadPlan.from_json(rows[-1]["facts"], planned_at=rows[-1]["planned_at"]) if rows else None

    def splits(self, *, dag_id: str, run_id: str, table: str) -> tuple[PlannedSplit, ...]:
        """The splits of a table, in order.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.reading() as connection:
            tables = self._tables(connection, dag_id=dag_id, run_id=run_id, table=table)
            found = [row for each in tables for row in self._splits(connection, each)]
        return tuple(PlannedSplit(**{name: row[name] for name in _SPLIT_FIELDS}) for row in found)

    def is_loaded_before(self, migration: str, table: str, *, run_id: str) -> bool:
        """Whether another run has begun to load the table, so that rows of it may be on the target."""
        with self._ledger.reading() as connection:
            others = [
                row
                for row in self._chains.read(connection, BACKFILLS, migration)
                if row["table_name"] == table and row["run_id"] != run_id
            ]
            return any(split["attempt"] > 0 for each in others for split in self._splits(connection, each))

    def latest_whole(self, migration: str, table: str) -> BackfillTable | None:
        """The newest load of all keys of a table, stamped when written, whose every split is done; None without one."""
        with self._ledger.reading() as connection:
            for row in reversed(self._chains.read(connection, BACKFILLS, migration)):
                is_whole = row["mode"] is not LoadMode.DELTA and row["barrier_us"] is None
                if row["table_name"] != table or not is_whole:
                    continue
                if all(split["state"] is SplitState.DONE for split in self._splits(connection, row)):
                    return _table_of(row)
        return None

    def claim(  # noqa: PLR0913 # a claim's parts, all by keyword
        self, *, dag_id: str, run_id: str, worker: str, now: datetime, lease: timedelta, table: str | None = None
    ) -> ClaimedSplit | None:
        """Take a split that is free, or None: pending, failed, left by this worker, or held beyond its lease.

        Two that claim at once get different splits.

        Raises:
            LedgerSignatureError: The split, or the plan that it belongs to, is not as it was signed.
        """
        free = sa.or_(
            _splits.state.in_((SplitState.PENDING, SplitState.FAILED)),
            sa.and_(_splits.state == SplitState.CLAIMED, sa.or_(_splits.lease_until < now, _splits.worker == worker)),
        )
        query = _of_run(sa.select(_splits.id), dag_id, run_id, table).where(free)
        # Left over first, so that a run again begins where it was broken off.
        query = query.order_by(_splits.state == SplitState.PENDING, _splits.id).limit(1)
        with self._ledger.writing() as connection:
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
            }
            connection.execute(sa.update(schema.backfill_splits).where(_splits.id == split_id).values(taken))
            return self._claimed(connection, split_id, worker)

    def live_workers(self, *, dag_id: str, run_id: str, now: datetime) -> int:
        """How many workers hold splits of a run, by leases that have not ended."""
        query = _of_run(sa.select(sa.func.count(_splits.worker.distinct())), dag_id, run_id, None)
        query = query.where(_splits.state == SplitState.CLAIMED, _splits.lease_until >= now)
        with self._ledger.reading() as connection:
            return connection.scalar(query) or 0

    def renew(self, claimed: ClaimedSplit, *, now: datetime, lease: timedelta) -> None:
        """Lengthen the lease.

        Raises:
            LeaseLostError: Another worker has the split by now.
        """
        with self._ledger.writing() as connection:
            _update_held(connection, claimed, {"lease_until": now + lease})

    def finish(
        self,
        claimed: ClaimedSplit,
        counts: SplitCounts,
        *,
        dead_letters: Sequence[DeadLetter],
        now: datetime,
        usage: SplitUsage | None = None,
    ) -> None:
        """Record a split as done, with its counts and dead letters, all or nothing.

        Raises:
            LeaseLostError: Another worker has the split by now.
        """
        done = {"state": SplitState.DONE, "lease_until": None, "finished_at": now, **asdict(counts)}
        signed = {**asdict(claimed.table), **asdict(claimed.split), **done, "attempt": claimed.attempt}
        done |= sign_split(self._chains.seals, signed, migration=claimed.migration) | asdict(usage or SplitUsage())
        with self._ledger.writing() as connection:
            # Why an earlier attempt failed stays to be read until now, whoever claimed the split since.
            _update_held(connection, claimed, done | {"reason": None})
            if dead_letters:
                common = {"backfill_split_id": claimed.id, "recorded_at": now}
                connection.execute(sa.insert(schema.dead_letters), [asdict(letter) | common for letter in dead_letters])

    def fail(self, claimed: ClaimedSplit, *, reason: str) -> None:
        """Give a split back with the reason why it could not be loaded.

        Raises:
            LeaseLostError: Another worker has the split by now.
        """
        with self._ledger.writing() as connection:
            _update_held(connection, claimed, {"state": SplitState.FAILED, "lease_until": None, "reason": reason})

    def unfinished(self, *, dag_id: str, run_id: str, table: str | None = None) -> int:
        """How many splits are not done.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.reading() as connection:
            tables = self._tables(connection, dag_id=dag_id, run_id=run_id, table=table)
            splits = [row for each in tables for row in self._splits(connection, each)]
        return sum(row["state"] is not SplitState.DONE for row in splits)

    def progress(self, *, dag_id: str, run_id: str) -> tuple[TableProgress, ...]:
        """How far each table of a run is, in the order of recording.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.reading() as connection:
            tables = self._tables(connection, dag_id=dag_id, run_id=run_id)
            return tuple(_progress_of(row, self._splits(connection, row)) for row in tables)

    def rough_progress(self, *, dag_id: str, run_id: str, table: str | None = None) -> RoughProgress:
        """How far a run, or a table of it, is: summed by the database and not verified. No gate may ask."""
        query = _of_run(sa.select(*_rough_columns()), dag_id, run_id, table)
        with self._ledger.reading() as connection:
            return _rough(connection.execute(query).one())

    def rough_tables(
        self, *, dag_id: str, run_id: str, finished_by: datetime | None = None
    ) -> dict[str, RoughProgress]:
        """The same for each table of a run, by its name; `finished_by` leaves out what was finished later."""
        query = _of_run(sa.select(*_rough_columns(finished_by), _tables.table_name), dag_id, run_id, None)
        query = query.group_by(_tables.table_name)
        with self._ledger.reading() as connection:
            return {row.table_name: _rough(row) for row in connection.execute(query)}

    def rough_states(self, *, dag_id: str, run_id: str) -> dict[str, list[SplitState]]:
        """The states of a run's splits by table, in their order, not verified: for display. No gate may ask."""
        query = _of_run(sa.select(_tables.table_name, _splits.state), dag_id, run_id, None)
        states: dict[str, list[SplitState]] = {}
        with self._ledger.reading() as connection:
            for row in connection.execute(query.order_by(_tables.id, _splits.number)):
                states.setdefault(row.table_name, []).append(row.state)
        return states

    def plan_approved_at(self, plan: LoadPlan) -> datetime | None:
        """When the newest approval was given that a task of the plan's run has verified for it; None without one."""
        of_plan = (plan.dag_id, plan.run_id, plan.digest)
        moments = [
            each.approved_at
            for each in self._ledger.approvals(plan.migration)
            if (each.dag_id, each.run_id, each.evidence_digest) == of_plan
        ]
        return max(moments, default=None)

    def dead_letters(self, *, dag_id: str, run_id: str, table: str | None = None) -> tuple[DeadLetter, ...]:
        """The rows that a run could not write, in the order of recording."""
        columns = [_letters[field.name] for field in fields(DeadLetter)]
        query = sa.select(*columns).select_from(
            schema.dead_letters.join(schema.backfill_splits).join(schema.backfill_tables)
        )
        query = query.where(_tables.dag_id == dag_id, _tables.run_id == run_id).order_by(_letters.id)
        if table is not None:
            query = query.where(_tables.table_name == table)
        with self._ledger.reading() as connection:
            return tuple(DeadLetter(**row) for row in connection.execute(query).mappings())

    def _tables(
        self, connection: sa.Connection, *, dag_id: str, run_id: str, table: str | None = None
    ) -> list[sa.RowMapping]:
        run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
        return [
            row
            for row in self._chains.read(connection, BACKFILLS, run.migration)
            if (row["dag_id"], row["run_id"]) == (dag_id, run_id) and table in (None, row["table_name"])
        ]

    def _splits(self, connection: sa.Connection, table: Row) -> list[sa.RowMapping]:
        query = select_splits().where(_splits.backfill_table_id == table["id"])
        rows = list(connection.execute(query).mappings())
        require_all_splits(self._chains.seals, rows, table=table)
        return rows

    def _insert_splits(
        self, connection: sa.Connection, table: BackfillTable, splits: Sequence[PlannedSplit], *, migration: str
    ) -> None:
        fresh = {"state": SplitState.PENDING, "attempt": 0} | asdict(SplitCounts())
        rows = [asdict(split) | fresh for split in splits]
        seals = [sign_split(self._chains.seals, {**asdict(table), **row}, migration=migration) for row in rows]
        if rows:
            of_table = {"backfill_table_id": _table_id(connection, table)}
            sealed = [{**row, **of_table, **seal} for row, seal in zip(rows, seals, strict=True)]
            connection.execute(sa.insert(schema.backfill_splits), sealed)

    def _claimed(self, connection: sa.Connection, split_id: int, worker: str) -> ClaimedSplit:
        row = connection.execute(select_splits().where(_splits.id == split_id)).mappings().one()
        require_split(self._chains.seals, row)
        query = BACKFILLS.select().where(_tables.id == row["backfill_table_id"])
        table = connection.execute(query).mappings().one()
        self._chains.require(BACKFILLS, table, row["migration"])
        return ClaimedSplit(
            id=split_id,
            migration=row["migration"],
            table=_table_of(table),
            split=PlannedSplit(**{name: row[name] for name in _SPLIT_FIELDS}),
            worker=worker,
            attempt=row["attempt"],
        )


def _table_id(connection: sa.Connection, table: BackfillTable) -> int:
    query = sa.select(_tables.id).where(_tables.dag_id == table.dag_id, _tables.run_id == table.run_id)
    found: int = connection.execute(query.where(_tables.table_name == table.table_name)).scalar_one()
    return found


def _rough_columns(finished_by: datetime | None = None) -> list[sa.ColumnElement[Any]]:
    """What `_rough` reads."""
    counts = finished_by is None or _splits.finished_at <= sa.literal(finished_by, schema.UtcTimestamp)
    summed = (_splits.rows_read, _splits.write_units, _splits.throttled_units)
    counted = [column if counts is True else sa.case((counts, column), else_=0) for column in summed]
    sums = [sa.func.coalesce(sa.func.sum(each), 0) for each in (_splits.planned_rows, *counted)]
    return [*sums, sa.func.min(_splits.first_claimed_at), sa.func.max(_splits.finished_at)]


def _rough(row: sa.Row[Any]) -> RoughProgress:
    planned, read, units, throttled, began_at, ended_at, *_ = row
    usage = SplitUsage(write_units=int(units), throttled_units=int(throttled))
    return RoughProgress(
        planned_rows=int(planned), rows_read=int(read), usage=usage, began_at=began_at, ended_at=ended_at
    )


def _of_run(query: sa.Select[Any], dag_id: str, run_id: str, table: str | None) -> sa.Select[Any]:
    query = query.select_from(schema.backfill_splits.join(schema.backfill_tables))
    query = query.where(_tables.dag_id == dag_id, _tables.run_id == run_id)
    return query if table is None else query.where(_tables.table_name == table)


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


def _table_of(row: Row) -> BackfillTable:
    return BackfillTable(**{name: row[name] for name in _TABLE_FIELDS})


def _progress_of(table: Row, splits: Sequence[Row]) -> TableProgress:
    claimed = [row["first_claimed_at"] for row in splits if row["first_claimed_at"] is not None]
    done = [row for row in splits if row["state"] is SplitState.DONE]
    return TableProgress(
        table=_table_of(table),
        splits=len(splits),
        done=len(done),
        failed=sum(row["state"] is SplitState.FAILED for row in splits),
        counts=SplitCounts(**{name: sum(row[name] for row in done) for name in _COUNTS}),
        first_claimed_at=min(claimed, default=None),
        last_finished_at=max((row["finished_at"] for row in done), default=None),
        usage=SplitUsage(**{name: sum(row[name] or 0 for row in done) for name in _USAGE}),
    )
