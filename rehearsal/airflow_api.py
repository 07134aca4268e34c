"""A small client of Airflow's REST API (v2), acting as one user."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Self

import httpx

from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

TIMEOUT_S = 30.0
POLL_S = 1.0
PAGE = 100
FINISHED = frozenset({"success", "failed"})

DATABASE_ERROR = "Database error"
DATABASE_TIMEOUT_S = 120.0


class AirflowApiError(WorldError):
    """Airflow refused a request, or did not do in time what was waited for. The message has its answer."""


class AirflowSilentError(AirflowApiError):
    """Airflow did not answer a request in time, or not at all: nothing is known of what was asked."""


class AirflowApi:
    """Calls as `user`. A context manager; logs in at the first call and again when the token has ended."""

    def __init__(self, *, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self._password = password
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    def __enter__(self) -> Self:
        """No work: the first call logs in."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def login(self) -> None:
        """Get a token.

        Raises:
            AirflowApiError: Airflow does not know the user, or the password is wrong.
        """
        response = self._client.post("/auth/token", json={"username": self.user, "password": self._password})
        self._client.headers["Authorization"] = f"Bearer {_answer(response)['access_token']}"

    def call(self, method: str, path: str, **given: Any) -> Any:  # noqa: ANN401 - httpx's arguments, and any JSON
        """Any request under /api/v2.

        Args:
            method: HTTP method.
            path: What follows /api/v2, beginning with a slash.
            given: `json`, `params` and so on, as httpx takes them.

        Returns:
            The answer's JSON; None when it has no body.

        Raises:
            AirflowApiError: The answer was not a success.
        """
        if "Authorization" not in self._client.headers:
            self.login()
        response = self._send(method, path, given)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self.login()
            response = self._send(method, path, given)
        return _answer(response)

    def wait_for_dag(self, dag_id: str, *, timeout_s: float = 120) -> dict[str, Any]:
        """Wait until Airflow has parsed the DAG, and return its record.

        Raises:
            AirflowApiError: It has not within `timeout_s`; the message lists the import errors.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            found = self.call("GET", "/dags", params={"dag_id_pattern": dag_id, "limit": PAGE})["dags"]
            for dag in found:
                if dag["dag_id"] == dag_id:
                    record: dict[str, Any] = dag
                    return record
            if time.monotonic() > deadline:
                raise AirflowApiError(
                    f"Airflow has no DAG {dag_id!r} after {timeout_s:.0f} s. Import errors: {self.import_errors()}"
                )
            time.sleep(POLL_S)

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        self.call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, *, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now and return its id."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        run_id: str = self.call("POST", f"/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout_s: float,
        progress: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Wait until the run has finished.

        Args:
            dag_id: DAG of the run.
            run_id: The run.
            timeout_s: How long to wait.
            progress: Called at every look, about once a second, with the run's state and its tasks'.

        Returns:
            `success` or `failed`.

        Raises:
            AirflowApiError: The run has not finished within `timeout_s`.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                state: str = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
                seen = f"{dag_id} is {state}: {self._describe_tasks(dag_id, run_id)}"
            except AirflowSilentError as error:
                # A busy machine answers late; whether it ever does is for the deadline to say.
                state, seen = "unknown", str(error)
            progress(seen)
            if state in FINISHED:
                return state
            if time.monotonic() > deadline:
                raise AirflowApiError(f"run {run_id} has not finished after {timeout_s:.0f} s: {seen}")
            time.sleep(POLL_S)

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances, as Airflow describes them."""
        return list(self._pages(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def task_log(self, dag_id: str, run_id: str, task_id: str, *, try_number: int = 1, map_index: int = -1) -> str:
        """The log of one try of a task, a message a line."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        answer = self.call("GET", path, params={"map_index": map_index, "full_content": True})
        return "\n".join(text for line in answer["content"] for text in _texts_of(line))

    def run_ids(self, dag_id: str) -> list[str]:
        """The DAG's runs, the oldest first."""
        return [run["dag_run_id"] for run in self._pages(f"/dags/{dag_id}/dagRuns", "dag_runs", order_by="run_after")]

    def returned(self, dag_id: str, run_id: str, task_id: str) -> Any:  # noqa: ANN401 - any JSON
        """What a task returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.call("GET", path, params={"deserialize": True})["value"]
        return json.loads(value) if isinstance(value, str) else value

    def import_errors(self) -> dict[str, str]:
        """Stack trace by DAG file that could not be imported."""
        return {error["filename"]: error["stack_trace"] for error in self._pages("/importErrors", "import_errors")}

    def connections(self) -> list[dict[str, Any]]:
        """The stored connections, passwords hidden."""
        return list(self._pages("/connections", "connections"))

    def save_connections(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """Store connections; those that exist are written over.

        Raises:
            AirflowApiError: One or more were refused.
        """
        entities = [dict(body) for body in bodies]
        action = {"action": "create", "entities": entities, "action_on_existence": "overwrite"}
        answer = self._write_over("/connections", action)
        if errors := (answer.get("create") or {}).get("errors"):
            raise AirflowApiError(f"Airflow refused connections: {errors}")

    def _write_over(self, path: str, action: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        """One bulk action that comes to the same however often it is asked for.

        Just started, Airflow's processes all write to SQLite, and who waits for its lock for too long is refused.
        """
        deadline = time.monotonic() + DATABASE_TIMEOUT_S
        while True:
            try:
                return self.call("PATCH", path, json={"actions": [dict(action)]})
            except AirflowApiError as error:
                if DATABASE_ERROR not in str(error) or time.monotonic() > deadline:
                    raise

    def save_variable(self, key: str, value: str, *, description: str) -> None:
        """Store a variable; one that exists is written over.

        Raises:
            AirflowApiError: It was refused. The message does not have the value.
        """
        entity = {"key": key, "value": value, "description": description}
        action = {"action": "create", "entities": [entity], "action_on_existence": "overwrite"}
        answer = self._write_over("/variables", action)
        if (answer.get("create") or {}).get("errors"):
            raise AirflowApiError(f"Airflow refused the variable {key}")

    def test_connection(self, body: Mapping[str, Any]) -> tuple[bool, str]:
        """Do what the form's Test button does.

        Args:
            body: The connection, with its secrets, as for `save_connections`.

        Returns:
            Whether it works, and the hook's message.
        """
        answer = self.call("POST", "/connections/test", json=dict(body))
        return answer["status"], answer["message"]

    def _describe_tasks(self, dag_id: str, run_id: str) -> str:
        states = [f"{task['task_id']} {task['state'] or 'waiting'}" for task in self.task_instances(dag_id, run_id)]
        return ", ".join(states) or "no task yet"

    def _pages(self, path: str, key: str, **params: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self.call("GET", path, params={"limit": PAGE, "offset": offset, **params})
            yield from page[key]
            offset += PAGE
            if offset >= page["total_entries"]:
                return

    def _send(self, method: str, path: str, given: Mapping[str, Any]) -> httpx.Response:
        try:
            return self._client.request(method, f"/api/v2{path}", **given)
        except httpx.HTTPError as error:
            raise AirflowSilentError(f"no answer from {self.url} to {method} {path}: {error}") from error


def _texts_of(line: dict[str, Any] | str) -> Iterator[str]:
    """A log line's message, and after it the exceptions that it carries, the outermost first."""
    if isinstance(line, str):
        yield line
        return
    yield line["event"]
    for error in line.get("error_detail") or ():
        yield f"{error['exc_type']}: {error['exc_value']}"


def _answer(response: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    if not response.is_success:
        request = response.request
        raise AirflowApiError(
            f"Airflow answered {request.method} {request.url.path} with {response.status_code}: {response.text[:500]}"
        )
    return response.json() if response.content else None
