"""Keyspaces, tables and tags through boto3's own client."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.backend import Backend
from rehearsal.keyspaces_control_plane.errors import ConflictError
from rehearsal.keyspaces_control_plane.live_schema import LiveSchema
from rehearsal.keyspaces_control_plane.operations import keyspaces_api
from rehearsal.keyspaces_control_plane.properties import PropertyStore
from tests.integration.keyspaces_control_plane.calls import PROVISIONED, SCHEMA, refused, start, thaw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.keyspaces_control_plane.live_schema import LiveTable
    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane


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
