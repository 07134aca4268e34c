"""Which order of the load suits each table: history first, or dual writes first."""

from collections.abc import Mapping
from dataclasses import dataclass

from keyspaces_migration.capacity.load_cost import (
    BARRIER_HOURS,
    LoadBudget,
    OrderEstimate,
    TableWork,
    dual_writes_first,
    history_first,
    hours_together,
)
from keyspaces_migration.capacity.order_reason import OrderReason
from keyspaces_migration.capacity.prices import Prices
from keyspaces_migration.config.tables import LoadOrder

COMFORTABLE_HOURS = BARRIER_HOURS / 2
"""Loading all at the barrier is recommended up to here: it then ends in time at half of the rate that was estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """What is recommended for a table.

    Attributes:
        order: None where neither order ends in time.
        text: The reason for people, with the hours that it rests on.
    """

    order: LoadOrder | None
    reason: OrderReason
    text: str
    history_first: OrderEstimate
    dual_writes_first: OrderEstimate

    @property
    def chosen(self) -> OrderEstimate | None:
        """The estimate of the order that is recommended."""
        choices = {each.order: each for each in (self.history_first, self.dual_writes_first)}
        return None if self.order is None else choices[self.order]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendations:
    """What is recommended for all tables of a migration, which share one barrier and one budget.

    Attributes:
        hours_at_barrier: How long all loads at the barrier take together; a table without an order counts with the
            smaller of its two.
    """

    tables: Mapping[str, Recommendation]
    hours_at_barrier: float

    @property
    def ends_in_time(self) -> bool:
        """Whether all loads at the barrier end in time together; never with a table that has no order."""
        return self.hours_at_barrier <= BARRIER_HOURS


def recommend(works: Mapping[str, TableWork], *, budget: LoadBudget, prices: Prices) -> Recommendations:
    """Recommend an order for each table.

    Dual writes first saves a load, so it is recommended where it is comfortably in time: tables are moved to it from
    the smallest on, as long as all that is loaded at the barrier stays within `COMFORTABLE_HOURS`.
    """
    dual = {name: dual_writes_first(work, budget=budget, prices=prices) for name, work in works.items()}
    full_hours = hours_together({name: each.at_barrier for name, each in dual.items()}, budget=budget)
    history = {
        name: history_first(work, budget=budget, prices=prices, full_hours=full_hours) for name, work in works.items()
    }
    at_barrier = {
        name: _smaller(history[name], dual[name], work).at_barrier for name, work in works.items()
    }  # with every table in the order that keeps the clock shortest, then moved one by one
    reasons: dict[str, OrderReason] = {}
    for name in sorted(works, key=lambda each: (dual[each].at_barrier.write_units, each)):
        moved = {**at_barrier, name: dual[name].at_barrier}
        together = hours_together(moved, budget=budget)
        reasons[name] = _reason(works[name], history[name], dual[name], together=together)
        if reasons[name] is OrderReason.ONE_LOAD_IN_TIME:
            at_barrier = moved
    tables = {name: _recommendation(reasons[name], history[name], dual[name]) for name in works}
    return Recommendations(tables=tables, hours_at_barrier=hours_together(at_barrier, budget=budget))


def _smaller(history: OrderEstimate, dual: OrderEstimate, work: TableWork) -> OrderEstimate:
    if not work.has_unfrozen_lists and dual.at_barrier.write_units <= history.at_barrier.write_units:
        return dual
    return history


def _reason(work: TableWork, history: OrderEstimate, dual: OrderEstimate, *, together: float) -> OrderReason:
    """Return the reason; `together` is how long all takes at the barrier with the table's dual writes first."""
    if work.has_unfrozen_lists:
        return OrderReason.UNFROZEN_LISTS if history.ends_in_time else OrderReason.UNFROZEN_LISTS_LATE
    if not history.ends_in_time and not dual.ends_in_time:
        return OrderReason.NEITHER_FITS
    if dual.ends_in_time and together <= COMFORTABLE_HOURS:
        return OrderReason.ONE_LOAD_IN_TIME
    if not dual.ends_in_time:
        return OrderReason.BEYOND_DEADLINE
    if dual.at_barrier.write_units <= history.at_barrier.write_units:
        return OrderReason.SECOND_LOAD_NO_SMALLER
    return OrderReason.THIN_MARGIN if dual.at_barrier.hours > COMFORTABLE_HOURS else OrderReason.SHARED_BUDGET


def _recommendation(reason: OrderReason, history: OrderEstimate, dual: OrderEstimate) -> Recommendation:
    text = reason.text(
        all_hours=dual.at_barrier.hours, second_hours=history.at_barrier.hours, limit_hours=BARRIER_HOURS
    )
    return Recommendation(order=reason.order, reason=reason, text=text, history_first=history, dual_writes_first=dual)
