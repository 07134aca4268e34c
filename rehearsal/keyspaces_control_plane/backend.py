"""What all operations of Keyspaces' API work on: the node's schema, the property store, the account and the clock."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cassandra import AlreadyExists, RequestValidationException

from rehearsal.keyspaces_control_plane.errors import AccessDeniedError, ConflictError, ResourceNotFoundError
from rehearsal.keyspaces_control_plane.live_schema import LiveSchema, LiveTable, is_system

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.keyspaces_control_plane.account import Account
    from rehearsal.keyspaces_control_plane.api import Request
    from rehearsal.keyspaces_control_plane.properties import PropertyStore


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The state behind the API.

    Attributes:
        schema: Keyspaces, tables and types of the node.
        properties: What the node does not hold.
        account: Region and account in the ARNs.
        now_ms: The clock, in ms since 1970.
    """

    schema: LiveSchema
    properties: PropertyStore
    account: Account
    now_ms: Callable[[], int]

    def keyspace(self, name: str) -> str:
        """The name of a keyspace that is there.

        Raises:
            ResourceNotFoundError: It is not.
        """
        if name not in self.schema.usable_keyspaces():
            raise ResourceNotFoundError(f"keyspace {name} was not found")
        return name

    def own_keyspace(self, name: str) -> str:
        """As `keyspace`, for a change.

        Raises:
            AccessDeniedError: The keyspace is the service's own.
            ResourceNotFoundError: There is none.
        """
        return self.keyspace(own(name))

    def table(self, request: Request) -> LiveTable:
        """The table that a request names.

        Raises:
            ResourceNotFoundError: There is none.
        """
        keyspace, name = self.keyspace(request["keyspaceName"]), request["tableName"]
        table = self.schema.table(keyspace, name)
        if table is None:
            raise ResourceNotFoundError(f"table {keyspace}.{name} was not found")
        return table

    def settled(self, request: Request) -> LiveTable:
        """As `table`, for a change.

        Raises:
            AccessDeniedError: The keyspace is the service's own.
            ConflictError: An earlier change of the table goes on.
            ResourceNotFoundError: There is no such table.
        """
        own(request["keyspaceName"])
        table = self.table(request)
        _require_active(table)
        return table

    @contextmanager
    def changing(self, keyspace: str, name: str) -> Iterator[None]:
        """Change a table in CQL; a refusal that comes of another change's overtaking this one is a conflict.

        Raises:
            ConflictError: The table is being changed, or was made, by somebody else meanwhile.
        """
        try:
            yield
        except AlreadyExists as error:
            raise ConflictError(f"table {keyspace}.{name} exists already") from error
        except RequestValidationException:
            table = self.schema.table(keyspace, name)
            if table is not None:
                _require_active(table)
            raise


def own(keyspace: str) -> str:
    """The name of a keyspace that users may change.

    Raises:
        AccessDeniedError: It is the service's own.
    """
    if is_system(keyspace):
        raise AccessDeniedError(f"keyspace {keyspace} belongs to the service")
    return keyspace


def _require_active(table: LiveTable) -> None:
    if table.status != "ACTIVE":
        raise ConflictError(f"table {table.keyspace}.{table.name} is {table.status}; wait until it is ACTIVE")
