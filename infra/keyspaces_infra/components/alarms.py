"""Alarms of CloudWatch, on one metric or over other alarms; how they judge and whom they tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.checks import at_most, within
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MINUTE_S = 60
_DAY_S = 24 * 60 * _MINUTE_S
_ACTIONS_OF_AN_ALARM = 5


class MissingData(StrEnum):
    """What a period without data points counts as."""

    NOT_BREACHING = "notBreaching"
    BREACHING = "breaching"
    IGNORE = "ignore"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class AlarmArgs:
    """How alarms judge and whom they tell.

    Attributes:
        topic_arns: SNS topics that are told of an alarm; at most 5.
        period_s: Over which data points are taken together; whole minutes.
        evaluation_periods: So many periods in a row must be over the threshold.
        missing_data: NOT_BREACHING by default: AWS sends nothing for what does not happen, and AppConfig rolls a
            deployment back for an alarm without data, too
            (https://docs.aws.amazon.com/appconfig/latest/userguide/monitoring-deployments.html).

    Raises:
        ComponentArgumentError: CloudWatch would refuse it.
    """

    topic_arns: Sequence[pulumi.Input[str]] = ()
    period_s: int = 300
    evaluation_periods: int = 1
    missing_data: MissingData = MissingData.NOT_BREACHING

    def __post_init__(self) -> None:
        at_most("AlarmArgs.topic_arns", self.topic_arns, most=_ACTIONS_OF_AN_ALARM, advice="Let one topic fan out.")
        within("AlarmArgs.period_s", self.period_s, least=_MINUTE_S, most=_DAY_S, advice="Give it in seconds.")
        if self.period_s % _MINUTE_S:
            raise ComponentArgumentError(
                where="AlarmArgs.period_s",
                found=self.period_s,
                allowed="whole minutes",
                advice="AWS's own metrics come once a minute.",
            )
        within(
            "AlarmArgs.evaluation_periods",
            self.evaluation_periods,
            least=1,
            most=_DAY_S // self.period_s,
            advice="CloudWatch looks back one day: fewer or shorter periods.",
        )


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric in CloudWatch.

    Attributes:
        namespace: Such as `AWS/Lambda`.
        name: Such as `Errors`.
        dimensions: All of the metric's dimensions; with one left out it is another metric, and usually an empty one.
        statistic: Such as `Sum`.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    statistic: str = "Sum"


def metric_alarm(  # noqa: PLR0913 - an alarm is all of these
    name: str,
    *,
    description: str,
    metric: Metric,
    above: float,
    alarms: AlarmArgs,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.MetricAlarm:
    """Declare an alarm that fires when a metric is above a threshold."""
    return aws.cloudwatch.MetricAlarm(
        name,
        name=name,
        alarm_description=description,
        namespace=metric.namespace,
        metric_name=metric.name,
        dimensions=dict(metric.dimensions),
        statistic=metric.statistic,
        period=alarms.period_s,
        evaluation_periods=alarms.evaluation_periods,
        comparison_operator="GreaterThanThreshold",
        threshold=above,
        treat_missing_data=alarms.missing_data.value,
        alarm_actions=list(alarms.topic_arns),
        tags=dict(tags),
        opts=opts,
    )


def any_of(  # noqa: PLR0913 - an alarm is all of these
    name: str,
    *,
    description: str,
    arns: Sequence[pulumi.Input[str]],
    alarms: AlarmArgs,
    tags: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> aws.cloudwatch.CompositeAlarm:
    """Declare an alarm that fires when any of others does, so that many count as one where only few are taken."""
    rule = pulumi.Output.all(*arns).apply(lambda found: " OR ".join(f'ALARM("{arn}")' for arn in found))
    return aws.cloudwatch.CompositeAlarm(
        name,
        alarm_name=name,
        alarm_description=description,
        alarm_rule=rule,
        alarm_actions=list(alarms.topic_arns),
        tags=dict(tags),
        opts=opts,
    )
