"""What a table costs a month on Amazon Keyspaces, on demand and provisioned.

The terms are those of AWS's own calculator (aws-samples/sample-pricing-calculator-for-keyspaces): a month of 730 hours,
a GB of 1,000,000,000 bytes, provisioned capacity by the mean load and how much of it is used.
"""

import math
from dataclasses import dataclass

from keyspaces_migration.capacity.prices import Prices
from keyspaces_migration.config.throughput import ThroughputMode

HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
GB_BYTES = 1_000_000_000
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLoad:
    """What a table is asked for, on average over a month, and what it holds.

    Attributes:
        write_units_per_s: Writes a second, each by its units.
        read_units_per_s: Reads a second, each by its units; at LOCAL_ONE half of those at LOCAL_QUORUM.
        storage_bytes: Of all rows and static data, with storage's metadata.
        ttl_delete_units_per_s: Rows that expire a second, each by the units of a write of it.
    """

    write_units_per_s: float
    read_units_per_s: float
    storage_bytes: float
    ttl_delete_units_per_s: float = 0

    def __post_init__(self) -> None:
        numbers = (self.write_units_per_s, self.read_units_per_s, self.storage_bytes, self.ttl_delete_units_per_s)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise ValueError(f"a load has finite numbers from 0 on: {self!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyCost:
    """A month of one table in one capacity mode, in US dollars.

    Attributes:
        wcu: Provisioned write units a second; 0 on demand.
        rcu: Provisioned read units a second; 0 on demand.
    """

    mode: ThroughputMode
    wcu: int
    rcu: int
    writes_usd: float
    reads_usd: float
    storage_usd: float
    recovery_usd: float
    ttl_deletes_usd: float

    @property
    def total_usd(self) -> float:
        """All of it."""
        return self.writes_usd + self.reads_usd + self.storage_usd + self.recovery_usd + self.ttl_deletes_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthlyCosts:
    """A month of one table in both modes."""

    on_demand: MonthlyCost
    provisioned: MonthlyCost

    @property
    def cheaper(self) -> MonthlyCost:
        """The one that costs less; on demand where they cost the same, as it needs no capacity planned."""
        return min(self.on_demand, self.provisioned, key=lambda cost: cost.total_usd)


def monthly_costs(
    load: TableLoad, *, prices: Prices, utilisation: float, point_in_time_recovery: bool = True
) -> MonthlyCosts:
    """Return what a month of the load costs in both modes.

    `utilisation` is the share of provisioned capacity that the mean load uses: about the target of auto scaling where
    the load is steady (0.7 in AWS's calculator), and the mean over the peak where capacity is fixed.

    Raises:
        ValueError: The utilisation is not above 0, up to 1.
    """
    if not 0 < utilisation <= 1:
        raise ValueError(f"the utilisation is a share above 0, up to 1, not {utilisation}")
    wcu, rcu = (math.ceil(units / utilisation) for units in (load.write_units_per_s, load.read_units_per_s))
    gb = load.storage_bytes / GB_BYTES
    storage_usd = gb * prices.storage_usd_per_gb_month
    recovery_usd = gb * prices.recovery_usd_per_gb_month if point_in_time_recovery else 0.0
    ttl_deletes_usd = _a_month(load.ttl_delete_units_per_s, prices.ttl_delete_usd_per_million)
    return MonthlyCosts(
        on_demand=MonthlyCost(
            mode=ThroughputMode.PAY_PER_REQUEST,
            wcu=0,
            rcu=0,
            writes_usd=_a_month(load.write_units_per_s, prices.write_usd_per_million),
            reads_usd=_a_month(load.read_units_per_s, prices.read_usd_per_million),
            storage_usd=storage_usd,
            recovery_usd=recovery_usd,
            ttl_deletes_usd=ttl_deletes_usd,
        ),
        provisioned=MonthlyCost(
            mode=ThroughputMode.PROVISIONED,
            # A table has at least one unit of each.
            wcu=max(1, wcu),
            rcu=max(1, rcu),
            writes_usd=max(1, wcu) * HOURS_A_MONTH * prices.wcu_usd_per_hour,
            reads_usd=max(1, rcu) * HOURS_A_MONTH * prices.rcu_usd_per_hour,
            storage_usd=storage_usd,
            recovery_usd=recovery_usd,
            ttl_deletes_usd=ttl_deletes_usd,
        ),
    )


def _a_month(units_per_s: float, usd_per_million: float) -> float:
    return units_per_s * SECONDS_A_MONTH / _MILLION * usd_per_million
