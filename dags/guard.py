"""Looks every two minutes whether the flag is what the ledger allows.

Reads that went to the target past the cutover, such as by a flag edited by hand, go back to the source at once. A
canary that no task watches any more is watched here. It only ever lowers the share, so it needs no approval.
"""

from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.guard import FlagGuardOperator
from keyspaces_provider.stages import LoadedMigration, Service, stage_dag, valid_migrations


def guard(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.guard`."""
    migration = loaded.migration
    with stage_dag(
        migration,
        stage=Service.GUARD,
        summary="Takes reads back that went to the target past the cutover, and watches what no task watches",
        doc_md=__doc__ or "",
        schedule="*/2 * * * *",
    ) as dag:
        FlagGuardOperator(task_id="guard", migration_file=str(loaded.path), ledger_conn_id=migration.connections.ledger)
    return dag


DAGS = [guard(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Service.GUARD)]
