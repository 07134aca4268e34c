"""A migration's flag in AppConfig without `provision`: its parts, made and taken away again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cutover.appconfig import FlagStore, Strategy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keyspaces_migration.dual_write.flag_reader import FlagAddress

CANARY_BAKE_MIN = 1


@contextmanager
def flag_parts(appconfig: Any, address: FlagAddress, *, alarm_arns: tuple[str, ...] = ()) -> Iterator[FlagStore]:  # noqa: ANN401 -- boto3's clients have no types
    """Application, environment with its alarms, profile and both strategies.

    They are taken away at the end: the AWS stand-in lists 50 strategies and applications, and no second page.
    """
    application = appconfig.create_application(Name=address.application)["Id"]
    monitors = [{"AlarmArn": arn, "AlarmRoleArn": arn} for arn in alarm_arns]
    appconfig.create_environment(ApplicationId=application, Name=address.environment, Monitors=monitors)
    appconfig.create_configuration_profile(
        ApplicationId=application, Name=address.profile, LocationUri="hosted", Type="AWS.AppConfig.FeatureFlags"
    )
    strategies = [
        appconfig.create_deployment_strategy(
            Name=address.application + strategy,
            DeploymentDurationInMinutes=0,
            GrowthFactor=100.0,
            FinalBakeTimeInMinutes=bake_min,
            ReplicateTo="NONE",
        )["Id"]
        for strategy, bake_min in ((Strategy.AT_ONCE, 0), (Strategy.CANARY, CANARY_BAKE_MIN))
    ]
    yield FlagStore(appconfig, address)
    appconfig.delete_application(ApplicationId=application)
    for strategy in strategies:
        appconfig.delete_deployment_strategy(DeploymentStrategyId=strategy)


def alarm_that_is_ok(cloudwatch: Any, name: str) -> str:  # noqa: ANN401 -- as above
    """Make an alarm that stays OK until somebody sets it; its ARN."""
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Rehearsal",
        MetricName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="made so")
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(found["AlarmArn"])
