"""Provisioning by the real Pulumi engine, on a real Cassandra node behind the AWS `keyspaces` API.

Each call of the engine takes seconds, so one test follows one stack through what belongs together.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from pulumi import automation

from keyspaces_infra.changes import HOLDS_DATA, read_changes
from keyspaces_infra.command import EngineCommand, find_engine
from keyspaces_infra.settings import PROJECT
from keyspaces_migration.clients import open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.rights import writer_policy
from keyspaces_migration.parity import compare_schema
from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.pulumi_aws_provider.process import ProviderSettings, PulumiAwsProvider
from tests.integration.provisioning import ROOT, Stack, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.aws import AwsStandIn

QUICK_MS, SLOW_MS = 300, 8_000
DEADLINE_S = 120


def started(program: KeyspacesControlPlane | PulumiAwsProvider) -> Iterator[Any]:
    program.launch()
    try:
        wait_until(program.why_not_healthy, name=program.name, log=program.log, timeout_s=60)
        yield program
    finally:
        program.stop()


def control_plane(node: LocalKeyspacesNode, home: Path) -> KeyspacesControlPlane:
    account = Account(region="us-east-1", account_id="000000000000")
    return KeyspacesControlPlane(
        ControlPlaneSettings(home=home, port=free_ports(1)[0], node=node.contact, account=account)
    )


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiAwsProvider]:
    home = tmp_path_factory.mktemp("provider")
    yield from started(PulumiAwsProvider(ProviderSettings(home=home, port=free_ports(1)[0])))


@pytest.fixture
def stack(
    local_keyspaces: LocalKeyspacesNode, provider: PulumiAwsProvider, aws_stand_in: AwsStandIn, tmp_path: Path
) -> Iterator[Stack]:
    local_keyspaces.admin.change_settings(ddl_delay_ms=QUICK_MS)
    for started_plane in started(control_plane(local_keyspaces, tmp_path)):
        yield Stack(home=tmp_path, control_plane=started_plane, aws=aws_stand_in, provider=provider)
    local_keyspaces.admin.change_settings(ddl_delay_ms=0)


@pytest.fixture
def slow_stack(stack: Stack, local_keyspaces: LocalKeyspacesNode) -> Stack:
    """Tables take seconds to become ACTIVE, as at AWS, so that an engine can be met in the middle."""
    local_keyspaces.admin.change_settings(ddl_delay_ms=SLOW_MS)
    return stack


@pytest.fixture
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    with open_session(local_keyspaces.contact.session_settings()) as opened:
        yield opened


@pytest.fixture
def content() -> dict[str, Any]:
    """The rehearsal's migration file, into a keyspace of this test's own."""
    whole: dict[str, Any] = load_migration(ROOT / "dags/migrations/flights.yaml").model_dump(mode="json", by_alias=True)
    # Resources beside the tables are named after the migration, and all stacks are in one account.
    whole["migration"] = whole["target"]["keyspace"] = f"t{uuid.uuid4().hex[:12]}"
    whole["comparison_lambda"] = None
    return whole


def edited(content: dict[str, Any], *edits: Callable[[dict[str, Any]], object]) -> Migration:
    whole = json.loads(json.dumps(content))
    for edit in edits:
        edit(whole["tables"])
    return Migration.model_validate_json(json.dumps(whole))


def add_columns(tables: dict[str, Any]) -> None:
    for table in ("weather", "planes"):
        tables[table]["schema"]["columns"].append({"added": "int"})


def live(session: Session, migration: Migration) -> list[str]:
    found = compare_schema(session, keyspace=migration.target.keyspace, tables=migration.tables)
    return [str(difference) for difference in found]


def test_tables_are_made_changed_in_place_and_never_replaced_or_deleted(
    stack: Stack, session: Session, content: dict[str, Any]
) -> None:
    migration = edited(content)
    tables = dict.fromkeys(migration.tables, "add")
    assert len(live(session, migration)) == len(tables)

    done = stack.provision(migration)
    assert (done.code, done.ops) == (0, tables | {migration.target.keyspace: "add"}), done
    assert live(session, migration) == []
    assert done.last["outputs"]["tables"] == sorted(tables)
    assert any("created" in line for line in done.lines)
    properties_are_as_asked(stack, migration)
    everything_is_protected(stack)

    again = stack.run("preview", migration)
    assert (again.code, again.last["changes"], again.last["refused"]) == (0, [], [])

    wider = edited(content, add_columns)
    preview = stack.run("preview", wider)
    assert (preview.code, preview.ops) == (0, {"weather": "change", "planes": "change"})
    unapproved = stack.run("up", wider, "--digest", again.last["digest"])
    assert (unapproved.code, unapproved.last["error"]) == (11, "PlanChangedError")
    assert len(live(session, wider)) == 2
    assert stack.run("up", wider, "--digest", preview.last["digest"]).code == 0
    assert live(session, wider) == []

    session.set_keyspace(migration.target.keyspace)
    session.execute("INSERT INTO weather (origin, time_hour) VALUES ('JFK', 1)")
    turned = edited(
        content, add_columns, lambda t: t["weather"]["schema"].update(clustering_keys=[{"time_hour": "ASC"}])
    )
    refused(stack, turned, "weather", "replace", "schemaDefinition.clusteringKeys")
    dropped = edited(content, add_columns, lambda t: t.pop("departures"))
    refused(stack, dropped, "departures", "delete", "no longer asks for this table")
    narrower = edited(content)
    assert {each["name"] for each in stack.run("preview", narrower).last["refused"]} == {"weather", "planes"}
    assert live(session, wider) == []
    assert session.execute("SELECT origin FROM weather").one().origin == "JFK"


@pytest.mark.full
def test_what_writers_need_is_made_once_and_letters_are_never_deleted(stack: Stack, content: dict[str, Any]) -> None:
    content["tables"] = {"weather": content["tables"]["weather"]}
    before = edited(content)
    assert stack.provision(before).code == 0
    bucket = f"{before.name}-letters"
    content["writers"] = {"policy": True}
    content["dead_letters"] |= {"payload_bucket": bucket, "provision_bucket": True}
    migration = edited(content)

    done = stack.provision(migration)
    assert done.code == 0, done
    # Nothing else of a stack that is there is touched.
    assert {(each["op"], each["name"]) for each in done.last["changes"]} == {
        ("add", bucket),
        ("add", migration.writer_policy),
    }
    outputs, iam = done.last["outputs"], stack.client("iam")
    assert (outputs["letters_bucket"], outputs["letters_bucket_arn"]) == (bucket, f"arn:aws:s3:::{bucket}")
    policy = iam.get_policy(PolicyArn=outputs["writer_policy_arn"])["Policy"]
    version = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    target, ids = migration.target, (outputs[f"flag_{name}_id"] for name in ("application", "environment", "profile"))
    place = f"{target.region}:{target.account_id}"
    flag = "application/{}/environment/{}/configuration/{}".format(*ids)
    assert version["Document"] == writer_policy(
        migration,
        queue_arn=f"arn:aws:sqs:{place}:{migration.dead_letter_queue}",
        flag_arn=f"arn:aws:appconfig:{place}:{flag}",
        letters_bucket=bucket,
    )

    iam.create_role(RoleName=migration.name, AssumeRolePolicyDocument=json.dumps({"Statement": []}))
    iam.attach_role_policy(RoleName=migration.name, PolicyArn=policy["Arn"])
    again = stack.run("preview", migration)
    assert (again.code, again.last["changes"], again.last["drift"]) == (0, [], []), again
    assert stack.run("drift", migration).last["drift"] == []

    content["dead_letters"]["provision_bucket"] = False
    preview = stack.run("preview", edited(content))
    assert preview.code == 10
    assert [(each["name"], each["type"]) for each in preview.last["refused"]] == [(bucket, "aws:s3/bucket:Bucket")]
    assert "its letters" in preview.last["refused"][0]["reason"]

    iam.detach_role_policy(RoleName=migration.name, PolicyArn=policy["Arn"])
    s3 = stack.client("s3")
    s3.put_object(Bucket=bucket, Key="dead-letters/a", Body=b"{}")
    approved = stack.run("preview-destroy", migration).last["digest"]
    assert stack.run("destroy", migration, "--digest", approved).code == 0
    assert bucket not in [each["Name"] for each in s3.list_buckets()["Buckets"]]


def refused(stack: Stack, migration: Migration, name: str, op: str, reason: str) -> None:
    preview = stack.run("preview", migration)
    assert (preview.code, preview.last["digest"]) == (10, None)
    assert preview.ops[name] == op
    assert [each["name"] for each in preview.last["refused"]] == [name]
    assert reason in preview.last["refused"][0]["reason"]
    # The gate stands before `up` itself: not to have been shown the preview must not help.
    up = stack.run("up", migration, "--digest", "of a preview that nobody saw")
    assert (up.code, up.last["error"], [each["name"] for each in up.last["refused"]]) == (10, "RefusedError", [name])


def properties_are_as_asked(stack: Stack, migration: Migration) -> None:
    client, keyspace = stack.client(), migration.target.keyspace
    for name in migration.tables:
        table = client.get_table(keyspaceName=keyspace, tableName=name)
        assert table["status"] == "ACTIVE"
        assert table["clientSideTimestamps"] == {"status": "ENABLED"}
        assert table["pointInTimeRecovery"]["status"] == "ENABLED"
        # AWS::Cassandra::Table can't turn it on without a default (docs/adr/0008).
        assert ("ttl" in table) is (name != "planes")
        tags = {
            tag["key"]: tag["value"] for tag in client.list_tags_for_resource(resourceArn=table["resourceArn"])["tags"]
        }
        assert tags == {
            "CostCentre": "rehearsal",
            "Environment": "rehearsal",
            "Project": migration.name,
            "Type": "table",
            "Table-type": "unarchived" if name == "flights_unarchived" else "standard",
        }
    capacity = client.get_table(keyspaceName=keyspace, tableName="flights_unarchived")["capacitySpecification"]
    assert (capacity["readCapacityUnits"], capacity["writeCapacityUnits"]) == (3000, 4000)


def everything_is_protected(stack: Stack) -> None:
    (state,) = (stack.home / "state/.pulumi/stacks").rglob("test.json")
    resources = json.loads(state.read_text())["checkpoint"]["latest"]["resources"]
    holding = [each for each in resources if each["type"] in HOLDS_DATA]
    assert len(holding) == 5
    letters = [each for each in resources if each["type"] == "aws:sqs/queue:Queue"]
    assert all(each.get("protect") for each in (*holding, *letters))
    assert len(letters) == 1


def begin(stack: Stack, migration: Migration) -> subprocess.Popen[str]:
    """Start an update and return while AWS is making the tables."""
    approved = stack.run("preview", migration).last["digest"]
    driver = subprocess.Popen(
        stack.command("up", migration, "--digest", approved),
        env=stack.environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    client, deadline = stack.client(), time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            if client.list_tables(keyspaceName=migration.target.keyspace)["tables"]:
                return driver
        except client.exceptions.ResourceNotFoundException:
            assert driver.poll() is None
        time.sleep(0.1)
    driver.kill()
    raise AssertionError("the engine made no table")


def test_a_signal_ends_the_engine_cleanly_and_the_next_run_goes_on(
    slow_stack: Stack, session: Session, content: dict[str, Any]
) -> None:
    migration = edited(content)
    driver = begin(slow_stack, migration)
    driver.send_signal(signal.SIGTERM)
    driver.send_signal(signal.SIGTERM)
    output, _ = driver.communicate(timeout=DEADLINE_S)
    ended = outcome(driver.returncode, output, "")
    assert (ended.code, ended.last["error"]) == (15, "CancelledError")
    assert list((slow_stack.home / "state/.pulumi/locks").rglob("*.json")) == []
    assert slow_stack.provision(migration).code == 0
    assert live(session, migration) == []


def test_the_plain_program_asks_the_engine_for_the_same(
    stack: Stack, content: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """infra/__main__.py as it is, run by the engine; only Pulumi's own language host is missing here."""
    migration = edited(content)
    asked = {each["urn"] for each in stack.run("preview", migration).last["changes"]}
    for name, value in stack.environment(PULUMI_BACKEND_URL=stack.state_url).items():
        monkeypatch.setenv(name, value)
    file = stack.home / "migration.yaml"
    file.write_text(yaml.safe_dump(json.loads(migration.canonical_json())))

    def program() -> None:
        runpy.run_path(str(ROOT / "infra/__main__.py"), run_name="__main__")

    found = automation.create_or_select_stack(
        stack.name,
        project_name=PROJECT,
        program=program,
        opts=automation.LocalWorkspaceOptions(
            work_dir=str(stack.home / "work"),
            pulumi_home=str(stack.home / "pulumi"),
            pulumi_command=EngineCommand(find_engine(os.environ)),
        ),
    )
    found.set_config("migrationFile", automation.ConfigValue(str(file)))
    found.set_config("endpoints", automation.ConfigValue(json.dumps(stack.endpoints)))
    events: list[Any] = []
    found.preview(on_event=events.append)
    assert {change.urn for change in read_changes(events)} == asked
