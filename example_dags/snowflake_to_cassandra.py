"""Copies customers from Snowflake into a table of Cassandra; one that can't be written ends the task."""

from airflow.sdk import DAG

from keyspaces_provider.transfers.snowflake_to_table import SnowflakeToCassandraOperator

with DAG(
    "example_snowflake_to_cassandra", schedule=None, params={"least": 10}, doc_md=__doc__, tags=["example"]
) as dag:
    SnowflakeToCassandraOperator(
        task_id="copy",
        snowflake_conn_id="my_snowflake",
        cassandra_conn_id="my_cassandra",
        sql="SELECT CUSTOMER, COUNT(*) AS PURCHASES FROM SALES WHERE CUSTOMER >= %s GROUP BY CUSTOMER",
        parameters=["{{ params.least }}"],
        keyspace="shop",
        table="purchases",
        ttl_s=7 * 24 * 3600,
    )
