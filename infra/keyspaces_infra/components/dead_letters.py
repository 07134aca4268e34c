"""A queue for what could not be done, which must not be lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.alarms import AlarmArgs, Metric, metric_alarm
from keyspaces_infra.components.checks import named, within
from keyspaces_infra.components.policies import Effect, Statement, policy

if TYPE_CHECKING:
    from collections.abc import Mapping

RETENTION_S = 14 * 24 * 60 * 60
_DAY_S = 24 * 60 * 60
_LONGEST_INVISIBLE_S = 12 * 60 * 60


@dataclass(frozen=True, kw_only=True)
class DeadLetterQueueArgs:
    """What a dead letter queue is made of.

    Attributes:
        name: At most 80 characters; without `.fifo`, as dead letters come in no order.
        key_arn: KMS key that encrypts the letters; None for a key that SQS keeps. Who sends needs `kms:GenerateDataKey`
            and `kms:Decrypt` on it, who receives `kms:Decrypt`.
        visibility_timeout_s: For so long a letter that was received is hidden from other receivers.
        oldest_letter_s: The alarm fires when a letter is older. Letters are dropped by SQS after 14 days.
        alarms: How the alarm judges and whom it tells.
        tags: Of the queue and the alarm.
        protect: Whether the queue is kept from deletion: letters are data, unless they can be had again.

    Raises:
        ComponentArgumentError: SQS would refuse it, or the alarm could come after the letter is gone.
    """

    name: str
    key_arn: pulumi.Input[str] | None = None
    visibility_timeout_s: int = 30
    oldest_letter_s: int = _DAY_S
    alarms: AlarmArgs = field(default_factory=AlarmArgs)
    tags: Mapping[str, str] = field(default_factory=dict)
    protect: bool = True

    def __post_init__(self) -> None:
        where = f"DeadLetterQueue {self.name}"
        named("DeadLetterQueueArgs.name", self.name, longest=80)
        within(
            f"{where}.visibility_timeout_s",
            self.visibility_timeout_s,
            least=0,
            most=_LONGEST_INVISIBLE_S,
            advice="SQS hides a message for 12 hours at most.",
        )
        within(
            f"{where}.oldest_letter_s",
            self.oldest_letter_s,
            least=60,
            most=RETENTION_S - _DAY_S,
            advice="Leave a day to act before SQS drops the letter.",
        )


class DeadLetterQueue(pulumi.ComponentResource):
    """A standard queue with 14 days' retention, encrypted, reached by TLS alone, with an alarm on the oldest letter.

    Attributes:
        arn: The queue's ARN.
        url: The queue's address.
        name: The queue's name.
        alarm_arn: Of the alarm on the oldest letter.
    """

    def __init__(self, args: DeadLetterQueueArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("keyspaces-migration:index:DeadLetterQueue", args.name, None, opts)
        queue = aws.sqs.Queue(
            args.name,
            name=args.name,
            message_retention_seconds=RETENTION_S,
            visibility_timeout_seconds=args.visibility_timeout_s,
            kms_master_key_id=args.key_arn,
            sqs_managed_sse_enabled=True if args.key_arn is None else None,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.sqs.QueuePolicy(
            args.name,
            queue_url=queue.url,
            policy=policy([_tls_alone(queue.arn)]),
            opts=pulumi.ResourceOptions(parent=self),
        )
        alarm = metric_alarm(
            f"{args.name}-age",
            description=f"The oldest letter of {args.name} is older than {args.oldest_letter_s} s; SQS drops it after "
            f"{RETENTION_S} s",
            metric=Metric(
                namespace="AWS/SQS",
                name="ApproximateAgeOfOldestMessage",
                dimensions={"QueueName": args.name},
                statistic="Maximum",
            ),
            above=args.oldest_letter_s,
            alarms=args.alarms,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn: pulumi.Output[str] = queue.arn
        self.url: pulumi.Output[str] = queue.url
        self.name: pulumi.Output[str] = queue.name
        self.alarm_arn: pulumi.Output[str] = alarm.arn
        self.register_outputs({"arn": self.arn, "url": self.url, "name": self.name, "alarm_arn": self.alarm_arn})


def _tls_alone(queue_arn: pulumi.Input[str]) -> Statement:
    return Statement(
        sid="TlsAlone",
        effect=Effect.DENY,
        actions=["sqs:*"],
        resources=[queue_arn],
        principal="*",
        conditions={"Bool": {"aws:SecureTransport": "false"}},
    )
