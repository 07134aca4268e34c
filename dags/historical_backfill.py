"""Loads the past of every table from its history in Snowflake into Amazon Keyspaces.

`plan` takes one immutable snapshot a table, with exactly one row per primary key, cuts it into splits, and reports
rows, order, strategy, hours and money before anything is written; a plan that is not safe ends here with the reason.
So does a dry run, which every run is unless you switch **dry_run** off. A plan that costs more than
`backfill.budget.max_cost_usd` is shown to the approvers at `approve_1` …, who type the migration's name.

`load` runs for each table in as many slots as `backfill.workers_per_table`, or once as a Spark job, and claims splits
by lease: killed at any moment and run again, it loses no row and repeats no finished split. Each task verifies by
itself that this very plan is allowed or was approved. `verify` counts target, plan and ledger against each other. Rows
that can't be written are counted and kept with their reason, never dropped.

Run before dual writes, it loads everything, each row stamped when it is written. It leaves the splits and dead letters
in the ledger, two reports, and the milestone that the next stages stand on.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.backfill import (
    DRY_RUN,
    LoadTableOperator,
    PlanBackfillOperator,
    VerifyBackfillOperator,
    load_subject,
)
from keyspaces_provider.operators.backfill_cost import CostApprovalNeededOperator
from keyspaces_provider.operators.backfill_spark import spark_load
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.operators.unload import UnloadTableOperator
from keyspaces_provider.stages import (
    LOAD_RETRIES,
    READ_ONLY_RETRIES,
    LoadedMigration,
    Stage,
    stage_dag,
    valid_migrations,
)

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import MappedOperator

FEWEST_AT_A_TIME = 2
LOAD, UNLOAD = "load", "unload"
# Gates that were skipped because the plan is cheap enough do not hold it up; each task looks for itself.
AFTER_GATES: dict[str, Any] = {"trigger_rule": "none_failed", **LOAD_RETRIES}


def historical_backfill(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.historical_backfill`."""
    migration = loaded.migration
    ledger = migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.HISTORICAL_BACKFILL,
        summary="Snapshot of the history, loaded into the target by splits, resumable, counted",
        doc_md=__doc__ or "",
        params={
            DRY_RUN: Param(
                default=True,
                type="boolean",
                title="Dry run",
                description="Stop after the plan and its report: nothing is written. Switch it off to load.",
            )
        },
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.HISTORICAL_BACKFILL,
            migration_file=str(loaded.path),
            ledger_conn_id=ledger,
        )
        plan = PlanBackfillOperator(task_id="plan", ledger_conn_id=ledger)
        needed = CostApprovalNeededOperator(
            task_id="approval_needed",
            ledger_conn_id=ledger,
            otherwise=LOAD if migration.backfill.unload is None else UNLOAD,
        )
        gates = approval_gates(migration, ledger_conn_id=ledger, subject=load_subject(migration))
        load = spark_load(loaded, task_id=LOAD, **AFTER_GATES) if migration.backfill.spark else _load_each_table(loaded)
        verify = VerifyBackfillOperator(
            task_id="verify", ledger_conn_id=ledger, migration=migration.name, **READ_ONLY_RETRIES
        )
        record >> plan >> needed >> gates >> load >> verify
        needed >> load
        if migration.backfill.unload is not None:
            unload = UnloadTableOperator.partial(
                task_id=UNLOAD,
                migration_file=str(loaded.path),
                ledger_conn_id=ledger,
                map_index_template="{{ task.table }}",
                **AFTER_GATES,
            ).expand(table=list(migration.tables))
            gates >> unload >> load
            needed >> unload
    return dag


def _load_each_table(loaded: LoadedMigration) -> "MappedOperator":
    migration = loaded.migration
    slots = migration.backfill.workers_per_table
    return LoadTableOperator.partial(
        task_id=LOAD,
        migration_file=str(loaded.path),
        ledger_conn_id=migration.connections.ledger,
        map_index_template="{{ task.table }}, worker {{ task.slot }}",
        max_active_tis_per_dagrun=max(FEWEST_AT_A_TIME, slots),
        **AFTER_GATES,
    ).expand_kwargs([{"table": table, "slot": slot + 1} for table in migration.tables for slot in range(slots)])


DAGS = [
    historical_backfill(loaded)
    for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.HISTORICAL_BACKFILL)
]
