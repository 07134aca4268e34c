"""Deletes all that `provision` made, the tables with their rows too. Only disposable environments have this DAG.

`preview` lists what would be deleted. Approvers see the list at `approve_1` … and type the migration's name; `destroy`
verifies their answers in Airflow's own record, and deletes exactly what was listed, or nothing if the stack holds
something else by then. An approval counts for an hour.

Next: `provision` makes it anew. The source and the history are not touched.
"""

from pathlib import Path

from airflow.sdk import DAG

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.destroy import DestroyOperator, PreviewDestroyOperator
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import LoadedMigration, Stage, stage_dag, valid_migrations


def destroy(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.destroy`."""
    migration = loaded.migration
    ledger = migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.DESTROY,
        summary="Deletes all that provision made, rows too: disposable environments alone",
        doc_md=__doc__ or "",
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.DESTROY,
            migration_file=str(loaded.path),
            ledger_conn_id=ledger,
        )
        preview = PreviewDestroyOperator(task_id="preview", ledger_conn_id=ledger)
        gates = approval_gates(migration, ledger_conn_id=ledger, subject=f"DESTROY {migration.name} and all its rows")
        destroy_all = DestroyOperator(task_id="destroy", migration_file=str(loaded.path), ledger_conn_id=ledger)
        record >> preview >> gates >> destroy_all
    return dag


DAGS = [
    destroy(loaded)
    for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.DESTROY)
    if loaded.migration.environment.disposable
]
