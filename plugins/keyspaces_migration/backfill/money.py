"""What the writes of a load cost, as planned and as they come.

Only the writes: storage, reads and the history's own costs are not in it. What is metered is about what is sent
(`wire.Requests.units`), so money so far is an estimate too.
"""

from datetime import timedelta

from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.ledger.plan_records import PlannedTable

_MILLION = 1_000_000


def write_cost_usd(*, is_on_demand: bool, units: float, capacity_units_per_s: float, took: timedelta) -> float:
    """Return the cost of writes: of their units on demand, else of the table's write capacity while they took."""
    if is_on_demand:
        return units / _MILLION * US_EAST_1.write_usd_per_million
    return capacity_units_per_s * took / timedelta(hours=1) * US_EAST_1.wcu_usd_per_hour


def spent_usd(planned: PlannedTable, *, units: float, took: timedelta) -> float:
    """Return what the load of a table has cost so far."""
    return write_cost_usd(
        is_on_demand=planned.is_on_demand, units=units, capacity_units_per_s=planned.capacity_units_per_s, took=took
    )
