"""The first task of a run: who started it decides what a start out of order is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from keyspaces_migration.ledger import RunNotRecordedError, open_ledger
from keyspaces_migration.lifecycle import OutOfOrderError, Stage
from keyspaces_provider.operators.run import RecordRunOperator
from tests.keyring import KEYRING

FILE = Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml"
DAG_ID, RUN_ID = "flights.consistency_check", "run"


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordRunOperator:
    """Of the daily check, with an empty ledger: nothing has been reached, so it is not its turn."""
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    return RecordRunOperator(
        task_id="record_run", stage=Stage.CONSISTENCY_CHECK, migration_file=str(FILE), ledger_conn_id="ledger"
    )


def context(*, run_type: str) -> Any:
    return {
        "dag_run": SimpleNamespace(dag_id=DAG_ID, run_id=RUN_ID, run_type=run_type, triggering_user_name=None),
    }


def test_a_scheduled_run_before_its_turn_is_skipped_with_the_reason_and_not_recorded(
    record: RecordRunOperator, tmp_path: Path
) -> None:
    with pytest.raises(AirflowSkipException, match=r"needs dual_writes_started, backfill_complete .*flights\.assess"):
        record.execute(context(run_type="scheduled"))
    with pytest.raises(RunNotRecordedError):
        open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING).run_configuration(dag_id=DAG_ID, run_id=RUN_ID)


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered", "operator_triggered"])
def test_a_run_that_somebody_asked_for_fails_with_the_reason(record: RecordRunOperator, run_type: str) -> None:
    with pytest.raises(OutOfOrderError, match="needs dual_writes_started, backfill_complete"):
        record.execute(context(run_type=run_type))
