"""The checks of the current epoch, pooled from a real ledger."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from keyspaces_migration.consistency.epoch import Epoch, pool
from keyspaces_migration.consistency.kinds import Draw
from keyspaces_migration.consistency.pooling import current_epoch
from keyspaces_migration.ledger.check_records import CheckCoverage
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from tests.checks import a_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_migration.ledger import Ledger

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
DAG = "flights.consistency_check"


def coverage(table: str, *, draw: Draw = Draw.HISTORY_KEYS, unseen: int = 0, wrong: int = 0) -> CheckCoverage:
    return CheckCoverage(
        table_name=table,
        draw=draw,
        population=10_000,
        wanted=1_000,
        compared=1_000 - unseen,
        mismatched=wrong,
        could_not_look=unseen,
        compared_rows=1_000 - unseen,
        mismatched_rows=wrong,
        transient_rows=0,
    )


def check(ledger: Ledger, new_run: Callable[..., Any], *parts: CheckCoverage, run_id: str, began: dt.datetime) -> None:
    ledger.record_run(new_run(run_id=run_id, stage=Stage.CONSISTENCY_CHECK))
    run = a_check(run_id=run_id, started_at=began, finished_at=began + dt.timedelta(minutes=5))
    assert CheckLedger(ledger).record(run, tables=(), coverage=parts, mismatches=())


def reach(ledger: Ledger, new_run: Callable[..., Any], milestone: Milestone, at: dt.datetime) -> None:
    run = new_run(run_id=f"{milestone}-{at:%d}", stage=Stage.ASSESS)
    ledger.record_run(run)
    ledger.add_milestone(milestone, dag_id=run.dag_id, run_id=run.run_id, reached_at=at)


def epoch(ledger: Ledger) -> Epoch:
    return current_epoch(ledger, "flights", tables=["planes", "weather"], confidence=0.99)


def test_only_what_began_since_the_last_load_is_pooled_and_windows_are_not(
    ledger: Ledger, new_run: Callable[..., Any]
) -> None:
    for milestone in (Milestone.ASSESSED, Milestone.PROVISIONED, Milestone.DUAL_WRITES_STARTED):
        reach(ledger, new_run, milestone, NOON - 9 * DAY)
    reach(ledger, new_run, Milestone.BACKFILL_COMPLETE, NOON)
    check(ledger, new_run, coverage("planes"), run_id="before", began=NOON - dt.timedelta(minutes=1))
    check(ledger, new_run, coverage("planes"), coverage("weather", unseen=1), run_id="a", began=NOON)
    windows = coverage("planes", draw=Draw.SOURCE_WINDOWS, wrong=5)
    check(ledger, new_run, coverage("planes", wrong=2), windows, coverage("weather"), run_id="b", began=NOON + DAY)
    found = epoch(ledger)
    assert found.began == NOON
    planes, weather = found.tables
    assert (planes.checks, planes.left_out, planes.compared, planes.mismatched) == (2, 0, 2_000, 2)
    assert (weather.checks, weather.left_out, weather.compared, weather.mismatched) == (1, 1, 1_000, 0)


def test_before_anything_is_known_to_have_begun_one_all_checks_are_of_it(ledger: Ledger) -> None:
    assert epoch(ledger).began is None
    assert epoch(ledger).tables == tuple(pool(table, (), tables=2, confidence=0.99) for table in ("planes", "weather"))
