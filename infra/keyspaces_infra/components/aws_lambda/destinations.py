"""Queues that a function's results go to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_infra.components.policies import Statement

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True, kw_only=True)
class Destination:
    """An SQS queue that something is sent to.

    Attributes:
        queue_arn: Of the queue.
        key_arn: KMS key of the queue; None where SQS keeps the key.
    """

    queue_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str] | None = None

    def statements(self, sid: str) -> list[Statement]:
        """What a role needs to send to it; `sid` starts the statements' names."""
        send = Statement(sid=f"{sid}Send", actions=["sqs:SendMessage"], resources=[self.queue_arn])
        if self.key_arn is None:
            return [send]
        # SQS asks KMS in the sender's name: to make the data key, and to read it again while it is reused.
        return [
            send,
            Statement(sid=f"{sid}Key", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[self.key_arn]),
        ]
