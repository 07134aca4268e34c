"""Every bad case of provisioning, on the real engine: each has the outcome that it should, and no table is lost."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from keyspaces_migration.parity import compare_schema
from rehearsal.keyspaces_control_plane.faults import ApiFault
from tests.integration.provisioning import Outcome, outcome

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration
    from tests.integration.provision_cases.conftest import Case

DEADLINE_S = 120
MODIFIED = Path(__file__).with_name("modified.py")


def weather(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = whole["tables"]["weather"]
    return found


def add_column(whole: dict[str, Any]) -> None:
    weather(whole)["schema"]["columns"].append({"added": "int"})


def turn_clustering_order(whole: dict[str, Any]) -> None:
    weather(whole)["schema"]["clustering_keys"] = [{"time_hour": "ASC"}]


def refused(case: Case, migration: Migration, name: str, reason: str) -> None:
    """Neither the preview nor an update that nobody saw previewed does it."""
    for operation, arguments in (("preview", ()), ("up", ("--digest", "of a plan that nobody saw"))):
        done = case.stack.run(operation, migration, *arguments)
        assert done.code == 10, done
        (refusal,) = done.last["refused"]
        assert refusal["name"] == name
        assert reason in refusal["reason"]


def live(case: Case, migration: Migration) -> list[str]:
    found = compare_schema(case.session, keyspace=case.keyspace, tables=migration.tables)
    return [str(difference) for difference in found]


def test_a_wrong_passphrase_is_named(settled: Case) -> None:
    migration = settled.migration()
    done = settled.stack.run("preview", migration, PULUMI_CONFIG_PASSPHRASE="another")
    assert (done.code, done.last["error"]) == (14, "WrongPassphraseError")
    missing = settled.stack.run("preview", migration, PULUMI_CONFIG_PASSPHRASE="")
    assert (missing.code, missing.last["error"]) == (14, "WrongPassphraseError")


def test_a_lock_of_our_own_dead_engine_is_removed_by_the_next_run(settled: Case) -> None:
    migration = settled.migration()
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock = plant_lock(settled, pid=gone.pid, host=socket.gethostname())
    preview = settled.stack.run("preview", migration, "--recover")
    assert (preview.code, preview.last["changes"]) == (0, [])
    assert not lock.exists()


def test_a_lock_of_somebody_elses_engine_is_left_alone_and_the_command_is_given(settled: Case) -> None:
    migration = settled.migration()
    lock = plant_lock(settled, pid=4242, host="a-colleagues-laptop")
    done = settled.stack.run("preview", migration, "--recover", "--lock-wait-s", "600")
    assert (done.code, done.last["error"]) == (12, "StackLockedError")
    assert "a-colleagues-laptop" in done.last["message"]
    assert "pulumi cancel" in done.last["message"]
    assert lock.exists()
    lock.unlink()


def plant_lock(case: Case, *, pid: int, host: str) -> Path:
    lock: Path = case.stack.home / f"state/.pulumi/locks/organization/keyspaces-migration/{case.stack.name}/x.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    content = {"pid": pid, "username": "u", "hostname": host, "timestamp": datetime.now(UTC).isoformat()}
    lock.write_text(json.dumps(content))
    return lock


def test_a_table_changed_by_hand_is_shown_as_drift_and_taken_back_by_the_next_plan(settled: Case) -> None:
    migration = settled.migration()
    settled.stack.client().update_table(
        keyspaceName=settled.keyspace, tableName="weather", pointInTimeRecovery={"status": "DISABLED"}
    )
    (drift,) = settled.stack.run("drift", migration).last["drift"]
    assert (drift["name"], drift["after"]["pointInTimeRecovery.status"]) == ("weather", "DISABLED")
    for _ in range(2):
        # A plan that nobody approves leaves the drift to be seen.
        preview = settled.stack.run("preview", migration)
        assert preview.last["drift"] == [drift]
    assert settled.stack.run("preview-destroy", migration).last["drift"] == [drift]
    assert settled.stack.run("drift", migration).last["drift"] == [drift]
    assert preview.ops == {"weather": "change"}
    assert settled.stack.run("up", migration, "--digest", preview.last["digest"]).code == 0
    assert settled.stack.run("drift", migration).last["drift"] == []


def test_a_changed_clustering_order_is_refused(settled: Case) -> None:
    refused(settled, settled.migration(turn_clustering_order), "weather", "schemaDefinition.clusteringKeys")


def test_a_removed_column_is_refused(settled: Case) -> None:
    narrower = settled.migration(lambda whole: weather(whole)["schema"]["columns"].pop())
    refused(settled, narrower, "weather", "schemaDefinition.columns")


def test_a_table_dropped_from_the_file_is_refused(settled: Case) -> None:
    refused(settled, settled.migration(lambda whole: whole["tables"].pop("carriers")), "carriers", "no longer asks for")


@pytest.mark.full
def test_scaling_is_added_leaves_what_it_moved_and_is_taken_off(case: Case) -> None:
    case.provisioned()
    between = {"rcu": {"min": 5, "max": 500}, "wcu": {"min": 5, "max": 500}}

    def scaled(whole: dict[str, Any]) -> None:
        whole["tables"]["carriers"]["throughput"] = {
            "mode": "PROVISIONED",
            "rcu": 10,
            "wcu": 10,
            "auto_scaling": between,
        }

    def fixed(whole: dict[str, Any]) -> None:
        whole["tables"]["carriers"]["throughput"] = {"mode": "PROVISIONED", "rcu": 20, "wcu": 20}

    assert case.stack.provision(case.migration(scaled)).code == 0
    client = case.stack.client()
    moved = {"throughputMode": "PROVISIONED", "readCapacityUnits": 50, "writeCapacityUnits": 40}
    client.update_table(keyspaceName=case.keyspace, tableName="carriers", capacitySpecification=moved)
    assert case.stack.run("drift", case.migration(scaled)).last["drift"] == []
    assert case.stack.run("preview", case.migration(scaled)).last["changes"] == []

    def added(whole: dict[str, Any]) -> None:
        scaled(whole)
        whole["tables"]["carriers"]["schema"]["columns"].append({"added": "int"})

    assert case.stack.provision(case.migration(added)).code == 0
    units = client.get_table(keyspaceName=case.keyspace, tableName="carriers")["capacitySpecification"]
    assert (units["readCapacityUnits"], units["writeCapacityUnits"]) == (50, 40)

    def without(whole: dict[str, Any]) -> None:
        added(whole)
        fixed(whole)

    assert case.stack.provision(case.migration(without)).code == 0
    units = client.get_table(keyspaceName=case.keyspace, tableName="carriers")["capacitySpecification"]
    assert (units["readCapacityUnits"], units["writeCapacityUnits"]) == (20, 20)


def five_tables(whole: dict[str, Any]) -> None:
    for number in range(3):
        whole["tables"][f"more_{number}"] = json.loads(json.dumps(whole["tables"]["carriers"]))


@pytest.mark.full
def test_when_aws_refuses_one_of_five_tables_the_next_run_makes_that_one_alone(case: Case) -> None:
    migration = case.migration(five_tables)
    case.stack.control_plane.fail(
        ApiFault(operation="CreateTable", table="more_1", error="ValidationException", message="not today")
    )
    failed = case.stack.provision(migration)
    assert (failed.code, failed.last["error"]) == (20, "EngineFailedError")
    assert "more_1" in failed.last["message"]
    assert "not today" in failed.last["message"]
    case.stack.control_plane.fail()
    for table in ("weather", "carriers"):
        case.plant(table)
    again = case.stack.run("preview", migration)
    assert again.ops == {"more_1": "add"}
    assert case.stack.run("up", migration, "--digest", again.last["digest"]).code == 0
    assert live(case, migration) == []


def test_an_expired_role_is_told_from_other_failures(settled: Case) -> None:
    migration = settled.migration()
    settled.stack.control_plane.fail(
        ApiFault(operation="*", error="ExpiredTokenException", message="The security token is expired")
    )
    done = settled.stack.run("preview", migration)
    assert (done.code, done.last["error"]) == (18, "CredentialsError")
    settled.stack.control_plane.fail()
    assert settled.stack.run("preview", migration).last["changes"] == []


@pytest.mark.full
def test_an_exceeded_quota_is_told_and_the_next_run_goes_on(case: Case) -> None:
    migration = case.provisioned()
    wider = case.migration(five_tables)
    case.stack.control_plane.fail(
        ApiFault(operation="CreateTable", table="more_2", error="ServiceQuotaExceededException", message="256 tables")
    )
    failed = case.stack.provision(wider)
    assert (failed.code, failed.last["error"]) == (17, "QuotaExceededError")
    case.stack.control_plane.fail()
    assert case.stack.run("preview", wider).ops == {"more_2": "add"}
    assert set(migration.tables) < set(wider.tables)


def begin(case: Case, migration: Migration) -> subprocess.Popen[str]:
    """Start an update and return while AWS is making a table."""
    preview = case.stack.run("preview", migration)
    assert preview.code == 0, preview
    driver = subprocess.Popen(
        case.stack.command("up", migration, "--digest", preview.last["digest"]),
        env=case.stack.environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    client, deadline = case.stack.client(), time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        tables = client.list_tables(keyspaceName=case.keyspace)["tables"]
        if len(tables) > len(case.planted):
            return driver
        assert driver.poll() is None
        time.sleep(0.1)
    driver.kill()
    raise AssertionError("the engine made no table")


def test_after_a_kill_in_the_middle_of_up_the_next_run_takes_up_what_was_made(case: Case) -> None:
    case.provisioned()
    wider = case.migration(five_tables)
    case.slow()
    driver = begin(case, wider)
    for process in (*psutil.Process(driver.pid).children(recursive=True), psutil.Process(driver.pid)):
        process.send_signal(signal.SIGKILL)
    driver.communicate(timeout=DEADLINE_S)
    preview = case.stack.run("preview", wider, "--recover")
    assert preview.code == 0, preview
    assert any("removing the lock" in line for line in preview.lines)
    assert any("was at: creating" in line for line in preview.lines)
    assert case.stack.run("up", wider, "--digest", preview.last["digest"], "--recover").code == 0
    assert live(case, wider) == []
    assert case.stack.run("preview", wider).last["changes"] == []


@pytest.mark.full
def test_a_driver_that_was_killed_alone_leaves_an_engine_that_the_next_run_waits_for(case: Case) -> None:
    case.provisioned()
    wider = case.migration(five_tables)
    case.slow()
    driver = begin(case, wider)
    driver.kill()
    driver.communicate(timeout=DEADLINE_S)
    preview = case.stack.run("preview", wider, "--recover", "--lock-wait-s", str(DEADLINE_S))
    assert preview.code == 0, preview
    assert case.stack.run("up", wider, "--digest", preview.last["digest"], "--recover").code == 0
    assert live(case, wider) == []


@pytest.mark.full
def test_two_runs_at_once_follow_each_other(case: Case) -> None:
    case.provisioned()
    wider = case.migration(five_tables)
    case.slow()
    first = begin(case, wider)
    second = case.stack.run("preview", wider, "--recover", "--lock-wait-s", str(DEADLINE_S))
    output, _ = first.communicate(timeout=DEADLINE_S)
    assert outcome(first.returncode, output, "").code == 0
    assert any("waiting for process" in line for line in second.lines)
    assert (second.code, second.last["changes"]) == (0, [])


def test_a_plan_approved_yesterday_is_not_applied_to_what_has_changed_since(settled: Case) -> None:
    wider = settled.migration(add_column)
    approved = settled.stack.run("preview", wider).last["digest"]
    settled.stack.client().update_table(
        keyspaceName=settled.keyspace, tableName="carriers", pointInTimeRecovery={"status": "DISABLED"}
    )
    done = settled.stack.run("up", wider, "--digest", approved)
    assert (done.code, done.last["error"]) == (11, "PlanChangedError")
    assert len(live(settled, wider)) == 1
    assert settled.stack.provision(settled.migration()).code == 0


@pytest.mark.full
def test_preview_and_up_may_run_on_workers_with_different_homes(case: Case, tmp_path: Path) -> None:
    case.provisioned()
    wider = case.migration(add_column)
    approved = case.stack.run("preview", wider).last["digest"]
    another = case.stack.on_another_worker(tmp_path / "another-worker")
    shutil.copy(case.stack.plan, another.plan)
    shutil.copy(case.stack.configuration, another.configuration)
    done = another.run("up", wider, "--digest", approved)
    assert done.code == 0, done
    assert live(case, wider) == []


def modified(case: Case, operation: str, migration: Migration, *arguments: str) -> Outcome:
    command = case.stack.command(operation, migration, *arguments)
    done = subprocess.run(
        [sys.executable, str(MODIFIED), *command[3:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
        env=case.stack.environment(),
    )
    return outcome(done.returncode, done.stdout, done.stderr)


def test_protection_removed_and_a_replacement_forced_in_one_edit_are_refused(settled: Case) -> None:
    migration = settled.migration(turn_clustering_order)
    for operation, arguments in (("preview", ()), ("up", ("--digest", "of a plan that nobody saw"))):
        done = modified(settled, operation, migration, *arguments)
        assert done.code == 10, done
        assert [each["name"] for each in done.last["refused"]] == ["weather"]


def protect_only_the_keyspace(case: Case) -> None:
    (state,) = (case.stack.home / "state/.pulumi/stacks").rglob(f"{case.stack.name}.json")
    checkpoint = json.loads(state.read_text())
    for resource in checkpoint["checkpoint"]["latest"]["resources"]:
        resource["protect"] = resource["type"] == "aws:keyspaces/keyspace:Keyspace"
    state.write_text(json.dumps(checkpoint))


def test_destroying_what_is_protected_in_part_destroys_nothing_where_rows_matter(case: Case) -> None:
    case.provisioned()
    protect_only_the_keyspace(case)

    def matters(whole: dict[str, Any]) -> None:
        whole["environment"]["disposable"] = False
        whole["reports"]["path"] = "/reports"
        whole["consistency"], whole["cutover"] = {}, {}

    for operation, arguments in (("preview-destroy", ()), ("destroy", ("--digest", "of a plan that nobody saw"))):
        done = case.stack.run(operation, case.migration(matters), *arguments)
        assert (done.code, done.last["error"]) == (19, "NotDisposableError")
    assert case.lost() == []


@pytest.mark.full
def test_destroying_a_disposable_environment_takes_all_of_it_and_only_what_was_approved(case: Case) -> None:
    migration = case.provisioned()
    protect_only_the_keyspace(case)
    make_flag_version(case, migration)
    preview = case.stack.run("preview-destroy", migration)
    assert {"weather", "carriers", case.keyspace} <= {each["name"] for each in preview.last["changes"]}
    stale = case.stack.run("destroy", migration, "--digest", "of another plan")
    assert (stale.code, stale.last["error"]) == (11, "PlanChangedError")
    assert case.lost() == []
    done = case.stack.run("destroy", migration, "--digest", preview.last["digest"])
    assert done.code == 0, done
    assert "deleting version 1 of the flag" in done.lines
    assert case.lost() == ["carriers", "weather"]
    case.planted.clear()
    names = [each["keyspaceName"] for each in case.stack.client().list_keyspaces()["keyspaces"]]
    assert case.keyspace not in names


def make_flag_version(case: Case, migration: Migration) -> None:
    """As a stage does that switches the flag: AWS deletes no profile that has versions."""
    appconfig = case.stack.client("appconfig")
    (application,) = [
        each["Id"] for each in appconfig.list_applications()["Items"] if each["Name"] == migration.resource_name
    ]
    (profile,) = appconfig.list_configuration_profiles(ApplicationId=application)["Items"]
    appconfig.create_hosted_configuration_version(
        ApplicationId=application, ConfigurationProfileId=profile["Id"], Content=b"{}", ContentType="application/json"
    )


@pytest.mark.full
def test_a_state_in_a_bucket_is_locked_and_taken_up_there(case: Case) -> None:
    bucket = f"state-{uuid.uuid4().hex[:12]}"
    s3 = case.stack.client("s3")
    s3.create_bucket(Bucket=bucket)
    host = case.stack.aws.endpoint_url.removeprefix("http://")
    url = f"s3://{bucket}/pulumi?endpoint={host}&disableSSL=true&s3ForcePathStyle=true&region=us-east-1"
    stack = case.stack.in_backend(url)
    migration = case.migration()
    done = stack.provision(migration)
    assert done.code == 0, done
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert f"pulumi/.pulumi/stacks/keyspaces-migration/{stack.name}.json" in keys

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    lock = {"username": "u", "timestamp": datetime.now(UTC).isoformat()}
    folder = f"pulumi/.pulumi/locks/organization/keyspaces-migration/{stack.name}"
    for holder in ({"pid": gone.pid, "hostname": "elsewhere"}, {"pid": gone.pid, "hostname": socket.gethostname()}):
        s3.put_object(Bucket=bucket, Key=f"{folder}/x.json", Body=json.dumps({**lock, **holder}).encode())
        preview = stack.run("preview", migration, "--recover")
        expected = 12 if holder["hostname"] == "elsewhere" else 0
        assert preview.code == expected, preview
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=folder)

    elsewhere = case.stack.in_backend(url.replace(bucket, f"{bucket}-gone")).run("preview", migration)
    assert (elsewhere.code, elsewhere.last["error"]) == (20, "EngineFailedError")
    assert "NoSuchBucket" in elsewhere.last["message"]
