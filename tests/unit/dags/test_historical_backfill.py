"""The backfill's DAG: what its form asks, and which tasks load."""

from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag

TABLES = ["departures", "flights_unarchived", "planes", "weather"]


def dag_with(folder: Path, *, workers: int) -> Any:
    file = folder / "migrations/flights.yaml"
    file.write_text(file.read_text().replace("workers_per_table: 2", f"workers_per_table: {workers}"))
    return DagBag(dag_folder=str(folder / "historical_backfill.py")).dags["flights.historical_backfill"]


@pytest.mark.parametrize(("workers", "at_a_time"), [(1, 2), (3, 3)])
def test_every_table_loads_in_as_many_slots_as_the_file_says(dags_folder: Path, workers: int, at_a_time: int) -> None:
    load = dag_with(dags_folder, workers=workers).get_task("load")
    assert load.expand_input.value == [
        {"table": table, "slot": slot + 1} for table in TABLES for slot in range(workers)
    ]
    assert load.max_active_tis_per_dagrun == at_a_time


def test_a_run_is_dry_unless_a_person_switches_that_off(dags_folder: Path) -> None:
    param = dag_with(dags_folder, workers=2).params.get_param("dry_run")
    assert param.value is True
    assert param.schema["type"] == "boolean"
    assert "nothing is written" in param.description


def test_a_rejected_plan_reaches_no_load_and_a_skipped_gate_holds_none_up(dags_folder: Path) -> None:
    dag = dag_with(dags_folder, workers=2)
    load = dag.get_task("load")
    assert load.upstream_task_ids == {"approval_needed", "approve_1"}
    assert load.trigger_rule == "none_failed"
    assert dag.get_task("approve_1").fail_on_reject is True


def test_large_histories_are_unloaded_after_the_approval_and_before_any_load(dags_folder: Path) -> None:
    assert "unload" not in dag_with(dags_folder, workers=2).task_ids
    file = dags_folder / "migrations/flights.yaml"
    unload = "backfill:\n  unload: {stage: ANALYTICS.PUBLIC.KM, path: s3://bucket/history}\n"
    file.write_text(file.read_text().replace("backfill:\n", unload, 1))
    dag = dag_with(dags_folder, workers=2)
    assert dag.get_task("unload").expand_input.value == {"table": TABLES}
    assert "approve_1" in dag.get_task("unload").upstream_task_ids
    assert "unload" in dag.get_task("load").upstream_task_ids
    assert dag.get_task("unload").trigger_rule == dag.get_task("load").trigger_rule == "none_failed"
