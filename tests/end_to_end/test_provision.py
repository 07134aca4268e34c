"""`provision` on real Airflow, Pulumi and Cassandra: asked for, approved as a person does it, and run again."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from keyspaces_infra.changes import HOLDS_DATA
from keyspaces_migration.config import load_migration
from keyspaces_migration.parity import compare_schema
from rehearsal.keyspaces_control_plane.custom_properties import from_cql
from rehearsal.servers.aws import REGION
from rehearsal.servers.service import REPOSITORY

if TYPE_CHECKING:
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed


DAG_ID = "flights.provision"
MIGRATION = load_migration(REPOSITORY / "dags/migrations/flights.yaml")


def states_of(api: AirflowApi, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in api.task_instances(DAG_ID, run_id)}


NAME = MIGRATION.resource_name
COMPARISON = f"{NAME}-comparison"


def client(world: World, service: str) -> Any:
    connect: Any = boto3.client  # its stubs want the names of services as literals
    return connect(
        service,
        endpoint_url=world.keyspaces.url if service == "keyspaces" else world.aws.endpoint_url,
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
    keyspaces = client(world, "keyspaces")
    for name, table in MIGRATION.tables.items():
        found = keyspaces.get_table(keyspaceName=MIGRATION.target.keyspace, tableName=name)
        assert found["status"] == "ACTIVE"
        assert found["capacitySpecification"]["throughputMode"] == table.throughput.mode.value
        assert found["clientSideTimestamps"] == {"status": "ENABLED"}
        assert found["pointInTimeRecovery"]["status"] == "ENABLED"
        assert found["encryptionSpecification"] == {"type": "AWS_OWNED_KMS_KEY"}
        tags = keyspaces.list_tags_for_resource(resourceArn=found["resourceArn"])["tags"]
        kind = {"Type": "table", "Table-type": MIGRATION.table_type(name).value}
        assert {each["key"]: each["value"] for each in tags} == {**MIGRATION.resource_tags, **kind}


def test_cql_says_the_same_of_every_table(world: World, provisioned: str) -> None:
    assert provisioned
    query = "SELECT table_name, status, custom_properties FROM system_schema_mcs.tables WHERE keyspace_name = %s"
    with world.target.session() as session:
        rows = {row.table_name: row for row in session.execute(query, (MIGRATION.target.keyspace,))}
    assert set(rows) == set(MIGRATION.tables)
    for name, table in MIGRATION.tables.items():
        said = from_cql(rows[name].custom_properties)
        assert rows[name].status == "ACTIVE"
        assert said["capacitySpecification"]["throughputMode"] == table.throughput.mode.value
        assert said["pointInTimeRecovery"]["status"] == "ENABLED"
        assert said["clientSideTimestamps"]["status"] == "ENABLED"


def test_queue_flag_and_alarms_are_there(world: World, provisioned: str) -> None:
    assert provisioned
    sqs = client(world, "sqs")
    for queue in (f"{NAME}-dead-letters", f"{COMPARISON}-dead-letters"):
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert attributes["MessageRetentionPeriod"] == str(14 * 86_400)
    appconfig = client(world, "appconfig")
    (application,) = [each["Id"] for each in appconfig.list_applications()["Items"] if each["Name"] == NAME]
    (environment,) = appconfig.list_environments(ApplicationId=application)["Items"]
    assert environment["Name"] == MIGRATION.environment.name
    (monitor,) = environment["Monitors"]
    assert monitor["AlarmArn"].endswith(f":alarm:{NAME}-target")
    strategies = {each["Name"] for each in appconfig.list_deployment_strategies()["Items"]}
    assert {f"{NAME}-at-once", f"{NAME}-canary"} <= strategies
    alarms = client(world, "cloudwatch").describe_alarms(AlarmTypes=["CompositeAlarm", "MetricAlarm"])
    assert [each["AlarmName"] for each in alarms["CompositeAlarms"]] == [f"{NAME}-target"]
    assert all(each["AlarmName"] in alarms["CompositeAlarms"][0]["AlarmRule"] for each in of_the_target(alarms))


def of_the_target(alarms: dict[str, Any]) -> list[dict[str, Any]]:
    found = [each for each in alarms["MetricAlarms"] if not each["AlarmName"].startswith(COMPARISON)]
    assert len(found) > 1
    return found


def test_the_comparison_lambda_has_its_own_key_and_its_alias_answers(world: World, rehearsed: Rehearsed) -> None:
    """It compares the weather in all three stores, as the DAG did, and says the same."""
    functions = client(world, "lambda")
    configuration = functions.get_function(FunctionName=COMPARISON)["Configuration"]
    key = client(world, "kms").describe_key(KeyId=configuration["KMSKeyArn"])["KeyMetadata"]
    assert key["Description"].endswith(COMPARISON)
    event = {
        "version": 2,
        "migration": json.loads(MIGRATION.canonical_json()),
        "table": "weather",
        "seed": 42,
        "now": datetime.now(UTC).isoformat(),
        "leader": "source",
        "share": {"part": 0, "parts": 1},
        "sweep": None,
        "read_units_per_s": 3_000,
        "result": "by-hand/weather.json",
        "secret": None,
    }
    answer = functions.invoke(FunctionName=COMPARISON, Qualifier="live", Payload=json.dumps(event).encode())
    said = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, said
    assert rehearsed.result["verdicts"][-1] == "pass"
    assert said["rows_compared"] > 0
    if rehearsed.result["retired"]:
        pytest.skip("the source stands still since the retirement, so it is out of line by now")
    assert said["verdict"] == "pass"
    assert said["rows_out_of_line"] == 0


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
    run_id = api.run_ids(DAG_ID)[1]
    assert states_of(api, run_id)["approve_1"] == "skipped"
    assert rehearsed.returned("provision", "preview", run_id=run_id)["changes"] == {}
    assert rehearsed.returned("provision", "apply", run_id=run_id) == {"changed": 0, "approved_by": []}


def test_nobody_has_changed_anything_and_the_look_is_in_the_ledger(world: World, rehearsed: Rehearsed) -> None:
    assert rehearsed.result["provisioned"]["drifted"] == 0
    with sqlite3.connect(world.home / "ledger" / "ledger.db") as ledger:
        looks = ledger.execute("SELECT dag_id, drifted FROM drift_looks").fetchall()
    assert ("flights.drift", 0) in looks


def test_the_outputs_are_kept(rehearsed: Rehearsed) -> None:
    outputs = rehearsed.returned("provision", "outputs")["outputs"]
    assert outputs["tables"] == sorted(MIGRATION.tables)
    assert outputs["dead_letter_queue_url"].endswith(f"{NAME}-dead-letters")
    assert outputs["comparison_function"].endswith(f":function:{COMPARISON}:live")


def test_the_plan_and_the_stacks_salt_are_where_every_worker_sees_them(world: World, provisioned: str) -> None:
    assert provisioned
    reports = world.home / "airflow/reports/flights"
    assert "encryptionsalt" in (reports / "stack/Pulumi.flights-rehearsal.yaml").read_text()
    assert list((reports / "provision").rglob("plan.json"))
