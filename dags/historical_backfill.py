"""Loads the past of every table from its history in Snowflake into Amazon Keyspaces.

`plan` takes one immutable snapshot a table, with exactly one row per primary key, cuts it into splits, and reports
rows, order, strategy, hours and money before anything is written; a plan that is not safe, or costs more than the
migration file allows, ends here with the reason. `load` runs once for each table, or once as a Spark job, and claims
splits by lease: killed at any moment and run again, it loses no row and repeats no finished split. `verify` counts
target, plan and ledger against each other. Rows that can't be written are counted and kept with their reason, never
dropped.

Run before dual writes, it loads everything, each row stamped when it is written. It leaves the splits and dead letters
in the ledger, two reports, and the milestone that the next stages stand on.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import DAG

from keyspaces_provider.operators.backfill import LoadTableOperator, PlanBackfillOperator, VerifyBackfillOperator
from keyspaces_provider.operators.backfill_spark import spark_load
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

if TYPE_CHECKING:
    from airflow.sdk.definitions.mappedoperator import MappedOperator


def historical_backfill(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.historical_backfill`."""
    migration = loaded.migration
    ledger = migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.HISTORICAL_BACKFILL,
        summary="Snapshot of the history, loaded into the target by splits, resumable, counted",
        doc_md=__doc__ or "",
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.HISTORICAL_BACKFILL,
            migration_file=str(loaded.path),
            ledger_conn_id=ledger,
        )
        plan = PlanBackfillOperator(task_id="plan", ledger_conn_id=ledger)
        load = spark_load(loaded) if migration.backfill.spark else _load_each_table(loaded)
        verify = VerifyBackfillOperator(task_id="verify", ledger_conn_id=ledger, **READ_ONLY_RETRIES)
        record >> plan >> load >> verify
    return dag


def _load_each_table(loaded: LoadedMigration) -> "MappedOperator":
    return LoadTableOperator.partial(
        task_id="load",
        migration_file=str(loaded.path),
        ledger_conn_id=loaded.migration.connections.ledger,
        map_index_template="{{ task.table }}",
        max_active_tis_per_dagrun=2,
        **READ_ONLY_RETRIES,
    ).expand(table=list(loaded.migration.tables))


DAGS = [
    historical_backfill(loaded)
    for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.HISTORICAL_BACKFILL)
]
