"""`assess` on real Airflow, Cassandra and flights, triggered over REST as the UI does it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.browser import airflow_page, open_page

if TYPE_CHECKING:
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed


DAG_ID = "flights.assess"


@pytest.fixture(scope="module")
def assessed(rehearsed: Rehearsed) -> dict[str, Any]:
    """The rehearsal's run of assess, and what its task returned."""
    return {"run_id": rehearsed.run_id("assess"), **rehearsed.returned("assess", "assess")}


def content(address: str) -> str:
    return Path(address.removeprefix("file://")).read_text()


def test_airflow_imports_every_dag_file(api: AirflowApi) -> None:
    api.wait_for_dag(DAG_ID)
    assert api.import_errors() == {}


def test_the_report_names_what_keyspaces_does_not_take(assessed: dict[str, Any]) -> None:
    page = content(assessed["markdown"])
    for found in ("planes", "manufacturer", "flights_by_tail", "location", "departure_counts"):
        assert found in page
    assert assessed["verdict"] == "BLOCKED"


def test_the_report_is_shown_in_the_task_log(api: AirflowApi, assessed: dict[str, Any]) -> None:
    log = api.task_log(DAG_ID, assessed["run_id"], "assess")
    for line in content(assessed["markdown"]).splitlines():
        assert line in log


def test_the_machine_readable_twin_holds_the_same_verdict_and_the_drafted_tables(assessed: dict[str, Any]) -> None:
    twin = json.loads(content(assessed["json"]))
    assert twin["format"] == 1
    assert twin["verdict"] == "BLOCKED"
    assert "flights_unarchived" in json.dumps(twin["draft"])


def test_the_report_saw_the_history_in_the_snowflake_stand_in(assessed: dict[str, Any]) -> None:
    history = json.dumps(json.loads(content(assessed["json"]))["history"])
    for table in ("FLIGHTS", "DEPARTURES", "PLANES", "WEATHER"):
        assert table in history
    assert "VERSION" in history


def test_run_milestone_and_report_digests_are_in_the_ledger(world: World, assessed: dict[str, Any]) -> None:
    with sqlite3.connect(world.home / "ledger" / "ledger.db") as ledger:
        of_assess = "WHERE dag_id = 'flights.assess'"
        (run,) = ledger.execute(f"SELECT run_id, recorded_by FROM run_configurations {of_assess}").fetchall()
        (milestone,) = ledger.execute(f"SELECT milestone FROM milestones {of_assess}").fetchall()
        digests = dict(ledger.execute("SELECT path, sha256 FROM reports").fetchall())
    assert run == (assessed["run_id"], "admin")
    assert milestone == ("assessed",)
    for kind in ("markdown", "json"):
        assert digests[assessed[kind]] == hashlib.sha256(content(assessed[kind]).encode()).hexdigest()


def test_no_secret_of_a_connection_is_in_any_log(world: World, assessed: dict[str, Any]) -> None:
    assert assessed
    secrets = list(world.airflow.users.values())
    for log in [*(world.home / "airflow" / "logs").rglob("*.log"), *(world.home / "logs").glob("*.log")]:
        text = log.read_text(errors="replace")
        assert not [secret for secret in secrets if secret in text], log


def test_a_person_finds_the_dag_by_its_tags_and_reads_the_report_in_the_browser(
    world: World, assessed: dict[str, Any]
) -> None:
    users = world.airflow.users
    with airflow_page(world.airflow.url, user="alice", password=users["alice"]) as page:
        open_page(page, f"{world.airflow.url}/dags?tags=keyspaces-migration")
        assert page.get_by_text(DAG_ID).first.is_visible()
        open_page(page, f"{world.airflow.url}/dags/{DAG_ID}/runs/{assessed['run_id']}/tasks/assess")
        page.get_by_text("flights_by_tail").first.wait_for()


def test_the_report_is_a_page_with_its_plots_that_reads_without_the_network(
    world: World, assessed: dict[str, Any]
) -> None:
    users = world.airflow.users
    with airflow_page(world.airflow.url, user="alice", password=users["alice"]) as page:
        page.goto(assessed["html"])
        assert page.locator("figure svg").count() == 3
        assert page.get_by_text("dual writes first").first.is_visible()


def test_every_table_of_the_migration_has_its_estimate_and_an_order(assessed: dict[str, Any]) -> None:
    estimate = json.loads(content(assessed["json"]))["estimate"]
    tables = {table["name"]: table for table in estimate["tables"]}
    assert set(tables) == {"departures", "flights_unarchived", "planes", "weather"}
    for table in tables.values():
        assert table["recommended"]["order"]
        assert table["sample"]["sizes"]["rows"]
        assert not table["problems"]
    assert tables["flights_unarchived"]["work"]["mode"] == "PROVISIONED"


def test_the_sample_applications_statements_are_judged(assessed: dict[str, Any]) -> None:
    shapes = json.loads(content(assessed["json"]))["statements"]["shapes"]
    refused = {shape["text"] for shape in shapes if any(f["severity"] == "BLOCKER" for f in shape["findings"])}
    assert any("IF NOT EXISTS" in text for text in refused)
    assert any("departures + " in text for text in refused)
    assert not any(text.startswith("INSERT INTO flights.departures") for text in refused)
