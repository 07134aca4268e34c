"""User-defined types as the node has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.types import parse_type
from rehearsal.keyspaces_control_plane.live_schema import DDL_TIMEOUT_S, cql_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cassandra.cluster import Session

    from keyspaces_migration.cql.types import CqlType


@dataclass(frozen=True, kw_only=True)
class LiveType:
    """A type of the node.

    Attributes:
        fields: The fields' types by name, in order.
        modified_us: When it was made, in microseconds since 1970; Keyspaces does not alter types.
    """

    name: str
    fields: Mapping[str, CqlType]
    modified_us: int

    def uses(self) -> frozenset[str]:
        """Names of the types that fields are made of."""
        return frozenset(used.name for cql in self.fields.values() for used in cql.user_types)


class LiveTypes:
    """The node's user-defined types through a session of the Cassandra driver."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def all(self, keyspace: str) -> list[LiveType]:
        """A keyspace's types, by name."""
        rows = self.session.execute(
            "SELECT type_name, field_names, field_types, WRITETIME(field_names) AS modified_us "
            "FROM system_schema.types WHERE keyspace_name = %s",
            (keyspace,),
        )
        return [
            LiveType(
                name=row.type_name,
                fields=dict(zip(row.field_names, map(parse_type, row.field_types), strict=True)),
                modified_us=row.modified_us,
            )
            for row in rows
        ]

    def referring_tables(self, keyspace: str, name: str) -> list[str]:
        """Names of the tables with a column that is made of the type, in order."""
        rows = self.session.execute(
            "SELECT table_name, type FROM system_schema.columns WHERE keyspace_name = %s", (keyspace,)
        )
        return sorted(
            {row.table_name for row in rows if name in {used.name for used in parse_type(row.type).user_types}}
        )

    def nesting_depth(self, types: Sequence[LiveType], name: str) -> int:
        """How many types deep a type is; 1 where no field is made of another type."""
        by_name = {each.name: each for each in types}
        return 1 + max((self.nesting_depth(types, used) for used in by_name[name].uses()), default=0)

    def create(self, keyspace: str, name: str, fields: Sequence[Mapping[str, str]]) -> None:
        """Make a type.

        Raises:
            ValidationError: A field is of no CQL type.
        """
        written = ", ".join(f"{quote(field['name'])} {cql_type(field, what='field')}" for field in fields)
        self._change(f"CREATE TYPE {quote(keyspace)}.{quote(name)} ({written})")

    def drop(self, keyspace: str, name: str) -> None:
        """Drop a type that nothing uses."""
        self._change(f"DROP TYPE {quote(keyspace)}.{quote(name)}")

    def _change(self, statement: str) -> None:
        self.session.execute(statement, timeout=DDL_TIMEOUT_S)
