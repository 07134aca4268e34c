"""`provision` on real Airflow, Pulumi and Cassandra: asked for, approved as a person does it, and run again."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from keyspaces_infra.changes import HOLDS_DATA
from keyspaces_migration.config import load_migration
from keyspaces_migration.parity import compare_schema
from rehearsal.servers.aws import REGION
from rehearsal.servers.service import REPOSITORY

if TYPE_CHECKING:
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed


DAG_ID = "flights.provision"
TIMEOUT_S = 420
MIGRATION = load_migration(REPOSITORY / "dags/migrations/flights.yaml")


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


@pytest.fixture(scope="module")
def provisioned(rehearsed: Rehearsed) -> str:
    """The id of the run that an admin approved."""
    return rehearsed.run_id("provision")


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
    with world.target.session() as session:
        assert compare_schema(session, keyspace=MIGRATION.target.keyspace, tables=MIGRATION.tables) == ()


def test_the_state_protects_every_table(world: World, provisioned: str) -> None:
    assert provisioned
    (state,) = (world.home / "airflow/pulumi/flights/state").rglob("flights-rehearsal.json")
    resources = json.loads(state.read_text())["checkpoint"]["latest"]["resources"]
    unprotected = [each["urn"] for each in resources if each["type"] in HOLDS_DATA and not each.get("protect")]
    assert len([each for each in resources if each["type"] in HOLDS_DATA]) == 1 + len(MIGRATION.tables)
    assert unprotected == []


def test_the_engine_is_heard_in_the_log_and_who_approved_is_returned(rehearsed: Rehearsed, provisioned: str) -> None:
    assert "flights_unarchived" in rehearsed.api.task_log(DAG_ID, provisioned, "apply")
    assert rehearsed.returned("provision", "apply")["approved_by"] == ["admin"]
    assert rehearsed.returned("provision", "preview")["changes"]["add"] > len(MIGRATION.tables)


def test_the_approval_is_in_the_ledger_with_the_digest_of_what_was_shown(world: World, provisioned: str) -> None:
    with sqlite3.connect(world.home / "ledger" / "ledger.db") as ledger:
        asked = ledger.execute("SELECT path FROM reports WHERE kind = 'evidence'").fetchall()
        ((run_id, task_id, digest, people),) = ledger.execute(
            "SELECT run_id, task_id, evidence_digest, approved_by FROM approvals WHERE dag_id = ?", (DAG_ID,)
        ).fetchall()
    assert (run_id, task_id, json.loads(people)) == (provisioned, "apply", ["admin"])
    assert [path for (path,) in asked if digest[:16] in path]


def test_the_passphrase_of_the_stack_is_the_owners_alone_and_in_no_log(world: World, provisioned: str) -> None:
    assert provisioned
    file = world.home / "pulumi-passphrase"
    assert file.stat().st_mode & 0o777 == 0o600
    logs = [*(world.home / "logs").rglob("*.log"), *(world.home / "airflow/pulumi").rglob("*.jsonl")]
    assert logs
    assert not [log for log in logs if file.read_text() in log.read_text(errors="replace")]


def test_a_second_run_finds_nothing_to_change_and_asks_nobody(rehearsed: Rehearsed) -> None:
    api = rehearsed.api
    run_id = api.trigger(DAG_ID)
    assert api.wait_for_run(DAG_ID, run_id, timeout_s=TIMEOUT_S) == "success"
    assert states_of(api, run_id)["approve_1"] == "skipped"
    assert rehearsed.returned("provision", "preview", run_id=run_id)["changes"] == {}
    assert rehearsed.returned("provision", "apply", run_id=run_id) == {"changed": 0, "approved_by": []}
