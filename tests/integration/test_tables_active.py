"""Waiting for tables in the triggerer, against the real API of local Keyspaces."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.provisioning import EngineFailedError
from keyspaces_provider.sensors.keyspaces import TablesActiveSensor
from keyspaces_provider.triggers.keyspaces import TablesActiveTrigger
from rehearsal.keyspaces_control_plane.faults import ApiFault
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from tests.integration.keyspaces_control_plane.calls import client_of, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

AWS = "some_aws"


@pytest.fixture(scope="module")
def control_plane(
    local_keyspaces: LocalKeyspacesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesControlPlane]:
    home = tmp_path_factory.mktemp("control-plane")
    plane = KeyspacesControlPlane(ControlPlaneSettings(home=home, port=free_ports(1)[0], node=local_keyspaces.contact))
    start(plane)
    yield plane
    plane.stop()


@pytest.fixture
def trigger(
    local_keyspaces: LocalKeyspacesNode, control_plane: KeyspacesControlPlane, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TablesActiveTrigger]:
    """Of a table that takes two seconds to become ACTIVE."""
    extra = {"region_name": "us-east-1", "service_config": {"keyspaces": {"endpoint_url": control_plane.url}}}
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv(f"AIRFLOW_CONN_{AWS.upper()}", json.dumps(connection))
    client, keyspace = client_of("keyspaces", control_plane), f"t{uuid.uuid4().hex[:10]}"
    client.create_keyspace(keyspaceName=keyspace)
    local_keyspaces.admin.change_settings(ddl_delay_ms=2_000)
    schema = {"allColumns": [{"name": "k", "type": "int"}], "partitionKeys": [{"name": "k"}]}
    client.create_table(keyspaceName=keyspace, tableName="t", schemaDefinition=schema)
    yield TablesActiveTrigger(aws_conn_id=AWS, region="us-east-1", keyspace=keyspace, tables=["t"], look_every_s=0.2)
    control_plane.fail()
    local_keyspaces.admin.change_settings(ddl_delay_ms=0)


def fired(trigger: TablesActiveTrigger) -> dict[str, Any]:
    """What the trigger says, made anew from what Airflow's database keeps of it, as the triggerer does."""
    path, arguments = trigger.serialize()
    assert path == "keyspaces_provider.triggers.keyspaces.TablesActiveTrigger"
    again = TablesActiveTrigger(**json.loads(json.dumps(arguments)))

    async def first() -> Any:
        return await anext(again.run())

    payload: dict[str, Any] = asyncio.run(first()).payload
    return payload


def sensor() -> TablesActiveSensor:
    return TablesActiveSensor(task_id="tables_active", ledger_conn_id="ledger", look_every=timedelta(seconds=1))


def test_it_fires_when_every_table_is_active(trigger: TablesActiveTrigger) -> None:
    assert trigger.look().missing == {"t": "CREATING"}
    event = fired(trigger)
    assert event == {"keyspace": trigger.keyspace, "found": {"t": "ACTIVE"}}
    sensor().execute_complete({}, event)


def test_what_could_not_be_looked_at_fails_the_task(
    trigger: TablesActiveTrigger, control_plane: KeyspacesControlPlane
) -> None:
    control_plane.fail(ApiFault(operation="GetTable", error="AccessDeniedException", message="not yours"))
    with pytest.raises(EngineFailedError, match="not yours"):
        sensor().execute_complete({}, fired(trigger))


def test_a_state_that_is_not_left_for_active_fails_the_task() -> None:
    event = {"keyspace": "k", "found": {"t": "INACCESSIBLE_ENCRYPTION_CREDENTIALS", "u": "ACTIVE"}}
    with pytest.raises(EngineFailedError, match=r"will not become ACTIVE.*INACCESSIBLE"):
        sensor().execute_complete({}, event)
