"""Policy documents of IAM, KMS and SQS, from statements that components and callers contribute."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import pulumi

from keyspaces_infra.components.checks import named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

VERSION = "2012-10-17"


class Effect(StrEnum):
    """What a statement does."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a policy.

    Attributes:
        sid: Its name in the policy: letters and digits.
        actions: Such as `secretsmanager:GetSecretValue`.
        resources: ARNs, `*` only where AWS knows nothing narrower. Empty in a trust policy, which has none.
        effect: Allow or deny.
        principal: Who; for policies of resources and trust policies only.
        conditions: By operator and condition key.

    Raises:
        ComponentArgumentError: The sid has other characters.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]] = ()
    effect: Effect = Effect.ALLOW
    principal: str | Mapping[str, pulumi.Input[str]] | None = None
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named("Statement.sid", self.sid, longest=100, characters="A-Za-z0-9")

    def document(self) -> dict[str, Any]:
        """The statement as a policy spells it."""
        spelled: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect.value, "Action": list(self.actions)}
        if self.principal is not None:
            spelled["Principal"] = self.principal
        if self.resources:
            spelled["Resource"] = list(self.resources)
        if self.conditions:
            spelled["Condition"] = {operator: dict(keys) for operator, keys in self.conditions.items()}
        return spelled


def policy(statements: Iterable[Statement]) -> pulumi.Output[str]:
    """The policy of some statements, as JSON."""
    return pulumi.Output.json_dumps(
        {"Version": VERSION, "Statement": [statement.document() for statement in statements]}
    )


def trust(service: str, *, account_id: str | None = None) -> pulumi.Output[str]:
    """The trust policy of a role that a service of AWS assumes.

    Args:
        service: Such as `lambda.amazonaws.com`.
        account_id: Only on behalf of this account, against a confused deputy. None where AWS's page on the role shows
            no such condition: a service that does not send the key could not assume the role.
    """
    only = {"StringEquals": {"aws:SourceAccount": account_id}} if account_id is not None else {}
    return policy(
        [Statement(sid="Assume", actions=["sts:AssumeRole"], principal={"Service": service}, conditions=only)]
    )
