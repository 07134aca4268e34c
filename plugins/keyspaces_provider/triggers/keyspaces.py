"""Waits for tables of Amazon Keyspaces."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

ACTIVE = "ACTIVE"
UPDATING = "UPDATING"
STILL_COMING = frozenset({"CREATING", UPDATING})


@dataclass(frozen=True, kw_only=True)
class TableStatuses:
    """What Keyspaces calls the tables of a keyspace, by name."""

    keyspace: str
    found: Mapping[str, str]

    @property
    def missing(self) -> dict[str, str]:
        """Those that are not ACTIVE."""
        return {table: status for table, status in self.found.items() if status != ACTIVE}

    @property
    def stuck(self) -> dict[str, str]:
        """Those in a state that they do not leave for ACTIVE by themselves."""
        return {table: status for table, status in self.missing.items() if status not in STILL_COMING}


class TablesActiveTrigger(BaseTrigger):
    """Fires when every table is ACTIVE, or when waiting is of no use.

    boto3 has no asynchronous client, so each look is a thread's.

    Args:
        aws_conn_id: Airflow connection of the AWS account.
        region: The Region.
        roles: ARNs of the roles that are assumed, one after the other.
        keyspace: The keyspace.
        tables: Names of tables.
        look_every_s: How often to look.
    """

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        aws_conn_id: str,
        region: str,
        keyspace: str,
        tables: list[str],
        look_every_s: float,
        roles: list[str] | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.aws_conn_id = aws_conn_id
        self.region = region
        self.roles = roles or []
        self.keyspace = keyspace
        self.tables = tables
        self.look_every_s = look_every_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """For Airflow's database."""
        arguments = ("aws_conn_id", "region", "roles", "keyspace", "tables", "look_every_s")
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {name: getattr(self, name) for name in arguments}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the tables are ACTIVE, or one is stuck, or AWS can't be asked."""
        from botocore.exceptions import BotoCoreError, ClientError

        while True:
            try:
                statuses = await sync_to_async(self.look)()
            except (BotoCoreError, ClientError) as error:
                yield TriggerEvent({"error": str(error)})  # type: ignore[no-untyped-call]
                return
            if statuses.stuck or not statuses.missing:
                yield TriggerEvent({"keyspace": statuses.keyspace, "found": dict(statuses.found)})  # type: ignore[no-untyped-call]
                return
            self.log.info("Not ACTIVE yet: %s", statuses.missing)
            await asyncio.sleep(self.look_every_s)

    def look(self) -> TableStatuses:
        """Ask for every table once. Errors are boto3's."""
        from keyspaces_provider.aws import account_client

        client = account_client("keyspaces", aws_conn_id=self.aws_conn_id, region=self.region, roles=self.roles)
        found = {
            table: status_of(client.get_table(keyspaceName=self.keyspace, tableName=table)) for table in self.tables
        }
        return TableStatuses(keyspace=self.keyspace, found=found)


def status_of(live: Mapping[str, Any]) -> str:
    """The status in an answer of GetTable; a table that is still being warmed has one of its own for that."""
    warming = live.get("warmThroughputSpecification", {}).get("status") == UPDATING
    return UPDATING if warming and live["status"] == ACTIVE else str(live["status"])
