"""One run of the cutover, and what people with rights in Airflow can do to it, all over REST as the UI does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keyspaces_migration.cutover.appconfig import FlagStore
from keyspaces_migration.cutover.flag_writer import FlagWriter
from keyspaces_migration.dual_write.flag_reader import FlagAddress
from keyspaces_migration.dual_write.registry import list_writers, missing_writers
from rehearsal.airflow_api import AirflowApiError
from rehearsal.data import source as sample_source
from rehearsal.processes import WorldError
from rehearsal.servers.application import FLAG
from rehearsal.waiting import TIMEOUT_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.dual_write.flag import FlagState
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.world import World

DAG_ID = "flights.cutover"
GATE = "approve_1"
_SAID = 3000


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
        return str(
            wait_for(
                lambda: self.task(task_id)["state"],
                states.__contains__,
                lambda state: f"{task_id} is {state} and not {states}. {self._failures()}",
            )
        )

    def wait_for_log(self, task_id: str, text: str) -> str:
        """Wait until a task's log has `text`, and return the log."""
        return wait_for(
            lambda: self.log(task_id),
            lambda log: text in log,
            lambda log: f"{text!r} is not in the log of {task_id}: {log}",
        )

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

    def said_at_end(self, task_id: str) -> str:
        """Wait until a task, and then the run, has ended; return what the task said."""
        self.wait_for(task_id, "failed", "success")
        said = self.log(task_id)
        # What is done to it before the run's end would still be told of this end.
        self.wait_for_end()
        return said

    def run_again(self, task_id: str) -> str:
        """Clear a task of a run that has ended, and return what it said this time."""
        self.clear(task_id)
        return self.said_at_end(task_id)

    def wait_at_gate(self, gate: str = GATE) -> None:
        """Wait until the gate waits for a person."""
        self.wait_for(gate, "awaiting_input")
        wait_until_let_go(self.world, self.task(gate))

    def answer(self, *, user: str = "admin", gate: str = GATE, typed: dict[str, Any]) -> None:
        """Approve at a gate as `user`."""
        path = f"/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/{gate}/-1/hitlDetails"
        with self.world.airflow.api(user) as api:
            api.call("PATCH", path, json={"chosen_options": ["Approve"], "params_input": typed})

    def wait_for_end(self) -> str:
        """Wait until the whole run has finished, and return its state."""
        return self.api.wait_for_run(DAG_ID, self.run_id, timeout_s=TIMEOUT_S)

    def _failures(self) -> str:
        failed = [task["task_id"] for task in self.api.task_instances(DAG_ID, self.run_id) if task["state"] == "failed"]
        return " ".join(f"{task_id} failed: {self.log(task_id)[-_SAID:]}" for task_id in failed) or "No task failed."


def wait_until_let_go(world: World, gate: Mapping[str, Any]) -> None:
    """Wait until a gate that waits may be answered."""
    wait_for(
        lambda: world.airflow.has_let_go(gate["id"]),
        bool,
        lambda _: f"the scheduler has not let go of {gate['task_id']}",
    )


def flag_store(world: World) -> FlagStore:
    """The flag's place in AppConfig."""
    application, environment, profile = FLAG
    address = FlagAddress(application=application, environment=environment, profile=profile)
    return FlagStore(world.aws.client("appconfig"), address)


def flag_in_force(world: World) -> FlagState:
    """The flag, read from AppConfig itself."""
    state = FlagWriter(flag_store(world)).current()
    if state is None:
        raise WorldError("no flag is deployed")
    return state


def wait_for_writers(world: World) -> None:
    """Wait until every writer has reported that it follows the flag in force."""
    flag = flag_in_force(world)
    with sample_source.opened(world.source.host, world.source.port) as session:
        wait_for(
            lambda: missing_writers(list_writers(session, "flights"), flag),
            lambda missing: not missing,
            lambda missing: "; ".join(map(str, missing)),
        )
