"""What is still to be asked of AWS, by what GetTable says."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from keyspaces_migration.keyspaces_api import (
    AwsAccessRefusedError,
    AwsQuotaError,
    AwsRequestError,
    AwsRequestRefusedError,
    AwsUnreachableError,
    Capacity,
    TableBusyError,
    TableDefinition,
    TableDiffersError,
    TableMissingError,
    ThroughputMode,
    WarmThroughput,
    aws_errors,
    pending_columns,
)

ON_DEMAND = {"capacitySpecification": {"throughputMode": "PAY_PER_REQUEST", "lastUpdateToPayPerRequestTimestamp": 1}}
PROVISIONED = {
    "capacitySpecification": {"throughputMode": "PROVISIONED", "readCapacityUnits": 5, "writeCapacityUnits": 6}
}
LIVE: dict[str, Any] = {
    "allColumns": [
        {"name": "a", "type": "text"},
        {"name": "b", "type": "int"},
        {"name": "s", "type": "int"},
        {"name": "m", "type": "map<text, frozen<list<int>>>"},
    ],
    "partitionKeys": [{"name": "a"}],
    "clusteringKeys": [{"name": "b", "orderBy": "DESC"}],
    "staticColumns": [{"name": "s"}],
}


def provisioned(read: int, write: int) -> Capacity:
    return Capacity(mode=ThroughputMode.PROVISIONED, read_units=read, write_units=write)


def test_a_capacity_that_is_there_is_not_asked_for_again() -> None:
    on_demand = Capacity(mode=ThroughputMode.PAY_PER_REQUEST)
    assert on_demand.pending(ON_DEMAND) == {}
    assert on_demand.pending(PROVISIONED) == {"capacitySpecification": {"throughputMode": "PAY_PER_REQUEST"}}
    assert provisioned(5, 6).pending(PROVISIONED) == {}
    assert provisioned(5, 7).pending(PROVISIONED)["capacitySpecification"]["writeCapacityUnits"] == 7
    assert provisioned(5, 6).pending(ON_DEMAND) != {}


@pytest.mark.parametrize(("read", "write"), [(None, None), (1, None), (0, 1)])
def test_provisioned_needs_units(read: Any, write: Any) -> None:
    with pytest.raises(AwsRequestRefusedError):
        provisioned(read, write)


def test_what_is_warmer_than_asked_for_is_not_cooled() -> None:
    live = {"warmThroughputSpecification": {"readUnitsPerSecond": 12_000, "writeUnitsPerSecond": 4_000}}
    assert WarmThroughput(read_units_per_s=10_000).pending(live) == {}
    assert WarmThroughput(read_units_per_s=10_000, write_units_per_s=5_000).pending(live) == {
        "warmThroughputSpecification": {"readUnitsPerSecond": 12_000, "writeUnitsPerSecond": 5_000}
    }
    assert WarmThroughput(write_units_per_s=5_000).pending({}) == {
        "warmThroughputSpecification": {"writeUnitsPerSecond": 5_000}
    }


@pytest.mark.parametrize("units", [{}, {"read_units_per_s": 0}])
def test_no_warmth_is_refused(units: dict[str, int]) -> None:
    with pytest.raises(AwsRequestRefusedError):
        WarmThroughput(**units)


def definition(**changes: Any) -> TableDefinition:
    columns = {"b": "int", "a": "varchar", "s": "int", "m": "map<text,frozen<list<int>>>"}
    keys: dict[str, Any] = {"partition_keys": ["a"], "clustering_keys": {"b": "DESC"}, "static_columns": ["s"]}
    return TableDefinition(**{"columns": columns, **keys, **changes})


def test_the_same_columns_in_another_order_and_spelling_are_the_same() -> None:
    definition().require_same(LIVE, table="k.t")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"columns": {"a": "text", "b": "bigint", "s": "int", "m": "map<text, frozen<list<int>>>"}}, "b is int"),
        ({"columns": {"a": "text", "b": "int", "s": "int"}}, "m is map"),
        ({"partition_keys": ["b"]}, "partitionKeys"),
        ({"clustering_keys": {"b": "ASC"}}, "clusteringKeys"),
        ({"static_columns": []}, "staticColumns"),
    ],
)
def test_another_definition_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(TableDiffersError, match=told):
        definition(**changes).require_same(LIVE, table="k.t")


def test_only_missing_columns_are_added() -> None:
    live = {"schemaDefinition": LIVE}
    assert pending_columns({"a": "varchar"}, live, table="k.t") == {}
    wanted = {"a": "text", "new": "set<int>"}
    assert pending_columns(wanted, live, table="k.t") == {"addColumns": [{"name": "new", "type": "set<int>"}]}
    with pytest.raises(TableDiffersError, match="'b': 'int'"):
        pending_columns({"b": "text"}, live, table="k.t")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ResourceNotFoundException", TableMissingError),
        ("ServiceQuotaExceededException", AwsQuotaError),
        ("ConflictException", TableBusyError),
        ("AccessDeniedException", AwsAccessRefusedError),
        ("ThrottlingException", AwsUnreachableError),
        ("ValidationException", AwsRequestRefusedError),
        ("SomethingNew", AwsRequestRefusedError),
    ],
)
def test_each_decision_has_its_error(code: str, kind: type[AwsRequestError]) -> None:
    with pytest.raises(AwsRequestError, match=r"table k\.t.*because") as caught, aws_errors("table k.t"):
        raise ClientError({"Error": {"Code": code, "Message": "because"}}, "GetTable")
    assert caught.type is kind


def test_an_endpoint_that_is_not_there_may_pass() -> None:
    with pytest.raises(AwsUnreachableError), aws_errors("table k.t"):
        raise EndpointConnectionError(endpoint_url="http://nowhere")
