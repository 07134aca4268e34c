"""The estimate's sections on money: load and a month's cost, and the historical load."""

from collections.abc import Iterator, Sequence
from typing import Final

from keyspaces_migration.assessment.estimate import Estimate, TableEstimate
from keyspaces_migration.assessment.estimate.budgets import BudgetPoint
from keyspaces_migration.assessment.wording import UNKNOWN, cents_text, usd_text
from keyspaces_migration.capacity.cost import MonthlyCost
from keyspaces_migration.capacity.load_cost import BARRIER_HOURS, OrderEstimate
from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.config.throughput import ThroughputMode
from keyspaces_migration.markdown import code, table, text

_ORDERS: Final = {LoadOrder.HISTORY_FIRST: "history first", LoadOrder.DUAL_WRITES_FIRST: "dual writes first"}
_LOAD_HEADER: Final = (
    "table",
    "writes/s",
    "reads/s",
    "rows a read",
    "write units/s",
    "read units/s",
    "WCU",
    "RCU",
    "on demand",
    "provisioned",
)


def load_section(estimate: Estimate) -> Iterator[str]:
    """Load, capacity, and a month's money."""
    prices, request = estimate.request.prices, estimate.request
    yield "## Load, capacity and a month's cost"
    yield ""
    yield from table(
        _LOAD_HEADER,
        [_load_row(each, given=each.name in request.loads) for each in estimate.tables],
    )
    yield (
        f"WCU and RCU: provisioned so that this load uses {request.utilisation:.0%}. The last two columns are US "
        "dollars a month, storage and point-in-time recovery included."
    )
    yield ""
    yield from table(
        ("table", "mode", "writes", "reads", "storage", "recovery", "deletes by TTL", "together"),
        [row for each in estimate.tables if each.monthly for row in _month_rows_of(each)],
    )
    other = f" The target is in {text(request.region)}: look its prices up." if request.region != prices.region else ""
    yield (
        f"Prices of {text(prices.region)}, published {prices.published.isoformat()}: {text(prices.source)}.{other} A "
        "file with others can be given in the parameter `prices`."
    )
    yield ""


def _load_row(each: TableEstimate, *, given: bool) -> list[str]:
    traffic, load, monthly = each.looked.traffic, each.load, each.monthly
    if traffic is None:
        return [code(each.name), *[UNKNOWN] * 9]
    note = " (given)" if given else (" at least" if each.looked.load_is_partial else "")
    return [
        code(each.name),
        f"{traffic.writes_per_s:,.1f}{note}",
        f"{traffic.reads_per_s + traffic.scans_per_s:,.1f}{note}",
        "-" if traffic.rows_per_read is None else f"{traffic.rows_per_read:,.0f}",
        *([f"{load.write_units_per_s:,.1f}", f"{load.read_units_per_s:,.1f}"] if load else [UNKNOWN] * 2),
        *([f"{monthly.provisioned.wcu:,}", f"{monthly.provisioned.rcu:,}"] if monthly else [UNKNOWN] * 2),
        *(
            [f"{cost.total_usd:,.2f}" for cost in (monthly.on_demand, monthly.provisioned)]
            if monthly
            else [UNKNOWN] * 2
        ),
    ]


def _month_rows_of(each: TableEstimate) -> Iterator[list[str]]:
    if each.monthly is None:
        return
    for cost in (each.monthly.on_demand, each.monthly.provisioned):
        yield [code(each.name), _mode(cost), *map(cents_text, (*_parts(cost), cost.total_usd))]


def _parts(cost: MonthlyCost) -> Sequence[float]:
    return (cost.writes_usd, cost.reads_usd, cost.storage_usd, cost.recovery_usd, cost.ttl_deletes_usd)


def _mode(cost: MonthlyCost) -> str:
    return "on demand" if cost.mode is ThroughputMode.PAY_PER_REQUEST else "provisioned"


def history_section(estimate: Estimate) -> Iterator[str]:
    """The historical load, in both orders."""
    recommendations, budget = estimate.recommendations, estimate.request.budget
    yield "## The historical load"
    yield ""
    if not recommendations.tables:
        yield "Not estimated: it needs the sizes, the load and the history of a table."
        yield ""
        return
    yield from table(
        ("table", "rows", "recommended", "why", "history first", "then at the barrier", "dual writes first"),
        [_order_row(each, estimate) for each in estimate.tables],
    )
    left_out = len(estimate.tables) - len(recommendations.tables)
    others = f" {left_out} of {len(estimate.tables)} tables are not estimated, and not in it." if left_out else ""
    ends = "That ends in time." if recommendations.ends_in_time else "**That does not end in time.**"
    yield (
        f"At {budget.write_units_per_s:,.0f} write units a second for all tables together (`backfill.budget`), each "
        "table up to its own capacity. What is loaded at the barrier takes "
        f"{hours_text(recommendations.hours_at_barrier)} together, of {BARRIER_HOURS:.0f} h allowed. {ends}{others} "
        f"{budget.hours_to_barrier:g} h are taken to pass between the first load and the barrier. Rows are the "
        "history's keys; those deleted since are among them."
    )
    yield ""
    yield from table(
        ("budget, write units/s", "history first", "USD", "then at the barrier", "dual writes first", "USD "),
        map(_budget_row, estimate.budgets),
    )


def _budget_row(point: BudgetPoint) -> list[str]:
    return [
        f"{point.write_units_per_s:,.0f}",
        hours_text(point.history_first_hours),
        cents_text(point.history_first_usd),
        hours_text(point.delta_hours) + ("" if point.delta_in_time else ", **too late**"),
        hours_text(point.dual_writes_first_hours) + ("" if point.dual_writes_first_in_time else ", **too late**"),
        cents_text(point.dual_writes_first_usd),
    ]


def _order_row(each: TableEstimate, estimate: Estimate) -> list[str]:
    recommended = estimate.recommendations.tables.get(each.name)
    if recommended is None:
        return [code(each.name), UNKNOWN, "not estimated", text("; ".join(each.problems)), *[UNKNOWN] * 3]
    order = "**neither**" if recommended.order is None else f"**{_ORDERS[recommended.order]}**"
    first, second = recommended.history_first, recommended.dual_writes_first
    before = first.before_barrier
    return [
        code(each.name),
        f"{each.looked.rows_to_load or 0:,}",
        order,
        text(recommended.text),
        "-" if before is None else f"{hours_text(before.hours)}, {usd_text(before.cost_usd)}",
        _at_barrier(first),
        _at_barrier(second),
    ]


def _at_barrier(order: OrderEstimate) -> str:
    late = "" if order.ends_in_time else ", too late"
    return f"{hours_text(order.at_barrier.hours)}, {usd_text(order.at_barrier.cost_usd)}{late}"
