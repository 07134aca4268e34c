"""Links to the AWS console: their addresses, which operators have them, and that Airflow knows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from keyspaces_provider.links import (
    ConsolePlace,
    KeyspacesMetricsLink,
    KeyspacesTableLink,
    page_address,
    place_of,
)
from keyspaces_provider.operators.cql import CassandraOperator, KeyspacesOperator
from keyspaces_provider.operators.export_table import ExportTableOperator
from keyspaces_provider.operators.keyspaces_table import KeyspacesAddColumnsOperator, KeyspacesCapacityOperator
from keyspaces_provider.sensors.keyspaces import KeyspacesTableActiveSensor
from keyspaces_provider.transfers.snowflake_to_table import SnowflakeToKeyspacesOperator

AWS: dict[str, Any] = {"aws_conn_id": "aws", "region": "eu-west-1", "keyspace": "shop"}


@pytest.fixture(autouse=True)
def stores(monkeypatch: pytest.MonkeyPatch) -> None:
    target = {"conn_type": "amazon_keyspaces", "host": "cassandra.us-gov-west-1.amazonaws.com"}
    monkeypatch.setenv("AIRFLOW_CONN_TARGET", json.dumps(target))
    monkeypatch.setenv("AIRFLOW_CONN_SOURCE", json.dumps({"conn_type": "apache_cassandra", "host": "10.0.0.1"}))


def address(link: Any, operator: Any) -> str:
    found: str = link.get_link(operator, ti_key=None)
    return found


@pytest.mark.parametrize(
    ("region", "console"),
    [
        ("eu-west-1", "https://console.aws.amazon.com"),
        ("cn-north-1", "https://console.amazonaws.cn"),
        ("us-gov-west-1", "https://console.amazonaws-us-gov.com"),
    ],
)
def test_each_partition_has_its_console(region: str, console: str) -> None:
    place = ConsolePlace(region=region, keyspace="shop", table="Orders/1")
    assert place.keyspaces_url() == f"{console}/keyspaces/home?region={region}#table/shop/Orders%2F1"
    assert place.metrics_url() == (
        f"{console}/cloudwatch/home?region={region}#metricsV2?graph=~()&namespace=~'AWS*2fCassandra"
        "&query=~'Keyspace*3d*22shop*22*20TableName*3d*22Orders*2f1*22"
    )


def test_without_a_table_it_is_the_services_page() -> None:
    assert ConsolePlace(region="eu-west-1").keyspaces_url().endswith("/keyspaces/home?region=eu-west-1#keyspaces")


def test_the_aws_apis_operators_name_region_and_table() -> None:
    operator = KeyspacesAddColumnsOperator(task_id="t", table="orders", columns={}, **AWS)
    assert place_of(operator) == ConsolePlace(region="eu-west-1", keyspace="shop", table="orders")
    for tables, table in ((["orders"], "orders"), (["orders", "carts"], None)):
        sensor = KeyspacesTableActiveSensor(task_id="t", tables=tables, **AWS)
        assert place_of(sensor) == ConsolePlace(region="eu-west-1", keyspace="shop", table=table)


def test_those_of_cql_take_the_region_of_their_connection() -> None:
    copy = SnowflakeToKeyspacesOperator(
        task_id="t", snowflake_conn_id="s", keyspaces_conn_id="target", sql="", keyspace="shop", table="orders"
    )
    assert place_of(copy) == ConsolePlace(region="us-gov-west-1", keyspace="shop", table="orders")
    assert place_of(KeyspacesOperator(task_id="t", keyspaces_conn_id="target", cql="")) == ConsolePlace(
        region="us-gov-west-1"
    )


def test_a_store_that_is_not_in_aws_or_a_connection_that_is_not_there_has_no_link() -> None:
    export: dict[str, Any] = {"task_id": "t", "keyspace": "shop", "table": "orders", "output_path": "x"}
    for conn_id in ("source", "nobody"):
        assert address(KeyspacesTableLink(), ExportTableOperator(conn_id=conn_id, **export)) == ""
    assert not CassandraOperator.operator_extra_links


@pytest.mark.parametrize("named", [{"endpoint_url": "http://127.0.0.1:1"}, {"service_config": {"keyspaces": {}}}])
def test_a_local_world_has_no_console(monkeypatch: pytest.MonkeyPatch, named: dict[str, Any]) -> None:
    if "service_config" in named:
        named["service_config"]["keyspaces"]["endpoint_url"] = "http://localhost:1"
    monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps({"conn_type": "aws", "extra": named}))
    local = {"conn_type": "amazon_keyspaces", "host": "127.0.0.1", "extra": {"region": "us-east-1", "tls": False}}
    monkeypatch.setenv("AIRFLOW_CONN_TARGET", json.dumps(local))
    operators = (
        KeyspacesAddColumnsOperator(task_id="t", table="orders", columns={}, **AWS),
        KeyspacesOperator(task_id="t", keyspaces_conn_id="target", cql=""),
    )
    for operator in operators:
        assert address(KeyspacesTableLink(), operator) == ""


def test_an_endpoint_of_aws_in_a_vpc_has_its_console(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"endpoint_url": "https://vpce-1.cassandra.eu-west-1.vpce.amazonaws.com"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps({"conn_type": "aws", "extra": extra}))
    operator = KeyspacesAddColumnsOperator(task_id="t", table="orders", columns={}, **AWS)
    assert place_of(operator) == ConsolePlace(region="eu-west-1", keyspace="shop", table="orders")


def test_airflows_provider_manager_registers_them() -> None:
    manager: Any = ProvidersManager
    assert {
        "keyspaces_provider.links.KeyspacesTableLink",
        "keyspaces_provider.links.KeyspacesMetricsLink",
        "keyspaces_provider.links.ReportLink",
    } <= set(manager().extra_links_class_names)


def test_they_come_through_the_serialised_dag_to_the_ui() -> None:
    with DAG("d", schedule=None) as dag:
        KeyspacesCapacityOperator(task_id="t", table="orders", mode="PAY_PER_REQUEST", **AWS)
    task = DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("t")
    assert sorted(task.extra_links) == ["Amazon Keyspaces console", "CloudWatch metrics"]
    keys = {link.xcom_key for link in task.operator_extra_link_dict.values()}
    assert keys == {KeyspacesTableLink().xcom_key, KeyspacesMetricsLink().xcom_key}


@pytest.mark.parametrize(
    ("kept", "opens"),
    [
        (
            "s3://aws_default@reports/flights/run one/check.html",
            "https://console.aws.amazon.com/s3/object/reports?prefix=flights/run%20one/check.html",
        ),
        ("s3://reports/check.html", "https://console.aws.amazon.com/s3/object/reports?prefix=check.html"),
        ("file:///reports/check.html", "file:///reports/check.html"),
        ("", ""),
    ],
)
def test_a_kept_report_opens_where_a_browser_finds_it(kept: str, opens: str) -> None:
    assert page_address(kept) == opens
