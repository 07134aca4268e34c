"""Which share of the requests on the target's tables was throttled.

Amazon Keyspaces sends nothing for what does not happen. So a table with successful requests and no data points of
throttles had no throttles; a table with neither is one of which nothing is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from keyspaces_migration.observed.cloudwatch import Series, read_points, window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from keyspaces_migration.observed.cloudwatch import CloudWatch

_READ = "SELECT"
_OPERATIONS = (_READ, "INSERT", "UPDATE", "DELETE")
_SUCCESSES = "SuccessfulRequestCount"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttling:
    """Requests of a window.

    Attributes:
        throttled: Throttle events: of the table's capacity, the account's quotas, a connection's or a partition's. A
            request that the client repeats is counted each time.
        successful: Requests that were answered well.
        seen: Whether there was any data point, of throttles or successes. None of either means that nobody asked, or
            that the metrics have not arrived: nothing is known.
    """

    throttled: int
    successful: int
    seen: bool

    @property
    def share(self) -> float | None:
        """Throttle events among throttle events and successful requests; None where nothing is known."""
        together = self.throttled + self.successful
        return self.throttled / together if self.seen and together else None

    @classmethod
    def of(cls, parts: Iterable[Throttling]) -> Self:
        """Return the sum of some; seen where one is."""
        known = tuple(parts)
        return cls(
            throttled=sum(part.throttled for part in known),
            successful=sum(part.successful for part in known),
            seen=any(part.seen for part in known),
        )


def read_throttling(
    client: CloudWatch,
    *,
    keyspace: str,
    tables: Sequence[str],
    since: datetime,
    until: datetime,
) -> Throttling:
    """Return what was throttled on all of the tables together, as `throttling_by_table` counts it."""
    by_table = throttling_by_table(client, keyspace=keyspace, tables=tables, since=since, until=until)
    return Throttling.of(by_table.values())


def throttling_by_table(
    client: CloudWatch,
    *,
    keyspace: str,
    tables: Sequence[str],
    since: datetime,
    until: datetime,
) -> Mapping[str, Throttling]:
    """Return what was throttled on each table.

    The window is widened to whole minutes (whole 5 minutes or hours where it began over 15 or 63 days ago), as data
    points are of those; the newest minute may not have arrived yet.

    Args:
        client: boto3's of CloudWatch.
        keyspace: Its name.
        tables: Their names.
        since: From when, with a time zone.
        until: To when, with a time zone: the clock, as data points of a minute are kept for 15 days from it.

    Raises:
        MetricsUnavailableError: CloudWatch did not say what it has.
    """
    series = [
        Series(keyspace=keyspace, table=table, metric=metric, operation=operation)
        for table in tables
        for operation in _OPERATIONS
        for metric in (_throttles_of(operation), _SUCCESSES)
    ]
    points = read_points(client, series, window(since=since, until=until))
    return {table: _of_table([each for each in series if each.table == table], points) for table in tables}


def _throttles_of(operation: str) -> str:
    return "ReadThrottleEvents" if operation == _READ else "WriteThrottleEvents"


def _of_table(series: Sequence[Series], points: Mapping[Series, Sequence[tuple[datetime, float]]]) -> Throttling:
    sums = {each: sum(value for _, value in points[each]) for each in series}
    return Throttling(
        throttled=round(sum(total for each, total in sums.items() if each.metric != _SUCCESSES)),
        successful=round(sum(total for each, total in sums.items() if each.metric == _SUCCESSES)),
        seen=any(points[each] for each in series),
    )
