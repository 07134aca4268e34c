"""Writes rows to Amazon Keyspaces one by one, and their whole answer to a Parquet file, whose path goes to XCom."""

from airflow.sdk import DAG

from keyspaces_provider.operators.cql import KeyspacesOperator

with DAG(
    "example_keyspaces_operator", schedule=None, params={"folder": "file:///tmp"}, doc_md=__doc__, tags=["example"]
) as dag:
    write = KeyspacesOperator(
        task_id="write",
        keyspaces_conn_id="my_keyspaces",
        cql="INSERT INTO shop.carts (cart, items) VALUES (:cart, :items)",
        rows=[{"cart": f"cart-{n}", "items": [f"item-{item}" for item in range(n)]} for n in range(1, 6)],
        repeatable=True,
    )
    read = KeyspacesOperator(
        task_id="read",
        keyspaces_conn_id="my_keyspaces",
        cql="SELECT cart, items FROM shop.carts",
        max_xcom_rows=0,
        output_path="{{ params.folder }}/{{ dag.dag_id }}/{{ run_id }}/carts.parquet",
    )
    write >> read
