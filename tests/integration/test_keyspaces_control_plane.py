"""The AWS `keyspaces` API of the local world, through boto3's own client."""

from __future__ import annotations

import http.client
import json
import uuid
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

SCHEMA = {
    "allColumns": [
        {"name": "a", "type": "text"},
        {"name": "b", "type": "int"},
        {"name": "s", "type": "int"},
        {"name": "m", "type": "map<tinyint,frozen<list<int>>>"},
    ],
    "partitionKeys": [{"name": "a"}],
    "clusteringKeys": [{"name": "b", "orderBy": "DESC"}],
    "staticColumns": [{"name": "s"}],
}


@pytest.fixture(scope="module")
def control_plane(
    local_keyspaces: LocalKeyspacesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesControlPlane]:
    control_plane = KeyspacesControlPlane(
        ControlPlaneSettings(
            home=tmp_path_factory.mktemp("control-plane"),
            port=free_ports(1)[0],
            node=local_keyspaces.contact,
        )
    )
    start(control_plane)
    yield control_plane
    control_plane.stop()


def start(control_plane: KeyspacesControlPlane) -> None:
    control_plane.launch()
    wait_until(control_plane.why_not_healthy, name=control_plane.name, log=control_plane.log, timeout_s=60)


@pytest.fixture
def client(control_plane: KeyspacesControlPlane) -> Any:
    return boto3.client(
        "keyspaces",
        endpoint_url=control_plane.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture
def keyspace(client: Any) -> Iterator[str]:
    name = f"c{uuid.uuid4().hex[:10]}"
    client.create_keyspace(keyspaceName=name, tags=[{"key": "Project", "value": "p"}])
    yield name
    client.delete_keyspace(keyspaceName=name)


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_table_comes_back_as_it_was_asked_for_even_after_a_restart(
    control_plane: KeyspacesControlPlane, client: Any, keyspace: str
) -> None:
    arn = client.create_table(
        keyspaceName=keyspace,
        tableName="t",
        schemaDefinition=SCHEMA,
        capacitySpecification={"throughputMode": "PROVISIONED", "readCapacityUnits": 7, "writeCapacityUnits": 8},
        ttl={"status": "ENABLED"},
        defaultTimeToLive=60,
        comment={"message": "it's"},
        clientSideTimestamps={"status": "ENABLED"},
        tags=[{"key": "Type", "value": "table"}],
    )["resourceArn"]
    control_plane.stop()
    start(control_plane)
    table = client.get_table(keyspaceName=keyspace, tableName="t")
    definition = table["schemaDefinition"]
    assert {each["name"]: each["type"] for each in definition["allColumns"]}["m"] == "map<tinyint, frozen<list<int>>>"
    assert definition["clusteringKeys"] == [{"name": "b", "orderBy": "DESC"}]
    assert (definition["partitionKeys"], definition["staticColumns"]) == ([{"name": "a"}], [{"name": "s"}])
    assert table["capacitySpecification"]["writeCapacityUnits"] == 8
    assert (table["ttl"]["status"], table["defaultTimeToLive"], table["comment"]["message"]) == ("ENABLED", 60, "it's")
    assert table["clientSideTimestamps"]["status"] == "ENABLED"
    assert table["pointInTimeRecovery"]["status"] == "DISABLED"
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "Type", "value": "table"}]


def test_a_table_is_changed_one_setting_in_a_call(client: Any, keyspace: str) -> None:
    client.create_table(keyspaceName=keyspace, tableName="t", schemaDefinition=SCHEMA)
    name = {"keyspaceName": keyspace, "tableName": "t"}
    client.update_table(**name, addColumns=[{"name": "n", "type": "bigint"}])
    client.update_table(**name, pointInTimeRecovery={"status": "ENABLED"})
    client.update_table(**name, defaultTimeToLive=5)
    table = client.get_table(**name)
    assert {"name": "n", "type": "bigint"} in table["schemaDefinition"]["allColumns"]
    assert (table["pointInTimeRecovery"]["status"], table["defaultTimeToLive"]) == ("ENABLED", 5)
    two = refused(client.update_table, **name, defaultTimeToLive=6, pointInTimeRecovery={"status": "DISABLED"})
    assert two[0] == "ValidationException"
    assert refused(client.update_table, **name, addColumns=[{"name": "n", "type": "int"}])[0] == "ValidationException"


def test_a_table_made_anew_under_the_same_name_has_none_of_the_old_ones_properties(client: Any, keyspace: str) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    tags = [{"key": "old", "value": "tag"}]
    client.create_table(**name, schemaDefinition=SCHEMA, clientSideTimestamps={"status": "ENABLED"}, tags=tags)
    client.delete_table(**name)
    assert refused(client.get_table, **name)[0] == "ResourceNotFoundException"
    arn = client.create_table(**name, schemaDefinition=SCHEMA)["resourceArn"]
    assert "clientSideTimestamps" not in client.get_table(**name)
    assert "tags" not in client.list_tags_for_resource(resourceArn=arn)


def test_errors_are_those_of_the_service_model(client: Any, keyspace: str) -> None:
    table = {"keyspaceName": keyspace, "tableName": "t", "schemaDefinition": SCHEMA}
    assert refused(client.create_keyspace, keyspaceName=keyspace)[0] == "ConflictException"
    assert refused(client.delete_keyspace, keyspaceName="system_schema")[0] == "AccessDeniedException"
    assert refused(client.get_keyspace, keyspaceName="nowhere")[0] == "ResourceNotFoundException"
    client.create_table(**table)
    assert refused(client.create_table, **table)[0] == "ConflictException"
    assert refused(client.create_table, **table | {"tableName": "t-2"}) == (
        "ValidationException",
        "1 validation error(s) detected: value 't-2' at 'request.tableName' must match [a-zA-Z0-9][a-zA-Z0-9_]{0,47}",
    )
    units = {"throughputMode": "PROVISIONED", "readCapacityUnits": 40_001, "writeCapacityUnits": 1}
    code, _ = refused(client.create_table, **table | {"tableName": "t2"}, capacitySpecification=units)
    assert code == "ServiceQuotaExceededException"
    bad = {"allColumns": [{"name": "a", "type": "nonsense<"}], "partitionKeys": [{"name": "a"}]}
    code, message = refused(client.create_table, keyspaceName=keyspace, tableName="t3", schemaDefinition=bad)
    assert code == "ValidationException"
    assert "nonsense<" in message


def test_lists_come_in_pages(client: Any, keyspace: str) -> None:
    for name in ("t1", "t2", "t3"):
        client.create_table(keyspaceName=keyspace, tableName=name, schemaDefinition=SCHEMA)
    pages = client.get_paginator("list_tables").paginate(keyspaceName=keyspace, PaginationConfig={"PageSize": 2})
    assert [[table["tableName"] for table in page["tables"]] for page in pages] == [["t1", "t2"], ["t3"]]
    names = [each["keyspaceName"] for each in client.list_keyspaces()["keyspaces"]]
    assert keyspace in names
    assert not [name for name in names if name.startswith("system")]


def test_tags_are_added_changed_and_removed(client: Any, keyspace: str) -> None:
    arn = client.get_keyspace(keyspaceName=keyspace)["resourceArn"]
    client.tag_resource(resourceArn=arn, tags=[{"key": "Project", "value": "q"}, {"key": "x", "value": "y"}])
    client.untag_resource(resourceArn=arn, tags=[{"key": "x", "value": "y"}])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "Project", "value": "q"}]
    assert refused(client.tag_resource, resourceArn=f"{arn}table/none", tags=[{"key": "a", "value": "b"}])[0] == (
        "ResourceNotFoundException"
    )


@pytest.mark.parametrize(
    ("target", "body", "expected"),
    [
        ("KeyspacesService.Nonsense", b"{}", "names no operation"),
        ("KeyspacesService.GetTable", b"[]", "must be a JSON object"),
        ("KeyspacesService.GetTable", b"{", "no JSON"),
        ("KeyspacesService.GetTable", b'{"keyspaceName": 1, "tableName": "t"}', "must be a string"),
        ("KeyspacesService.GetTable", b'{"keyspaceName": "k", "tableName": "t", "more": 1}', "is no member"),
        ("KeyspacesService.CreateType", b"{}", "does not have CreateType"),
    ],
)
def test_a_request_that_boto3_would_not_send_is_refused_and_the_connection_lives_on(
    control_plane: KeyspacesControlPlane, target: str, body: bytes, expected: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", control_plane.settings.port, timeout=30)
    for _ in range(2):
        connection.request("POST", "/", body=body, headers={"X-Amz-Target": target})
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert (response.status, answer["__type"]) == (400, "ValidationException")
        assert expected in answer["message"]
    connection.close()
