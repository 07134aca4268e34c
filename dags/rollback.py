"""Moves all reads back to the source, at once.

One person confirms by typing the migration's name. It needs AWS alone: with the ledger down, `record_run` is red,
`lower_share` lowers the share all the same and says in its log that nothing was recorded. It also says whether the way
back is lossless, or which writers have writes that are not in both stores.
"""

from pathlib import Path

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.rollback import LowerShareOperator
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import LoadedMigration, Stage, stage_dag, valid_migrations


def rollback(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.rollback`."""
    migration, ledger = loaded.migration, loaded.migration.connections.ledger
    confirmation = Param(
        default="",
        type="string",
        title="Name of the migration",
        description=f"Type {migration.name} to confirm.",
    )
    drain = Param(
        default=30,
        type="number",
        minimum=0,
        maximum=600,
        title="Seconds to wait for empty journals",
        description="Where the target leads, what writers have not brought to the source yet would be missing on it. "
        "0 goes back at once.",
    )
    with stage_dag(
        migration,
        stage=Stage.ROLLBACK,
        summary="All reads go back to the source, at once; needs no ledger",
        doc_md=__doc__ or "",
        params={"confirm_migration": confirmation, "drain_s": drain},
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run", stage=Stage.ROLLBACK, migration_file=str(loaded.path), ledger_conn_id=ledger
        )
        lower = LowerShareOperator(
            task_id="lower_share",
            migration_file=str(loaded.path),
            confirmation="{{ params.confirm_migration }}",
            drain_s="{{ params.drain_s }}",
            ledger_conn_id=ledger,
            trigger_rule="all_done",
        )
        record >> lower
    return dag


DAGS = [rollback(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.ROLLBACK)]
