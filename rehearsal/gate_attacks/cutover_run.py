"""One run of the cutover, and what people with rights in Airflow can do to it, all over REST as the UI does it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from keyspaces_migration.cutover.appconfig import FlagStore
from keyspaces_migration.cutover.flag_writer import FlagWriter
from keyspaces_migration.dual_write.flag_reader import FlagAddress
from keyspaces_migration.dual_write.registry import list_writers, missing_writers
from rehearsal.airflow_api import AirflowApiError
from rehearsal.data import source as sample_source
from rehearsal.processes import WorldError
from rehearsal.servers.application import FLAG
from rehearsal.servers.aws import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.dual_write.flag import FlagState
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World

DAG_ID = "flights.cutover"
GATE = "approve_1"
TIMEOUT_S = 240
POLL_S = 0.5
# Airflow fails a gate that is answered in the very moment in which it begins to wait.
SETTLE_S = 1.5


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What became of one attempt to get reads onto the target.

    Attributes:
        state: Of the task that acts, when it had finished.
        log: What it said.
        before: The flag in force before the attempt.
        after: The flag in force after it.
    """

    state: str
    log: str
    before: FlagState
    after: FlagState


class CutoverRun:
    """A run of `flights.cutover`, as Airflow's admin."""

    def __init__(self, world: World, api: AirflowApi, run_id: str) -> None:
        self.world = world
        self.api = api
        self.run_id = run_id

    @classmethod
    def trigger(cls, world: World, api: AirflowApi) -> CutoverRun:
        """Start one."""
        return cls(world, api, api.trigger(DAG_ID))

    def task(self, task_id: str) -> dict[str, Any]:
        """The task instance, as Airflow describes it."""
        return next(each for each in self.api.task_instances(DAG_ID, self.run_id) if each["task_id"] == task_id)

    def wait_for(self, task_id: str, *states: str) -> str:
        """Wait until a task is in one of `states`, and return which."""
        deadline = time.monotonic() + TIMEOUT_S
        while (state := self.task(task_id)["state"]) not in states:
            _within(deadline, f"{task_id} is {state} and not {states} after {TIMEOUT_S} s")
            time.sleep(POLL_S)
        return str(state)

    def wait_for_log(self, task_id: str, text: str) -> str:
        """Wait until a task's log has `text`, and return the log."""
        deadline = time.monotonic() + TIMEOUT_S
        while text not in (log := self.log(task_id)):
            _within(deadline, f"{text!r} is not in the log of {task_id}: {log}")
            time.sleep(POLL_S)
        return log

    def log(self, task_id: str) -> str:
        """The log of a task's newest try; empty before it has one."""
        number = self.task(task_id)["try_number"]
        try:
            return self.api.task_log(DAG_ID, self.run_id, task_id, try_number=number) if number else ""
        except AirflowApiError:
            return ""

    def mark_success(self, task_id: str) -> None:
        """What the button "mark as success" does; Airflow then runs what had failed for want of it."""
        path = f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/{task_id}"
        self.api.call("PATCH", path, json={"new_state": "success"})

    def clear(self, *task_ids: str) -> None:
        """What the button "clear" does."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": self.run_id, "task_ids": list(task_ids)}
        self.api.call("POST", f"/dags/{DAG_ID}/clearTaskInstances", json=body)

    def forge_xcom(self, task_id: str, value: Mapping[str, Any]) -> None:
        """Write what a task is said to have returned."""
        path = f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/{task_id}/xcomEntries"
        self.api.call("POST", path, json={"key": "return_value", "value": value})

    def wait_at_gate(self, gate: str = GATE) -> None:
        """Wait until the gate waits for a person."""
        self.wait_for(gate, "awaiting_input")
        time.sleep(SETTLE_S)

    def answer(self, *, user: str = "admin", gate: str = GATE, typed: dict[str, Any]) -> None:
        """Approve at a gate as `user`."""
        path = f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/{gate}/-1/hitlDetails"
        with self.world.airflow.api(user) as api:
            api.call("PATCH", path, json={"chosen_options": ["Approve"], "params_input": typed})

    def outcome(self, task_id: str, *, before: FlagState) -> Attempt:
        """Wait until a task has finished, and say what became of it."""
        state = self.wait_for(task_id, "failed", "success")
        return Attempt(state=state, log=self.log(task_id), before=before, after=flag_in_force(self.world))

    def wait_for_end(self) -> str:
        """Wait until the whole run has finished, and return its state."""
        return self.api.wait_for_run(DAG_ID, self.run_id, timeout_s=TIMEOUT_S)


def _within(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise WorldError(what)


def newest_run(world: World, api: AirflowApi) -> CutoverRun:
    """The run that was triggered last."""
    return CutoverRun(world, api, api.run_ids(DAG_ID)[-1])


def flag_store(world: World) -> FlagStore:
    """The flag's place in AppConfig."""
    client = boto3.client(
        "appconfig",
        endpoint_url=world.aws.endpoint_url,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 -- it checks none
    )
    application, environment, profile = FLAG
    return FlagStore(client, FlagAddress(application=application, environment=environment, profile=profile))


def flag_in_force(world: World) -> FlagState:
    """The flag, read from AppConfig itself."""
    state = FlagWriter(flag_store(world)).current()
    if state is None:
        raise WorldError("no flag is deployed")
    return state


def wait_for_writers(world: World) -> None:
    """Wait until every writer has reported that it follows the flag in force."""
    deadline = time.monotonic() + TIMEOUT_S
    flag = flag_in_force(world)
    with sample_source.opened(world.source.host, world.source.port) as session:
        while missing := missing_writers(list_writers(session, "flights"), flag):
            _within(deadline, "; ".join(map(str, missing)))
            time.sleep(POLL_S)
