"""What the historical load of all tables takes under several budgets, in both orders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from keyspaces_migration.capacity.load_cost import (
    BARRIER_HOURS,
    LoadBudget,
    TableWork,
    dual_writes_first,
    history_first,
    hours_together,
)
from keyspaces_migration.capacity.prices import Prices

FACTORS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Of the budget in the migration file."""


@dataclass(frozen=True, kw_only=True)
class BudgetPoint:
    """All tables together under one budget, each order for all of them.

    Attributes:
        history_first_hours: Of the load before dual writes, which has no deadline.
        delta_hours: Of what is then loaded at the barrier.
        dual_writes_first_hours: Of all of it at the barrier.
    """

    write_units_per_s: float
    history_first_hours: float
    delta_hours: float
    history_first_usd: float
    dual_writes_first_hours: float
    dual_writes_first_usd: float

    @property
    def delta_in_time(self) -> bool:
        """Whether the second load of history first ends in time."""
        return self.delta_hours <= BARRIER_HOURS

    @property
    def dual_writes_first_in_time(self) -> bool:
        """Whether the one load of dual writes first ends in time."""
        return self.dual_writes_first_hours <= BARRIER_HOURS


def budget_points(works: Mapping[str, TableWork], *, budget: LoadBudget, prices: Prices) -> tuple[BudgetPoint, ...]:
    """Return a point for each of `FACTORS`; none where there is nothing to load."""
    if not works:
        return ()
    return tuple(
        _point(works, replace(budget, write_units_per_s=budget.write_units_per_s * each), prices) for each in FACTORS
    )


def _point(works: Mapping[str, TableWork], budget: LoadBudget, prices: Prices) -> BudgetPoint:
    dual = {name: dual_writes_first(work, budget=budget, prices=prices) for name, work in works.items()}
    dual_hours = hours_together({name: each.at_barrier for name, each in dual.items()}, budget=budget)
    history = {
        name: history_first(work, budget=budget, prices=prices, full_hours=dual_hours) for name, work in works.items()
    }
    return BudgetPoint(
        write_units_per_s=budget.write_units_per_s,
        history_first_hours=dual_hours,
        delta_hours=hours_together({name: each.at_barrier for name, each in history.items()}, budget=budget),
        history_first_usd=sum(each.cost_usd for each in history.values()),
        dual_writes_first_hours=dual_hours,
        dual_writes_first_usd=sum(each.cost_usd for each in dual.values()),
    )
