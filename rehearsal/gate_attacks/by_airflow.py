"""What people with rights in Airflow can do to a run of the cutover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.airflow_api import AirflowApiError
from rehearsal.gate_attacks.cutover_run import DAG_ID, GATE, CutoverRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.gate_attacks.attack import Siege

FORGED_ANSWER = {
    "chosen_options": ["Approve"],
    "params_input": {"confirm_migration": "flights"},
    "responded_by_user": {"id": "admin", "name": "admin"},
}
LOWERED = {"consecutive_passes": 0, "waiting_period": "PT0S", "max_check_age": "P9999D", "canary_steps": [100]}
STEPS = (10, 50, 100)


def while_not_ready(siege: Siege, api: AirflowApi) -> None:
    """A check has failed: nothing that people do to the tasks before it helps."""
    run = CutoverRun(siege.world, api, api.trigger(DAG_ID, conf=LOWERED))

    def conf() -> str:
        run.wait_for("readiness", "up_for_reschedule")
        return run.wait_for_log("readiness", "Not ready: checks")

    siege.try_("run conf that lowers the criteria", conf, says="Not ready: checks: unmet")
    for marked, then, says in (
        ("readiness", "evidence", "Not ready, so nothing was done: checks: unmet"),
        ("evidence", GATE, "has kept no evidence to approve"),
        (GATE, f"raise_to_{STEPS[0]}", "Not ready, so nothing was done: checks: unmet"),
    ):
        siege.try_(f"{marked} marked successful after a failed check", _mark(run, marked, then), says=says)
    run.wait_for_end()


def at_the_gate(siege: Siege, api: AirflowApi, run: CutoverRun) -> None:
    """Everything is ready, and one approval lacks. `run` waits at its gate, and has no answer at the end."""
    for user in ("alice", "gate-reader"):
        siege.try_(f"answer by {user}, who is not on the list", _answer_as(run, user), says="403")
    siege.try_("a gate that a time-out would answer", _no_default(run), says="defaults: None")
    siege.try_("a second run of the cutover beside the first", _second_run(siege, api), says="queued")
    first = f"raise_to_{STEPS[0]}"

    def forged() -> str:
        run.forge_xcom(GATE, FORGED_ANSWER)
        return _mark(run, GATE, first)()

    siege.try_("XCom of an answer forged, and the gate marked successful", forged, says="marking it successful is none")
    siege.try_("the raising task cleared and run again", lambda: run.run_again(first), says="has no answer")
    siege.try_(f"{first} marked successful", _mark(run, first, f"watch_{STEPS[0]}"), says="never raised the share")
    siege.try_(
        f"watch_{STEPS[0]} marked successful too",
        _mark(run, f"watch_{STEPS[0]}", f"raise_to_{STEPS[1]}"),
        says="needs the finished bake of step 1",
    )

    def every_task() -> str:
        for percent in STEPS[1:]:
            run.mark_success(f"raise_to_{percent}")
            run.mark_success(f"watch_{percent}")
        run.wait_for_end()
        for percent in STEPS[1:]:
            if run.task(f"watch_{percent}")["state"] != "success":
                # The scheduler had taken it up before it was marked.
                run.mark_success(f"watch_{percent}")
                run.wait_for_end()
        return run.run_again("target_leads")

    siege.try_("every canary task marked successful", every_task, says="needs the finished bake of step 3")

    def the_end() -> str:
        run.mark_success("target_leads")
        run.mark_success("writers")
        return run.run_again("cutover_finished")

    siege.try_("target_leads marked successful", the_end, says="the cutover is not finished")


def _mark(run: CutoverRun, task_id: str, then: str) -> Callable[[], str]:
    def act() -> str:
        run.mark_success(task_id)
        return run.said_at_end(then)

    return act


def _answer_as(run: CutoverRun, user: str) -> Callable[[], str]:
    def act() -> str:
        try:
            run.answer(user=user, typed={"confirm_migration": "flights"})
        except AirflowApiError as error:
            return str(error)
        return "the answer was taken"

    return act


def _no_default(run: CutoverRun) -> Callable[[], str]:
    def act() -> str:
        path = f"/dags/{DAG_ID}/dagRuns/{run.run_id}/taskInstances/{GATE}/-1/hitlDetails"
        found = run.api.call("GET", path)
        return f"defaults: {found.get('defaults')}"

    return act


def _second_run(siege: Siege, api: AirflowApi) -> Callable[[], str]:
    def act() -> str:
        second = CutoverRun.trigger(siege.world, api)
        state = str(api.call("GET", f"/dags/{DAG_ID}/dagRuns/{second.run_id}")["state"])
        api.call("DELETE", f"/dags/{DAG_ID}/dagRuns/{second.run_id}")
        return state

    return act
