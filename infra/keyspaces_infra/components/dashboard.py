"""A dashboard of CloudWatch on a migration: the target's tables, the dead letters, the checks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.checks import named
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A dashboard has up to 2,500 metrics, a graph up to 500 (CloudWatch's quotas,
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html). A table has 16 here, four of
# them in one graph.
_MOST_TABLES = 125
_WIDTH, _HEIGHT, _COLUMNS = 12, 6, 24
_TABLES = (
    ("Write throttles", "WriteThrottleEvents", ("INSERT", "UPDATE", "DELETE"), "Sum"),
    ("Read throttles", "ReadThrottleEvents", ("SELECT",), "Sum"),
    ("System errors", "SystemErrors", ("SELECT", "INSERT", "UPDATE", "DELETE"), "Sum"),
    ("Latency, average, ms", "SuccessfulRequestLatency", ("SELECT", "INSERT", "UPDATE", "DELETE"), "Average"),
)
"""Title, metric, operations and statistic of the graphs by operation, as AWS's own dashboard for a table has them."""
_CAPACITY = (
    ("Write units consumed", "ConsumedWriteCapacityUnits"),
    ("Read units consumed", "ConsumedReadCapacityUnits"),
)
"""Title and metric of the graphs by table."""
_CHECKS = (
    ("Checks: 1 passed, 0 inconclusive, -1 failed", "verdict", "Minimum"),
    ("Checks: bound of the share of rows out of line", "row_bound", "Maximum"),
)
"""Title, metric and statistic of what `consistency.cloudwatch_namespace` makes checks send."""


@dataclass(frozen=True, kw_only=True)
class DashboardArgs:
    """What a dashboard shows.

    Attributes:
        name: The dashboard's, of letters, digits, `-` and `_`.
        region: Where the metrics are.
        keyspace: The target's.
        tables: Their names.
        migration: Its name, as checks send it; needed with `check_namespace`.
        check_namespace: The migration file's `consistency.cloudwatch_namespace`; None: no graphs of checks.
        letter_queue: Name of the dead letter queue; None: no graph of letters.
        alarm_arns: Alarms whose states stand at the top.
        period_s: Of every point, in seconds.

    Raises:
        ComponentArgumentError: CloudWatch would refuse the name, there is no table, or there are too many for a graph.
    """

    name: str
    region: str
    keyspace: str
    tables: Sequence[str]
    migration: str | None = None
    check_namespace: str | None = None
    letter_queue: str | None = None
    alarm_arns: Sequence[pulumi.Input[str]] = field(default_factory=tuple)
    period_s: int = 60

    def __post_init__(self) -> None:
        named("DashboardArgs.name", self.name, longest=255, characters="A-Za-z0-9_-")
        if not 0 < len(self.tables) <= _MOST_TABLES:
            raise ComponentArgumentError(
                where=f"Dashboard {self.name}.tables",
                found=f"{len(self.tables)} tables",
                allowed=f"1 to {_MOST_TABLES}",
                advice="Name the tables; make one dashboard for each part of them where there are more.",
            )
        if self.check_namespace is not None and self.migration is None:
            raise ComponentArgumentError(
                where=f"Dashboard {self.name}.migration",
                found=None,
                allowed="the migration's name",
                advice="Checks send their numbers by migration and table: give its name, or no check_namespace.",
            )


class Dashboard(pulumi.ComponentResource):
    """A dashboard: alarms, throttles, errors, latency and units of each table, letters, and verdicts with their bound.

    Attributes:
        arn: The dashboard's.
    """

    def __init__(self, args: DashboardArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keyspaces-migration:index:Dashboard", args.name, None, opts)
        made = aws.cloudwatch.Dashboard(
            args.name,
            dashboard_name=args.name,
            dashboard_body=pulumi.Output.all(*args.alarm_arns).apply(lambda arns: body_of(args, arns)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn: pulumi.Output[str] = made.dashboard_arn
        self.register_outputs({"arn": self.arn})


def body_of(args: DashboardArgs, alarm_arns: Sequence[str]) -> str:
    """The dashboard as CloudWatch takes it, in JSON."""
    widgets = [*_alarms(alarm_arns), *_in_rows(list(_graphs(args)), top=_HEIGHT if alarm_arns else 0)]
    return json.dumps({"widgets": widgets}, sort_keys=True)


def _alarms(arns: Sequence[str]) -> Iterator[dict[str, Any]]:
    if arns:
        properties = {"title": "Alarms", "alarms": list(arns)}
        yield {"type": "alarm", "x": 0, "y": 0, "width": _COLUMNS, "height": _HEIGHT, "properties": properties}


def _in_rows(graphs: Sequence[Mapping[str, Any]], *, top: int) -> Iterator[dict[str, Any]]:
    """Yield the graphs, two in a row."""
    for number, properties in enumerate(graphs):
        row, column = divmod(number, _COLUMNS // _WIDTH)
        place = {"x": column * _WIDTH, "y": top + row * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
        yield {"type": "metric", **place, "properties": dict(properties)}


def _graphs(args: DashboardArgs) -> Iterator[dict[str, Any]]:
    for title, metric, operations, statistic in _TABLES:
        of_tables = [_series(args, metric, table, operation) for table in args.tables for operation in operations]
        yield _graph(args, title, of_tables, statistic=statistic)
    for title, metric in _CAPACITY:
        yield _graph(args, title, [_series(args, metric, table) for table in args.tables], statistic="Sum")
    if args.letter_queue is not None:
        queue = ["QueueName", args.letter_queue]
        for title, metric in (
            ("Dead letters", "ApproximateNumberOfMessagesVisible"),
            ("Age of the oldest dead letter, s", "ApproximateAgeOfOldestMessage"),
        ):
            yield _graph(args, title, [["AWS/SQS", metric, *queue]], statistic="Maximum")
    if args.check_namespace is not None and args.migration is not None:
        for title, metric, statistic in _CHECKS:
            of_tables = [
                [args.check_namespace, metric, "migration", args.migration, "table", table] for table in args.tables
            ]
            yield _graph(args, title, of_tables, statistic=statistic)


def _series(args: DashboardArgs, metric: str, table: str, operation: str | None = None) -> list[str]:
    of_table = ["AWS/Cassandra", metric, "Keyspace", args.keyspace, "TableName", table]
    return of_table if operation is None else [*of_table, "Operation", operation]


def _graph(args: DashboardArgs, title: str, series: list[list[str]], *, statistic: str) -> dict[str, Any]:
    return {
        "title": title,
        "region": args.region,
        "metrics": series,
        "stat": statistic,
        "period": args.period_s,
        "view": "timeSeries",
    }
