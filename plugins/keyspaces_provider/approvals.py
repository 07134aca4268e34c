"""Reads the records of approval gates from Airflow's own API, for the call that is about to act.

XCom and task states prove nothing: any user may mark a waiting gate successful, and XCom can be written over REST.
The human-in-the-loop record is written by the API server alone, when a logged-in user answers.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from keyspaces_migration.approval import (
    ApprovalPolicy,
    ApprovalUnreadableError,
    GateAnswer,
    VerifiedApproval,
    verify_approvals,
)

if TYPE_CHECKING:
    import httpx

    from keyspaces_migration.config import Migration
    from keyspaces_provider.run import MigrationRun

TIMEOUT_S = 30.0


class _User(BaseModel):
    id: str


class _TaskInstance(BaseModel):
    task_id: str
    dag_id: str
    dag_run_id: str


class _HitlDetail(BaseModel):
    """The part of the record that a judgement rests on; what is missing makes it unreadable."""

    model_config = ConfigDict(strict=False, extra="ignore")

    task_instance: _TaskInstance
    body: str | None
    responded_by_user: _User | None
    responded_at: AwareDatetime | None
    chosen_options: list[str] | None
    params_input: dict[str, Any] = Field(default_factory=dict)

    def answer(self) -> GateAnswer:
        return GateAnswer(
            gate=self.task_instance.task_id,
            responder=self.responded_by_user.id if self.responded_by_user else None,
            chosen=tuple(self.chosen_options or ()),
            responded_at=self.responded_at,
            body=self.body or "",
            typed=self.params_input,
        )


@dataclass(frozen=True, kw_only=True)
class AirflowApi:
    """Airflow's REST API, as one of its users; reading needs no more than the right to see the migration's DAGs.

    Attributes:
        base_url: Such as http://127.0.0.1:8080.
        username: An Airflow user.
        password: Its password; in no representation of this object.
    """

    base_url: str
    username: str
    password: str = field(repr=False)

    def gate_answers(self, *, dag_id: str, run_id: str, gates: Iterable[str]) -> tuple[GateAnswer, ...]:
        """The records of the gates `gates` (task ids) of one run, as they stand now.

        A gate that has no record (it has not run, or was cleared) is left out; the judgement counts what is there.

        Raises:
            ApprovalUnreadableError: the API could not be reached, refused, or answered something not understood.
        """
        import httpx

        try:
            with httpx.Client(base_url=self.base_url, timeout=TIMEOUT_S) as client:
                client.headers["Authorization"] = f"Bearer {self._token(client)}"
                found = [_detail(client, dag_id=dag_id, run_id=run_id, gate=gate) for gate in gates]
        except httpx.HTTPError as error:
            raise ApprovalUnreadableError(
                f"The approval of {dag_id} run {run_id} could not be read from Airflow at {self.base_url}: {error}. "
                f"Nothing was done. When the API answers again, clear this task."
            ) from error
        return tuple(detail.answer() for detail in found if detail is not None)

    def _token(self, client: "httpx.Client") -> str:
        answer = client.post("/auth/token", json={"username": self.username, "password": self.password})
        answer.raise_for_status()
        token = _json(answer).get("access_token")
        if not isinstance(token, str):
            raise ApprovalUnreadableError(f"Airflow at {self.base_url} gave no token to user {self.username}.")
        return token


def _detail(client: "httpx.Client", *, dag_id: str, run_id: str, gate: str) -> _HitlDetail | None:
    dag, run, task = (quote(part, safe="") for part in (dag_id, run_id, gate))
    answer = client.get(f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}/-1/hitlDetails")
    if answer.status_code == HTTPStatus.NOT_FOUND:
        return None
    answer.raise_for_status()
    try:
        detail = _HitlDetail.model_validate(_json(answer))
    except ValidationError as error:
        raise ApprovalUnreadableError(
            f"Airflow's record of gate {gate} of {dag_id} run {run_id} is not what this package understands: {error}"
        ) from error
    asked = (dag_id, run_id, gate)
    told = (detail.task_instance.dag_id, detail.task_instance.dag_run_id, detail.task_instance.task_id)
    if told != asked:
        raise ApprovalUnreadableError(f"Asked Airflow for the gate {asked} and was told of {told}.")
    return detail


def _json(answer: "httpx.Response") -> Mapping[str, Any]:
    try:
        content = answer.json()
    except ValueError as error:
        raise ApprovalUnreadableError(f"{answer.url} did not answer with JSON, but: {answer.text[:200]!r}") from error
    if not isinstance(content, dict):
        raise ApprovalUnreadableError(f"{answer.url} did not answer with an object, but: {answer.text[:200]!r}")
    return content


def gate_ids(migration: "Migration") -> tuple[str, ...]:
    """The task ids of a run's approval gates: one for each approver that the file requires."""
    return tuple(f"approve_{number}" for number in range(1, migration.approvals.required + 1))


def require_approval(
    run: "MigrationRun", *, task_id: str, evidence_digest: str, valid_for: timedelta
) -> VerifiedApproval:
    """What an acting task calls in the same `execute` in which it acts; it records the approval in the ledger first.

    Args:
        run: The run that acts.
        task_id: The acting task, for the record.
        evidence_digest: Of what is about to be done, computed anew by the caller.
        valid_for: Age up to which an answer counts.

    Raises:
        ApprovalRefusedError: the answers do not allow this act; nothing was done.
        ApprovalUnreadableError: Airflow's record could not be read, which counts as refused.
        LedgerError: the approvals recorded before are not as they were signed, or this one could not be recorded;
            nothing was done.
    """
    from keyspaces_migration.ledger import ApprovalRecord

    migration = run.migration
    api = airflow_api_from_connection(migration.connections.airflow)
    policy = ApprovalPolicy(
        migration=migration.name,
        approvers=frozenset(migration.approvals.approvers),
        required=migration.approvals.required,
        valid_for=valid_for,
    )
    answers = api.gate_answers(dag_id=run.dag_id, run_id=run.run_id, gates=gate_ids(migration))
    now = datetime.now(UTC)
    approval = verify_approvals(answers, policy=policy, evidence_digest=evidence_digest, now=now)
    run.ledger.approvals(migration.name)  # nothing is added to, or done by, records that somebody has changed
    run.ledger.record_approval(
        ApprovalRecord(
            dag_id=run.dag_id,
            run_id=run.run_id,
            task_id=task_id,
            evidence_digest=approval.evidence_digest,
            approved_by=approval.approved_by,
            approved_at=approval.approved_at,
            verified_at=now,
        )
    )
    return approval


def airflow_api_from_connection(conn_id: str) -> AirflowApi:
    """Airflow's API as the HTTP connection `conn_id` describes it.

    Raises:
        ApprovalUnreadableError: the connection lacks a host, a user or a password.
    """
    from airflow.sdk import BaseHook

    connection = BaseHook.get_connection(conn_id)
    missing = [name for name in ("host", "login", "password") if not getattr(connection, name)]
    if missing:
        raise ApprovalUnreadableError(
            f"Airflow connection {conn_id} lacks {', '.join(missing)}: approvals can't be verified. It is a connection "
            f"of type http to Airflow's own API server, with a user who may see the migration's DAGs."
        )
    host = str(connection.host)
    url = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    return AirflowApi(
        base_url=f"{url}:{connection.port}" if connection.port else url,
        username=str(connection.login),
        password=str(connection.password),
    )
