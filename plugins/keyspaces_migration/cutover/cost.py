"""What the target costs a month at the use that was seen, in words for the approvers."""

from datetime import timedelta

from keyspaces_migration.capacity.cost import HOURS_A_MONTH, SECONDS_A_MONTH
from keyspaces_migration.capacity.prices import US_EAST_1, Prices
from keyspaces_migration.config import Migration
from keyspaces_migration.config.throughput import Throughput, ThroughputMode
from keyspaces_migration.observed.use import CapacityUse, TableUse

LOOK_BACK = timedelta(hours=24)
_MILLION = 1_000_000


def requests_cost(use: CapacityUse, migration: Migration, *, prices: Prices = US_EAST_1) -> str:
    """Say what the requests of a month cost, were all of it as the time that was seen; storage is not in it."""
    if not use.seen:
        return "not known: CloudWatch has no data points of the tables"
    total = sum(_a_month(migration.tables[name].throughput, found, prices) for name, found in use.tables.items())
    hours = use.seen / timedelta(hours=1)
    return (
        f"about ${total:,.2f} for requests and capacity, at the use of the {hours:.1f} h that were seen; storage and "
        f"backups apart; prices of {prices.region}, {prices.published}"
    )


def _a_month(throughput: Throughput, use: TableUse, prices: Prices) -> float:
    if throughput.mode is ThroughputMode.PROVISIONED:
        hourly = (throughput.wcu or 0) * prices.wcu_usd_per_hour + (throughput.rcu or 0) * prices.rcu_usd_per_hour
        return hourly * HOURS_A_MONTH
    per_s = use.writes.mean_per_s * prices.write_usd_per_million + use.reads.mean_per_s * prices.read_usd_per_million
    return per_s * SECONDS_A_MONTH / _MILLION
