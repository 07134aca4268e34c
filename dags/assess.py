"""Looks at the source and at the history before anything is built, and changes nothing.

Reads the source's schema, its live clients, a sample of its rows and the history's shape. It says for each table what
Amazon Keyspaces does not take and what to do about it, what it needs and costs a month, and in which order its history
is best loaded, how long that takes and what it costs. It leaves a report (a page to send, under the migration's
reports path; Markdown in the log of `assess`; JSON for programs) and in it a draft of the file's `tables:` section.

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
        description="Count rows, keys and partitions of each table's history: up to three aggregate queries a table.",
    ),
    "sample_rows": Param(
        default=10_000,
        type="integer",
        minimum=0,
        maximum=1_000_000,
        title="Rows to sample",
        description="Rows to read of each table, about, for sizes, capacity and cost; 0 leaves the estimate out.",
    ),
    "load": Param(
        default={},
        type="object",
        title="Load, where you know it",
        description=(
            "In place of what is measured, which is a mean of five minutes: "
            '{"table": {"writes_per_s": 120, "reads_per_s": 900, "rows_per_read": 1}}.'
        ),
    ),
    "utilisation": Param(
        default=0.7,
        type="number",
        minimum=0.05,
        maximum=1,
        title="Use of provisioned capacity",
        description="The share of provisioned capacity that the load uses: about the target of auto scaling.",
    ),
    "hours_to_barrier": Param(
        default=24,
        type="number",
        minimum=0,
        maximum=10_000,
        title="Hours from the first load to the barrier",
        description="What passes between a load before dual writes and the barrier; what changes then is loaded again.",
    ),
    "statements": Param(
        default="",
        type="string",
        title="Statements",
        description=(
            "Address of a file or log of your applications' statements (CQL, full query log, audit log, JSON lines; "
            ".gz too), such as s3://bucket/audit.log.gz: which can't be dual-written, which Keyspaces refuses."
        ),
    ),
    "statements_format": Param(
        default="",
        enum=["", "cql", "full-query-log", "audit-log", "slow-query-log", "json-lines"],
        title="Format of the statements",
        description="Empty: found by the first lines.",
    ),
    "prices": Param(
        default="",
        type="string",
        title="Prices",
        description="Address of a YAML file with your Region's prices, such as s3://bucket/prices.yaml.",
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
            sample_rows="{{ params.sample_rows }}",
            load="{{ params.load | tojson }}",
            statements="{{ params.statements }}",
            statements_format="{{ params.statements_format }}",
            prices="{{ params.prices }}",
            utilisation="{{ params.utilisation }}",
            hours_to_barrier="{{ params.hours_to_barrier }}",
            **READ_ONLY_RETRIES,
        )
        record >> look
    return dag


DAGS = [assess(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.ASSESS)]
