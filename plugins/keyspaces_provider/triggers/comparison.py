"""Waits for what a call of the comparison Lambda leaves in S3."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async


class ObjectTrigger(BaseTrigger):
    """Fires when one of some objects is there, or when the time is over.

    What it says is a hint that a look is worth while: whoever is woken looks for themselves. An error of AWS's is
    looked past, as the next look may succeed. boto3 has no asynchronous client, so each look is a thread's.

    Args:
        aws_conn_id: Airflow connection of the AWS account.
        region: The Region.
        roles: ARNs of the roles that are assumed, one after the other.
        bucket: The bucket.
        prefix: How the objects' keys begin, and few others.
        keys: The objects.
        until: When the time is over: a moment in ISO 8601, with its zone.
        look_every_s: How often to look.
    """

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        aws_conn_id: str,
        region: str,
        roles: list[str],
        bucket: str,
        prefix: str,
        keys: list[str],
        until: str,
        look_every_s: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aws_conn_id = aws_conn_id
        self.region = region
        self.roles = roles
        self.bucket = bucket
        self.prefix = prefix
        self.keys = keys
        self.until = until
        self.look_every_s = look_every_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """For Airflow's database."""
        arguments = ("aws_conn_id", "region", "roles", "bucket", "prefix", "keys", "until", "look_every_s")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until an object is there or the time is over."""
        from botocore.exceptions import BotoCoreError, ClientError

        until = datetime.fromisoformat(self.until)
        while True:
            try:
                found = await sync_to_async(self.look)()
            except (BotoCoreError, ClientError) as error:
                self.log.warning("s3://%s could not be looked at; it will be again: %s", self.bucket, error)
                found = []
            left_s = (until - datetime.now(UTC)).total_seconds()
            if found or left_s <= 0:
                yield TriggerEvent({"found": found})  # type: ignore[no-untyped-call]
                return
            await asyncio.sleep(min(self.look_every_s, left_s))

    def look(self) -> list[str]:
        """The objects that are there. Errors are boto3's."""
        from keyspaces_provider.aws import account_client

        client = account_client("s3", aws_conn_id=self.aws_conn_id, region=self.region, roles=self.roles)
        listed = client.list_objects_v2(Bucket=self.bucket, Prefix=self.prefix)
        return sorted({each["Key"] for each in listed.get("Contents", [])} & set(self.keys))
