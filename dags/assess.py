"""Looks at the source and at the history before anything is built, and changes nothing.

Reads the source's schema, its live clients and the history's shape, and says for each table what Amazon Keyspaces
does not take and what to do about it. It leaves a report (Markdown in the log of `assess`, and kept with a
machine-readable twin under the migration's reports path) and in it a draft of the migration file's `tables:` section.

Next: put the draft into the migration file, settle what the report calls a blocker, run `provision`.
"""

from pathlib import Path

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.assessment import AssessOperator
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import READ_ONLY_RETRIES, LoadedMigration, Stage, stage_dag, valid_migrations

PARAMS = {
    "include_history": Param(
        default=True,
        type="boolean",
        title="Read the history's shape",
        description="Count rows and keys of each table's history in Snowflake: one aggregate query a table.",
    ),
}


def assess(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.assess`."""
    migration = loaded.migration
    with stage_dag(
        migration,
        stage=Stage.ASSESS,
        summary="Source schema, live clients and history against what Amazon Keyspaces takes; draft of tables:",
        doc_md=__doc__ or "",
        params=PARAMS,
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run",
            stage=Stage.ASSESS,
            migration_file=str(loaded.path),
            ledger_conn_id=migration.connections.ledger,
        )
        look = AssessOperator(
            task_id="assess",
            ledger_conn_id=migration.connections.ledger,
            include_history="{{ params.include_history }}",
            **READ_ONLY_RETRIES,
        )
        record >> look
    return dag


DAGS = [assess(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.ASSESS)]
