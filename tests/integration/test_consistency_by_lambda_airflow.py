"""The DAG of the check through the comparison Lambda in a real Airflow, and what a person can do to it."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from keyspaces_migration.config import load_migration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.ledger import Ledger, RunConfiguration, open_ledger
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from rehearsal.ports import free_ports
from rehearsal.servers import comparison, connections
from rehearsal.servers.airflow import AirflowServer, ledger_keyring
from tests.integration.airflow_alone import running as airflow_running
from tests.integration.comparison_world import FILE, MIGRATION, TABLE, copied, make_function, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World

DAG, TASK = "flights.consistency_check", "check"
TIMEOUT_S = 180

# Five minutes, most of them Airflow's start: the function, the operator and its trigger have quick tests of their own.
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("by-lambda") / "world") as up, copied(up):
        name = make_function(up, MIGRATION.comparison_function)
        client = comparison.client(up.aws, "lambda")
        client.create_alias(FunctionName=name, Name="live", FunctionVersion="$LATEST")
        client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
        yield up


def write_dags(folder: Path) -> Path:
    """The DAG's file as it is delivered, and a migration of one table whose check the function makes."""
    (folder / "migrations").mkdir(parents=True)
    shutil.copy(FILE.parents[1] / "consistency_check.py", folder)
    content = yaml.safe_load(FILE.read_text())
    content["consistency"] |= {"engine": "LAMBDA", "settle_time": "PT1S", "schedule": "0 0 1 1 *"}
    content["tables"] = {TABLE: content["tables"][TABLE]}
    del content["notifications"]
    file = folder / "migrations" / "flights.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow-by-lambda")


@pytest.fixture(scope="module")
def ledger(home: Path) -> Ledger:
    """In which it is the check's turn."""
    (home / "ledger").mkdir()
    file = write_dags(home / "dags")
    opened = open_ledger(f"sqlite:///{home}/ledger/ledger.db", keyring=ledger_keyring(home))
    now = dt.datetime.now(dt.UTC)
    earlier = RunConfiguration.of(
        load_migration(file),
        stage=Stage.HISTORICAL_BACKFILL,
        dag_id="flights.historical_backfill",
        run_id="earlier",
        recorded_at=now,
        recorded_by="admin",
    )
    opened.record_run(earlier)
    for milestone in (
        *(Milestone.ASSESSED, Milestone.PROVISIONED),
        *(Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE),
    ):
        opened.add_milestone(milestone, dag_id=earlier.dag_id, run_id=earlier.run_id, reached_at=now)
    return opened


@pytest.fixture(scope="module")
def airflow(world: World, home: Path, ledger: Ledger) -> Iterator[AirflowServer]:
    """With this DAG, the AWS stand-in and the ledger, and no way to the stores."""
    assert ledger
    server = AirflowServer(
        home=home,
        port=free_ports(1)[0],
        ca_file=None,
        connections=[
            connections.aws(world.aws, keyspaces_url=world.aws.endpoint_url),
            connections.ledger(home),
        ],
        environment={"AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags")},
    )
    with airflow_running(server) as started:
        yield started


def wait_for(api: AirflowApi, run_id: str, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The task, once it is as wanted."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        task = next(each for each in api.task_instances(DAG, run_id) if each["task_id"] == TASK)
        if ready(task):
            return dict(task)
        assert time.monotonic() < deadline, f"{task['state']}, trigger {task['trigger']}"
        time.sleep(0.2)


def test_it_waits_in_the_triggerer_and_records_what_the_function_saw(airflow: AirflowServer, ledger: Ledger) -> None:
    with airflow.api() as api:
        api.wait_for_dag(DAG)
        run_id = api.trigger(DAG)
        waiting = wait_for(api, run_id, lambda task: task["state"] == "deferred")
        assert waiting["trigger"]["classpath"] == "keyspaces_provider.triggers.comparison.ObjectTrigger"
        assert "secret" not in waiting["trigger"]["kwargs"]
        assert api.wait_for_run(DAG, run_id, timeout_s=TIMEOUT_S) == "success"
        (recorded,) = CheckLedger(ledger).runs("flights")
        log = api.task_log(DAG, run_id, TASK)
    assert (recorded.verdict, recorded.run_id, recorded.attempt) == (Verdict.PASS, run_id, 1)
    assert "(call 1 of 1); its result is waited for until" in log
    assert "# Consistency of flights: PASS" in log


def test_a_task_that_a_person_marks_as_done_has_checked_nothing(airflow: AirflowServer, ledger: Ledger) -> None:
    before = CheckLedger(ledger).runs("flights")
    with airflow.api() as api:
        api.wait_for_dag(DAG)
        run_id = api.trigger(DAG)
        wait_for(api, run_id, lambda task: task["state"] == "deferred")
        path = f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{TASK}"
        api.call("PATCH", path, json={"new_state": "success"})
        xcom = {"key": "return_value", "value": {"verdict": "pass"}, "map_index": -1}
        api.call("POST", f"{path}/xcomEntries", json=xcom)
        assert api.wait_for_run(DAG, run_id, timeout_s=TIMEOUT_S) == "failed"
        states = {task["task_id"]: task["state"] for task in api.task_instances(DAG, run_id)}
        assert (states[TASK], states["verdict"]) == ("success", "failed")
        assert "has no check in the ledger" in api.task_log(DAG, run_id, "verdict")
    assert CheckLedger(ledger).runs("flights") == before
