"""The checks of a migration over time, as a plot: how large a rate of wrong rows each left open, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.pages import BLUE, GREEN, GREY, ORANGE, RED, svg

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from matplotlib.axes import Axes

    from keyspaces_migration.ledger.check_records import CheckRun
    from keyspaces_migration.ledger.checks import CheckLedger

TREND = "trend.svg"
MOST_CHECKS = 60
_COLOURS = {Verdict.PASS: GREEN, Verdict.FAIL: RED, Verdict.INCONCLUSIVE: ORANGE}
_MARKS = {Verdict.PASS: "o", Verdict.FAIL: "X", Verdict.INCONCLUSIVE: "s"}
_HEIGHT_IN = 3.4
_KNOWN_EXACTLY = 1e-7
"""Where a bound of 0 is drawn, on an axis that has no 0: all rows were compared."""


@dataclass(frozen=True, kw_only=True)
class TrendPoint:
    """One check.

    Attributes:
        bound: The largest of its tables' bounds on the rate of wrong rows; None where one has none.
        allowed: The rate that a pass had to rule out.
    """

    finished_at: datetime
    verdict: Verdict
    bound: float | None
    allowed: float


def trend_points(checks: CheckLedger, runs: Sequence[CheckRun]) -> tuple[TrendPoint, ...]:
    """Return the newest checks of a migration, oldest first; the newest attempt of each run.

    Raises:
        LedgerUnreachableError, LedgerSignatureError: The ledger does not answer, or is not as it was signed.
    """
    newest = {(run.dag_id, run.run_id): run for run in runs}
    points = []
    for run in list(newest.values())[-MOST_CHECKS:]:
        tables = checks.tables(dag_id=run.dag_id, run_id=run.run_id, attempt=run.attempt)
        bounds = [table.row_bound for table in tables]
        known = [bound for bound in bounds if bound is not None]
        points.append(
            TrendPoint(
                finished_at=run.finished_at,
                verdict=run.verdict,
                bound=max(known) if known and len(known) == len(bounds) else None,
                allowed=run.max_mismatch_rate,
            )
        )
    return tuple(points)


def trend_plot(points: Sequence[TrendPoint]) -> tuple[str, str]:
    """Return what the plot shows, in words, and the SVG."""
    counts = ", ".join(
        f"{sum(point.verdict is verdict for point in points)} {verdict.value}"
        for verdict in Verdict
        if any(point.verdict is verdict for point in points)
    )
    words = f"The last {len(points)} checks by time, with the bound on wrong rows that each gave: {counts}"
    return words, svg(lambda axes: _draw(axes, points), height_in=_HEIGHT_IN)


def _draw(axes: Axes, points: Sequence[TrendPoint]) -> None:
    # A check that bounds nothing leaves every rate open.
    heights = [1.0 if point.bound is None else max(point.bound, _KNOWN_EXACTLY) for point in points]
    days = [date2num(point.finished_at) for point in points]  # type: ignore[no-untyped-call]
    axes.plot(days, heights, color=GREY, linewidth=1, zorder=1)
    for verdict in Verdict:
        chosen = [place for place, point in enumerate(points) if point.verdict is verdict]
        if chosen:
            axes.scatter(
                [days[place] for place in chosen],
                [heights[place] for place in chosen],
                color=_COLOURS[verdict],
                marker=_MARKS[verdict],
                label=verdict.value,
                zorder=2,
            )
    axes.step(days, [point.allowed for point in points], color=BLUE, linestyle="--", where="post", label="asked for")
    locator = AutoDateLocator(minticks=1, maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_yscale("log")
    axes.set_ylim(_KNOWN_EXACTLY / 2, 2)
    axes.set_ylabel("wrong rows, at most")
    axes.set_title("Checks over time")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
