"""A load that costs more than the file allows, on real Airflow: what lets it write, and what does not."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from rehearsal.gate_attacks.cutover_run import GATE
from tests.end_to_end.load_gate import DAG_ID

if TYPE_CHECKING:
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed

NOT_YET = 3
"""Runs before the one that was approved."""


def loads(rehearsed: Rehearsed, run_id: str) -> list[dict[str, Any]]:
    return [task for task in rehearsed.api.task_instances(DAG_ID, run_id) if task["task_id"] == "load"]


def test_a_run_triggered_as_the_form_stands_ends_green_with_the_plan_and_asks_nobody(rehearsed: Rehearsed) -> None:
    dry = rehearsed.unapproved["dry"]
    assert dry.state == "success"
    assert dry.states["plan"] == dry.states["approval_needed"] == {"success"}
    assert {task: dry.states[task] for task in (GATE, "load", "verify")} == dict.fromkeys(
        (GATE, "load", "verify"), frozenset({"skipped"})
    )
    assert rehearsed.returned("historical_backfill", "plan", run_id=dry.run_id)["dry_run"] is True
    assert dry.target_rows == 0


def test_a_gate_marked_successful_lets_no_task_write(rehearsed: Rehearsed) -> None:
    marked = rehearsed.unapproved["marked"]
    assert marked.state == "failed"
    assert marked.states[GATE] == {"success"}
    assert marked.states["load"] == {"failed"}
    assert "has no answer (marking it successful is none)" in marked.log
    assert marked.target_rows == 0
    # Answers stay what they are, so nothing is tried again.
    assert {task["try_number"] for task in loads(rehearsed, marked.run_id)} == {1}


def test_a_rejected_plan_ends_the_run_before_any_load(rehearsed: Rehearsed) -> None:
    rejected = rehearsed.unapproved["rejected"]
    assert rejected.state == "failed"
    assert rejected.states[GATE] == {"failed"}
    assert rejected.states["load"] == {"upstream_failed"}
    assert rejected.target_rows == 0


def test_the_approved_plan_is_loaded_by_every_slot_of_every_table_under_its_own_name(rehearsed: Rehearsed) -> None:
    run_id = rehearsed.api.run_ids(DAG_ID)[NOT_YET]
    assert sorted(task["rendered_map_index"] for task in loads(rehearsed, run_id)) == sorted(
        f"{table}, worker {slot}"
        for table in ("departures", "flights_unarchived", "planes", "weather")
        for slot in (1, 2)
    )
    assert {task["state"] for task in loads(rehearsed, run_id)} == {"success"}


def test_every_loading_task_recorded_the_approval_of_the_plan_in_the_ledger(world: World, rehearsed: Rehearsed) -> None:
    run_id = rehearsed.api.run_ids(DAG_ID)[NOT_YET]
    with sqlite3.connect(world.home / "ledger" / "ledger.db") as ledger:
        query = "SELECT task_id, evidence_digest, approved_by FROM approvals WHERE run_id = ?"
        approvals = ledger.execute(query, (run_id,)).fetchall()
        ((digest,),) = ledger.execute("SELECT digest FROM backfill_plans WHERE run_id = ?", (run_id,)).fetchall()
    assert approvals == [("load", digest, json.dumps(["admin"]))] * len(loads(rehearsed, run_id))


def test_the_second_load_costs_so_little_that_nobody_is_asked(rehearsed: Rehearsed) -> None:
    run_id = rehearsed.api.run_ids(DAG_ID)[NOT_YET + 1]
    states = {task["task_id"]: task["state"] for task in rehearsed.api.task_instances(DAG_ID, run_id)}
    assert (states[GATE], states["verify"]) == ("skipped", "success")


def test_a_verified_load_updates_the_asset_with_what_it_loaded(rehearsed: Rehearsed) -> None:
    found = rehearsed.api.call("GET", "/assets/events", params={"source_dag_id": DAG_ID, "order_by": "timestamp"})
    first, second = (event["extra"] for event in found["asset_events"])
    assert first["run_id"] == rehearsed.api.run_ids(DAG_ID)[NOT_YET]
    assert (first["agrees"], first["barrier_us"], set(first["modes"].values())) == (True, None, {"full"})
    assert first["spent_usd"] > 0
    assert second["barrier_us"] is not None
