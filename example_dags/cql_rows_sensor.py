"""Waits until a day has at least ten visits, holding no worker between looks."""

from datetime import timedelta

from airflow.sdk import DAG

from keyspaces_provider.sensors.cql import CqlRowsSensor

with DAG(
    "example_cql_rows_sensor", schedule=None, params={"day": "2026-11-01"}, doc_md=__doc__, tags=["example"]
) as dag:
    CqlRowsSensor(
        task_id="enough_visits",
        conn_id="my_keyspaces",
        cql="SELECT visit FROM shop.visits WHERE day = ?",
        values=["{{ params.day }}"],
        at_least=10,
        poke_interval=timedelta(seconds=2),
        timeout=timedelta(minutes=5),
    )
