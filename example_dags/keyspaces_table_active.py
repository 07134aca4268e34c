"""Waits until tables that somebody else makes are ACTIVE, holding no worker."""

from datetime import timedelta

from airflow.sdk import DAG

from keyspaces_provider.sensors.keyspaces import KeyspacesTableActiveSensor

with DAG("example_keyspaces_table_active", schedule=None, doc_md=__doc__, tags=["example"]) as dag:
    KeyspacesTableActiveSensor(
        task_id="active",
        aws_conn_id="my_aws",
        region="us-east-1",
        keyspace="shop",
        tables=["customers", "visits"],
        look_every=timedelta(seconds=1),
        timeout=timedelta(minutes=10),
    )
