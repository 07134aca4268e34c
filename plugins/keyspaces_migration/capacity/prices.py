"""What Amazon Keyspaces costs: one table of prices with its date and source, which a file can replace."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from keyspaces_migration.config.model import FileModel

_Usd = Annotated[float, Field(ge=0)]
_Text = Annotated[str, StringConstraints(strict=True, min_length=1)]


class Prices(FileModel):
    """The prices of one Region, in US dollars."""

    region: _Text
    """The AWS Region that they are for."""
    published: date
    """The day they were published, such as 2025-11-05."""
    source: _Text
    """Where they are from, so that somebody can look again."""
    write_usd_per_million: _Usd
    """A million write units, on demand."""
    read_usd_per_million: _Usd
    """A million read units, on demand."""
    wcu_usd_per_hour: _Usd
    """A provisioned write unit a second, for an hour."""
    rcu_usd_per_hour: _Usd
    """A provisioned read unit a second, for an hour."""
    storage_usd_per_gb_month: _Usd
    """A GB stored for a month."""
    recovery_usd_per_gb_month: _Usd
    """A GB under point-in-time recovery for a month."""
    ttl_delete_usd_per_million: _Usd
    """A million units of deletes by time to live; a row of up to 1 KB is one."""


US_EAST_1 = Prices(
    region="us-east-1",
    published=date(2025, 11, 5),
    source="AWS price list of AmazonMCS, as kept in aws-samples/sample-pricing-calculator-for-keyspaces",
    write_usd_per_million=0.625,
    read_usd_per_million=0.125,
    wcu_usd_per_hour=0.00065,
    rcu_usd_per_hour=0.00013,
    storage_usd_per_gb_month=0.25,
    recovery_usd_per_gb_month=0.20,
    ttl_delete_usd_per_million=0.275,
)
"""Look them up again before a decision hangs on them: they were not read from AWS by this package."""
