"""A function called with the messages of a topic."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.aws_lambda.triggers.base import InvokedFunction, Trigger
from keyspaces_infra.components.aws_lambda.triggers.registry import register

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@register("sns")
@dataclass(frozen=True, kw_only=True)
class SnsTrigger(Trigger):
    """Messages of an SNS topic.

    Attributes:
        topic_arn: Of the topic.
        filter_policy: Only messages whose attributes fit; None for all.
    """

    topic_arn: pulumi.Input[str]
    filter_policy: Mapping[str, Sequence[object]] | None = None

    def attach(self, target: InvokedFunction) -> None:
        """Declare the permission and the subscription."""
        permission = target.permit(self.name, service="sns.amazonaws.com", source_arn=self.topic_arn)
        aws.sns.TopicSubscription(
            f"{target.name}-{self.name}",
            topic=self.topic_arn,
            protocol="lambda",
            endpoint=target.alias_arn,
            filter_policy=None if self.filter_policy is None else json.dumps(self.filter_policy, sort_keys=True),
            opts=pulumi.ResourceOptions.merge(target.options, pulumi.ResourceOptions(depends_on=[permission])),
        )
