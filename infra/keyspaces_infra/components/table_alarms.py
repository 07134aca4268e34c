"""Alarms of CloudWatch on the tables of a keyspace."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.alarms import AlarmArgs
from keyspaces_infra.components.checks import named
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# "Alarms based on metric math expressions can reference a maximum of 10 metrics. This is a hard limit."
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
_METRICS_OF_AN_ALARM = 10


class TableAlarmKind(Enum):
    """What is watched on tables: the alarm's name, the metric, and the operations that the metric comes by.

    These metrics come with the dimensions Keyspace, TableName and Operation, and an alarm that leaves Operation out
    watches a metric without data (https://docs.aws.amazon.com/keyspaces/latest/devguide/metrics-dimensions.html). The
    operations of each are those of AWS's own dashboard for a table, keyspaces-table-cw.yaml in
    https://github.com/aws-samples/amazon-keyspaces-cloudwatch-cloudformation-templates.
    """

    WRITE_THROTTLES = ("write-throttles", "WriteThrottleEvents", ("INSERT", "UPDATE", "DELETE"))
    READ_THROTTLES = ("read-throttles", "ReadThrottleEvents", ("SELECT",))
    SYSTEM_ERRORS = ("system-errors", "SystemErrors", ("SELECT", "INSERT", "UPDATE", "DELETE"))

    def __init__(self, label: str, metric: str, operations: tuple[str, ...]) -> None:
        self.label = label
        self.metric = metric
        self.operations = operations


@dataclass(frozen=True, kw_only=True)
class TableAlarmsArgs:
    """Which tables are watched, and for what.

    Attributes:
        prefix: The alarms are named `<prefix>-<kind>-<n>`, n from 1.
        keyspace: Its name.
        tables: Their names.
        kinds: All three by default.
        above: An alarm fires when one operation on one table counts more events in a period.
        alarms: How they judge and whom they tell.
        tags: Of every alarm.

    Raises:
        ComponentArgumentError: There is no table, or the prefix makes names that CloudWatch refuses.
    """

    prefix: str
    keyspace: pulumi.Input[str]
    tables: Sequence[str]
    kinds: Sequence[TableAlarmKind] = tuple(TableAlarmKind)
    above: float = 0
    alarms: AlarmArgs = field(default_factory=lambda: AlarmArgs(period_s=60))
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named("TableAlarmsArgs.prefix", self.prefix, longest=200, characters="A-Za-z0-9_.-")
        if not self.tables:
            raise ComponentArgumentError(
                where=f"TableAlarms {self.prefix}.tables", found=(), allowed="at least one", advice="Name the tables."
            )


class TableAlarms(pulumi.ComponentResource):
    """Alarms on throttles and system errors of a keyspace's tables.

    An alarm watches the greatest of up to 10 metrics, which is CloudWatch's limit; so a threshold means the same on
    every table, however tables are spread over alarms. A table has one metric of read throttles, three of write
    throttles, four of system errors: five tables make one, two and two alarms, as many as AppConfig monitors.

    Attributes:
        arns: Of all alarms, in the order of kinds.
    """

    def __init__(self, args: TableAlarmsArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keyspaces-migration:index:TableAlarms", args.prefix, None, opts)
        self._args = args
        alarms = [
            self._alarm(f"{args.prefix}-{kind.label}-{number}", kind, chunk)
            for kind in args.kinds
            for number, chunk in enumerate(_chunks(args.tables, kind), start=1)
        ]
        self.arns: list[pulumi.Output[str]] = [alarm.arn for alarm in alarms]
        self.register_outputs({"arns": self.arns})

    def _alarm(self, name: str, kind: TableAlarmKind, series: Sequence[tuple[str, str]]) -> aws.cloudwatch.MetricAlarm:
        args = self._args
        watched = ", ".join(dict.fromkeys(table for table, _ in series))
        return aws.cloudwatch.MetricAlarm(
            name,
            name=name,
            alarm_description=f"Over {args.above:g} {kind.metric} of one operation in {args.alarms.period_s} s on one "
            f"of: {watched}",
            metric_queries=[
                aws.cloudwatch.MetricAlarmMetricQueryArgs(
                    id="worst", expression="MAX(METRICS())", label=kind.metric, return_data=True
                ),
                *(self._query(number, kind, series_of) for number, series_of in enumerate(series)),
            ],
            evaluation_periods=args.alarms.evaluation_periods,
            comparison_operator="GreaterThanThreshold",
            threshold=args.above,
            treat_missing_data=args.alarms.missing_data.value,
            alarm_actions=list(args.alarms.topic_arns),
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _query(
        self, number: int, kind: TableAlarmKind, series: tuple[str, str]
    ) -> aws.cloudwatch.MetricAlarmMetricQueryArgs:
        table, operation = series
        return aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=f"m{number}",
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace="AWS/Cassandra",
                metric_name=kind.metric,
                dimensions={"Keyspace": self._args.keyspace, "TableName": table, "Operation": operation},
                period=self._args.alarms.period_s,
                stat="Sum",
            ),
        )


def _chunks(tables: Sequence[str], kind: TableAlarmKind) -> Iterator[list[tuple[str, str]]]:
    series = [(table, operation) for table in tables for operation in kind.operations]
    for start in range(0, len(series), _METRICS_OF_AN_ALARM):
        yield series[start : start + _METRICS_OF_AN_ALARM]
