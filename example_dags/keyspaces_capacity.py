"""Provisions a table for a busy hour."""

from datetime import timedelta

from airflow.sdk import DAG

from keyspaces_provider.operators.keyspaces_table import KeyspacesCapacityOperator

with DAG("example_keyspaces_capacity", schedule=None, params={"writes": 20}, doc_md=__doc__, tags=["example"]) as dag:
    KeyspacesCapacityOperator(
        task_id="provision",
        aws_conn_id="my_aws",
        region="us-east-1",
        keyspace="shop",
        table="carts",
        mode="PROVISIONED",
        read_units=10,
        write_units="{{ params.writes }}",
        look_every=timedelta(seconds=1),
    )
