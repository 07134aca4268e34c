"""Warms a table, so that a load can start at full speed. AWS charges for raising it."""

from datetime import timedelta

from airflow.sdk import DAG

from keyspaces_provider.operators.keyspaces_table import KeyspacesWarmThroughputOperator

with DAG("example_keyspaces_warm_throughput", schedule=None, doc_md=__doc__, tags=["example"]) as dag:
    KeyspacesWarmThroughputOperator(
        task_id="warm",
        aws_conn_id="my_aws",
        region="us-east-1",
        keyspace="shop",
        table="visits",
        read_units_per_s=15_000,
        write_units_per_s=20_000,
        look_every=timedelta(seconds=1),
    )
