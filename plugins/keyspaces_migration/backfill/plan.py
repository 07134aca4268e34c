"""The plan of a backfill: what is loaded, in which splits, stamped how, for how long and how much."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from keyspaces_migration.backfill.deadline import end_by
from keyspaces_migration.backfill.errors import PlanRefusedError, Refusal, RefusalReason, StampChangedError
from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.money import write_cost_usd
from keyspaces_migration.backfill.recorded_plan import as_recorded, load_plan_of
from keyspaces_migration.backfill.sizing import write_sizes
from keyspaces_migration.backfill.snapshot import BUCKETS, Snapshot, drop_snapshot, take_snapshot
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.unload import unload_folder
from keyspaces_migration.capacity.units import NEW_ON_DEMAND_WRITE_UNITS_PER_S
from keyspaces_migration.config import Migration
from keyspaces_migration.config.tables import LoadOrder, Table
from keyspaces_migration.config.throughput import ThroughputMode
from keyspaces_migration.cql.types import ListOf
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, PlannedSplit
from keyspaces_migration.ledger.backfills import BackfillLedger

ROWS_A_SPLIT = 20_000
"""Some seconds to a minute of work: little to repeat after a kill, and few reads of the snapshot."""

_USD_DIGITS = 6
"""A digest is over the plan's figures, and people compare them."""


@dataclass(frozen=True, kw_only=True)
class TablePlan:
    """The plan of one table.

    Attributes:
        splits: They cover every bucket once; their rows sum to the snapshot's.
        tells_deleted: Whether the history has a column that marks deleted rows.
        row_bytes: The mean size of a row on the target, as metered for throughput, from a sample; 0 without rows.
        write_units: What all its writes consume.
        units_per_s: The capacity that it can use, within the budget.
        capacity_units_per_s: What the table serves.
        is_on_demand: Whether a write is paid for, rather than the capacity.
        has_unfrozen_lists: Whether it has lists that a load at the barrier may double.
        cost_usd: Of the writes alone, at us-east-1's prices.
        unloaded_to: The folder of the stage that its snapshot is unloaded to; None where it is read by queries.
    """

    table: str
    order: LoadOrder
    mode: LoadMode
    barrier_us: int | None
    snapshot: Snapshot
    splits: tuple[PlannedSplit, ...]
    tells_deleted: bool
    row_bytes: int
    write_units: int
    units_per_s: int
    capacity_units_per_s: int
    is_on_demand: bool
    has_unfrozen_lists: bool
    cost_usd: float
    unloaded_to: str | None = None

    @property
    def duration(self) -> timedelta:
        """How long the writes take at that capacity."""
        return timedelta(seconds=self.write_units / self.units_per_s)


@dataclass(frozen=True, kw_only=True)
class BackfillPlan:
    """The plan of a run."""

    migration: str
    dag_id: str
    run_id: str
    planned_at: datetime
    budget_units_per_s: int
    max_cost_usd: float
    tables: tuple[TablePlan, ...]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.snapshot.rows for table in self.tables)

    @property
    def cost_usd(self) -> float:
        """Money for all writes."""
        return sum(table.cost_usd for table in self.tables)

    @property
    def duration(self) -> timedelta:
        """How long all takes: tables are loaded side by side under one budget."""
        shared = timedelta(seconds=sum(table.write_units for table in self.tables) / self.budget_units_per_s)
        return max([shared, *(table.duration for table in self.tables)])

    @property
    def needs_approval(self) -> bool:
        """Whether it costs more than the migration file lets it without asking."""
        return self.cost_usd > self.max_cost_usd

    def summary(self) -> dict[str, Any]:
        """Return what a task hands on: JSON values, few and small."""
        return {
            "run_id": self.run_id,
            "rows": self.rows,
            "splits": sum(len(table.splits) for table in self.tables),
            "cost_usd": round(self.cost_usd, 4),
            "hours": round(self.duration / timedelta(hours=1), 3),
            "needs_approval": self.needs_approval,
            "tables": {table.table: table.snapshot.rows for table in self.tables},
            "write_units": {table.table: table.write_units for table in self.tables},
        }


def plan_backfill(  # noqa: PLR0913 # what a plan depends on, all by keyword
    history: History,
    ledger: BackfillLedger,
    migration: Migration,
    *,
    dag_id: str,
    run_id: str,
    barrier_us: int | None,
    now: datetime,
    tables: Sequence[str] | None = None,
    rows_a_split: int = ROWS_A_SPLIT,
    dry_run: bool = False,
) -> BackfillPlan:
    """Take the snapshots, plan the load, and record it in the ledger; a retry plans and records the same.

    `barrier_us` is the barrier of dual writes, in microseconds since 1970; None before they have begun. `tables` names
    some of the migration's; all of them by default. A dry run records nothing, so that nothing can be loaded, and
    leaves no snapshot.

    Raises:
        PlanRefusedError: Some table can't be loaded safely; nothing was recorded.
        HistoryUnusableError: The history can't be read, or no table be created in it.
        StampChangedError: The run was planned with another barrier.
        PlanChangedError: The run recorded another plan: somebody changed a snapshot.
        RunNotRecordedError: The run's first task has recorded no configuration.
    """
    chosen = tables or tuple(migration.tables)
    refusals = [refusal for name in chosen for refusal in _refusals_before(migration, name, barrier_us=barrier_us)]
    if refusals:
        raise PlanRefusedError(refusals)
    recorded = ledger.tables(dag_id=dag_id, run_id=run_id)
    for table in recorded:
        require_stamp(table, barrier_us=barrier_us)
    made = [
        _plan_table(
            history, ledger, migration, name, run_id=run_id, barrier_us=barrier_us, now=now, rows_a_split=rows_a_split
        )
        for name in chosen
    ]
    plan = BackfillPlan(
        migration=migration.name,
        dag_id=dag_id,
        run_id=run_id,
        planned_at=now,
        budget_units_per_s=migration.backfill.budget.max_write_units_per_s,
        max_cost_usd=migration.backfill.budget.max_cost_usd,
        tables=tuple(made),
    )
    try:
        _refuse_unsafe(plan, migration.tables)
    except PlanRefusedError:
        # Otherwise a retry, after the history was put right, would find the snapshot of before.
        _drop_snapshots(history, plan, but=recorded)
        raise
    if dry_run:
        _drop_snapshots(history, plan, but=recorded)
        return plan
    for table_plan in plan.tables:
        ledger.record_table(_record_of(plan, table_plan), table_plan.splits)
    return as_recorded(plan, ledger.record_plan(load_plan_of(plan, configuration=migration.digest)))


def _plan_table(  # noqa: PLR0913 # as `plan_backfill`
    history: History,
    ledger: BackfillLedger,
    migration: Migration,
    name: str,
    *,
    run_id: str,
    barrier_us: int | None,
    now: datetime,
    rows_a_split: int,
) -> TablePlan:
    mode, base = _mode_and_base(ledger, migration, name, run_id=run_id, barrier_us=barrier_us)
    snapshot = take_snapshot(
        history,
        migration=migration.name,
        name=name,
        table=migration.tables[name],
        run_id=run_id,
        now=now,
        since=base,
        deletes=mode is not LoadMode.FULL,
    )
    planned = _sized(history, migration, snapshot, mode=mode, barrier_us=barrier_us)
    return replace(planned, splits=make_splits(snapshot.bucket_rows, rows_a_split=rows_a_split))


def _drop_snapshots(history: History, plan: BackfillPlan, *, but: Sequence[BackfillTable]) -> None:
    kept = {table.table_name for table in but}
    for each in plan.tables:
        if each.table not in kept:
            drop_snapshot(history, each.snapshot.address)


def require_stamp(table: BackfillTable, *, barrier_us: int | None) -> None:
    """Refuse to write with another stamp than the planned one: dual writes have begun, or begun anew, since.

    Raises:
        StampChangedError: The barrier is another one.
    """
    if table.barrier_us != barrier_us:
        raise StampChangedError(
            f"run {table.run_id} planned {table.table_name} with barrier {table.barrier_us}, and the barrier now is "
            f"{barrier_us}: its writes would beat dual writes, or be beaten by what they replace. Start a new run of "
            "historical_backfill, which plans with the barrier as it is"
        )


def make_splits(bucket_rows: Mapping[int, int], *, rows_a_split: int) -> tuple[PlannedSplit, ...]:
    """Cut all buckets into contiguous ranges of about `rows_a_split` rows; at least one, and each row in exactly one.

    The rows of one partition share a bucket, so no partition is cut.
    """
    ends, gathered = [], 0
    for bucket in range(BUCKETS):
        gathered += bucket_rows.get(bucket, 0)
        if gathered >= rows_a_split:
            ends.append(bucket + 1)
            gathered = 0
    if not ends or gathered:
        ends.append(BUCKETS)
    ends[-1] = BUCKETS
    return tuple(
        PlannedSplit(
            number=number,
            of=len(ends),
            first_bucket=first,
            end_bucket=end,
            planned_rows=sum(bucket_rows.get(bucket, 0) for bucket in range(first, end)),
        )
        for number, (first, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True))
    )


def _mode_and_base(
    ledger: BackfillLedger, migration: Migration, name: str, *, run_id: str, barrier_us: int | None
) -> tuple[LoadMode, str | None]:
    """Return the mode, and for a delta the snapshot to compare with."""
    if not ledger.is_loaded_before(migration.name, name, run_id=run_id):
        return LoadMode.FULL, None
    base = ledger.latest_whole(migration.name, name)
    # Without versions nothing tells a changed row from one that stayed.
    if barrier_us is None or base is None or migration.tables[name].history.version_column is None:
        return LoadMode.RELOAD, None
    return LoadMode.DELTA, base.snapshot


def _refusals_before(migration: Migration, name: str, *, barrier_us: int | None) -> list[Refusal]:
    """Return what can be refused without looking at the history."""
    table, found = migration.tables[name], []
    if barrier_us is None and migration.load_order(name) is LoadOrder.DUAL_WRITES_FIRST:
        advice = "Run start_dual_writes first, which sets the barrier, or set order: HISTORY_FIRST"
        text = "its order is DUAL_WRITES_FIRST and there is no barrier yet"
        found.append(_refusal(name, RefusalReason.NO_BARRIER, text, advice))
    # Cassandra gives each element of a list a cell of its own with a new id: the same list written twice at one
    # timestamp is there twice, as the second write deletes only what is older.
    lists = _unfrozen_lists(table)
    if barrier_us is not None and lists:
        text = f"a repeated write at one timestamp doubles the elements of {', '.join(lists)}, lists that aren't frozen"
        advice = "Leave the table out of this migration: no load after the barrier can bring what changed of it"
        found.append(_refusal(name, RefusalReason.LIST_STAMPED_ALIKE, text, advice))
    if table.schema_.static_columns and _expires(table):
        text = "it has static columns and a time to live, and the history does not say when a static value expires"
        advice = "Move the static columns to a table of their own, or leave out default_ttl and expiry_column"
        found.append(_refusal(name, RefusalReason.STATIC_WITH_TTL, text, advice))
    return found


def _refuse_unsafe(plan: BackfillPlan, tables: Mapping[str, Table]) -> None:
    refusals = [refusal for each in plan.tables for refusal in _refusals_of_keys(each, tables[each.table])]
    for each in plan.tables:
        if each.barrier_us is not None and plan.planned_at + plan.duration > end_by(each.barrier_us):
            text = f"the load takes {plan.duration} and must end by {end_by(each.barrier_us):%Y-%m-%d %H:%M} UTC"
            advice = (
                "Raise capacity and budget; otherwise load with order HISTORY_FIRST and under a new barrier, which a "
                'migration of another name gets (docs/guides/dual-writes.md, "Beginning again")'
            )
            refusals.append(_refusal(each.table, RefusalReason.BEYOND_DEADLINE, text, advice))
    if refusals:
        raise PlanRefusedError(refusals)


def _refusals_of_keys(plan: TablePlan, table: Table) -> list[Refusal]:
    repeated, version = plan.snapshot.repeated_keys, table.history.version_column
    if not repeated:
        return []
    if version is None:
        text = f"{repeated} keys have several rows in {table.history.table}, and nothing says which is the newest"
        advice = "Name the column that does in history.version_column"
        return [_refusal(plan.table, RefusalReason.KEYS_REPEAT, text, advice)]
    text = f"{repeated} keys have several rows with the greatest {version} in {table.history.table}"
    advice = f"Remove the repetitions, or name another column in history.version_column. To see them: {_ties(table)}"
    return [_refusal(plan.table, RefusalReason.VERSIONS_TIE, text, advice)]


def _ties(table: Table) -> str:
    key = ", ".join(table.history_column(name) for name in table.schema_.primary_key)
    version = table.history.version_column
    return (
        f"SELECT {key}, {version}, COUNT(*) FROM {table.history.table} "  # noqa: S608 # for a person to read
        f"GROUP BY {key}, {version} HAVING COUNT(*) > 1"
    )


def _refusal(table: str, reason: RefusalReason, found: str, advice: str) -> Refusal:
    return Refusal(table=table, reason=reason, found=found, advice=advice)


def _unfrozen_lists(table: Table) -> list[str]:
    return [column.name for column in table.schema_.columns if isinstance(column.cql_type, ListOf)]


def _expires(table: Table) -> bool:
    return table.default_ttl is not None or table.history.expiry_column is not None


def _sized(
    history: History, migration: Migration, snapshot: Snapshot, *, mode: LoadMode, barrier_us: int | None
) -> TablePlan:
    table = migration.tables[snapshot.table]
    target = Target.of(migration, snapshot.table)
    sizes = write_sizes(history, snapshot, target)
    units = math.ceil(snapshot.rows * sizes.units_a_row)
    if table.schema_.static_columns:
        units += math.ceil(_partitions(history, snapshot, table) * sizes.static_units_a_partition)
    capacity = table.throughput.wcu or NEW_ON_DEMAND_WRITE_UNITS_PER_S
    units_per_s = min(capacity, migration.backfill.budget.max_write_units_per_s)
    on_demand = table.throughput.mode is ThroughputMode.PAY_PER_REQUEST
    took = timedelta(seconds=units / units_per_s)
    cost_usd = write_cost_usd(is_on_demand=on_demand, units=units, capacity_units_per_s=capacity, took=took)
    return TablePlan(
        table=snapshot.table,
        order=migration.load_order(snapshot.table),
        mode=mode,
        barrier_us=barrier_us,
        snapshot=snapshot,
        splits=(),
        tells_deleted=table.history.deleted_column is not None,
        row_bytes=round(sizes.row_bytes),
        write_units=units,
        units_per_s=units_per_s,
        capacity_units_per_s=capacity,
        is_on_demand=on_demand,
        has_unfrozen_lists=bool(_unfrozen_lists(table)),
        cost_usd=round(cost_usd, _USD_DIGITS),
        unloaded_to=unload_folder(migration.backfill.unload, snapshot=snapshot.address, rows=snapshot.rows),
    )


def _partitions(history: History, snapshot: Snapshot, table: Table) -> int:
    key = ", ".join(f'"{name}"' for name in table.schema_.partition_keys)
    query = f"SELECT COUNT(*) FROM (SELECT {key} FROM {snapshot.address} GROUP BY {key}) AS partitions"  # noqa: S608
    return int(history.run(query)[0][0])


def _record_of(plan: BackfillPlan, table: TablePlan) -> BackfillTable:
    return BackfillTable(
        dag_id=plan.dag_id,
        run_id=plan.run_id,
        table_name=table.table,
        snapshot=table.snapshot.address,
        mode=table.mode,
        barrier_us=table.barrier_us,
        rows=table.snapshot.rows,
        deleted=table.snapshot.deleted,
        watermark=table.snapshot.watermark,
        snapshot_at=table.snapshot.taken_at,
        planned_at=plan.planned_at,
    )
