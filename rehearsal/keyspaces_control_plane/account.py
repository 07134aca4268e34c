"""The account and Region that the resources seem to be in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where the resources seem to be.

    Attributes:
        region: AWS Region in the ARNs.
        account_id: Twelve digits in the ARNs.
    """

    region: str = "eu-west-1"
    account_id: str = "111122223333"

    def arn(self, keyspace: str, table: str | None = None) -> str:
        """The ARN of a keyspace or a table."""
        path = f"/keyspace/{keyspace}/" + ("" if table is None else f"table/{table}")
        return f"arn:aws:cassandra:{self.region}:{self.account_id}:{path}"
