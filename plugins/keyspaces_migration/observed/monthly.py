"""What a month of a table's requests and capacity costs, for a use like the one that was seen; storage is not in it."""

import math

from keyspaces_migration.capacity.cost import HOURS_A_MONTH, SECONDS_A_MONTH
from keyspaces_migration.capacity.prices import Prices
from keyspaces_migration.config.throughput import Throughput, ThroughputMode, UnitsRange
from keyspaces_migration.observed.use import TableUse, UnitsUsed

_MILLION = 1_000_000


def monthly_usd(throughput: Throughput, use: TableUse, *, prices: Prices) -> float:
    """Return what a month of a throughput costs, for a use like the one seen."""
    if throughput.mode is ThroughputMode.PAY_PER_REQUEST:
        reads = use.reads.mean_per_s * prices.read_usd_per_million
        writes = use.writes.mean_per_s * prices.write_usd_per_million
        return (reads + writes) * SECONDS_A_MONTH / _MILLION
    scaling = throughput.auto_scaling
    mean_rcu, mean_wcu = float(throughput.rcu or 1), float(throughput.wcu or 1)
    if scaling is not None:
        target = scaling.target_utilization_percent
        mean_rcu = _mean_capacity(use.reads, scaling.rcu, target_percent=target)
        mean_wcu = _mean_capacity(use.writes, scaling.wcu, target_percent=target)
    return (mean_rcu * prices.rcu_usd_per_hour + mean_wcu * prices.wcu_usd_per_hour) * HOURS_A_MONTH


def needed_units(units_per_s: float, target_percent: int) -> int:
    """Provisioned units a second that so much uses to the target; a table has at least one."""
    return max(1, math.ceil(units_per_s * 100 / target_percent))


def _mean_capacity(used: UnitsUsed, between: UnitsRange, *, target_percent: int) -> float:
    if not used.peak_by_hour:
        return float(between.min)
    hours = [min(between.max, max(between.min, needed_units(peak, target_percent))) for peak in used.peak_by_hour]
    return sum(hours) / len(hours)
