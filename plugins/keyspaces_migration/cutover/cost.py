"""What the target costs a month at the use that was seen, in words for the approvers."""

from datetime import timedelta

from keyspaces_migration.capacity.prices import US_EAST_1, Prices
from keyspaces_migration.config import Migration
from keyspaces_migration.observed.monthly import monthly_usd
from keyspaces_migration.observed.use import CapacityUse

LOOK_BACK = timedelta(hours=24)


def requests_cost(use: CapacityUse, migration: Migration, *, prices: Prices = US_EAST_1) -> str:
    """Say what the requests of a month cost, were all of it as the time that was seen; storage is not in it."""
    if not use.seen:
        return "not known: CloudWatch has no data points of the tables"
    throughputs = {name: table.throughput for name, table in migration.tables.items()}
    total = sum(monthly_usd(throughputs[name], found, prices=prices) for name, found in use.tables.items())
    hours = use.seen / timedelta(hours=1)
    return (
        f"about ${total:,.2f} for requests and capacity, at the use of the {hours:.1f} h that were seen; storage and "
        f"backups apart; prices of {prices.region}, {prices.published}"
    )
