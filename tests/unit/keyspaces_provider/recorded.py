"""A run of a migration in a ledger of a test's own."""

from datetime import UTC, datetime
from pathlib import Path

from keyspaces_migration.config import Migration
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, PlannedSplit
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.plan_records import LoadPlan, PlannedTable
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.run import MigrationRun
from tests.keyring import KEYRING

SNAPSHOT = '"A"."B"."S"'


def a_recorded_run(migration: Migration, *, ledger: Path, stage: Stage = Stage.PROVISION) -> MigrationRun:
    """The run `run-1` of a stage, recorded."""
    opened, dag_id = open_ledger(f"sqlite:///{ledger}", keyring=KEYRING), f"{migration.name}.{stage.value}"
    opened.record_run(
        RunConfiguration.of(
            migration, stage=stage, dag_id=dag_id, run_id="run-1", recorded_at=datetime(2026, 11, 26, tzinfo=UTC)
        )
    )
    return MigrationRun(migration=migration, stage=stage, ledger=opened, dag_id=dag_id, run_id="run-1")


def a_load_plan(run: MigrationRun, *, cost_usd: float, planned_at: datetime) -> LoadPlan:
    """A load of 20 planes in one split, which takes two hours."""
    planned = PlannedTable(
        table="planes",
        order=LoadOrder.HISTORY_FIRST,
        mode=LoadMode.FULL,
        barrier_us=None,
        snapshot=SNAPSHOT,
        watermark="2",
        rows=20,
        deleted=1,
        splits=1,
        row_bytes=100,
        write_units=7_200,
        units_per_s=1,
        capacity_units_per_s=4_000,
        is_on_demand=True,
        cost_usd=cost_usd,
    )
    return LoadPlan(
        migration=run.migration.name,
        configuration=run.migration.digest,
        dag_id=run.dag_id,
        run_id=run.run_id,
        max_write_units_per_s=4_000,
        max_cost_usd=run.migration.backfill.budget.max_cost_usd,
        tables=(planned,),
        planned_at=planned_at,
    )


def record_plan(run: MigrationRun, plan: LoadPlan, *, snapshot: str = SNAPSHOT) -> None:
    """Record a plan as the task `plan` does, with the table whose splits are claimed."""
    ledger, (planned,) = BackfillLedger(run.ledger), plan.tables
    table = BackfillTable(
        dag_id=run.dag_id,
        run_id=run.run_id,
        table_name=planned.table,
        snapshot=snapshot,
        mode=planned.mode,
        barrier_us=planned.barrier_us,
        rows=planned.rows,
        deleted=planned.deleted,
        watermark=planned.watermark,
        snapshot_at=plan.planned_at,
        planned_at=plan.planned_at,
    )
    ledger.record_table(table, [PlannedSplit(number=0, of=1, first_bucket=0, end_bucket=4096, planned_rows=20)])
    ledger.record_plan(plan)
