"""The account and Region of a component, known before anything is made."""

from __future__ import annotations

from dataclasses import dataclass

from keyspaces_infra.components.errors import ComponentArgumentError

_ACCOUNT_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where resources are made. Given and not asked of AWS, so that a preview shows whole policies.

    Attributes:
        account_id: 12 digits.
        region: Such as `us-east-1`.
        partition: `aws`, `aws-cn` or `aws-us-gov`.

    Raises:
        ComponentArgumentError: The account is no account.
    """

    account_id: str
    region: str
    partition: str = "aws"

    def __post_init__(self) -> None:
        if len(self.account_id) != _ACCOUNT_DIGITS or not self.account_id.isdecimal():
            raise ComponentArgumentError(
                where="Place.account_id",
                found=self.account_id,
                allowed=f"{_ACCOUNT_DIGITS} digits",
                advice="`aws sts get-caller-identity` says it.",
            )

    def arn(self, service: str, resource: str) -> str:
        """ARN of something in this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def root(self) -> str:
        """The account itself, as a principal."""
        return f"arn:{self.partition}:iam::{self.account_id}:root"
