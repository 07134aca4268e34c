"""The watch with a real ledger and a notifier of the test's own: told once, again when worse, and never lost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import BaseNotifier

from keyspaces_migration.config import EventKind, load_migration
from keyspaces_migration.ledger.alerts import AlertLedger
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_provider.notifications import FailureCallback
from keyspaces_provider.operators.watch import WatchIncompleteError, WatchOperator, check_due_at
from keyspaces_provider.run import MigrationRun
from tests.unit.keyspaces_provider.recorded import a_recorded_run

FLIGHTS = (Path(__file__).parents[4] / "dags/migrations/flights.yaml").read_text()
HERE = "tests.unit.keyspaces_provider.operators.test_watch"
TOLD: list[str] = []
DOWN: set[str] = set()


class Phone(BaseNotifier):
    """Keeps what it is told, unless it is down."""

    template_fields = ("text",)

    def __init__(self, *, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        assert context["event"]
        if DOWN:
            raise ConnectionError
        TOLD.append(self.text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    TOLD.clear()
    DOWN.clear()
    path = tmp_path / "flights.yaml"
    text = FLIGHTS.replace("rehearsal.notifications.FileNotifier", f"{HERE}.Phone")
    of_the_other = ("folder:", "kind:", "severity:", "title:")
    path.write_text("\n".join(line for line in text.splitlines() if not line.strip().startswith(of_the_other)))
    return path


@pytest.fixture
def run(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MigrationRun:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    return a_recorded_run(load_migration(file), ledger=tmp_path / "ledger.db", stage=Stage.START_DUAL_WRITES)


@pytest.fixture
def look(file: Path) -> Callable[[], dict[str, list[str]]]:
    """One run of the watch."""

    def execute() -> dict[str, list[str]]:
        task = WatchOperator(task_id="watch", migration_file=str(file), ledger_conn_id="flights_ledger")
        return task.execute(context())

    return execute


def context(**ti: Any) -> Any:
    where = {"dag_id": "flights.watch", "run_id": "run", "task_id": "watch", "log_url": "http://airflow/x"}
    return {"ti": SimpleNamespace(**where, **ti), "dag_run": SimpleNamespace(dag_id="flights.watch", run_id="run")}


def fix_barrier(run: MigrationRun, *, age: timedelta, run_id: str = "run-1") -> int:
    at = datetime.now(UTC) - age
    barrier_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return FlagLedger(run.ledger).fix_barrier(barrier_us, dag_id=run.dag_id, run_id=run_id, now=at)


def test_an_empty_ledger_has_nothing_to_tell(run: MigrationRun, look: Callable[[], dict[str, list[str]]]) -> None:
    assert run
    assert look() == {"lasting": [], "told": []}
    assert TOLD == []


def test_a_barrier_that_runs_out_is_told_once_though_the_watch_looks_often(
    run: MigrationRun, look: Callable[[], dict[str, list[str]]]
) -> None:
    barrier_us = fix_barrier(run, age=timedelta(hours=41))
    name = f"BARRIER_AT_RISK {barrier_us}"
    assert [look() for _ in range(3)] == [
        {"lasting": [name], "told": [name]},
        {"lasting": [name], "told": []},
        {"lasting": [name], "told": []},
    ]
    (text,) = TOLD
    assert text.startswith("CRITICAL flights: the 48 hours after the barrier run out")
    assert "No load under this barrier has been planned." in text
    assert "http://airflow/x" in text


def test_what_reached_nobody_is_red_and_tried_again(
    run: MigrationRun, look: Callable[[], dict[str, list[str]]]
) -> None:
    fix_barrier(run, age=timedelta(hours=41))
    DOWN.add("phone")
    with pytest.raises(WatchIncompleteError, match="nobody could be told of BARRIER_AT_RISK"):
        look()
    assert AlertLedger(run.ledger).alerts("flights") == ()
    DOWN.clear()
    assert len(look()["told"]) == 1


def test_a_condition_that_is_over_is_closed(
    run: MigrationRun, look: Callable[[], dict[str, list[str]]], file: Path, tmp_path: Path
) -> None:
    fix_barrier(run, age=timedelta(hours=41))
    look()
    newer = a_recorded_run(load_migration(file), ledger=tmp_path / "ledger.db", stage=Stage.CUTOVER)
    at = datetime.now(UTC)
    fresh = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    FlagLedger(newer.ledger).fix_barrier(fresh, dag_id=newer.dag_id, run_id=newer.run_id, now=at)
    assert look() == {"lasting": [], "told": []}
    (alert,) = AlertLedger(run.ledger).alerts("flights")
    assert alert.kind is EventKind.BARRIER_AT_RISK
    assert alert.closed_at is not None


def test_a_channel_that_can_not_be_used_is_red_by_day_and_the_others_are_told_all_the_same(
    run: MigrationRun, look: Callable[[], dict[str, list[str]]], file: Path
) -> None:
    fix_barrier(run, age=timedelta(hours=41))
    broken = "  channels:\n    gone: {notifier: no.such.Notifier}\n"
    file.write_text(file.read_text().replace("  channels:\n", broken))
    with pytest.raises(WatchIncompleteError, match=r"notifications\.channels\.gone: no\.such\.Notifier can't be imp"):
        look()
    assert len(TOLD) == 1


def test_a_queue_that_can_not_be_looked_at_is_red_after_all_else_was_told(
    run: MigrationRun, look: Callable[[], dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fix_barrier(run, age=timedelta(hours=41))
    run.reach(Milestone.PROVISIONED)
    monkeypatch.delenv("AIRFLOW_CONN_FLIGHTS_AWS", raising=False)
    with pytest.raises(WatchIncompleteError, match=r"queue could not be looked at: .*flights_aws"):
        look()
    assert len(TOLD) == 1


@pytest.mark.parametrize(("before", "messages"), [("failed", 0), ("success", 1), (None, 1)])
def test_a_watch_that_stays_red_is_told_of_once(file: Path, before: str | None, messages: int) -> None:
    previous = SimpleNamespace(state=before) if before else None
    failed = context(get_previous_dagrun=lambda: previous) | {"exception": WatchIncompleteError("x")}
    FailureCallback(load_migration(file), stage=None)(failed)
    assert len(TOLD) == messages


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        ("@daily", datetime(2026, 11, 26, tzinfo=UTC)),
        ("30 4 * * *", datetime(2026, 11, 26, 4, 30, tzinfo=UTC)),
        ("0 7 * * mon", datetime(2026, 11, 23, 7, tzinfo=UTC)),
    ],
)
def test_a_schedule_says_when_a_check_was_due(schedule: str, due: datetime) -> None:
    assert check_due_at(schedule, by=datetime(2026, 11, 26, 5, tzinfo=UTC)) == due


def test_a_stage_that_fails_again_is_told_of_again(file: Path) -> None:
    failed = context(get_previous_dagrun=lambda: SimpleNamespace(state="failed")) | {"exception": ValueError("x")}
    FailureCallback(load_migration(file), stage=Stage.PROVISION)(failed)
    assert len(TOLD) == 1
