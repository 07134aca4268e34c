"""A task that fails in a real Airflow is told of, from the worker, through the channel of the migration file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.notifications import Message, read_messages
from rehearsal.ports import free_ports
from rehearsal.servers.airflow import AirflowServer
from rehearsal.servers.connections import AirflowConnection
from tests.integration.airflow_alone import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMEOUT_S = 240


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """Airflow with the sample's migration file and an empty ledger: nothing else of the world is needed to fail."""
    home: Path = tmp_path_factory.mktemp("airflow-alone")
    (home / "ledger").mkdir()
    ledger = AirflowConnection(
        connection_id="flights_ledger", conn_type="sqlite", description="ledger", host=f"{home}/ledger/ledger.db"
    )
    (port,) = free_ports(1)
    server = AirflowServer(home=home, port=port, ca_file=None, connections=[ledger])
    with running(server) as started:
        yield started


def test_a_failed_task_is_told_of(airflow: AirflowServer) -> None:
    with airflow.api() as api:
        api.wait_for_dag("flights.historical_backfill")
        run_id = api.trigger("flights.historical_backfill")
        assert api.wait_for_run("flights.historical_backfill", run_id, timeout_s=TIMEOUT_S) == "failed"
        (log,) = [
            api.task_log("flights.historical_backfill", run_id, task["task_id"], try_number=task["try_number"])
            for task in api.task_instances("flights.historical_backfill", run_id)
            if task["state"] == "failed"
        ]
    assert "Told channel files of FAILED_TASK" in log
    (message,) = [each for each in read_messages(airflow.notifications) if each.run_id == run_id]
    assert message == Message(
        kind="FAILED_TASK",
        severity="WARNING",
        title="WARNING flights: a task failed",
        text=message.text,
        dag_id="flights.historical_backfill",
        run_id=run_id,
        task_id="record_run",
    )
    assert "OutOfOrderError: flights.historical_backfill may not start now: it needs provisioned" in message.text
    assert f"{airflow.url}/dags/flights.historical_backfill/runs/" in message.text
    assert "docs/runbooks/failed-task.md" in message.text
