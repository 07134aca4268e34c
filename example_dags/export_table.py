"""Exports a table to Parquet by four ranges of tokens, each a task of its own."""

from airflow.sdk import DAG

from keyspaces_provider.operators.export_table import ExportTableOperator

QUARTER = 1 << 62
RANGES = [{"first_token": (part - 2) * QUARTER, "last_token": (part - 1) * QUARTER - 1} for part in range(4)]

with DAG(
    "example_export_table", schedule=None, params={"folder": "file:///tmp"}, doc_md=__doc__, tags=["example"]
) as dag:
    ExportTableOperator.partial(
        task_id="export",
        conn_id="my_keyspaces",
        keyspace="shop",
        table="customers",
        output_path="{{ params.folder }}/{{ dag.dag_id }}/{{ run_id }}",
        max_active_tis_per_dagrun=2,
    ).expand_kwargs(RANGES)
