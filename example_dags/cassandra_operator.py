"""Writes two days of orders to Cassandra in batches, and hands the few rows of one customer on in XCom."""

from airflow.sdk import DAG

from keyspaces_provider.operators.cql import CassandraOperator

with DAG("example_cassandra_operator", schedule=None, params={"customer": 7}, doc_md=__doc__, tags=["example"]) as dag:
    write = CassandraOperator(
        task_id="write",
        cassandra_conn_id="my_cassandra",
        cql="INSERT INTO shop.orders (customer, placed, total) VALUES (?, ?, ?)",
        rows=[["{{ params.customer }}", f"2026-11-{day:02}T12:00:00Z", str(day)] for day in range(1, 29)],
        batch="UNLOGGED",
        repeatable=True,
    )
    read = CassandraOperator(
        task_id="read",
        cassandra_conn_id="my_cassandra",
        cql="SELECT placed, total FROM shop.orders WHERE customer = :customer LIMIT 3",
        values={"customer": "{{ params.customer }}"},
    )
    write >> read
