"""Gates tell that they wait, through Airflow's own hook for it, and wait whether anybody could be told or not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.configuration import AIRFLOW_HOME
from airflow.dag_processing.dagbag import DagBag

from keyspaces_migration.config import load_migration
from keyspaces_provider.operators.approval import ApprovalNeededNotifier, EvidenceApprovalOperator
from rehearsal.notifications import read_messages

DAGS = Path(__file__).parents[4] / "dags"
FILE = DAGS / "migrations/flights.yaml"


def context() -> dict[str, Any]:
    ti = SimpleNamespace(
        dag_id="flights.cutover", run_id="run", task_id="approve_1", log_url="http://airflow/approve_1"
    )
    return {"ti": ti}


@pytest.mark.parametrize("stage", ["provision", "historical_backfill", "cutover", "destroy"])
def test_every_gate_tells_that_it_waits(stage: str) -> None:
    dag = DagBag(dag_folder=str(DAGS / f"{stage}.py")).dags[f"flights.{stage}"]
    gates = [task for task in dag.tasks if isinstance(task, EvidenceApprovalOperator)]
    assert gates
    for gate in gates:
        (notifier,) = gate.notifiers
        assert isinstance(notifier, ApprovalNeededNotifier)
        assert notifier.subject == gate.subject


def test_the_message_says_what_is_to_be_approved_where_and_by_whom() -> None:
    folder = Path(AIRFLOW_HOME) / "notifications"
    before = len(read_messages(folder))
    ApprovalNeededNotifier(migration=load_migration(FILE), subject="Move all reads of flights to the target")(context())
    (message,) = read_messages(folder)[before:]
    assert (message.kind, message.severity) == ("APPROVAL_NEEDED", "INFO")
    assert "Move all reads of flights to the target. Gate approve_1: one of admin may answer" in message.text
    assert "http://airflow/approve_1" in message.text


def test_a_gate_waits_though_nobody_can_be_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "flights.yaml"
    file.write_text(FILE.read_text().replace("rehearsal.notifications.FileNotifier", "no.such.Notifier"))
    ApprovalNeededNotifier(migration=load_migration(file), subject="x")(context())
    assert "Channel files could not tell of APPROVAL_NEEDED" in caplog.text
