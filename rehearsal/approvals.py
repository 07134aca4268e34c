"""Answers the approval gates of a rehearsal: by itself, or when a person at the terminal says so."""

from __future__ import annotations

import select
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.markdown import Markdown

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.reporter import Reporter

CONFIRMATION = "confirm_migration"


@dataclass
class Approver:
    """Answers as the user of `api`, in the same way as the UI does.

    Attributes:
        migration: The name that approvers type.
        ask: Whether to wait for Enter at the terminal first; the UI may answer meanwhile.
        may_answer: Whether Airflow is ready for the answer of a gate, by the id of its task instance: it fails a gate
            that is answered in the very moment in which it begins to wait.
    """

    api: AirflowApi
    migration: str
    ask: bool
    console: Console
    reporter: Reporter
    may_answer: Callable[[str], bool]
    _shown: set[str] = field(default_factory=set)

    def look(self, dag_id: str, run_id: str) -> None:
        """Answer the gates of a run that wait; call it at every look at the run."""
        for gate in self._waiting(dag_id, run_id):
            task, instance = gate["task_instance"]["task_id"], str(gate["task_instance"]["id"])
            if instance not in self._shown:
                self._shown.add(instance)
                self._show(gate, dag_id, run_id, task)
            if self.may_answer(instance) and (not self.ask or _enter_was_pressed()):
                self._approve(dag_id, run_id, task)

    def _waiting(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/hitlDetails"
        found: list[dict[str, Any]] = self.api.call(
            "GET", path, params={"response_received": False, "state": "awaiting_input"}
        )["hitl_details"]
        return found

    def _show(self, gate: dict[str, Any], dag_id: str, run_id: str, task: str) -> None:
        where = f"{self.api.url}/dags/{dag_id}/runs/{run_id}/tasks/{task}/required_actions"
        self.reporter.done(f"{gate['subject']} waits for approval: {where}")
        self.console.print(Markdown(gate["body"] or ""))
        if self.ask:
            self.console.print(f"Approve there as {self.api.user}, or press Enter here to approve.")

    def _approve(self, dag_id: str, run_id: str, task: str) -> None:
        answer = {"chosen_options": ["Approve"], "params_input": {CONFIRMATION: self.migration}}
        self.api.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/-1/hitlDetails", json=answer)
        self.reporter.done(f"approved {task} of {dag_id} as {self.api.user}")


def _enter_was_pressed() -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and bool(sys.stdin.readline())
