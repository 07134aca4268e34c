"""Which failures of a task are worth another try: a store that is away is, an answer that stays is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import RetryAction

from keyspaces_migration.backfill.errors import DeadlineError, PlanChangedError, TargetOverloadedError
from keyspaces_migration.clients.errors import StoreUnreachableError
from keyspaces_migration.ledger.errors import ConfigurationChangedError, LedgerSignatureError, LedgerUnreachableError

if TYPE_CHECKING:
    from pathlib import Path

AWAY = StoreUnreachableError(host="127.0.0.1:9142", found="the connection is refused", hint="Look at it.")
FORGED = LedgerSignatureError(table="splits", record="1", found="it has another signature", advice="Look at it.")


@pytest.fixture(params=["historical_backfill.load", "historical_backfill.verify", "consistency_check.check"])
def task(request: pytest.FixtureRequest, dags_folder: Path) -> Any:  # a mapped one has these too
    stage, task_id = request.param.split(".")
    return DagBag(dag_folder=str(dags_folder)).dags[f"flights.{stage}"].get_task(task_id)


@pytest.mark.parametrize(
    "error", [DeadlineError("late"), PlanChangedError("another"), ConfigurationChangedError("another"), FORGED]
)
def test_what_stays_until_a_person_acts_is_not_tried_again(task: Any, error: Exception) -> None:
    decision = task.retry_policy.evaluate(error, 1, task.retries)
    assert (decision.action, decision.reason) == (RetryAction.FAIL, "it stays until a person acts: see the error")


@pytest.mark.parametrize(
    "error", [AWAY, TargetOverloadedError("throttled"), LedgerUnreachableError("away"), OSError("broken pipe")]
)
def test_what_may_pass_is_tried_again(task: Any, error: Exception) -> None:
    assert task.retry_policy.evaluate(error, 1, task.retries).action is RetryAction.DEFAULT


def test_a_load_outlasts_an_outage_of_ten_minutes(dags_folder: Path) -> None:
    load: Any = DagBag(dag_folder=str(dags_folder)).dags["flights.historical_backfill"].get_task("load")
    delays = [load.retry_delay * load.retry_exponential_backoff**number for number in range(load.retries)]
    assert sum(min(delay, load.max_retry_delay).total_seconds() for delay in delays) >= 600
