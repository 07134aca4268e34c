"""How much capacity the target's tables used: peak, mean, and the time that was seen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from keyspaces_migration.observed.cloudwatch import MINUTE, MINUTES_KEPT, Series, read_points, window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from keyspaces_migration.observed.cloudwatch import CloudWatch, Window

    _Points = Sequence[tuple[datetime, float]]

HOUR = timedelta(hours=1)

_READS = "ConsumedReadCapacityUnits"
_WRITES = "ConsumedWriteCapacityUnits"
_MARGIN = timedelta(hours=1)
"""Data points that are about to be dropped are not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsUsed:
    """Capacity units of one kind, of one table.

    Attributes:
        total: All of them.
        peak_per_s: Units a second in the busiest minute. Within the minute it can have been more: CloudWatch has no
            finer data points of this.
        mean_per_s: Over the time that was seen.
        peak_by_hour: Units a second in the busiest minute of each hour of the time that was seen; 0 for an hour without
            data points.
    """

    total: float
    peak_per_s: float
    mean_per_s: float
    peak_by_hour: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse:
    """What one table used."""

    reads: UnitsUsed
    writes: UnitsUsed


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityUse:
    """What the tables of a keyspace used.

    Attributes:
        asked_since: From when it was asked for.
        since: From when on data points of a minute are kept, where that is later.
        until: To when.
        first: The start of the first minute with a data point of any table; None where there is none.
        last: The end of the last one.
        tables: By name; every table that was asked for, all zero where nothing was seen.
    """

    asked_since: datetime
    since: datetime
    until: datetime
    first: datetime | None
    last: datetime | None
    tables: Mapping[str, TableUse]

    @property
    def seen(self) -> timedelta:
        """From the first data point to the last, of any table: a table alone can have been idle, and known to be."""
        return timedelta(0) if self.first is None or self.last is None else self.last - self.first

    @property
    def is_cut(self) -> bool:
        """Whether more was asked for than CloudWatch keeps by the minute."""
        return self.since > self.asked_since


def capacity_use(
    client: CloudWatch, *, keyspace: str, tables: Sequence[str], since: datetime, until: datetime
) -> CapacityUse:
    """Return what was used, by the minute, and so of the last 15 days at most: a coarser peak would be too low.

    Args:
        client: boto3's of CloudWatch.
        keyspace: Its name.
        tables: Their names.
        since: From when, with a time zone.
        until: The clock, with a time zone.

    Raises:
        MetricsUnavailableError: CloudWatch did not say what it has.
        ValueError: The window is empty.
    """
    kept = max(since, until - MINUTES_KEPT + _MARGIN)
    asked = window(since=kept, until=until, period=MINUTE)
    series = {
        (table, metric): Series(keyspace=keyspace, table=table, metric=metric)
        for table in tables
        for metric in (_READS, _WRITES)
    }
    points = read_points(client, list(series.values()), asked)
    moments = [moment for found in points.values() for moment, _ in found]
    first, last = (min(moments), max(moments) + MINUTE) if moments else (None, None)
    span = None if first is None or last is None else window(since=first, until=last, period=MINUTE)
    return CapacityUse(
        asked_since=since,
        since=asked.since if kept > since else since,
        until=until,
        first=first,
        last=last,
        tables={
            table: TableUse(
                reads=_units(points[series[table, _READS]], span), writes=_units(points[series[table, _WRITES]], span)
            )
            for table in tables
        },
    )


def _units(points: _Points, span: Window | None) -> UnitsUsed:
    if span is None:
        return UnitsUsed(total=0, peak_per_s=0, mean_per_s=0, peak_by_hour=())
    total = sum(value for _, value in points)
    by_minute = {moment: value / MINUTE.total_seconds() for moment, value in points}
    return UnitsUsed(
        total=total,
        peak_per_s=max(by_minute.values(), default=0.0),
        mean_per_s=total / span.seconds,
        peak_by_hour=_by_hour(by_minute, span),
    )


def _by_hour(by_minute: Mapping[datetime, float], span: Window) -> tuple[float, ...]:
    peaks: defaultdict[int, float] = defaultdict(float)
    for moment, value in by_minute.items():
        hour = (moment - span.since) // HOUR
        peaks[hour] = max(peaks[hour], value)
    return tuple(peaks[hour] for hour in range(-(-(span.until - span.since) // HOUR)))
