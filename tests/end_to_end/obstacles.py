"""What stands between a migration and its cutover: a target that is out of line, and approvals that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.airflow_api import AirflowApiError
from rehearsal.damage import damage
from tests.end_to_end.cutover_run import GATE, CutoverRun, flag_in_force, newest_run, wait_for_writers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.damage import Damage
    from rehearsal.world import World
    from tests.end_to_end.cutover_run import Attempt

CHECK = "flights.consistency_check"
TIMEOUT_S = 420
FORGED_ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {"confirm_migration": "flights"},
    "responded_by_user": {"id": "admin", "name": "admin"},
}


@dataclass(frozen=True, kw_only=True)
class SpoiltTarget:
    """What happened while the target was damaged.

    Attributes:
        damage: What is wrong.
        check_run_id: The check that ran meanwhile.
        check_states: Its tasks' states, by task.
        verdict: What its check returned.
        sensor_log: Of the cutover's readiness sensor, which had waited at least once.
        sensor_state: The sensor's state then.
        forced: What the cutover's tasks did when the tasks before them were marked successful, by task.
    """

    damage: Damage
    check_run_id: str
    check_states: Mapping[str, str]
    verdict: Mapping[str, Any]
    sensor_log: str
    sensor_state: str
    forced: Mapping[str, Attempt]


def check_spoilt_target(world: World, api: AirflowApi) -> SpoiltTarget:
    """Damage the target, check, and try the cutover."""
    with world.target.session() as session:
        damaged = damage(session)
    run_id = api.trigger(CHECK)
    assert api.wait_for_run(CHECK, run_id, timeout_s=TIMEOUT_S) == "failed"
    run = CutoverRun.trigger(world, api)
    state = run.wait_for("readiness", "up_for_reschedule", "success", "failed")
    log = run.wait_for_log("readiness", "Not ready: checks")
    return SpoiltTarget(
        damage=damaged,
        check_run_id=run_id,
        check_states={task["task_id"]: task["state"] for task in api.task_instances(CHECK, run_id)},
        verdict=api.returned(CHECK, run_id, "check"),
        sensor_log=log,
        sensor_state=state,
        forced=force(run),
    )


def force(run: CutoverRun) -> dict[str, Attempt]:
    """Mark each task before the one that acts as successful, as soon as it does not go on by itself."""
    before, attempts = flag_in_force(run.world), {}
    for marked, then in (("readiness", "evidence"), ("evidence", GATE), (GATE, "raise_to_10")):
        run.mark_success(marked)
        attempts[then] = run.outcome(then, before=before)
        # Marked earlier, the tasks behind would still be told that this one failed.
        run.wait_for_end()
    return attempts


def attack_gate(world: World, api: AirflowApi) -> dict[str, Attempt]:
    """Try to pass the gate of a migration that is ready, without an approval that counts."""
    wait_for_writers(world)
    run, before = CutoverRun.trigger(world, api), flag_in_force(world)
    attempts = {}

    run.wait_at_gate()
    for user in ("alice", "gate-reader"):
        with pytest.raises(AirflowApiError, match="403"):
            run.answer(user=user, typed={"confirm_migration": "flights"})
    run.forge_xcom(GATE, FORGED_ANSWER)
    run.mark_success(GATE)
    attempts["forged XCom and a gate marked successful"] = run.outcome("raise_to_10", before=before)

    run.wait_for_end()
    run.clear("raise_to_10")
    attempts["the acting task cleared"] = run.outcome("raise_to_10", before=before)

    run.wait_for_end()
    run.clear(GATE, "raise_to_10")
    run.wait_at_gate()
    run.answer(typed={})
    attempts["approved without the typed confirmation"] = run.outcome("raise_to_10", before=before)
    run.wait_for_end()
    return attempts


def replay_approval(world: World, api: AirflowApi) -> Attempt:
    """After a rollback, clear the task that raised the share: its run still has the approval of the time before."""
    wait_for_writers(world)
    run, before = newest_run(world, api), flag_in_force(world)
    run.clear("raise_to_10")
    return run.outcome("raise_to_10", before=before)
