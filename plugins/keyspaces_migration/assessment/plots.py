"""The report's plots, as SVG: row sizes, a month's cost, hours of the historical load under several budgets."""

from collections.abc import Callable, Iterator
from typing import Final

from matplotlib.axes import Axes

from keyspaces_migration.assessment.estimate import Estimate, TableEstimate
from keyspaces_migration.capacity.cost import MonthlyCost
from keyspaces_migration.capacity.load_cost import BARRIER_HOURS
from keyspaces_migration.capacity.units import MAX_ROW_BYTES, READ_UNIT_BYTES, WRITE_UNIT_BYTES
from keyspaces_migration.pages import BLUE, GREEN, GREY, ORANGE, RED, SKY, svg

_ROW_IN, _EDGE_IN = 0.42, 1.3
_PARTS: Final[tuple[tuple[str, str, Callable[[MonthlyCost], float]], ...]] = (
    ("writes", BLUE, lambda cost: cost.writes_usd),
    ("reads", SKY, lambda cost: cost.reads_usd),
    ("storage", GREEN, lambda cost: cost.storage_usd),
    ("recovery", ORANGE, lambda cost: cost.recovery_usd),
    ("deletes by TTL", RED, lambda cost: cost.ttl_deletes_usd),
)


def plots(estimate: Estimate) -> dict[str, tuple[str, str]]:
    """The plots that there is something to show in.

    Returns:
        By file name: what a person who can't see it should know, and the SVG. The same estimate gives the same files.
    """
    return {
        name: (alternative, svg(draw, height_in=height_in)) for name, alternative, draw, height_in in _wanted(estimate)
    }


def _wanted(estimate: Estimate) -> Iterator[tuple[str, str, Callable[[Axes], None], float]]:
    sized = [each for each in estimate.tables if each.sizes]
    costed = [each for each in estimate.tables if each.monthly]
    if sized:
        alternative = "Row sizes of each table: median, 99th percentile and largest, against 1 KB, 4 KB and 1 MB"
        yield "row-sizes.svg", alternative, lambda axes: _sizes(axes, sized), _EDGE_IN + _ROW_IN * len(sized)
    if costed:
        alternative = "A month's cost of each table, on demand and provisioned, by what it is for"
        yield "month.svg", alternative, lambda axes: _month(axes, costed), _EDGE_IN + 2 * _ROW_IN * len(costed)
    if estimate.budgets:
        alternative = "Hours of the historical load under several budgets, against the hours allowed at the barrier"
        yield "hours.svg", alternative, lambda axes: _hours(axes, estimate), 3.6


def _sizes(axes: Axes, tables: list[TableEstimate]) -> None:
    places = range(len(tables))
    for place, each in zip(places, tables, strict=True):
        if each.sizes:
            axes.plot([each.sizes.p50_bytes, each.sizes.max_bytes], [place, place], color=GREY, linewidth=1, zorder=1)
    sizes = [each.sizes for each in tables if each.sizes]
    for label, colour, found in (
        ("median", BLUE, [each.p50_bytes for each in sizes]),
        ("99 %", ORANGE, [each.p99_bytes for each in sizes]),
        ("largest sampled", RED, [each.max_bytes for each in sizes]),
    ):
        axes.scatter(found, list(places), color=colour, label=label, zorder=2, s=36)
    limits = ((WRITE_UNIT_BYTES, "1 write unit"), (READ_UNIT_BYTES, "1 read unit"), (MAX_ROW_BYTES, "limit"))
    for limit, label in limits:
        axes.axvline(limit, color=GREY, linestyle=":", linewidth=1)
        axes.annotate(label, (limit, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right", size=8)
    axes.set_xscale("log", base=10)
    axes.set_yticks(list(places), [each.name for each in tables])
    axes.invert_yaxis()
    axes.set_xlabel("bytes of a row, as metered")
    axes.set_title("Row sizes")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=3, frameon=False)


def _month(axes: Axes, tables: list[TableEstimate]) -> None:
    bars = [
        (f"{each.name}, {mode}", cost)
        for each in tables
        if each.monthly
        for mode, cost in (("on demand", each.monthly.on_demand), ("provisioned", each.monthly.provisioned))
    ]
    places, left = list(range(len(bars))), [0.0] * len(bars)
    for label, colour, of in _PARTS:
        widths = [of(cost) for _, cost in bars]
        if any(widths):
            axes.barh(places, widths, left=left, color=colour, label=label, height=0.7)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, total in zip(places, left, strict=True):
        axes.annotate(f" {total:,.2f}", (total, place), va="center", size=9)
    axes.set_yticks(places, [name for name, _ in bars])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("US dollars a month, at the load measured or given")
    axes.set_title("A month's cost")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.18), ncols=len(_PARTS), frameon=False)


def _hours(axes: Axes, estimate: Estimate) -> None:
    budgets = [point.write_units_per_s for point in estimate.budgets]
    for label, colour, hours in (
        ("history first: before dual writes", BLUE, [point.history_first_hours for point in estimate.budgets]),
        ("history first: then at the barrier", SKY, [point.delta_hours for point in estimate.budgets]),
        ("dual writes first: all at the barrier", ORANGE, [p.dual_writes_first_hours for p in estimate.budgets]),
    ):
        axes.plot(budgets, hours, marker="o", color=colour, label=label, linestyle="--" if colour == ORANGE else "-")
    axes.axhline(BARRIER_HOURS, color=RED, linewidth=1, label=f"{BARRIER_HOURS:.0f} h allowed at the barrier")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(budgets, [f"{each:,.0f}" for each in budgets])
    axes.set_xlabel("budget: write units a second, all tables together")
    axes.set_ylabel("hours")
    axes.set_title("Hours of the historical load")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
