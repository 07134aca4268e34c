"""The AWS `keyspaces` API of the local world, through boto3's own client."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, StringShape, StructureShape
from typing_extensions import override

from keyspaces_migration.clients import open_session
from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.backend import Backend
from rehearsal.keyspaces_control_plane.errors import ConflictError
from rehearsal.keyspaces_control_plane.live_schema import LiveSchema
from rehearsal.keyspaces_control_plane.operations import keyspaces_api
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.keyspaces_control_plane.properties import PropertyStore
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from botocore.model import Shape
    from cassandra.cluster import Session

    from rehearsal.keyspaces_control_plane.live_schema import LiveTable
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


@pytest.fixture(scope="module")
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    settings = local_keyspaces.contact.session_settings(request_timeout_s=30.0, schema_metadata=False)
    with open_session(settings) as session:
        yield session


@pytest.fixture
def client(control_plane: KeyspacesControlPlane) -> Any:
    return client_of("keyspaces", control_plane)


def client_of(service: str, control_plane: KeyspacesControlPlane) -> Any:
    make: Any = boto3.client  # Its types are by literal name, a service at a time.
    return make(
        service,
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
        ("Keyspaces.GetTable", b"{}", "names no operation"),
        ("KeyspacesService.RestoreTable", b"{}", "must not be null"),
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


TYPE_FIELDS = [{"name": "street", "type": "text"}, {"name": "lines", "type": "list<int>"}]


def test_types_are_types_of_the_node_that_tables_can_use(client: Any, session: Session, keyspace: str) -> None:
    named = {"keyspaceName": keyspace, "typeName": "Address"}
    before = datetime.now(UTC) - timedelta(seconds=1)
    arn = client.get_keyspace(keyspaceName=keyspace)["resourceArn"]
    created = client.create_type(**named, fieldDefinitions=TYPE_FIELDS)
    assert (created["keyspaceArn"], created["typeName"]) == (arn, "address")
    fields = [{"name": "home", "type": "frozen<address>"}]
    client.create_type(keyspaceName=keyspace, typeName='"Person"', fieldDefinitions=fields)
    schema = {"allColumns": [{"name": "a", "type": "int"}, {"name": "p", "type": 'list<frozen<"Person">>'}]}
    client.create_table(
        keyspaceName=keyspace, tableName="t", schemaDefinition={**schema, "partitionKeys": [{"name": "a"}]}
    )
    client.update_table(keyspaceName=keyspace, tableName="t", addColumns=[{"name": "x", "type": "frozen<address>"}])
    columns = client.get_table(keyspaceName=keyspace, tableName="t")["schemaDefinition"]["allColumns"]
    assert {each["name"]: each["type"] for each in columns} == {
        "a": "int",
        "p": 'list<frozen<"Person">>',
        "x": "frozen<address>",
    }
    address, person = client.get_type(**named), client.get_type(keyspaceName=keyspace, typeName='"Person"')
    assert address["fieldDefinitions"] == TYPE_FIELDS
    assert (address["directParentTypes"], address["directReferringTables"]) == (['"Person"'], ["t"])
    assert (address["maxNestingDepth"], person["maxNestingDepth"], person["directReferringTables"]) == (1, 2, ["t"])
    assert before <= address["lastModifiedTimestamp"] <= datetime.now(UTC) + timedelta(seconds=1)
    session.execute(f"INSERT INTO {keyspace}.t (a, x) VALUES (1, {{street: 's', lines: [1, 2]}})")
    assert session.execute(f"SELECT x FROM {keyspace}.t WHERE a = 1").one().x.lines == [1, 2]


def test_a_type_in_use_is_not_deleted(client: Any, session: Session, keyspace: str) -> None:
    named = {"keyspaceName": keyspace, "typeName": "address"}
    client.create_type(**named, fieldDefinitions=TYPE_FIELDS)
    fields = [{"name": "home", "type": "frozen<address>"}]
    client.create_type(keyspaceName=keyspace, typeName="person", fieldDefinitions=fields)
    code, message = refused(client.delete_type, **named)
    assert (code, "used by type person" in message) == ("ConflictException", True)
    client.delete_type(keyspaceName=keyspace, typeName="person")
    session.execute(f"CREATE TABLE {keyspace}.t (a int PRIMARY KEY, x frozen<address>)")
    code, message = refused(client.delete_type, **named)
    assert (code, "used by table t" in message) == ("ConflictException", True)
    client.delete_table(keyspaceName=keyspace, tableName="t")
    assert client.delete_type(**named)["typeName"] == "address"
    assert refused(client.get_type, **named)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize(
    ("name", "fields", "answer"),
    [
        ("there", TYPE_FIELDS, ("ConflictException", "exists already")),
        ("THERE", TYPE_FIELDS, ("ConflictException", "exists already")),
        ("a-b", TYPE_FIELDS, ("ValidationException", "must match")),
        ("t", TYPE_FIELDS * 2, ("ValidationException", "more than once: lines, street")),
        ("t", [{"name": "f", "type": "nonsense<"}], ("ValidationException", "field 'f': 'nonsense<'")),
        ("t", [{"name": "f", "type": "frozen<nowhere>"}], ("ValidationException", "nowhere")),
        ("t", [{"name": "f", "type": "there"}], ("ValidationException", "non-frozen")),
    ],
)
def test_types_that_keyspaces_would_not_take_are_refused(
    client: Any, keyspace: str, name: str, fields: list[dict[str, str]], answer: tuple[str, str]
) -> None:
    client.create_type(keyspaceName=keyspace, typeName="there", fieldDefinitions=TYPE_FIELDS)
    found = refused(client.create_type, keyspaceName=keyspace, typeName=name, fieldDefinitions=fields)
    assert (found[0], answer[1] in found[1]) == (answer[0], True), found
    assert client.list_types(keyspaceName=keyspace)["types"] == ["there"]


def test_types_of_a_keyspace_that_is_not_there_or_not_the_users(client: Any) -> None:
    named = {"typeName": "t", "fieldDefinitions": TYPE_FIELDS}
    assert refused(client.create_type, keyspaceName="nowhere", **named)[0] == "ResourceNotFoundException"
    assert refused(client.create_type, keyspaceName="system_schema", **named)[0] == "AccessDeniedException"
    assert refused(client.list_types, keyspaceName="nowhere")[0] == "ResourceNotFoundException"


PROVISIONED = {"throughputMode": "PROVISIONED", "readCapacityUnits": 5, "writeCapacityUnits": 6}


def scaling(least: int = 5, most: int = 10, target: float = 70.0) -> dict[str, Any]:
    policy = {"targetTrackingScalingPolicyConfiguration": {"targetValue": target, "disableScaleIn": False}}
    return {"minimumUnits": least, "maximumUnits": most, "scalingPolicy": policy}


def test_auto_scaling_is_kept_until_the_table_goes_on_demand(client: Any, keyspace: str) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    wanted = {"writeCapacityAutoScaling": scaling()}
    client.create_table(
        **name, schemaDefinition=SCHEMA, capacitySpecification=PROVISIONED, autoScalingSpecification=wanted
    )
    found = client.get_table_auto_scaling_settings(**name)
    assert found["resourceArn"] == client.get_table(**name)["resourceArn"]
    assert found["autoScalingSpecification"] == wanted
    limits = {"minimumUnits": 6, "maximumUnits": 20}
    client.update_table(**name, autoScalingSpecification={"writeCapacityAutoScaling": limits})
    client.update_table(**name, autoScalingSpecification={"readCapacityAutoScaling": {"autoScalingDisabled": True}})
    assert client.get_table_auto_scaling_settings(**name)["autoScalingSpecification"] == {
        "writeCapacityAutoScaling": {**scaling(6, 20), "autoScalingDisabled": False},
        "readCapacityAutoScaling": {"autoScalingDisabled": True},
    }
    client.update_table(**name, capacitySpecification={"throughputMode": "PAY_PER_REQUEST"})
    client.update_table(**name, capacitySpecification=PROVISIONED)
    assert "autoScalingSpecification" not in client.get_table_auto_scaling_settings(**name)


def test_capacity_and_its_auto_scaling_may_change_together(client: Any, keyspace: str) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    client.create_table(**name, schemaDefinition=SCHEMA)
    wanted = {"readCapacityAutoScaling": scaling()}
    code, message = refused(client.update_table, **name, autoScalingSpecification=wanted)
    assert (code, "PROVISIONED only" in message) == ("ValidationException", True)
    client.update_table(**name, capacitySpecification=PROVISIONED, autoScalingSpecification=wanted)
    assert client.get_table(**name)["capacitySpecification"]["writeCapacityUnits"] == 6
    found = client.get_table_auto_scaling_settings(**name)["autoScalingSpecification"]["readCapacityAutoScaling"]
    assert found == {**scaling(), "autoScalingDisabled": False}


@pytest.mark.parametrize(
    ("capacity", "settings", "answer"),
    [
        ({"throughputMode": "PAY_PER_REQUEST"}, scaling(), ("ValidationException", "PROVISIONED only")),
        (PROVISIONED, scaling(least=11), ("ValidationException", "from 11 to 10 units")),
        (PROVISIONED, scaling(most=40_001), ("ServiceQuotaExceededException", "at most 40000")),
        (PROVISIONED, scaling(target=19.9), ("ValidationException", "20 to 90")),
        (PROVISIONED, scaling(target=90.1), ("ValidationException", "20 to 90")),
        (PROVISIONED, {"minimumUnits": 1}, ("ValidationException", "needs maximumUnits, scalingPolicy")),
    ],
)
def test_auto_scaling_that_keyspaces_would_not_take_makes_no_table(
    client: Any, keyspace: str, capacity: dict[str, Any], settings: dict[str, Any], answer: tuple[str, str]
) -> None:
    found = refused(
        client.create_table,
        keyspaceName=keyspace,
        tableName="t",
        schemaDefinition=SCHEMA,
        capacitySpecification=capacity,
        autoScalingSpecification={"writeCapacityAutoScaling": settings},
    )
    assert (found[0], answer[1] in found[1]) == (answer[0], True), found
    assert client.list_tables(keyspaceName=keyspace)["tables"] == []


def test_on_demand_only_once_in_24_hours_and_features_that_stay_on(client: Any, keyspace: str) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    features = {"ttl": {"status": "ENABLED"}, "clientSideTimestamps": {"status": "ENABLED"}}
    client.create_table(**name, schemaDefinition=SCHEMA, **features)
    client.update_table(**name, capacitySpecification=PROVISIONED)
    code, message = refused(client.update_table, **name, capacitySpecification={"throughputMode": "PAY_PER_REQUEST"})
    assert (code, "24 hours" in message) == ("ValidationException", True)
    for feature in features:
        code, message = refused(client.update_table, **name, **{feature: {"status": "DISABLED"}})
        assert (code, "must be one of ENABLED" in message) == ("ValidationException", True)
        assert client.get_table(**name)[feature]["status"] == "ENABLED"
    assert client.get_table(**name)["capacitySpecification"]["throughputMode"] == "PROVISIONED"


@pytest.fixture
def freeze(session: Session) -> Iterator[Callable[[], None]]:
    """Once called, no change of the schema ends until `thaw`. Ask for it after the keyspace, which is dropped later."""
    yield lambda: session.execute("UPDATE local_keyspaces.settings SET value = 1 WHERE name = 'ddl_frozen'")
    thaw(session)


def thaw(session: Session) -> None:
    session.execute("UPDATE local_keyspaces.settings SET value = 0 WHERE name = 'ddl_frozen'")


def test_a_table_that_is_being_made_or_changed_takes_no_other_change(
    client: Any, session: Session, keyspace: str, freeze: Callable[[], None]
) -> None:
    freeze()
    name = {"keyspaceName": keyspace, "tableName": "t"}
    warm = {"warmThroughputSpecification": {"readUnitsPerSecond": 13_000, "writeUnitsPerSecond": 5_000}}
    client.create_table(**name, schemaDefinition=SCHEMA)
    assert client.get_table(**name)["status"] == "CREATING"
    assert refused(client.create_table, **name, schemaDefinition=SCHEMA)[0] == "ConflictException"
    assert refused(client.update_table, **name, defaultTimeToLive=5)[0] == "ConflictException"
    thaw(session)
    assert client.get_table(**name)["status"] == "ACTIVE"
    freeze()
    client.update_table(**name, **warm)
    table = client.get_table(**name)
    assert (table["status"], table["warmThroughputSpecification"]["status"]) == ("UPDATING", "UPDATING")
    assert refused(client.update_table, **name, defaultTimeToLive=5)[0] == "ConflictException"
    assert refused(client.delete_table, **name)[0] == "ConflictException"
    thaw(session)
    table = client.get_table(**name)
    assert table["warmThroughputSpecification"] == {**warm["warmThroughputSpecification"], "status": "AVAILABLE"}


class OvertakenSchema(LiveSchema):
    """A schema that somebody else changes just before this one does."""

    @override
    def set_default_ttl(self, keyspace: str, table: str, default_ttl_s: int) -> None:
        self.session.execute(f"ALTER TABLE {keyspace}.{table} WITH default_time_to_live = 1")
        super().set_default_ttl(keyspace, table, default_ttl_s)

    @override
    def create_table(self, table: LiveTable) -> None:
        self.session.execute(f"CREATE TABLE {table.keyspace}.{table.name} (a int PRIMARY KEY)")
        super().create_table(table)


def test_a_change_that_another_one_overtakes_is_a_conflict(
    session: Session, keyspace: str, tmp_path: Path, freeze: Callable[[], None]
) -> None:
    freeze()
    backend = Backend(
        schema=OvertakenSchema(session),
        properties=PropertyStore(tmp_path / "properties.sqlite"),
        account=Account(),
        now_ms=lambda: 0,
    )
    api = keyspaces_api(backend, threading.Lock())
    table = {"keyspaceName": keyspace, "tableName": "t"}
    with pytest.raises(ConflictError, match="exists already"):
        api.call("CreateTable", {**table, "schemaDefinition": SCHEMA})
    thaw(session)
    assert api.call("GetTable", table)["status"] == "ACTIVE"
    freeze()
    with pytest.raises(ConflictError, match="UPDATING"):
        api.call("UpdateTable", {**table, "defaultTimeToLive": 9})


def test_point_in_time_recovery_reaches_back_to_when_it_was_enabled(
    client: Any, session: Session, keyspace: str, tmp_path: Path
) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    before = datetime.now(UTC) - timedelta(seconds=1)
    client.create_table(**name, schemaDefinition=SCHEMA, pointInTimeRecovery={"status": "ENABLED"})
    earliest = client.get_table(**name)["pointInTimeRecovery"]["earliestRestorableTimestamp"]
    assert before <= earliest <= datetime.now(UTC)
    assert client.get_table(**name)["pointInTimeRecovery"]["earliestRestorableTimestamp"] == earliest
    client.update_table(**name, pointInTimeRecovery={"status": "DISABLED"})
    assert client.get_table(**name)["pointInTimeRecovery"] == {"status": "DISABLED"}
    client.update_table(**name, pointInTimeRecovery={"status": "ENABLED"})
    assert client.get_table(**name)["pointInTimeRecovery"]["earliestRestorableTimestamp"] > earliest

    day_ms = 24 * 60 * 60 * 1000
    now_ms = iter((0, 34 * day_ms, 40 * day_ms))
    backend = Backend(
        schema=LiveSchema(session),
        properties=PropertyStore(tmp_path / "properties.sqlite"),
        account=Account(),
        now_ms=lambda: next(now_ms),
    )
    api = keyspaces_api(backend, threading.Lock())
    found = [api.call("GetTable", name)["pointInTimeRecovery"]["earliestRestorableTimestamp"] for _ in range(3)]
    assert found == [0, 0, 5 * day_ms / 1000]


def test_every_paginator_of_the_model_gives_each_item_once(client: Any, keyspace: str) -> None:
    names = ["n1", "n2", "n3"]
    arn = client.get_keyspace(keyspaceName=keyspace)["resourceArn"]
    client.untag_resource(resourceArn=arn, tags=[{"key": "Project", "value": "p"}])
    client.tag_resource(resourceArn=arn, tags=[{"key": name, "value": "v"} for name in names])
    for name in names:
        client.create_table(keyspaceName=keyspace, tableName=name, schemaDefinition=SCHEMA)
        client.create_type(keyspaceName=keyspace, typeName=name, fieldDefinitions=TYPE_FIELDS)
        client.create_keyspace(keyspaceName=f"{keyspace}{name}")
    asked: dict[str, tuple[dict[str, str], Any, list[str]]] = {
        "ListKeyspaces": (
            {},
            lambda each: each["keyspaceName"],
            [keyspace, *(f"{keyspace}{name}" for name in names)],
        ),
        "ListTables": ({"keyspaceName": keyspace}, lambda each: each["tableName"], names),
        "ListTypes": ({"keyspaceName": keyspace}, str, names),
        "ListTagsForResource": ({"resourceArn": arn}, lambda each: each["key"], names),
    }
    paginators: Any = boto3.Session()._session.get_paginator_model("keyspaces")
    model = paginators._paginator_config
    assert set(asked) == set(model)
    for operation, (request, name_of, expected) in asked.items():
        pages = list(client.get_paginator(xform_name(operation)).paginate(**request, PaginationConfig={"PageSize": 2}))
        found = [[name_of(each) for each in page[model[operation]["result_key"]]] for page in pages]
        assert all(len(page) == 2 for page in found[:-1])
        assert [name for page in found for name in page if name in expected] == expected, operation
    for name in names:
        client.delete_keyspace(keyspaceName=f"{keyspace}{name}")


def least(shape: Shape, known: dict[str, Any], name: str = "") -> Any:
    """The smallest value of a shape, with what is known put in by the member's name."""
    if name in known:
        return known[name]
    match shape:
        case StructureShape():
            return {each: least(shape.members[each], known, each) for each in shape.required_members}
        case ListShape():
            return [least(shape.member, known)]
        case MapShape():
            return {}
        case StringShape():
            return shape.enum[0] if shape.enum else "a" * shape.metadata.get("min", 1)
        case _:
            return {"timestamp": 0, "boolean": False}.get(shape.type_name, 1)


NOT_SUPPORTED = {
    "keyspaces": {"RestoreTable", "UpdateKeyspace"},
    "application-autoscaling": {
        "DeleteScheduledAction",
        "DescribeScalingActivities",
        "DescribeScheduledActions",
        "GetPredictiveScalingForecast",
        "PutScheduledAction",
    },
}


@pytest.mark.parametrize("service", NOT_SUPPORTED)
def test_every_operation_of_the_model_is_answered_or_refused_in_its_words(
    control_plane: KeyspacesControlPlane, keyspace: str, service: str
) -> None:
    client = client_of(service, control_plane)
    model = client.meta.service_model
    arn = f"arn:aws:cassandra:eu-west-1:111122223333:/keyspace/{keyspace}/"
    known = {
        "keyspaceName": keyspace,
        "resourceArn": arn,
        "type": "int",
        "ServiceNamespace": "cassandra",
        "ResourceARN": "arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/none",
    }
    refusals = {}
    # Deletions last: what the others name is still there.
    for operation in sorted(model.operation_names, key=lambda name: (name.startswith(("Delete", "Un")), name)):
        if operation == "DeleteKeyspace":
            known = {**known, "keyspaceName": "nowhere"}
        shapes = model.operation_model(operation)
        try:
            getattr(client, xform_name(operation))(**least(shapes.input_shape, known))
        except ClientError as error:
            found = error.response
            assert found["ResponseMetadata"]["HTTPStatusCode"] == 400, found
            assert found["Error"]["Code"] in {each.name for each in shapes.error_shapes} | {"ValidationException"}
            assert "names no operation" not in found["Error"]["Message"]
            refusals[operation] = found["Error"]["Message"]
    refused_for_good = {name for name, why in refusals.items() if f"{name} is not supported by local Keyspaces" in why}
    assert refused_for_good == NOT_SUPPORTED[service]


@pytest.mark.parametrize(
    "member",
    [
        {"replicaSpecifications": [{"region": "eu-west-2"}]},
        {"cdcSpecification": {"status": "ENABLED"}},
    ],
)
def test_members_that_would_only_be_pretended_are_refused(client: Any, keyspace: str, member: dict[str, Any]) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    expected = ("ValidationException", f"not supported by local Keyspaces: {next(iter(member))}")
    assert refused(client.create_table, **name, schemaDefinition=SCHEMA, **member) == expected
    client.create_table(**name, schemaDefinition=SCHEMA)
    assert refused(client.update_table, **name, **member) == expected
    regions = {"replicationStrategy": "MULTI_REGION", "regionList": ["eu-west-1", "eu-west-2"]}
    code, message = refused(client.create_keyspace, keyspaceName="multi", replicationSpecification=regions)
    assert (code, "not supported by local Keyspaces" in message) == ("ValidationException", True)


@pytest.fixture
def scaling_client(control_plane: KeyspacesControlPlane) -> Any:
    return client_of("application-autoscaling", control_plane)


@pytest.fixture
def target(client: Any, keyspace: str) -> dict[str, str]:
    """What names the write units of a provisioned table."""
    client.create_table(
        keyspaceName=keyspace, tableName="t", schemaDefinition=SCHEMA, capacitySpecification=PROVISIONED
    )
    return {
        "ServiceNamespace": "cassandra",
        "ResourceId": f"keyspace/{keyspace}/table/t",
        "ScalableDimension": "cassandra:table:WriteCapacityUnits",
    }


def tracking(percent: float = 70.0, metric: str = "CassandraWriteCapacityUtilization") -> dict[str, Any]:
    configuration = {"TargetValue": percent, "PredefinedMetricSpecification": {"PredefinedMetricType": metric}}
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}


def test_a_scalable_target_is_registered_updated_and_deregistered_over_a_restart(
    control_plane: KeyspacesControlPlane, scaling_client: Any, target: dict[str, str]
) -> None:
    arn = scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)["ScalableTargetARN"]
    suspended = {"DynamicScalingInSuspended": True}
    again = scaling_client.register_scalable_target(**target, MaxCapacity=20, SuspendedState=suspended)
    assert again["ScalableTargetARN"] == arn
    scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking())
    control_plane.stop()
    start(control_plane)
    names = {"ServiceNamespace": "cassandra", "ResourceIds": [target["ResourceId"]]}
    (found,) = scaling_client.describe_scalable_targets(**names)["ScalableTargets"]
    assert (found["MinCapacity"], found["MaxCapacity"], found["ScalableTargetARN"]) == (1, 20, arn)
    assert found["SuspendedState"]["DynamicScalingInSuspended"]
    assert not found["SuspendedState"]["ScheduledScalingSuspended"]
    assert datetime.now(UTC) - timedelta(minutes=5) < found["CreationTime"] <= datetime.now(UTC)
    scaling_client.deregister_scalable_target(**target)
    assert scaling_client.describe_scalable_targets(**names)["ScalableTargets"] == []
    assert refused(scaling_client.deregister_scalable_target, **target)[0] == "ObjectNotFoundException"
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    policies = scaling_client.describe_scaling_policies(ServiceNamespace="cassandra", ResourceId=target["ResourceId"])
    assert policies["ScalingPolicies"] == []


def test_a_policy_is_put_changed_and_deleted(scaling_client: Any, target: dict[str, str]) -> None:
    assert refused(scaling_client.put_scaling_policy, **target, PolicyName="p", **tracking())[0] == (
        "ObjectNotFoundException"
    )
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    arn = scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking(50.0))["PolicyARN"]
    assert arn.endswith(f"resource/cassandra/{target['ResourceId']}:policyName/p")
    assert scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking(60.0))["PolicyARN"] == arn
    (found,) = scaling_client.describe_scaling_policies(**target)["ScalingPolicies"]
    assert found["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60.0
    code, message = refused(scaling_client.put_scaling_policy, **target, PolicyName="q", **tracking())
    assert (code, "policy p tracks" in message) == ("ValidationException", True)
    scaling_client.delete_scaling_policy(**target, PolicyName="p")
    assert refused(scaling_client.delete_scaling_policy, **target, PolicyName="p")[0] == "ObjectNotFoundException"
    assert scaling_client.describe_scaling_policies(**target)["ScalingPolicies"] == []


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"ServiceNamespace": "dynamodb"}, ("ValidationException", "not supported by local Keyspaces")),
        ({"ScalableDimension": "dynamodb:table:ReadCapacityUnits"}, ("ValidationException", "must be one of")),
        ({"ResourceId": "table/t"}, ("ValidationException", "keyspace/KEYSPACE/table/TABLE")),
        ({"MinCapacity": 10}, ("ValidationException", "from 10 to 9 units")),
        ({"MinCapacity": 0}, ("ValidationException", "1 or more")),
        ({"MaxCapacity": 40_001}, ("LimitExceededException", "at most 40000")),
        ({"Tags": {f"k{number}": "v" for number in range(51)}}, ("ValidationException", "51 tags")),
        ({"Tags": {"k": "v" * 257}}, ("ValidationException", "must be 256 or less")),
    ],
)
def test_a_target_that_can_not_be_scaled_is_refused(
    scaling_client: Any, target: dict[str, str], change: dict[str, Any], answer: tuple[str, str]
) -> None:
    asked = {**target, "MinCapacity": 1, "MaxCapacity": 9, **change}
    found = refused(scaling_client.register_scalable_target, **asked)
    assert (found[0], answer[1] in found[1]) == (answer[0], True), found
    names = {"ServiceNamespace": "cassandra", "ResourceIds": [target["ResourceId"]]}
    assert scaling_client.describe_scalable_targets(**names)["ScalableTargets"] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (tracking(19.0), "20 to 90"),
        (tracking(metric="CassandraReadCapacityUtilization"), "does not go with cassandra:table:WriteCapacityUnits"),
        ({"PolicyType": "StepScaling"}, "StepScaling is not supported by local Keyspaces"),
        ({"PolicyType": "TargetTrackingScaling"}, "needs TargetTrackingScalingPolicyConfiguration"),
    ],
)
def test_a_policy_that_keyspaces_would_not_take_is_refused(
    scaling_client: Any, target: dict[str, str], change: dict[str, Any], message: str
) -> None:
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    code, found = refused(scaling_client.put_scaling_policy, **target, PolicyName="p", **change)
    assert (code, message in found) == ("ValidationException", True), found
    assert scaling_client.describe_scaling_policies(**target)["ScalingPolicies"] == []


def test_an_on_demand_table_has_no_target_and_a_table_made_anew_none_of_the_old_ones(
    client: Any, scaling_client: Any, keyspace: str, target: dict[str, str]
) -> None:
    name = {"keyspaceName": keyspace, "tableName": "t"}
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    scaling_client.put_scaling_policy(**target, PolicyName="p", **tracking())
    client.delete_table(**name)
    client.create_table(**name, schemaDefinition=SCHEMA)
    names = {"ServiceNamespace": "cassandra", "ResourceIds": [target["ResourceId"]]}
    assert scaling_client.describe_scalable_targets(**names)["ScalableTargets"] == []
    code, message = refused(scaling_client.register_scalable_target, **target, MinCapacity=1, MaxCapacity=9)
    assert (code, "not PROVISIONED" in message) == ("ValidationException", True)
    client.update_table(**name, capacitySpecification=PROVISIONED)
    scaling_client.register_scalable_target(**target, MinCapacity=1, MaxCapacity=9)
    assert scaling_client.describe_scaling_policies(**target)["ScalingPolicies"] == []


def test_targets_and_policies_come_in_pages(
    client: Any, scaling_client: Any, keyspace: str, target: dict[str, str]
) -> None:
    client.create_table(
        keyspaceName=keyspace, tableName="u", schemaDefinition=SCHEMA, capacitySpecification=PROVISIONED
    )
    resources = [target["ResourceId"], f"keyspace/{keyspace}/table/u"]
    for resource in resources:
        for kind in ("Read", "Write"):
            key = {
                "ServiceNamespace": "cassandra",
                "ResourceId": resource,
                "ScalableDimension": f"cassandra:table:{kind}CapacityUnits",
            }
            scaling_client.register_scalable_target(**key, MinCapacity=1, MaxCapacity=9)
            policy = tracking(metric=f"Cassandra{kind}CapacityUtilization")
            scaling_client.put_scaling_policy(**key, PolicyName="p", **policy)
    for operation, member in (("targets", "ScalableTargets"), ("policies", "ScalingPolicies")):
        verb = "describe_scalable_targets" if operation == "targets" else "describe_scaling_policies"
        paginator = scaling_client.get_paginator(verb)
        pages = list(paginator.paginate(ServiceNamespace="cassandra", PaginationConfig={"PageSize": 3}))
        found = [(each["ResourceId"], each["ScalableDimension"]) for page in pages for each in page[member]]
        assert [len(page[member]) for page in pages] == [3, 1]
        assert found == [
            (resource, f"cassandra:table:{kind}CapacityUnits") for resource in resources for kind in ("Read", "Write")
        ]
    call = scaling_client.describe_scalable_targets
    for token in ("nonsense!", "e30="):
        assert refused(call, ServiceNamespace="cassandra", NextToken=token)[0] == "InvalidNextTokenException"
    assert refused(call, ServiceNamespace="cassandra", MaxResults=51)[0] == "ValidationException"
    key = {"ScalableDimension": target["ScalableDimension"]}
    assert refused(call, ServiceNamespace="cassandra", **key)[0] == "ValidationException"


def test_a_scalable_target_has_tags(scaling_client: Any, target: dict[str, str]) -> None:
    limits = {"MinCapacity": 1, "MaxCapacity": 9}
    arn = scaling_client.register_scalable_target(**target, **limits, Tags={"a": "1"})["ScalableTargetARN"]
    scaling_client.tag_resource(ResourceARN=arn, Tags={"b": "2", "c": ""})
    scaling_client.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling_client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2", "c": ""}
    many = {f"k{number}": "v" for number in range(49)}
    assert refused(scaling_client.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"
    assert refused(scaling_client.register_scalable_target, **target, **limits, Tags={"d": "4"})[0] == (
        "ValidationException"
    )
    scaling_client.deregister_scalable_target(**target)
    assert refused(scaling_client.list_tags_for_resource, ResourceARN=arn)[0] == "ResourceNotFoundException"
