"""Looks every day whether others have changed what `provision` made: tables, queue, flag, comparison Lambda, alarms.

It compares what Pulumi's state says with what is live, and changes neither. Red means drift: the report names each
resource, with what the last update left and what is live now. Trigger `provision`, whose plan takes it back, or change
the migration file first, if the hand was right.

A run before there is anything to look at is skipped. It waits while `provision` works on the stack.
"""

from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.operators.stack import DriftOperator
from keyspaces_provider.stages import LoadedMigration, Stage, stage_dag, valid_migrations


def drift(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.drift`."""
    migration = loaded.migration
    ledger = migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.DRIFT,
        summary="Whether others have changed what provision made",
        doc_md=__doc__ or "",
        schedule="@daily",
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.DRIFT,
            migration_file=str(loaded.path),
            ledger_conn_id=ledger,
        )
        # No retries: they would ask again in the hope of a better answer.
        record >> DriftOperator(task_id="drift", ledger_conn_id=ledger)
    return dag


DAGS = [drift(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.DRIFT)]
