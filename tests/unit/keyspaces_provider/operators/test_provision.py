"""The acting tasks of `provision`, over a real ledger, a driver that says what a test tells it, and an HTTP server
that answers as Airflow's API does."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from keyspaces_migration.approval import ApprovalRefusedError, digest_line
from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import ReportKind, RunConfiguration
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_migration.provisioning import PlanRefusedError
from keyspaces_provider.evidence import Evidence, EvidenceDamagedError
from keyspaces_provider.ledger import ledger_from_connection
from keyspaces_provider.operators.provision import ApplyOperator, ApprovalNeededOperator, PreviewOperator
from keyspaces_provider.run import MigrationRun, recorded_run

MIGRATION = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
DAG_ID, RUN_ID, LEDGER = "flights.provision", "run-1", MIGRATION.connections.ledger
CHANGE: dict[str, Any] = {
    "op": "add",
    "urn": "urn:planes",
    "type": "aws:keyspaces/table:Table",
    "name": "planes",
    "before": None,
    "after": {"tableName": "planes"},
    "replace_keys": [],
    "was_protected": False,
}
PLAN = {
    "kind": "result",
    "command": "preview",
    "stack": "flights-rehearsal",
    "changes": [CHANGE],
    "refused": [],
    "drift": [],
}
PLAN = {**PLAN, "digest": "d1", "plan": "plan.json"}
DRIVER = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
with (here / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + chr(10))
code, line = json.loads((here / "say.json").read_text())
print(json.dumps(line))
sys.exit(code)
"""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One recorded run; the driver and Airflow's API say what is set here."""

    package: Path
    answers: dict[str, Any]

    @property
    def context(self) -> Any:
        return {"dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID)}

    @property
    def run(self) -> MigrationRun:
        return recorded_run(self.context, ledger_conn_id=LEDGER)

    @property
    def calls(self) -> list[list[str]]:
        file = self.package / "calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def driver_says(self, line: dict[str, Any], *, code: int = 0) -> None:
        (self.package / "say.json").write_text(json.dumps([code, line]))

    def answer(self, *, body: str, user: str = "admin", typed: str = "flights") -> None:
        self.answers["approve_1"] = {
            "task_instance": {"task_id": "approve_1", "dag_id": DAG_ID, "dag_run_id": RUN_ID},
            "body": body,
            "responded_by_user": {"id": user},
            "responded_at": datetime.now(UTC).isoformat(),
            "chosen_options": ["Approve"],
            "params_input": {"confirm_migration": typed},
        }


def server(answers: dict[str, Any]) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._send(201, {"access_token": "t"})

        def do_GET(self) -> None:
            gate = self.path.split("/")[-3]
            self._send(200, answers[gate]) if gate in answers else self._send(404, {})

        def _send(self, status: int, content: dict[str, Any]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
    package = tmp_path / "driver/keyspaces_infra"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(DRIVER)
    answers: dict[str, Any] = {}
    with server(answers) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        connections = {
            MIGRATION.connections.ledger: {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")},
            MIGRATION.connections.aws: {"conn_type": "aws", "login": "test", "password": "test"},
            MIGRATION.connections.airflow: {
                "conn_type": "http",
                "host": "127.0.0.1",
                "port": http.server_address[1],
                "login": "reader",
                "password": "r",
            },
        }
        for conn_id, fields in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        monkeypatch.setenv("PYTHONPATH", str(package.parent))
        monkeypatch.setattr("airflow.configuration.AIRFLOW_HOME", str(tmp_path / "home"))
        record()
        yield Setting(package=package, answers=answers)
        http.shutdown()
        thread.join()


def record() -> None:
    ledger = ledger_from_connection(LEDGER)
    now = datetime.now(UTC)
    for stage, run_id in ((Stage.ASSESS, "before"), (Stage.PROVISION, RUN_ID)):
        dag_id = f"flights.{stage.value}"
        ledger.start_run(
            RunConfiguration(
                migration="flights",
                stage=stage,
                dag_id=dag_id,
                run_id=run_id,
                digest=MIGRATION.digest,
                canonical_json=MIGRATION.canonical_json(),
                recorded_at=now,
            )
        )
        if stage is Stage.ASSESS:
            ledger.add_milestone(Milestone.ASSESSED, dag_id=dag_id, run_id=run_id, reached_at=now)


def preview(setting: Setting, plan: dict[str, Any]) -> Evidence:
    setting.driver_says(plan)
    PreviewOperator(task_id="preview", ledger_conn_id=LEDGER).execute(setting.context)
    return setting.run.evidence()


def apply(setting: Setting) -> dict[str, Any]:
    setting.driver_says({"kind": "result", "command": "up", "changes": [CHANGE], "outputs": {}})
    return ApplyOperator(task_id="apply", ledger_conn_id=LEDGER).execute(setting.context)


def operations(setting: Setting) -> list[str]:
    return [call[0] for call in setting.calls]


def shown(evidence: Evidence) -> str:
    return f"{evidence.page}\n\n{digest_line(evidence.digest)}\n"


def test_the_evidence_covers_the_plan_and_every_change_in_it(setting: Setting) -> None:
    evidence = preview(setting, PLAN)
    assert evidence.facts["plan_digest"] == "d1"
    assert evidence.facts["changes"] == [CHANGE]
    assert evidence.facts["migration_digest"] == MIGRATION.digest
    assert "planes" in evidence.page


def test_what_was_approved_is_applied_under_its_digest_and_the_approval_is_in_the_ledger(setting: Setting) -> None:
    evidence = preview(setting, PLAN)
    setting.answer(body=shown(evidence))
    assert apply(setting) == {"changed": 1, "approved_by": ["admin"]}
    assert operations(setting) == ["preview", "up"]
    assert setting.calls[1][-2:] == ["--digest", "d1"]
    (approval,) = setting.run.ledger.approvals("flights")
    assert (approval.task_id, approval.evidence_digest) == ("apply", evidence.digest)


def test_without_an_answer_nothing_is_applied(setting: Setting) -> None:
    preview(setting, PLAN)
    with pytest.raises(ApprovalRefusedError):
        apply(setting)
    assert operations(setting) == ["preview"]


@pytest.mark.parametrize("wrong", [{"user": "alice"}, {"typed": "trains"}])
def test_an_answer_of_the_wrong_person_or_without_the_name_applies_nothing(
    setting: Setting, wrong: dict[str, str]
) -> None:
    setting.answer(body=shown(preview(setting, PLAN)), **wrong)
    with pytest.raises(ApprovalRefusedError):
        apply(setting)
    assert operations(setting) == ["preview"]


def test_an_approval_of_an_earlier_preview_does_not_count_for_a_later_one(setting: Setting) -> None:
    setting.answer(body=shown(preview(setting, PLAN)))
    preview(setting, {**PLAN, "digest": "d2"})
    with pytest.raises(ApprovalRefusedError, match="other evidence"):
        apply(setting)
    assert operations(setting) == ["preview", "preview"]


def test_a_plan_without_changes_is_not_applied_and_needs_nobody(setting: Setting) -> None:
    preview(setting, {**PLAN, "changes": []})
    needed = ApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=LEDGER, otherwise="apply")
    assert needed.choose_branch(setting.context) == ["apply"]
    assert apply(setting) == {"changed": 0, "approved_by": []}
    assert operations(setting) == ["preview"]


def test_a_plan_with_changes_goes_through_every_gate(setting: Setting) -> None:
    preview(setting, PLAN)
    needed = ApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=LEDGER, otherwise="apply")
    assert needed.choose_branch(setting.context) == ["approve_1"]


def test_a_refused_plan_fails_with_its_report_kept_and_nothing_to_approve(setting: Setting) -> None:
    refusal = {"urn": "u", "type": "t", "name": "planes", "reason": "it would be deleted with its rows"}
    setting.driver_says({**PLAN, "refused": [refusal], "digest": None}, code=10)
    with pytest.raises(PlanRefusedError, match="planes: it would be deleted"):
        PreviewOperator(task_id="preview", ledger_conn_id=LEDGER).execute(setting.context)
    (report,) = setting.run.ledger.reports("flights", run_id=RUN_ID, kind=ReportKind.PROVISION_PLAN)
    assert "it would be deleted" in Path(report.path.removeprefix("file://")).read_text()
    with pytest.raises(EvidenceDamagedError):
        apply(setting)


def test_edited_evidence_is_never_applied(setting: Setting) -> None:
    setting.answer(body=shown(preview(setting, PLAN)))
    (report,) = setting.run.ledger.reports("flights", run_id=RUN_ID, kind=ReportKind.EVIDENCE)
    file = Path(report.path.removeprefix("file://"))
    file.write_text(file.read_text().replace('"d1"', '"d2"'))
    with pytest.raises(EvidenceDamagedError):
        apply(setting)
    assert operations(setting) == ["preview"]
