"""A plan as the ledger keeps it, and whether what a worker is about to load is what was planned."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from keyspaces_migration.backfill.errors import PlanChangedError
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.plan_records import LoadPlan, PlannedTable

if TYPE_CHECKING:
    from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan


APPROVAL_COUNTS_FOR = timedelta(days=2)
"""Until the load begins, and beside the time that the load takes."""
_TIMES_PLANNED = 3
"""A load that is killed or throttled, and goes on, may take so many times as long as planned."""


def approval_counts_for(plan: LoadPlan) -> timedelta:
    """How old an approval of the plan may be: a long load that goes on after a kill needs it again much later.

    What was approved does not age as a plan of infrastructure does: the snapshot, its rows and its splits are fixed.
    """
    return APPROVAL_COUNTS_FOR + _TIMES_PLANNED * plan.duration


def load_plan_of(plan: "BackfillPlan", *, configuration: str) -> LoadPlan:
    """Return the plan to record; `configuration` is the digest of the migration file."""
    return LoadPlan(
        migration=plan.migration,
        configuration=configuration,
        dag_id=plan.dag_id,
        run_id=plan.run_id,
        max_write_units_per_s=plan.budget_units_per_s,
        max_cost_usd=plan.max_cost_usd,
        tables=tuple(map(_planned_table, plan.tables)),
        planned_at=plan.planned_at,
    )


def as_recorded(plan: "BackfillPlan", recorded: LoadPlan) -> "BackfillPlan":
    """Return the plan with the recorded figures: a plan made again sizes other rows, and people have read the first.

    Raises:
        PlanChangedError: More than estimates differ: somebody changed a snapshot.
    """
    made = {each.table: _counted(_planned_table(each)) for each in plan.tables}
    changed = [name for name, table in made.items() if table != _counted(recorded.table(name))]
    if changed:
        raise PlanChangedError(
            f"run {plan.run_id} of {plan.dag_id} recorded another plan for {', '.join(changed)}: a snapshot, or what "
            "was loaded before, has changed since. Start a new run"
        )
    tables = tuple(_with_figures(each, recorded.table(each.table)) for each in plan.tables)
    return replace(plan, tables=tables, planned_at=recorded.planned_at)


def require_planned(ledger: BackfillLedger, *, dag_id: str, run_id: str) -> LoadPlan:
    """Return the plan of a run, if the splits that its workers will claim are those of the plan.

    Raises:
        PlanNotRecordedError: The run has none: nothing may be loaded.
        PlanChangedError: The ledger's tables are not those of the plan.
        LedgerSignatureError: The plan, or a table, is not as it was signed.
    """
    plan = ledger.plan(dag_id=dag_id, run_id=run_id)
    recorded = {table.table_name: table for table in ledger.tables(dag_id=dag_id, run_id=run_id)}
    planned = {table.table: table for table in plan.tables}
    other = [name for name in {**recorded, **planned} if name not in recorded or name not in planned]
    other += [name for name, table in planned.items() if name in recorded and not table.is_of(recorded[name])]
    if other:
        raise PlanChangedError(
            f"run {run_id} of {dag_id}: what would be loaded into {', '.join(sorted(other))} is not what was planned "
            "and shown. Nothing was written. Start a new run"
        )
    return plan


def _planned_table(table: "TablePlan") -> PlannedTable:
    return PlannedTable(
        table=table.table,
        order=table.order,
        mode=table.mode,
        barrier_us=table.barrier_us,
        snapshot=table.snapshot.address,
        watermark=table.snapshot.watermark,
        rows=table.snapshot.rows,
        deleted=table.snapshot.deleted,
        splits=len(table.splits),
        row_bytes=table.row_bytes,
        write_units=table.write_units,
        units_per_s=table.units_per_s,
        capacity_units_per_s=table.capacity_units_per_s,
        is_on_demand=table.is_on_demand,
        cost_usd=table.cost_usd,
    )


def _counted(table: PlannedTable) -> PlannedTable:
    """Without what is estimated from a sample."""
    return replace(table, row_bytes=0, write_units=0, cost_usd=0.0)


def _with_figures(table: "TablePlan", recorded: PlannedTable) -> "TablePlan":
    return replace(table, row_bytes=recorded.row_bytes, write_units=recorded.write_units, cost_usd=recorded.cost_usd)
