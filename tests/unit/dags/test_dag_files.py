"""What Airflow makes of dags/: one DAG a stage and valid migration file, and one import error for the others."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Param
from airflow.sdk.exceptions import ParamValidationError

from keyspaces_provider.airflow_version import UnsupportedAirflowError, require_supported_airflow

if TYPE_CHECKING:
    from airflow.sdk import DAG

STAGES = {
    "assess",
    "consistency_check",
    "cutover",
    "destroy",
    "drift",
    "guard",
    "historical_backfill",
    "provision",
    "repair",
    "replay_dead_letters",
    "retire",
    "rollback",
    "start_dual_writes",
    "watch",
}


def load(folder: Path) -> DagBag:
    return DagBag(dag_folder=str(folder))


def test_each_valid_migration_has_one_dag_a_stage(dags_folder: Path, second_migration: Path) -> None:
    assert second_migration.exists()
    bag = load(dags_folder)
    assert bag.import_errors == {}
    assert set(bag.dags) == {f"{name}.{stage}" for name in ("flights", "trains") for stage in STAGES}


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_dag_keeps_the_conventions(dags_folder: Path, stage: str) -> None:
    dag: DAG = load(dags_folder).dags[f"flights.{stage}"]
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.tags >= {"keyspaces-migration", "flights"}
    assert dag.owner == "data-infrastructure"
    assert dag.doc_md
    assert dag.description
    first = next(task for task in dag.tasks if not task.upstream_task_ids)
    # A service belongs to no run of a stage, and comes every few minutes: it records none.
    assert first.task_id == (stage if stage in {"guard", "watch"} else "record_run")
    assert first.retries == 0
    assert all(task.has_on_failure_callback for task in dag.tasks)


def test_every_dag_has_the_access_that_the_file_says(dags_folder: Path, second_migration: Path) -> None:
    section = "access:\n  roles: {Ops: [READ, TRIGGER], Leads: [APPROVE], Auditors: [READ]}\n"
    second_migration.write_text(second_migration.read_text() + section)
    bag = load(dags_folder)
    assert bag.import_errors == {}
    for stage in STAGES:
        assert bag.dags[f"flights.{stage}"].access_control is None
        assert bag.dags[f"trains.{stage}"].access_control == {
            "Ops": {"DAGs": {"can_read", "can_edit"}, "DAG Runs": {"can_read", "can_create"}},
            "Leads": {"DAGs": {"can_read", "can_edit"}, "DAG Runs": {"can_read"}},
            "Auditors": {"DAGs": {"can_read"}, "DAG Runs": {"can_read"}},
        }


def test_an_access_section_without_roles_takes_back_what_was_given(dags_folder: Path, second_migration: Path) -> None:
    second_migration.write_text(second_migration.read_text() + "access: {}\n")
    assert load(dags_folder).dags["trains.assess"].access_control == {}


def test_a_dag_started_by_hand_can_be_triggered_without_unpausing_it_first(dags_folder: Path) -> None:
    by_hand = [dag for dag in load(dags_folder).dags.values() if not dag.timetable.can_be_scheduled]
    assert by_hand
    assert [dag.dag_id for dag in by_hand if dag.is_paused_upon_creation is not False] == []


def test_dual_writes_begin_with_as_many_writers_as_a_person_said_and_not_without_a_number(dags_folder: Path) -> None:
    dag = load(dags_folder).dags["flights.start_dual_writes"]
    with pytest.raises(ParamValidationError, match="expected_writers"):
        dag.params.validate()
    writers = dag.params.get_param("expected_writers")
    for refused in (0, "all", None):
        with pytest.raises(ParamValidationError):
            Param(refused, **writers.schema).resolve()
    waiting = {task.task_id: task.at_least for task in dag.tasks if hasattr(task, "at_least")}
    assert waiting == dict.fromkeys(("wait_for_record", "dual_mode", "wait_for_dual"), "{{ params.expected_writers }}")


def test_only_a_disposable_environment_can_be_destroyed(dags_folder: Path, second_migration: Path) -> None:
    kept = second_migration.read_text().replace("disposable: true", "disposable: false")
    kept = kept.replace("path: reports", "path: /reports").replace("settle_time: PT5S", "settle_time: PT30S")
    second_migration.write_text(re.sub(r"\ncutover:\n(  .*\n)+", "\n", kept))
    bag = load(dags_folder)
    assert bag.import_errors == {}
    assert "flights.destroy" in bag.dags
    assert {name for name in bag.dags if name.startswith("trains.")} == {
        f"trains.{stage}" for stage in STAGES - {"destroy"}
    }


def test_a_bad_file_takes_away_its_own_dags_alone_and_is_named_once(dags_folder: Path, second_migration: Path) -> None:
    second_migration.write_text(second_migration.read_text().replace("required: 1", "requried: 1"))
    bag = load(dags_folder)
    assert set(bag.dags) == {f"flights.{stage}" for stage in STAGES}
    ((file, error),) = bag.import_errors.items()
    assert Path(file).name == "migration_file_errors.py"
    assert "trains.yaml" in error
    assert "requried" in error
    assert "required" in error


def test_every_problem_of_every_bad_file_is_named(dags_folder: Path, second_migration: Path) -> None:
    second_migration.write_text("migration: trains\n")
    (dags_folder / "migrations/flights.yaml").write_text("- not\n- a migration\n")
    bag = load(dags_folder)
    assert not bag.dags
    (error,) = bag.import_errors.values()
    assert "trains.yaml" in error
    assert "flights.yaml" in error
    assert "connections" in error


# Airflow itself is imported once; each file is parsed in a fork of that interpreter, and sees nothing of the others.
PARSE_AND_LIST_MODULES = """
import json, os, pathlib, runpy, sys
from airflow.sdk import DAG, BaseOperator, Param, get_parsing_context
before = set(sys.modules)
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.py")):
    child = os.fork()
    if child == 0:
        runpy.run_path(str(file))
        print(json.dumps([file.name, sorted(set(sys.modules) - before)]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit(f"{file} can't be parsed")
"""
HEAVY = {
    "alembic",
    "boto3",
    "botocore",
    "cassandra",
    "numpy",
    "pandas",
    "pulumi",
    "pyarrow",
    "scipy",
    "snowflake",
    "sqlalchemy",
}


def test_parsing_imports_nothing_heavy(dags_folder: Path) -> None:
    command = [sys.executable, "-c", PARSE_AND_LIST_MODULES, str(dags_folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    printed = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('["')]  # beside log lines
    found = {file: {module.split(".")[0] for module in modules} for file, modules in printed}
    assert found.keys() == {file.name for file in dags_folder.glob("*.py")}
    assert {file for file, imported in found.items() if "keyspaces_migration" not in imported} == set()
    assert {file: imported & HEAVY for file, imported in found.items() if imported & HEAVY} == {}


def test_when_one_task_is_run_only_its_migration_is_built(
    dags_folder: Path, second_migration: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert second_migration.exists()
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "trains.assess")
    assert set(load(dags_folder).dags) == {"trains.assess"}


@pytest.mark.parametrize("version", ["3.2.4", "3.4.0", "4.0.0", "2.11.0"])
def test_another_airflow_is_refused_with_what_to_install(version: str) -> None:
    with pytest.raises(UnsupportedAirflowError, match=rf"3\.3\.x, found {version}"):
        require_supported_airflow(installed=version)


def test_this_airflow_is_supported() -> None:
    require_supported_airflow()
