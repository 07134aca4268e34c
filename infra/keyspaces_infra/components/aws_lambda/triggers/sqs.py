"""A function called with the messages of a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi_aws as aws

from keyspaces_infra.components.aws_lambda.triggers.base import InvokedFunction, Trigger
from keyspaces_infra.components.aws_lambda.triggers.registry import register
from keyspaces_infra.components.checks import within
from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.policies import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pulumi

    from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs

_BATCH_WITHOUT_WINDOW = 10


@register("sqs")
@dataclass(frozen=True, kw_only=True)
class SqsTrigger(Trigger):
    """Messages of a queue, in batches, of which the function may report single ones as failed.

    The queue's visibility timeout must be at least the function's timeout; AWS advises six times that. What fails for
    good goes where the queue's own redrive policy says, not to the function's queue for failures.

    Attributes:
        queue_arn: Of the queue.
        queue_key_arn: KMS key of the queue; None where SQS keeps the key.
        batch_size: At most so many messages a call, 1 to 10000; above 10 only with a batching window.
        batching_window_s: Waits up to so long for a batch to fill, 0 to 300.
        maximum_concurrency: At most so many calls at the same time, 2 to 1000; None for no limit of its own.
        enabled: Whether it runs.
    """

    queue_arn: pulumi.Input[str]
    queue_key_arn: pulumi.Input[str] | None = None
    batch_size: int = 10
    batching_window_s: int = 0
    maximum_concurrency: int | None = None
    enabled: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        window = self.where("batching_window_s")
        within(window, self.batching_window_s, least=0, most=300, advice="Lambda's limit.")
        within(
            self.where("batch_size"),
            self.batch_size,
            least=1,
            most=10000 if self.batching_window_s else _BATCH_WITHOUT_WINDOW,
            advice="More than 10 need a batching_window_s of 1 or more.",
        )
        if self.maximum_concurrency is not None:
            most = self.where("maximum_concurrency")
            within(most, self.maximum_concurrency, least=2, most=1000, advice="Leave it out for no limit.")

    def check(self, function: LambdaArgs) -> None:
        """Refuse more concurrency of queues than the function has: throttles would use up the messages' receives."""
        reserved = function.reserved_concurrency
        wanted = [each.maximum_concurrency for each in function.triggers if isinstance(each, SqsTrigger)]
        if reserved is not None and (None in wanted or sum(filter(None, wanted)) > reserved):
            raise ComponentArgumentError(
                where=self.where("maximum_concurrency"),
                found=self.maximum_concurrency,
                allowed=f"a number, together with other queues at most the reserved_concurrency of {reserved}",
                advice="A throttled message counts as received, and may end as a dead letter that was never tried.",
            )

    def statements(self) -> Sequence[Statement]:
        """To receive from this queue and delete from it."""
        receive = Statement(
            sid=f"Queue{_sid(self.name)}",
            actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            resources=[self.queue_arn],
        )
        if self.queue_key_arn is None:
            return [receive]
        decrypt = Statement(sid=f"QueueKey{_sid(self.name)}", actions=["kms:Decrypt"], resources=[self.queue_key_arn])
        return [receive, decrypt]

    def attach(self, target: InvokedFunction) -> None:
        """Declare the mapping from the queue to the function."""
        most = self.maximum_concurrency
        aws.lambda_.EventSourceMapping(
            f"{target.name}-{self.name}",
            event_source_arn=self.queue_arn,
            function_name=target.alias_arn,
            batch_size=self.batch_size,
            maximum_batching_window_in_seconds=self.batching_window_s,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=None
            if most is None
            else aws.lambda_.EventSourceMappingScalingConfigArgs(maximum_concurrency=most),
            enabled=self.enabled,
            tags=dict(target.tags),
            opts=target.options,
        )


def _sid(name: str) -> str:
    return "".join(character for character in name if character.isalnum())
