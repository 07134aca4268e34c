"""Adds columns to a table that does not have them."""

from datetime import timedelta

from airflow.sdk import DAG

from keyspaces_provider.operators.keyspaces_table import KeyspacesAddColumnsOperator

with DAG("example_keyspaces_add_columns", schedule=None, doc_md=__doc__, tags=["example"]) as dag:
    KeyspacesAddColumnsOperator(
        task_id="add_columns",
        aws_conn_id="my_aws",
        region="us-east-1",
        keyspace="shop",
        table="customers",
        columns={"email": "text", "phones": "list<text>"},
        look_every=timedelta(seconds=1),
    )
