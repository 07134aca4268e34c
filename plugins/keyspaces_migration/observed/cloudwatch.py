"""Data points of the namespace AWS/Cassandra, read whole and page by page.

CloudWatch keeps data points of a minute for 15 days, of 5 minutes for 63 days and of an hour for 455 days; who asks for
a finer period than is kept gets no data points, and no error
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NAMESPACE = "AWS/Cassandra"
MINUTE = timedelta(minutes=1)

MINUTES_KEPT = timedelta(days=15)
"""How long data points of a minute are kept."""

_KEPT = (
    (MINUTE, MINUTES_KEPT),
    (timedelta(minutes=5), timedelta(days=63)),
    (timedelta(hours=1), timedelta(days=455)),
)
_MOST_METRICS = 500
"""That one GetMetricData takes."""


class MetricsUnavailableError(MigrationError):
    """CloudWatch did not say what it has, so nothing is known; it may pass, or the role lacks a right."""


class CloudWatch(Protocol):
    """What is used of boto3's client of CloudWatch."""

    def get_metric_data(self, **request: Any) -> Mapping[str, Any]:  # noqa: ANN401 -- boto3's own form
        """Return one page of data points."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One metric of one table, as sums over periods.

    Attributes:
        operation: CQL verb; None for a metric without that dimension.
    """

    keyspace: str
    table: str
    metric: str
    operation: str | None = None

    def query(self, *, number: int, period: timedelta) -> dict[str, Any]:
        """Of GetMetricData."""
        named = {"Keyspace": self.keyspace, "TableName": self.table, "Operation": self.operation}
        dimensions = [{"Name": name, "Value": value} for name, value in named.items() if value is not None]
        return {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {"Namespace": NAMESPACE, "MetricName": self.metric, "Dimensions": dimensions},
                "Period": int(period.total_seconds()),
                "Stat": "Sum",
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Whole periods of time, so that what CloudWatch rounds is known to be rounded.

    Attributes:
        since: The start of the first period.
        until: The end of the last one; it may lie ahead, where the last period has begun.
        period: Of the data points.
    """

    since: datetime
    until: datetime
    period: timedelta

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.until - self.since).total_seconds()


def window(*, since: datetime, until: datetime, period: timedelta | None = None) -> Window:
    """Return the whole periods that hold `since` to `until`.

    Args:
        since: With a time zone.
        until: With a time zone; the clock, from which on it is known what is kept.
        period: Of the data points; the finest that is kept for `since` where it is not said.

    Raises:
        ValueError: A moment has no time zone, or the window is empty.
    """
    if since.tzinfo is None or until.tzinfo is None:
        raise ValueError(f"both ends of the window need a time zone: {since} to {until}")
    if since >= until:
        raise ValueError(f"the window from {since} to {until} holds nothing")
    each = period or next((fine for fine, kept in _KEPT if until - since < kept), _KEPT[-1][0])
    start, end = _rounded_down(since, each), _rounded_down(until, each)
    return Window(since=start, until=end if end == until else end + each, period=each)


def read_points(
    client: CloudWatch, series: Sequence[Series], asked: Window
) -> dict[Series, tuple[tuple[datetime, float], ...]]:
    """Return the sums of each series by the start of their periods, in order; none where there are no data points.

    Args:
        client: boto3's of CloudWatch.
        series: What is asked for.
        asked: Of when.

    Raises:
        MetricsUnavailableError: It is not known what there is.
    """
    found: defaultdict[Series, dict[datetime, float]] = defaultdict(dict)
    for start in range(0, len(series), _MOST_METRICS):
        chunk = series[start : start + _MOST_METRICS]
        for result in _results(client, chunk, asked):
            each = chunk[int(result["Id"].removeprefix("m"))]
            found[each] |= dict(zip(map(_utc, result["Timestamps"]), result["Values"], strict=True))
    return {each: tuple(sorted(found[each].items())) for each in series}


def _results(client: CloudWatch, chunk: Sequence[Series], asked: Window) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {
        "MetricDataQueries": [each.query(number=number, period=asked.period) for number, each in enumerate(chunk)],
        "StartTime": asked.since,
        "EndTime": asked.until,
        "ScanBy": "TimestampAscending",
    }
    while True:
        try:
            page = client.get_metric_data(**request)
        except (BotoCoreError, ClientError) as error:
            what = f"{NAMESPACE} from {asked.since:%Y-%m-%d %H:%M} to {asked.until:%Y-%m-%d %H:%M}"
            raise MetricsUnavailableError(
                f"CloudWatch did not say what it has of {what}: {error}. It takes the right cloudwatch:GetMetricData."
            ) from error
        more = page.get("NextToken")
        for result in page["MetricDataResults"]:
            _require_data(result, more=bool(more), of=chunk)
            yield result
        if not more:
            return
        request["NextToken"] = more


def _require_data(result: Mapping[str, Any], *, more: bool, of: Sequence[Series]) -> None:
    """PartialData is what a page says of a metric that the next page goes on with; without a next one it is a loss."""
    status = result.get("StatusCode", "Complete")
    if status == "Complete" or (status == "PartialData" and more):
        return
    each = of[int(result["Id"].removeprefix("m"))]
    said = "; ".join(f"{message.get('Code')}: {message.get('Value')}" for message in result.get("Messages") or ())
    raise MetricsUnavailableError(
        f"{each.keyspace}.{each.table}: CloudWatch answers {status} for {each.metric}. {said or 'Ask again.'}"
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _rounded_down(moment: datetime, period: timedelta) -> datetime:
    seconds = int(period.total_seconds())
    return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, tz=UTC)
