"""The trend of checks: one point a run, its newest attempt, with the worst bound of its tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.consistency.trend import TREND, TrendPoint, trend_plot, trend_points
from keyspaces_migration.ledger.check_records import CheckedTable, CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Stage
from keyspaces_migration.pages import html
from tests.checks import a_check

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_migration.ledger import Ledger

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
RUN = a_check(run_id="one")


def record(ledger: Ledger, new_run: Callable[..., Any], run: CheckRun, *bounds: float | None) -> None:
    ledger.record_run(new_run(run_id=run.run_id, stage=Stage.CONSISTENCY_CHECK))
    tables = [
        CheckedTable(
            table_name=f"t{number}",
            verdict=run.verdict,
            sentence="s",
            row_bound=bound,
            window_bound=None,
            partitions=0,
            history_agrees=0,
            history_older=0,
            history_undated=0,
            history_wrong=0,
        )
        for number, bound in enumerate(bounds)
    ]
    assert CheckLedger(ledger).record(run, tables=tables, coverage=(), mismatches=())


def test_a_run_is_one_point_with_its_newest_attempt_and_worst_bound(
    ledger: Ledger, new_run: Callable[..., Any]
) -> None:
    record(ledger, new_run, RUN, 5e-5, 9e-5)
    record(ledger, new_run, replace(RUN, attempt=2, verdict=Verdict.FAIL), 2e-3, 0.0)
    later = replace(RUN, run_id="two", verdict=Verdict.INCONCLUSIVE, finished_at=NOON + DAY)
    record(ledger, new_run, later, 1e-5, None)
    assert trend_points(CheckLedger(ledger), CheckLedger(ledger).runs("flights")) == (
        TrendPoint(finished_at=NOON, verdict=Verdict.FAIL, bound=2e-3, allowed=1e-4),
        TrendPoint(finished_at=NOON + DAY, verdict=Verdict.INCONCLUSIVE, bound=None, allowed=1e-4),
    )


def test_the_plot_says_in_words_what_it_shows_and_goes_into_the_page_as_it_is() -> None:
    points = [
        TrendPoint(finished_at=NOON + day * DAY, verdict=verdict, bound=bound, allowed=1e-4)
        for day, (verdict, bound) in enumerate(
            [(Verdict.PASS, 9e-5), (Verdict.PASS, 0.0), (Verdict.FAIL, 1e-3), (Verdict.INCONCLUSIVE, None)]
        )
    ]
    words, plot = trend_plot(points)
    assert words.endswith("each gave: 2 pass, 1 fail, 1 inconclusive")
    assert trend_plot(points) == (words, plot)
    page = html(f"![{words}]({TREND})", title="t", plots={TREND: (words, plot)})
    assert page.count("<svg") == 1
    for shown in ("wrong rows, at most", "asked for", "inconclusive"):
        assert shown in plot


def test_one_check_is_a_trend_too() -> None:
    point = TrendPoint(finished_at=NOON, verdict=Verdict.PASS, bound=9e-5, allowed=1e-4)
    assert "<svg" in trend_plot([point])[1]
