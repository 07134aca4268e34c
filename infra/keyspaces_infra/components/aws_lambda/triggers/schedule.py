"""A function called by the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.aws_lambda.triggers.base import InvokedFunction, Trigger
from keyspaces_infra.components.aws_lambda.triggers.registry import register
from keyspaces_infra.components.checks import named, within
from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.policies import Statement, policy, trust

if TYPE_CHECKING:
    from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs

_LONGEST_NAME = 64
_EXPRESSION = re.compile(r"(rate|cron|at)\(.+\)")


@register("schedule")
@dataclass(frozen=True, kw_only=True)
class ScheduleTrigger(Trigger):
    """A schedule of EventBridge Scheduler, to the minute, with a role of its own.

    What Scheduler can't hand over goes to the function's queue for failures, as does what the function then fails on.

    Attributes:
        expression: `rate(5 minutes)`, `cron(0 3 * * ? *)` or `at(2030-01-31T03:00:00)`.
        timezone: Of cron and at.
        payload: JSON that the function gets; None for Scheduler's own.
        maximum_event_age_s: Handing over is given up after 60 to 86400 s.
        maximum_retries: Handing over is tried again 0 to 185 times.
        enabled: Whether it runs.
    """

    expression: str
    timezone: str = "UTC"
    payload: str | None = None
    maximum_event_age_s: int = 3600
    maximum_retries: int = 3
    enabled: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _EXPRESSION.fullmatch(self.expression):
            raise ComponentArgumentError(
                where=self.where("expression"),
                found=self.expression,
                allowed="rate(…), cron(…) or at(…)",
                advice="https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html",
            )
        age, retries = self.where("maximum_event_age_s"), self.where("maximum_retries")
        within(age, self.maximum_event_age_s, least=60, most=86400, advice="Scheduler keeps an event for a day.")
        within(retries, self.maximum_retries, least=0, most=185, advice="Scheduler's limit.")

    def check(self, function: LambdaArgs) -> None:
        """Refuse names that make a schedule's name too long."""
        named(self.where("name"), _schedule_name(function.name, self.name), longest=_LONGEST_NAME)

    def attach(self, target: InvokedFunction) -> None:
        """Declare the role and the schedule."""
        name, shapes = _schedule_name(target.name, self.name), aws.scheduler
        role, rights = _role(name, target=target)
        aws.scheduler.Schedule(
            name,
            name=name,
            schedule_expression=self.expression,
            schedule_expression_timezone=self.timezone,
            state="ENABLED" if self.enabled else "DISABLED",
            flexible_time_window=shapes.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=shapes.ScheduleTargetArgs(
                arn=target.alias_arn,
                role_arn=role.arn,
                input=self.payload,
                retry_policy=shapes.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=self.maximum_event_age_s, maximum_retry_attempts=self.maximum_retries
                ),
                dead_letter_config=shapes.ScheduleTargetDeadLetterConfigArgs(arn=target.on_failure.queue_arn),
            ),
            opts=pulumi.ResourceOptions.merge(target.options, pulumi.ResourceOptions(depends_on=[rights])),
        )


def _schedule_name(function: str, trigger: str) -> str:
    return f"{function}-{trigger}"


def _role(name: str, *, target: InvokedFunction) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    role = aws.iam.Role(
        name,
        name=name,
        assume_role_policy=trust("scheduler.amazonaws.com", account_id=target.place.account_id),
        tags=dict(target.tags),
        opts=target.options,
    )
    allowed = [
        Statement(sid="Invoke", actions=["lambda:InvokeFunction"], resources=[target.alias_arn]),
        *target.on_failure.statements("OnFailure"),
    ]
    return role, aws.iam.RolePolicy(name, name=name, role=role.name, policy=policy(allowed), opts=target.options)
