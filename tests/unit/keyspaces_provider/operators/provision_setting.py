"""A recorded run of `provision`, a driver that says what a test tells it, and an HTTP server that answers as Airflow's
API does."""

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

from keyspaces_migration.approval import digest_line
from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import RunConfiguration
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.ledger import ledger_from_connection
from keyspaces_provider.run import MigrationRun, recorded_run

FILE = Path(__file__).parents[4] / "dags/migrations/flights.yaml"
MIGRATION = load_migration(FILE)
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
    file: Path
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


def a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Setting]:
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
        file = tmp_path / "flights.yaml"
        file.write_text(FILE.read_text())
        yield Setting(package=package, file=file, answers=answers)
        http.shutdown()
        thread.join()


def record() -> None:
    ledger = ledger_from_connection(LEDGER)
    now = datetime.now(UTC)
    for stage, run_id in ((Stage.ASSESS, "before"), (Stage.PROVISION, RUN_ID)):
        dag_id = f"flights.{stage.value}"
        ledger.start_run(RunConfiguration.of(MIGRATION, stage=stage, dag_id=dag_id, run_id=run_id, recorded_at=now))
        if stage is Stage.ASSESS:
            ledger.add_milestone(Milestone.ASSESSED, dag_id=dag_id, run_id=run_id, reached_at=now)


def shown(evidence: Evidence) -> str:
    return f"{evidence.page}\n\n{digest_line(evidence.digest)}\n"
