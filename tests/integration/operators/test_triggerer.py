"""A sensor that defers, in a real Airflow with a triggerer; and what becomes of it when a person ends its run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.ports import free_ports
from rehearsal.servers.airflow import AirflowServer
from rehearsal.servers.connections import AirflowConnection
from tests.integration.airflow_alone import running
from tests.integration.operators.conftest import AWS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane
    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin

EXAMPLES = Path(__file__).parents[3] / "example_dags"
DAG, TASK, KEYSPACE, TABLES = "example_keyspaces_table_active", "active", "shop", ("customers", "visits")
TIMEOUT_S = 90


@pytest.fixture(scope="module")
def airflow(control_plane: KeyspacesControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowServer]:
    """Airflow with the example DAGs, and nothing else of the world."""
    extra = {"region_name": "us-east-1", "service_config": {"keyspaces": {"endpoint_url": control_plane.url}}}
    aws = AirflowConnection(
        connection_id=AWS, conn_type="aws", description="AWS", login="test", password="test", extra=extra
    )
    server = AirflowServer(
        home=tmp_path_factory.mktemp("airflow-examples"),
        port=free_ports(1)[0],
        ca_file=None,
        connections=[aws],
        environment={"AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES)},
    )
    with running(server) as started:
        yield started


@pytest.fixture
def tables(client: Any, session: Session, admin: LocalKeyspacesAdmin) -> Iterator[Callable[[int], None]]:
    """Has the tables made, CREATING for so many milliseconds; afterwards they are gone."""
    client.create_keyspace(keyspaceName=KEYSPACE)

    def make(creating_ms: int) -> None:
        admin.change_settings(ddl_delay_ms=creating_ms)
        for table in TABLES:
            schema = {"allColumns": [{"name": "k", "type": "int"}], "partitionKeys": [{"name": "k"}]}
            client.create_table(keyspaceName=KEYSPACE, tableName=table, schemaDefinition=schema)

    yield make
    admin.change_settings(ddl_delay_ms=0, ddl_frozen=False)
    session.execute(f"DROP KEYSPACE {KEYSPACE}")


def wait_for(api: AirflowApi, run_id: str, ready: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The task, once it is as wanted."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        (task,) = api.task_instances(DAG, run_id)
        if ready(task):
            return dict(task)
        assert time.monotonic() < deadline, f"{task['state']}, trigger {task['trigger']}"
        time.sleep(0.2)


def is_deferred(task: dict[str, Any]) -> bool:
    return bool(task["state"] == "deferred")


def test_it_waits_in_the_triggerer_and_goes_on_when_the_tables_are_active(
    airflow: AirflowServer, tables: Callable[[int], None], admin: LocalKeyspacesAdmin
) -> None:
    with airflow.api() as api:
        api.wait_for_dag(DAG)
        api.unpause(DAG)
        admin.change_settings(ddl_frozen=True)
        tables(0)
        run_id = api.trigger(DAG)
        waiting = wait_for(api, run_id, is_deferred)
        admin.change_settings(ddl_frozen=False)
        assert waiting["trigger"]["classpath"].startswith("keyspaces_provider.triggers.")
        assert api.wait_for_run(DAG, run_id, timeout_s=TIMEOUT_S) == "success"
        (done,) = api.task_instances(DAG, run_id)
        assert done["trigger"] is None


def test_one_that_a_person_ends_leaves_no_trigger(airflow: AirflowServer, tables: Callable[[int], None]) -> None:
    with airflow.api() as api:
        api.wait_for_dag(DAG)
        api.unpause(DAG)
        tables(600_000)
        run_id = api.trigger(DAG)
        wait_for(api, run_id, is_deferred)
        api.call("PATCH", f"/dags/{DAG}/dagRuns/{run_id}", json={"state": "failed"})
        assert api.wait_for_run(DAG, run_id, timeout_s=TIMEOUT_S) == "failed"
        # The triggerer takes it away at its next look.
        ended = wait_for(api, run_id, lambda task: task["trigger"] is None)
    assert ended["state"] in {"failed", "skipped"}
