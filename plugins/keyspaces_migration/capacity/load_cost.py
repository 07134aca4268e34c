"""What loading a table's history costs once, and how long it takes, in both orders of the load.

History first: all of it before dual writes, then what changed since, at the barrier. Dual writes first: all of it at
the barrier. What is loaded at the barrier must end within 48 hours of it (`backfill.deadline`).
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from keyspaces_migration.backfill.deadline import MARGIN, MAX_AGE
from keyspaces_migration.capacity.prices import Prices
from keyspaces_migration.capacity.units import PARTITION_WRITE_UNITS_PER_S
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.config.throughput import ThroughputMode

BARRIER_HOURS = (MAX_AGE - MARGIN) / timedelta(hours=1)
"""How long after the barrier the last stamped write may be sent, room for replays taken off."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBudget:
    """What a load may use.

    Attributes:
        write_units_per_s: Of all tables together.
        rows_per_s: What the workers can send together, as measured; None where it is no limit.
        hours_to_barrier: From the end of a load before dual writes to the barrier: people, deployments, waiting.
    """

    write_units_per_s: float
    rows_per_s: float | None = None
    hours_to_barrier: float = 24

    def __post_init__(self) -> None:
        rates = [self.write_units_per_s, *([] if self.rows_per_s is None else [self.rows_per_s])]
        if min(rates) <= 0 or self.hours_to_barrier < 0:
            raise ValueError(f"rates are above 0 and times from 0 on: {self!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWork:
    """What there is to load of a table.

    Attributes:
        rows: Of its history, one a key.
        write_units_per_row: On average; the upper bound of a sample's mean is on the safe side.
        static_write_units: For the static data of all its partitions.
        changed_rows_per_s: Rows that are written, changed or deleted on the source; each write counted is on the safe
            side.
        capacity_units_per_s: What the table serves: its provisioned units, or 4,000 where it is new and on demand.
        largest_partition_units: For the rows of its largest partition, which can't load faster than 1,000 a second.
        has_versions: Whether the history tells when a row changed; otherwise a second load is a whole one again.
        has_unfrozen_lists: Whether it has lists that aren't frozen, which a load at the barrier may double.
    """

    rows: int
    write_units_per_row: float
    static_write_units: float = 0
    changed_rows_per_s: float
    mode: ThroughputMode
    capacity_units_per_s: float
    largest_partition_units: float = 0
    has_versions: bool
    has_unfrozen_lists: bool

    def __post_init__(self) -> None:
        amounts = (self.rows, self.static_write_units, self.changed_rows_per_s, self.largest_partition_units)
        is_possible = min(amounts) >= 0 and self.write_units_per_row >= 1 and self.capacity_units_per_s > 0
        if not is_possible or not math.isfinite(self.write_units_per_row):
            raise ValueError(f"a row takes at least 1 unit, capacity is above 0, all else from 0 on: {self!r}")

    @property
    def write_units(self) -> float:
        """What loading all of it consumes."""
        return self.rows * self.write_units_per_row + self.static_write_units


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadEstimate:
    """One load of one table.

    Attributes:
        hours: Were it alone under the budget.
        cost_usd: Of its write units on demand; of the table's write capacity during those hours if provisioned.
    """

    rows: float
    write_units: float
    hours: float
    cost_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEstimate:
    """The loads of a table in one order.

    Attributes:
        before_barrier: The load before dual writes, which has no deadline; None where there is none.
        at_barrier: The load that must end within `BARRIER_HOURS` of the barrier.
    """

    order: LoadOrder
    before_barrier: LoadEstimate | None
    at_barrier: LoadEstimate

    @property
    def loads(self) -> tuple[LoadEstimate, ...]:
        """Its loads, in order."""
        return (self.at_barrier,) if self.before_barrier is None else (self.before_barrier, self.at_barrier)

    @property
    def hours(self) -> float:
        """How long its loads take, without the time between them."""
        return sum(load.hours for load in self.loads)

    @property
    def cost_usd(self) -> float:
        """What its loads cost."""
        return sum(load.cost_usd for load in self.loads)

    @property
    def ends_in_time(self) -> bool:
        """Whether what is loaded at the barrier would end in time, were the table alone."""
        return self.at_barrier.hours <= BARRIER_HOURS


def dual_writes_first(work: TableWork, *, budget: LoadBudget, prices: Prices) -> OrderEstimate:
    """Return the estimate of loading all of a table at the barrier."""
    full = _load(work, rows=work.rows, units=work.write_units, budget=budget, prices=prices)
    return OrderEstimate(order=LoadOrder.DUAL_WRITES_FIRST, before_barrier=None, at_barrier=full)


def history_first(
    work: TableWork, *, budget: LoadBudget, prices: Prices, full_hours: float | None = None
) -> OrderEstimate:
    """Return the estimate of loading a table before dual writes, and at the barrier what changed since.

    `full_hours` is how long the load before dual writes takes together with other tables; by default as if alone.
    """
    full = _load(work, rows=work.rows, units=work.write_units, budget=budget, prices=prices)
    hours = max(full.hours, full_hours or 0) + budget.hours_to_barrier
    changed = work.changed_rows_per_s * hours * 3600
    # A changed row brings its partition's static data, at most.
    units = changed * work.write_units_per_row + min(changed, work.static_write_units)
    if not work.has_versions:
        changed, units = work.rows + changed, work.write_units + units
    second = _load(work, rows=changed, units=units, budget=budget, prices=prices)
    return OrderEstimate(order=LoadOrder.HISTORY_FIRST, before_barrier=full, at_barrier=second)


def hours_together(loads: dict[str, LoadEstimate], *, budget: LoadBudget) -> float:
    """Return how long loads take side by side under one budget: as its shares allow, and as the slowest takes alone."""
    units_s = sum(load.write_units for load in loads.values()) / budget.write_units_per_s
    rows_s = 0 if budget.rows_per_s is None else sum(load.rows for load in loads.values()) / budget.rows_per_s
    return max([units_s / 3600, rows_s / 3600, *(load.hours for load in loads.values())])


def _load(work: TableWork, *, rows: float, units: float, budget: LoadBudget, prices: Prices) -> LoadEstimate:
    # Of a part of the table, the largest partition has its share; no more than all of it where rows changed twice.
    largest = work.largest_partition_units * min(1, units / work.write_units if work.write_units else 0)
    seconds = max(
        units / min(budget.write_units_per_s, work.capacity_units_per_s),
        0 if budget.rows_per_s is None else rows / budget.rows_per_s,
        largest / PARTITION_WRITE_UNITS_PER_S,
    )
    hours = seconds / 3600
    on_demand = work.mode is ThroughputMode.PAY_PER_REQUEST
    return LoadEstimate(
        rows=rows,
        write_units=units,
        hours=hours,
        cost_usd=units / _MILLION * prices.write_usd_per_million
        if on_demand
        else work.capacity_units_per_s * hours * prices.wcu_usd_per_hour,
    )
