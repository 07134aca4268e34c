"""The permissions of the file, in the auth manager that knows permissions of single DAGs: FAB's, on a real database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# In a process of its own: the auth manager is chosen when Airflow is first imported.
SCRIPT = """
import json, sys
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.www.app import create_app
from airflow.providers.fab.www.security_appless import ApplessAirflowSecurityManager
from airflow.utils.session import create_session

bag = DagBag(dag_folder=sys.argv[1])
assert bag.import_errors == {}, bag.import_errors
app = create_app(enable_plugins=False)
with app.app_context():
    manager = app.appbuilder.sm
    # What an administrator does once: roles that may read and answer in general, and on no DAG.
    common = [("can_read", name) for name in ("DAG Runs", "Task Instances", "HITL Detail")]
    answer = ("can_edit", "HITL Detail")
    for role, permissions in {"Auditors": common, "Ops": common, "Leads": [*common, answer]}.items():
        manager.bulk_sync_roles([{"role": role, "perms": permissions}])
        manager.add_user(role, role, role, f"{role}@example.com", manager.find_role(role), password=role)

    def sync():
        with create_session() as session:
            for dag in bag.dags.values():
                ApplessAirflowSecurityManager(session=session).sync_perm_for_dag(dag.dag_id, dag.access_control)

    def may():
        auth = FabAuthManager()
        found = {}
        for role in ("Auditors", "Ops", "Leads"):
            user = manager.find_user(username=role)
            manager.session.refresh(user)
            for dag_id in ("trains.cutover", "flights.cutover"):
                details = DagDetails(id=dag_id)
                user._perms = None
                found[f"{role} {dag_id}"] = {
                    "see": auth.is_authorized_dag(method="GET", user=user, details=details),
                    "trigger": auth.is_authorized_dag(
                        method="POST", access_entity=DagAccessEntity.RUN, user=user, details=details
                    ),
                    "answer": auth.is_authorized_dag(
                        method="PUT", access_entity=DagAccessEntity.HITL_DETAIL, user=user, details=details
                    ),
                }
        return found

    sync()
    given = may()
    for dag in bag.dags.values():
        if dag.dag_id.startswith("trains."):
            dag.access_control = {}
    sync()
    print("FOUND " + json.dumps({"given": given, "taken back": may()}))
"""
ACCESS = "access:\n  roles: {Ops: [READ, TRIGGER], Leads: [APPROVE], Auditors: [READ]}\n"
NOTHING = {"see": False, "trigger": False, "answer": False}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each role may do, once the DAGs' permissions are synchronised as the DAG processor does it."""
    home = tmp_path_factory.mktemp("fab")
    folder = home / "dags" / "migrations"
    folder.mkdir(parents=True)
    dags = Path(__file__).parents[2] / "dags"
    (home / "dags" / "cutover.py").write_text((dags / "cutover.py").read_text())
    flights = (dags / "migrations/flights.yaml").read_text()
    (folder / "flights.yaml").write_text(flights)
    (folder / "trains.yaml").write_text(flights.replace("migration: flights", "migration: trains", 1) + ACCESS)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
    }

    def run(*command: str) -> str:
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return done.stdout

    run("-m", "airflow", "db", "migrate")
    (line,) = [each for each in run("-c", SCRIPT, str(home / "dags")).splitlines() if each.startswith("FOUND ")]
    answer: dict[str, Any] = json.loads(line.removeprefix("FOUND "))
    return answer


@pytest.mark.parametrize(
    ("role", "rights"), [("Auditors", {"see"}), ("Ops", {"see", "trigger"}), ("Leads", {"see", "answer"})]
)
def test_a_role_may_do_what_the_file_says(found: dict[str, Any], role: str, rights: set[str]) -> None:
    may = found["given"][f"{role} trains.cutover"]
    assert {right for right, given in may.items() if given} == rights


@pytest.mark.parametrize("role", ["Auditors", "Ops", "Leads"])
def test_a_migration_without_the_section_gives_nothing(found: dict[str, Any], role: str) -> None:
    assert found["given"][f"{role} flights.cutover"] == NOTHING


@pytest.mark.parametrize("role", ["Auditors", "Ops", "Leads"])
def test_an_empty_section_takes_it_back(found: dict[str, Any], role: str) -> None:
    assert found["taken back"][f"{role} trains.cutover"] == NOTHING
