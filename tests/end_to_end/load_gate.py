"""What stands between a plan and a load that costs more than the file allows: a dry run, and a gate marked by hand."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from rehearsal.airflow_api import AirflowApiError
from rehearsal.gate_attacks.cutover_run import GATE, wait_until_let_go
from rehearsal.waiting import POLL_S, TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World

DAG_ID = "flights.historical_backfill"
LOAD = {"dry_run": False}


@dataclass(frozen=True, kw_only=True)
class LoadAttempt:
    """What became of a run of the backfill that was not approved.

    Attributes:
        state: Of the run.
        states: Of its tasks; of the loading ones, which are many, all that there were.
        log: Of the first loading task; empty where none ran.
        target_rows: That the target had at its end.
    """

    run_id: str
    state: str
    states: Mapping[str, frozenset[str]]
    log: str
    target_rows: int


def dry_run(world: World, api: AirflowApi) -> LoadAttempt:
    """Trigger the DAG as the UI's form does when nobody changes it."""
    api.wait_for_dag(DAG_ID)
    return _outcome(world, api, api.trigger(DAG_ID))


def attack_load_gate(world: World, api: AirflowApi) -> LoadAttempt:
    """Mark the gate successful while it waits, after people who may not answer have tried to."""
    run_id = _at_the_gate(world, api)
    answer = {"chosen_options": ["Approve"], "params_input": {"confirm_migration": "flights"}}
    instance = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{GATE}"
    for user in ("alice", "gate-reader"):
        with world.airflow.api(user) as theirs, pytest.raises(AirflowApiError, match="403"):
            theirs.call("PATCH", f"{instance}/-1/hitlDetails", json=answer)
    api.call("PATCH", instance, json={"new_state": "success"})
    return _outcome(world, api, run_id)


def reject(world: World, api: AirflowApi) -> LoadAttempt:
    """Reject at the gate, as the approver."""
    run_id = _at_the_gate(world, api)
    path = f"/dags/{DAG_ID}/dagRuns/{run_id}/taskInstances/{GATE}/-1/hitlDetails"
    answer = {"chosen_options": ["Reject"], "params_input": {"confirm_migration": "flights"}}
    api.call("PATCH", path, json=answer)
    return _outcome(world, api, run_id)


def _at_the_gate(world: World, api: AirflowApi) -> str:
    """Trigger a load, and wait until its gate waits for a person."""
    run_id, deadline = api.trigger(DAG_ID, conf=LOAD), time.monotonic() + TIMEOUT_S
    while _states(api, run_id).get(GATE) != frozenset({"awaiting_input"}):
        assert time.monotonic() < deadline, _states(api, run_id)
        time.sleep(POLL_S)
    (gate,) = [each for each in api.task_instances(DAG_ID, run_id) if each["task_id"] == GATE]
    wait_until_let_go(world, gate)
    return run_id


def _outcome(world: World, api: AirflowApi, run_id: str) -> LoadAttempt:
    state, log = api.wait_for_run(DAG_ID, run_id, timeout_s=TIMEOUT_S), ""
    loading = [task for task in api.task_instances(DAG_ID, run_id) if task["task_id"] == "load" and task["try_number"]]
    if loading:
        first = loading[0]
        log = api.task_log(DAG_ID, run_id, "load", try_number=first["try_number"], map_index=first["map_index"])
    with world.target.session() as session:
        rows = len(list(session.execute("SELECT tailnum FROM flights.planes")))
    return LoadAttempt(run_id=run_id, state=state, states=_states(api, run_id), log=log, target_rows=rows)


def _states(api: AirflowApi, run_id: str) -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for task in api.task_instances(DAG_ID, run_id):
        found[task["task_id"]] = found.get(task["task_id"], frozenset()) | {task["state"]}
    return found
