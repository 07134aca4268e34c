"""`provision` on real Airflow, Pulumi and Cassandra: asked for, approved as a person does it, and run again."""

import json
import time
from typing import Any

import boto3
import pytest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy

from keyspaces_infra.changes import HOLDS_DATA
from keyspaces_migration.config import load_migration
from keyspaces_migration.parity import compare_schema
from rehearsal.airflow_api import AirflowApi
from rehearsal.servers.aws import REGION
from rehearsal.servers.service import REPOSITORY
from rehearsal.world import World

DAG_ID = "flights.provision"
TIMEOUT_S = 420
MIGRATION = load_migration(REPOSITORY / "dags/migrations/flights.yaml")


def wait_for_task(api: AirflowApi, run_id: str, task_id: str, state: str) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        states = {task["task_id"]: task["state"] for task in api.task_instances(DAG_ID, run_id)}
        if states.get(task_id) == state:
            return
        assert "failed" not in states.values(), states
        assert time.monotonic() < deadline, states
        time.sleep(1)


def states_of(api: AirflowApi, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in api.task_instances(DAG_ID, run_id)}


def keyspaces(world: World) -> Any:
    return boto3.client(
        "keyspaces",
        endpoint_url=world.keyspaces.url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def returned(api: AirflowApi, run_id: str, task_id: str) -> Any:
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    return api.call("GET", path, params={"deserialize": True})["value"]


@pytest.fixture(scope="module")
def assessed(api: AirflowApi) -> None:
    api.wait_for_dag("flights.assess")
    if "success" in {run["state"] for run in api.call("GET", "/dags/flights.assess/dagRuns")["dag_runs"]}:
        return
    run_id = api.trigger("flights.assess")
    assert api.wait_for_run("flights.assess", run_id, timeout_s=TIMEOUT_S) == "success"


@pytest.fixture(scope="module")
def provisioned(world: World, api: AirflowApi, assessed: None) -> str:
    """The id of a run that an admin approved."""
    del assessed
    api.wait_for_dag(DAG_ID)
    run_id = api.trigger(DAG_ID)
    wait_for_task(api, run_id, "approve_1", "awaiting_input")
    names = {each["keyspaceName"] for each in keyspaces(world).list_keyspaces()["keyspaces"]}
    assert MIGRATION.target.keyspace not in names
    time.sleep(1)  # Airflow 3.3 takes an answer before the gate's record is whole, and loses it
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/approve_1/-1/hitlDetails"
    answer = {"chosen_options": ["Approve"], "params_input": {"confirm_migration": "flights"}}
    api.call("PATCH", path, json=answer)
    state = api.wait_for_run(DAG_ID, run_id, timeout_s=TIMEOUT_S)
    logs = {
        task["task_id"]: api.task_log(DAG_ID, run_id, task["task_id"])
        for task in api.task_instances(DAG_ID, run_id)
        if task["state"] == "failed"
    }
    assert state == "success", logs
    return run_id


def test_what_was_approved_is_made_with_its_tags(world: World, provisioned: str) -> None:
    assert provisioned
    client = keyspaces(world)
    for name, table in MIGRATION.tables.items():
        found = client.get_table(keyspaceName=MIGRATION.target.keyspace, tableName=name)
        assert found["status"] == "ACTIVE"
        assert found["capacitySpecification"]["throughputMode"] == table.throughput.mode.value
        tags = client.list_tags_for_resource(resourceArn=found["resourceArn"])["tags"]
        assert {each["key"]: each["value"] for each in tags}.items() >= MIGRATION.tags.items()


def test_the_live_schema_is_the_files(world: World, provisioned: str) -> None:
    assert provisioned
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy())}
    with Cluster([world.target.host], port=world.target.port, execution_profiles=profiles) as cluster:
        session = cluster.connect()
        assert compare_schema(session, keyspace=MIGRATION.target.keyspace, tables=MIGRATION.tables) == ()


def test_the_state_protects_every_table(world: World, provisioned: str) -> None:
    assert provisioned
    (state,) = (world.home / "airflow/pulumi/flights/state").rglob("flights-rehearsal.json")
    resources = json.loads(state.read_text())["checkpoint"]["latest"]["resources"]
    unprotected = [each["urn"] for each in resources if each["type"] in HOLDS_DATA and not each.get("protect")]
    assert len([each for each in resources if each["type"] in HOLDS_DATA]) == 1 + len(MIGRATION.tables)
    assert unprotected == []


def test_the_engine_is_heard_in_the_log_and_who_approved_is_returned(api: AirflowApi, provisioned: str) -> None:
    assert "flights_unarchived" in api.task_log(DAG_ID, provisioned, "apply")
    assert returned(api, provisioned, "apply")["approved_by"] == ["admin"]
    assert returned(api, provisioned, "preview")["changes"]["add"] > len(MIGRATION.tables)


def test_the_passphrase_of_the_stack_is_the_owners_alone_and_in_no_log(world: World, provisioned: str) -> None:
    assert provisioned
    file = world.home / "pulumi-passphrase"
    assert file.stat().st_mode & 0o777 == 0o600
    logs = [*(world.home / "logs").rglob("*.log"), *(world.home / "airflow/pulumi").rglob("*.jsonl")]
    assert logs
    assert not [log for log in logs if file.read_text() in log.read_text(errors="replace")]


def test_a_second_run_finds_nothing_to_change_and_asks_nobody(api: AirflowApi, provisioned: str) -> None:
    assert provisioned
    run_id = api.trigger(DAG_ID)
    assert api.wait_for_run(DAG_ID, run_id, timeout_s=TIMEOUT_S) == "success"
    assert states_of(api, run_id)["approve_1"] == "skipped"
    assert returned(api, run_id, "preview")["changes"] == {}
    assert returned(api, run_id, "apply") == {"changed": 0, "approved_by": []}
