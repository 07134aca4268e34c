"""What a store has: its keyspaces, and their tables with columns and keys, read from its own schema tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keyspaces_migration.clients.errors import UnknownKeyspaceError, UnknownTableError
from keyspaces_migration.cql.types import CqlType, parse_type
from keyspaces_migration.cql_access.access import CqlAccess

_KEYSPACES = "SELECT keyspace_name FROM system_schema.keyspaces"
_TABLES = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?"
_COLUMNS = (
    "SELECT column_name, kind, position, type, clustering_order FROM system_schema.columns "
    "WHERE keyspace_name = ? AND table_name = ?"
)


class ColumnKind(StrEnum):
    """What a column is to its table. The names are those of `system_schema.columns`."""

    PARTITION_KEY = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column of a table.

    Attributes:
        name: As the store has it; case counts.
        cql_type: Its type; `str` of it is as CQL writes it.
        kind: Part of a key, static, or neither.
        descending: Of a clustering column: whether rows stand in descending order of it.
    """

    name: str
    cql_type: CqlType
    kind: ColumnKind
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class TableDescription:
    """A table. Key columns come first, in the order of the key, then the others by name."""

    keyspace: str
    name: str
    columns: tuple[TableColumn, ...]

    @property
    def partition_key(self) -> tuple[str, ...]:
        """Names, in order."""
        return self._names(ColumnKind.PARTITION_KEY)

    @property
    def clustering_key(self) -> tuple[str, ...]:
        """Names, in order."""
        return self._names(ColumnKind.CLUSTERING)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the partition key and the clustering columns, in order."""
        return (*self.partition_key, *self.clustering_key)

    def _names(self, kind: ColumnKind) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.kind is kind)


def list_keyspaces(access: CqlAccess) -> list[str]:
    """Return the names of the store's keyspaces, its own ones too, sorted.

    Raises:
        CqlAccessError, StoreError: As `CqlAccess.ask`.
    """
    return sorted(name for (name,) in _rows(access, _KEYSPACES))


def list_tables(access: CqlAccess, keyspace: str) -> list[str]:
    """Return the names of a keyspace's tables, sorted.

    Raises:
        UnknownKeyspaceError: There is no such keyspace.
        CqlAccessError, StoreError: As `CqlAccess.ask`.
    """
    names = sorted(name for (name,) in _rows(access, _TABLES, keyspace))
    if not names and keyspace not in list_keyspaces(access):
        raise UnknownKeyspaceError(
            host=access.settings.address, found=f"there is no keyspace {keyspace}", hint="Check its name; case counts."
        )
    return names


def describe_table(access: CqlAccess, *, keyspace: str, table: str) -> TableDescription:
    """Return a table's columns and keys.

    Raises:
        UnknownTableError: There is no such table.
        CqlAccessError, StoreError: As `CqlAccess.ask`.
    """
    kinds = list(ColumnKind)
    rows = sorted(_rows(access, _COLUMNS, keyspace, table), key=lambda row: (kinds.index(row[1]), row[2], row[0]))
    if not rows:
        raise UnknownTableError(
            host=access.settings.address,
            found=f"there is no table {keyspace}.{table}",
            hint="Check both names; case counts.",
        )
    columns = tuple(
        TableColumn(name=name, cql_type=parse_type(text), kind=ColumnKind(kind), descending=order == "desc")
        for name, kind, _, text, order in rows
    )
    return TableDescription(keyspace=keyspace, name=table, columns=columns)


def _rows(access: CqlAccess, text: str, *values: str) -> Iterator[tuple[Any, ...]]:
    return (row for page in access.ask(text, values).pages() for row in page)
