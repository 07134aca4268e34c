"""Looks every ten minutes for what did not happen, and for what lasts, and tells people of it.

A check that did not finish by its deadline, a barrier whose 48 hours run out, letters that grow: no task fails when
these happen, so nobody would be told. It reads the ledger and the dead letter queue, changes neither, and tells of each
condition once, again when it gets worse, and after the migration file's `notifications.repeat_after`.

Red: something could not be looked at, a channel of the file can't be used, or nobody could be told. The first red run
after a green one is told of through the other channels.
"""

from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.watch import WatchOperator
from keyspaces_provider.stages import LoadedMigration, Service, stage_dag, valid_migrations


def watch(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.watch`."""
    migration = loaded.migration
    with stage_dag(
        migration,
        stage=Service.WATCH,
        summary="Checks missed, a barrier running out, letters growing: tells people of what no task fails for",
        doc_md=__doc__ or "",
        schedule="*/10 * * * *",
    ) as dag:
        WatchOperator(task_id="watch", migration_file=str(loaded.path), ledger_conn_id=migration.connections.ledger)
    return dag


DAGS = [watch(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Service.WATCH)]
