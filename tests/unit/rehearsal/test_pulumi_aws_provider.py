"""What the attached provider says of a difference must be what pulumi_aws says: the gate stands on it."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber
from google.protobuf import struct_pb2

from rehearsal.pulumi_aws_provider.account import ConfigurationError, connect
from rehearsal.pulumi_aws_provider.cloud_control import CloudControlTable
from rehearsal.pulumi_aws_provider.keyspace import Keyspace
from rehearsal.pulumi_aws_provider.structs import SECRET, SIGNATURE, UNKNOWN, has_unknown, to_dict, to_struct
from rehearsal.pulumi_aws_provider.table import Table

TABLE: dict[str, Any] = {
    "keyspaceName": "k",
    "tableName": "t",
    "schemaDefinition": {
        "columns": [{"name": "a", "type": "text"}, {"name": "b", "type": "int"}, {"name": "s", "type": "int"}],
        "partitionKeys": [{"name": "a"}],
        "clusteringKeys": [{"name": "b", "orderBy": "ASC"}],
        "staticColumns": [{"name": "s"}],
    },
    "capacitySpecification": {"throughputMode": "PAY_PER_REQUEST"},
    "clientSideTimestamps": {"status": "ENABLED"},
    "pointInTimeRecovery": {"status": "ENABLED"},
    "ttl": {"status": "ENABLED"},
    "tags": {"Type": "table"},
}


def diff(**change: Any) -> dict[str, bool]:
    """Paths that differ once top-level or schema members are changed (None removes), and whether each replaces."""
    new = copy.deepcopy(TABLE)
    for name, value in change.items():
        place = new["schemaDefinition"] if name in new["schemaDefinition"] else new
        if value is None:
            del place[name]
        else:
            place[name] = value
    return {found.path: found.replaces for found in Table().diff(TABLE, new)}


COLUMNS = TABLE["schemaDefinition"]["columns"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"keyspaceName": "x"}, "keyspaceName"),
        ({"tableName": "x"}, "tableName"),
        ({"comment": {"message": "x"}}, "comment"),
        ({"region": "eu-west-1"}, "region"),
        ({"partitionKeys": [{"name": "b"}]}, "schemaDefinition.partitionKeys"),
        ({"clusteringKeys": [{"name": "b", "orderBy": "DESC"}]}, "schemaDefinition.clusteringKeys"),
        ({"staticColumns": None}, "schemaDefinition.staticColumns"),
        ({"columns": COLUMNS[:2]}, "schemaDefinition.columns"),
        ({"columns": [*COLUMNS[:2], {"name": "s", "type": "bigint"}]}, "schemaDefinition.columns"),
        ({"clientSideTimestamps": None}, "clientSideTimestamps"),
    ],
)
def test_what_pulumi_aws_makes_anew_is_made_anew(change: dict[str, Any], path: str) -> None:
    assert diff(**change) == {path: True}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"columns": [*COLUMNS, {"name": "n", "type": "int"}]}, "schemaDefinition.columns"),
        ({"capacitySpecification": {"throughputMode": "PROVISIONED"}}, "capacitySpecification"),
        ({"pointInTimeRecovery": {"status": "DISABLED"}}, "pointInTimeRecovery"),
        ({"defaultTimeToLive": 5}, "defaultTimeToLive"),
        ({"ttl": None}, "ttl"),
        ({"tags": {}}, "tags"),
    ],
)
def test_what_can_be_changed_in_place_is(change: dict[str, Any], path: str) -> None:
    assert diff(**change) == {path: False}


@pytest.mark.parametrize(
    "change",
    [
        {"columns": COLUMNS[::-1]},
        # protobuf's maps give a column's members in any order.
        {"columns": [{"type": each["type"], "name": each["name"]} for each in COLUMNS[:1]] + COLUMNS[1:]},
        {"capacitySpecification": None},
        {"pointInTimeRecovery": None},
    ],
)
def test_order_of_columns_and_what_aws_fills_in_are_no_difference(change: dict[str, Any]) -> None:
    assert diff(**change) == {}


def test_enabling_client_side_timestamps_is_in_place() -> None:
    without = {name: value for name, value in TABLE.items() if name != "clientSideTimestamps"}
    assert [found.replaces for found in Table().diff(without, TABLE)] == [False]


@pytest.mark.parametrize("cql_type", ["text", "map<tinyint, int>", "set<text>"])
def test_types_of_one_level_pass(cql_type: str) -> None:
    assert failures({"name": "c", "type": cql_type}) == []


@pytest.mark.parametrize("column", [{"name": "c", "type": "frozen<list<int>>"}, {"name": "Upper", "type": "int"}])
def test_what_pulumi_aws_does_not_let_through_is_refused(column: dict[str, str]) -> None:
    (path,) = failures(column)
    assert path.startswith("schemaDefinition.columns[3].")


def test_a_table_is_read_without_the_times_that_the_api_adds_to_its_settings() -> None:
    account = connect({"region": "eu-west-1", "endpoints": '[{"keyspaces": "http://127.0.0.1:1"}]'})
    arn = "arn:aws:cassandra:eu-west-1:111122223333:/keyspace/k/table/t"
    answer = {
        "keyspaceName": "k",
        "tableName": "t",
        "resourceArn": arn,
        "schemaDefinition": {"allColumns": [{"name": "a", "type": "int"}], "partitionKeys": [{"name": "a"}]},
        "comment": {"message": ""},
        "defaultTimeToLive": 0,
        "capacitySpecification": {
            "throughputMode": "PAY_PER_REQUEST",
            "lastUpdateToPayPerRequestTimestamp": datetime.now(UTC),
        },
        "pointInTimeRecovery": {"status": "ENABLED", "earliestRestorableTimestamp": datetime.now(UTC)},
    }
    with Stubber(account.keyspaces) as service:
        service.add_response("get_table", answer, {"keyspaceName": "k", "tableName": "t"})
        service.add_response("list_tags_for_resource", {}, {"resourceArn": arn})
        found = Table().read(account, "k/t", {})
    assert found is not None
    read = to_dict(to_struct(found.outputs))
    assert read["pointInTimeRecovery"] == {"status": "ENABLED"}
    assert read["capacitySpecification"] == {"throughputMode": "PAY_PER_REQUEST"}


def failures(column: dict[str, str]) -> list[str]:
    inputs = copy.deepcopy(TABLE)
    inputs["schemaDefinition"]["columns"].append(column)
    return [failure.path for failure in Table().check(inputs)]


def test_a_keyspace_is_made_anew_only_for_its_name_and_region() -> None:
    old = {"name": "k", "tags": {"a": "b"}}
    assert [found.replaces for found in Keyspace().diff(old, old | {"name": "x"})] == [True]
    assert [found.replaces for found in Keyspace().diff(old, old | {"tags": {}})] == [False]


STATE: dict[str, Any] = {
    "KeyspaceName": "k",
    "TableName": "t",
    "PartitionKeyColumns": [{"ColumnName": "a", "ColumnType": "text"}],
    "RegularColumns": [{"ColumnName": "b", "ColumnType": "int"}],
    "ClientSideTimestampsEnabled": True,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"TableName": "x"}, [True]),
        ({"PartitionKeyColumns": [{"ColumnName": "a", "ColumnType": "int"}]}, [True]),
        ({"ClientSideTimestampsEnabled": False}, [True]),
        ({"RegularColumns": []}, [False]),
        ({"PointInTimeRecoveryEnabled": True}, [False]),
        ({"ClusteringKeyColumns": []}, []),
    ],
)
def test_cloud_control_makes_a_table_anew_for_its_create_only_members(
    change: dict[str, Any], expected: list[bool]
) -> None:
    old, new = ({"typeName": "AWS::Cassandra::Table", "desiredState": json.dumps(s)} for s in (STATE, STATE | change))
    assert [found.replaces for found in CloudControlTable().diff(old, new)] == expected


def test_cloud_control_serves_tables_alone_and_knows_their_members() -> None:
    def paths(**inputs: str) -> list[str]:
        return [failure.path for failure in CloudControlTable().check(inputs)]

    good = {"typeName": "AWS::Cassandra::Table", "desiredState": json.dumps(STATE)}
    assert paths(**good) == []
    assert paths(**good | {"typeName": "AWS::S3::Bucket"}) == ["typeName"]
    assert paths(**good | {"desiredState": json.dumps(STATE | {"StaticColumns": []})}) == ["desiredState"]


def test_property_values_survive_the_protocol() -> None:
    values = {"whole": 5, "part": 0.5, "text": "x", "list": [1, {"a": None}], "yes": True}
    assert to_dict(to_struct(values)) == values
    secret = to_struct({"s": {SIGNATURE: SECRET, "value": {"a": 1}}, "__defaults": []})
    assert to_dict(secret) == {"s": {"a": 1}}
    assert to_dict(struct_pb2.Struct()) == {}
    assert has_unknown({"a": [{"b": UNKNOWN}]})
    assert not has_unknown({"a": ["b"]})


@pytest.mark.parametrize(
    "url", ["https://cassandra.us-east-1.amazonaws.com", "http://10.0.0.1:1", "http://example.org"]
)
def test_the_stand_in_never_reaches_beyond_loopback(url: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback only"):
        connect({"region": "us-east-1", "endpoints": json.dumps([{"keyspaces": url}])})
    with pytest.raises(ConfigurationError, match="loopback only"):
        connect({"region": "us-east-1"})
