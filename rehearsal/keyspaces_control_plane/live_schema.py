"""Keyspaces and tables as the node has them, read from its system tables and changed by Keyspaces' own DDL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.types import CqlTypeError, parse_type
from rehearsal.keyspaces_control_plane.custom_properties import from_cql, to_cql
from rehearsal.keyspaces_control_plane.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from cassandra.cluster import Session

    from rehearsal.keyspaces_control_plane.custom_properties import Specification

DDL_TIMEOUT_S = 60.0
_REPLICATION = "{'class': 'SingleRegionStrategy'}"


@dataclass(frozen=True, kw_only=True)
class LiveTable:
    """A table of the node.

    Attributes:
        table_id: Cassandra's id: another table under the same name has another.
        schema_definition: Columns and keys in the API's form.
        comment: The table's comment.
        default_ttl_s: Default time to live; 0 for none.
        specifications: The API's members that CQL has custom properties for.
        status: CREATING, ACTIVE, UPDATING or DELETING.
    """

    keyspace: str
    name: str
    table_id: UUID
    schema_definition: Mapping[str, Any]
    comment: str
    default_ttl_s: int
    specifications: Mapping[str, Specification]
    status: str = "ACTIVE"


class LiveSchema:
    """The node's schema through a session of the Cassandra driver."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def usable_keyspaces(self) -> list[str]:
        """Names of the keyspaces that users made and that have been created, in order."""
        rows = self._rows("SELECT keyspace_name FROM system_schema_mcs.keyspaces", ())
        return sorted(row.keyspace_name for row in rows)

    def keyspaces(self) -> list[str]:
        """Names of all keyspaces that users made, those that are being created too, in order."""
        rows = self._rows("SELECT keyspace_name FROM system_schema.keyspaces", ())
        return sorted(row.keyspace_name for row in rows if not is_system(row.keyspace_name))

    def tables(self, keyspace: str) -> list[str]:
        """Names of a keyspace's tables, in order."""
        rows = self._rows("SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
        return sorted(row.table_name for row in rows)

    def table(self, keyspace: str, name: str) -> LiveTable | None:
        """One table, or None where there is none."""
        where = "WHERE keyspace_name = %s AND table_name = %s"
        found = self._rows(
            f"SELECT id FROM system_schema.tables {where}",  # noqa: S608 - a literal
            (keyspace, name),
        )
        shown = self._rows(
            f"SELECT status, comment, default_time_to_live, custom_properties FROM system_schema_mcs.tables {where}",  # noqa: S608 - as above
            (keyspace, name),
        )
        if not found or not shown:
            return None
        columns = self._rows(
            f"SELECT column_name, type, kind, position, clustering_order FROM system_schema.columns {where}",  # noqa: S608 - as above
            (keyspace, name),
        )
        return LiveTable(
            keyspace=keyspace,
            name=name,
            table_id=found[0].id,
            schema_definition=_definition(columns),
            comment=shown[0].comment or "",
            default_ttl_s=shown[0].default_time_to_live or 0,
            specifications=from_cql(shown[0].custom_properties),
            status=shown[0].status,
        )

    def create_keyspace(self, name: str) -> None:
        """Make a keyspace; the caller has looked whether it exists."""
        self._change(f"CREATE KEYSPACE {quote(name)} WITH replication = {_REPLICATION}")

    def drop_keyspace(self, name: str) -> None:
        """Drop a keyspace with all that is in it."""
        self._change(f"DROP KEYSPACE {quote(name)}")

    def create_table(self, table: LiveTable) -> None:
        """Make a table under the id that it carries."""
        definition = table.schema_definition
        static = {column["name"] for column in definition.get("staticColumns", ())}
        columns = [
            f"{quote(column['name'])} {cql_type(column)}{' STATIC' if column['name'] in static else ''}"
            for column in definition["allColumns"]
        ]
        partition = ", ".join(quote(key["name"]) for key in definition["partitionKeys"])
        clustering = definition.get("clusteringKeys", ())
        key = ", ".join([f"({partition})", *(quote(each["name"]) for each in clustering)])
        options = [
            f"ID = {table.table_id}",
            f"comment = {_literal(table.comment)}",
            f"default_time_to_live = {table.default_ttl_s:d}",
        ]
        if table.specifications:
            options.append(f"CUSTOM_PROPERTIES = {to_cql(table.specifications)}")
        if clustering:
            order = ", ".join(f"{quote(each['name'])} {_order(each)}" for each in clustering)
            options.append(f"CLUSTERING ORDER BY ({order})")
        name = f"{quote(table.keyspace)}.{quote(table.name)}"
        self._change(f"CREATE TABLE {name} ({', '.join(columns)}, PRIMARY KEY ({key})) WITH {' AND '.join(options)}")

    def add_columns(self, keyspace: str, table: str, columns: Sequence[Mapping[str, str]]) -> None:
        """Add regular columns."""
        added = ", ".join(f"{quote(column['name'])} {cql_type(column)}" for column in columns)
        self._change(f"ALTER TABLE {quote(keyspace)}.{quote(table)} ADD ({added})")

    def set_default_ttl(self, keyspace: str, table: str, default_ttl_s: int) -> None:
        """Set the default time to live; 0 for none."""
        self._change(f"ALTER TABLE {quote(keyspace)}.{quote(table)} WITH default_time_to_live = {default_ttl_s:d}")

    def set_specification(self, keyspace: str, table: str, member: str, specification: Specification) -> None:
        """Change one of the settings that CQL has a custom property for."""
        properties = to_cql({member: specification})
        self._change(f"ALTER TABLE {quote(keyspace)}.{quote(table)} WITH CUSTOM_PROPERTIES = {properties}")

    def drop_table(self, keyspace: str, table: str) -> None:
        """Drop a table with its rows."""
        self._change(f"DROP TABLE {quote(keyspace)}.{quote(table)}")

    def _rows(self, statement: str, values: tuple[str, ...]) -> list[Any]:
        return list(self.session.execute(statement, values))

    def _change(self, statement: str) -> None:
        self.session.execute(statement, timeout=DDL_TIMEOUT_S)


def is_system(keyspace: str) -> bool:
    """Whether a keyspace is the service's own."""
    return keyspace == "system" or keyspace.startswith("system_")


def cql_type(column: Mapping[str, str], *, what: str = "column") -> str:
    """The type of an API column, or of a type's field, as CQL text.

    Raises:
        ValidationError: It is no CQL type.
    """
    try:
        return str(parse_type(column["type"]))
    except CqlTypeError as error:
        raise ValidationError(f"{what} {column['name']!r}: {error}") from None


def _order(key: Mapping[str, str]) -> str:
    return "DESC" if key["orderBy"] == "DESC" else "ASC"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _definition(columns: Sequence[Any]) -> dict[str, Any]:
    ordered = sorted(columns, key=lambda column: (column.position, column.column_name))
    return {
        "allColumns": sorted(
            ({"name": column.column_name, "type": column.type} for column in columns), key=lambda one: one["name"]
        ),
        "partitionKeys": [{"name": column.column_name} for column in ordered if column.kind == "partition_key"],
        "clusteringKeys": [
            {"name": column.column_name, "orderBy": column.clustering_order.upper()}
            for column in ordered
            if column.kind == "clustering"
        ],
        "staticColumns": [{"name": column.column_name} for column in ordered if column.kind == "static"],
    }
