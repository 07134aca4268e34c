"""A migration file that changed after the run began: no task acts on it, whatever it does, and rollback is exempt."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import BaseOperator

from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import ConfigurationChangedError
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.operators.backfill import LoadTableOperator
from keyspaces_provider.operators.backfill_spark import LoadBySparkSubmitOperator
from keyspaces_provider.operators.cutover import RaiseShareOperator, TargetLeadsOperator
from keyspaces_provider.operators.dead_letters import CloseLettersOperator, ReplayLettersOperator
from keyspaces_provider.operators.destroy import DestroyOperator
from keyspaces_provider.operators.dual_writes import DualModeOperator, RecopyOperator, RecordModeOperator
from keyspaces_provider.operators.provision import ApplyOperator
from keyspaces_provider.operators.repair import RepairOperator
from keyspaces_provider.operators.retire import RetireOperator
from keyspaces_provider.run import acting_run
from tests.unit.keyspaces_provider.recorded import a_recorded_run

ROOT = Path(__file__).parents[4]
ACTING: dict[str, tuple[Stage, Callable[..., BaseOperator]]] = {
    "apply": (Stage.PROVISION, ApplyOperator),
    "destroy": (Stage.DESTROY, DestroyOperator),
    "load": (Stage.HISTORICAL_BACKFILL, lambda **given: LoadTableOperator(table="planes", **given)),
    "load in Spark": (Stage.HISTORICAL_BACKFILL, LoadBySparkSubmitOperator),
    "record_mode": (Stage.START_DUAL_WRITES, RecordModeOperator),
    "dual_mode": (Stage.START_DUAL_WRITES, DualModeOperator),
    "recopy_planes": (Stage.START_DUAL_WRITES, lambda **given: RecopyOperator(table="planes", **given)),
    "repair": (Stage.REPAIR, RepairOperator),
    "replay": (Stage.REPLAY_DEAD_LETTERS, lambda **given: ReplayLettersOperator(retry_parked="", **given)),
    "close": (
        Stage.REPLAY_DEAD_LETTERS,
        lambda **given: CloseLettersOperator(close_parked="", close_reason="", **given),
    ),
    "raise_to_percent": (Stage.CUTOVER, lambda **given: RaiseShareOperator(percent=10, **given)),
    "target_leads": (Stage.CUTOVER, TargetLeadsOperator),
    "retire": (Stage.RETIRE, RetireOperator),
}
# They write reports and records, and neither to a store nor to the flag.
LOOKS_OR_RECORDS = {
    "record_run",
    "assess",
    "check",
    "check_again",
    "verdict",
    "readiness",
    "evidence",
    "approve_1",
    "writers",
    "report",
    "cutover_finished",
    "preview",
    "drift",
    "plan",
    "verify",
    "approval_needed",
    "tables_active",
    "compare_schema",
    "outputs",
    "wait_for_record",
    "wait_for_dual",
    "dual_writes_started",
    "closing",
    "drained",
}
# They only lower the share, which must work whatever became of the file.
EXEMPT = {"lower_share", "watch_percent"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flights.yaml"
    path.write_text((ROOT / "dags/migrations/flights.yaml").read_text())
    return path


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, Stage], Any]:
    """Record a run with a file as it is now, and return the context of its tasks."""

    def recorded(file: Path, stage: Stage) -> Any:
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", f"sqlite://{tmp_path}/ledger.db")
        run = a_recorded_run(load_migration(file), ledger=tmp_path / "ledger.db", stage=stage)
        return {"dag_run": SimpleNamespace(dag_id=run.dag_id, run_id=run.run_id)}

    return recorded


@pytest.mark.parametrize("task_id", sorted(ACTING))
def test_no_task_acts_on_a_file_that_changed_after_the_run_began(
    task_id: str, file: Path, context: Callable[[Path, Stage], Any]
) -> None:
    stage, make = ACTING[task_id]
    of_the_run = context(file, stage)
    file.write_text(file.read_text().replace("max_cost_usd: 0.001", "max_cost_usd: 500"))
    task = make(task_id=task_id.replace(" ", "_"), migration_file=str(file), ledger_conn_id="ledger")
    with pytest.raises(ConfigurationChangedError, match="Start a new run to use the file as it is now"):
        task.execute(of_the_run)


def test_a_comment_in_the_file_stops_nothing(file: Path, context: Callable[[Path, Stage], Any]) -> None:
    of_the_run = context(file, Stage.CUTOVER)
    file.write_text(file.read_text().replace("required: 1", "required: 1 # of us"))
    assert acting_run(of_the_run, ledger_conn_id="ledger", migration_file=str(file)).stage is Stage.CUTOVER


@pytest.mark.parametrize("stage", [stage for stage in Stage if (ROOT / f"dags/{stage.value}.py").exists()])
def test_every_task_of_a_stage_is_known_to_act_or_to_look_and_those_that_act_know_their_file(stage: Stage) -> None:
    dag = DagBag(dag_folder=str(ROOT / f"dags/{stage.value}.py")).dags[f"flights.{stage.value}"]
    for task in dag.tasks:
        name = "recopy_planes" if task.task_id.startswith("recopy_") else re.sub(r"_\d+$", "_percent", task.task_id)
        name = "approve_1" if name == "approve_percent" else name
        assert name in {*ACTING, *LOOKS_OR_RECORDS, *EXEMPT}, "a new task: does it act?"
        if name in ACTING:
            given = getattr(task, "partial_kwargs", None) or vars(task)
            assert Path(given["migration_file"]).name == "flights.yaml"
