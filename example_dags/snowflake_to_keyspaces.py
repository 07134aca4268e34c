"""Copies a day of sales from Snowflake into a table of Amazon Keyspaces; rows that can't be written go to a file."""

from airflow.sdk import DAG

from keyspaces_provider.transfers.snowflake_to_table import SnowflakeToKeyspacesOperator

with DAG(
    "example_snowflake_to_keyspaces",
    schedule=None,
    params={"folder": "file:///tmp", "day": "2026-11-01"},
    doc_md=__doc__,
    tags=["example"],
) as dag:
    SnowflakeToKeyspacesOperator(
        task_id="copy",
        snowflake_conn_id="my_snowflake",
        keyspaces_conn_id="my_keyspaces",
        sql="SELECT CUSTOMER, SOLD_AT, AMOUNT, TAGS FROM SALES WHERE SOLD_AT::DATE = %(day)s",
        parameters={"day": "{{ params.day }}"},
        keyspace="shop",
        table="sales",
        columns={"customer": "CUSTOMER", "sold": "SOLD_AT", "amount": "AMOUNT", "tags": "TAGS"},
        refused_path="{{ params.folder }}/{{ dag.dag_id }}/{{ run_id }}/refused.parquet",
    )
