"""A function called for objects of a bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING, Self

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.aws_lambda.triggers.base import InvokedFunction, Trigger
from keyspaces_infra.components.aws_lambda.triggers.registry import register
from keyspaces_infra.components.checks import named
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs


@dataclass(frozen=True, kw_only=True)
class ObjectFilter:
    """Which objects.

    Attributes:
        prefix: How their keys begin.
        suffix: How their keys end.
    """

    prefix: str = ""
    suffix: str = ""

    def overlaps(self, other: ObjectFilter) -> bool:
        """Whether a key can pass both."""
        starts, ends = (self.prefix, other.prefix), (self.suffix, other.suffix)
        one_begins_the_other = starts[0].startswith(starts[1]) or starts[1].startswith(starts[0])
        one_ends_the_other = ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])
        return one_begins_the_other and one_ends_the_other


@register("s3")
@dataclass(frozen=True, kw_only=True)
class S3Trigger(Trigger):
    """Events of a bucket's objects. A function's triggers on one bucket become one notification.

    A bucket has one notification configuration, and whoever writes it last wins. So one function alone may have a
    bucket: the notification is named after the bucket, and Pulumi refuses a second of that name under a function of the
    same class, though not under one of another class or program. Where several functions need a bucket's events, let
    the bucket tell an SNS topic, and use `SnsTrigger`.

    Attributes:
        bucket: Its name, in this account.
        events: Such as `s3:ObjectCreated:*`.
        objects: Which objects.
    """

    bucket: str
    events: Sequence[str] = ("s3:ObjectCreated:*",)
    objects: ObjectFilter = field(default_factory=ObjectFilter)

    def __post_init__(self) -> None:
        super().__post_init__()
        named(self.where("bucket"), self.bucket, longest=63, characters="a-z0-9.-")
        if not self.events or not all(event.startswith("s3:") for event in self.events):
            raise ComponentArgumentError(
                where=self.where("events"),
                found=tuple(self.events),
                allowed="one or more like s3:ObjectCreated:*",
                advice="https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html",
            )

    def check(self, function: LambdaArgs) -> None:
        """Refuse two triggers on one bucket that an event could fit both: S3 does."""
        mine = [each for each in function.triggers if isinstance(each, S3Trigger) and each.bucket == self.bucket]
        for one, other in combinations(mine, 2):
            if one.objects.overlaps(other.objects) and _share_events(one.events, other.events):
                raise ComponentArgumentError(
                    where=other.where("objects"),
                    found=other.objects,
                    allowed=f"what {one.name} does not have: {one.objects}",
                    advice="S3 refuses filters that overlap for an event: let prefixes or suffixes differ.",
                )

    def attach(self, target: InvokedFunction) -> None:
        """Declare the permission and the notification."""
        self.attach_together([self], target=target)

    @classmethod
    def attach_together(cls, triggers: Sequence[Self], *, target: InvokedFunction) -> None:
        """Declare one permission and one notification a bucket."""
        for bucket in dict.fromkeys(trigger.bucket for trigger in triggers):
            _notify(bucket, [trigger for trigger in triggers if trigger.bucket == bucket], target=target)


def _notify(bucket: str, triggers: Sequence[S3Trigger], *, target: InvokedFunction) -> None:
    # A bucket's ARN names no account: the account is what keeps out a bucket of the same name that somebody else makes
    # after this one was deleted.
    permission = target.permit(
        triggers[0].name,
        service="s3.amazonaws.com",
        source_arn=f"arn:{target.place.partition}:s3:::{bucket}",
        source_account=target.place.account_id,
    )
    aws.s3.BucketNotification(
        bucket,
        bucket=bucket,
        lambda_functions=[
            aws.s3.BucketNotificationLambdaFunctionArgs(
                id=trigger.name,
                lambda_function_arn=target.alias_arn,
                events=list(trigger.events),
                filter_prefix=trigger.objects.prefix or None,
                filter_suffix=trigger.objects.suffix or None,
            )
            for trigger in triggers
        ],
        opts=pulumi.ResourceOptions.merge(target.options, pulumi.ResourceOptions(depends_on=[permission])),
    )


def _share_events(some: Sequence[str], others: Sequence[str]) -> bool:
    return any(fnmatchcase(one, other) or fnmatchcase(other, one) for one in some for other in others)
