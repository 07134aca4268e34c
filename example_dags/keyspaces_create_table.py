"""Makes a table in Amazon Keyspaces through the AWS API, unless it is there, and ends when it is ACTIVE."""

from datetime import timedelta

from airflow.sdk import DAG

from keyspaces_provider.operators.keyspaces_table import KeyspacesCreateTableOperator

with DAG("example_keyspaces_create_table", schedule=None, doc_md=__doc__, tags=["example"]) as dag:
    KeyspacesCreateTableOperator(
        task_id="create",
        aws_conn_id="my_aws",
        region="us-east-1",
        keyspace="shop",
        table="returns",
        columns={"customer": "bigint", "returned": "timestamp", "reasons": "set<text>"},
        partition_keys=["customer"],
        clustering_keys={"returned": "DESC"},
        ttl=True,
        point_in_time_recovery=True,
        client_side_timestamps=True,
        tags={"Project": "shop"},
        look_every=timedelta(seconds=1),
    )
