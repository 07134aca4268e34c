"""The statements that a table's load sends: names quoted, values bound, timestamps explicit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from keyspaces_migration.config import Migration
from keyspaces_migration.config.tables import Table
from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.types import ListOf
from keyspaces_migration.dual_write.bounds import Bound
from keyspaces_migration.dual_write.statements import bounds_text

FOR_EVER = 0
"""The time to live that CQL takes for none, whatever the table's default."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A table on the target.

    Attributes:
        name: Without its keyspace.
    """

    keyspace: str
    name: str
    table: Table

    @classmethod
    def of(cls, migration: Migration, name: str) -> Self:
        """Return a table of a migration."""
        return cls(keyspace=migration.target.keyspace, name=name, table=migration.tables[name])

    @property
    def address(self) -> str:
        """Keyspace and table, quoted."""
        return f"{quote(self.keyspace)}.{quote(self.name)}"

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The columns of a row: its key and what is neither key nor static."""
        schema = self.table.schema_
        return (*schema.primary_key, *(column.name for column in schema.regular_columns))

    @property
    def static_columns(self) -> tuple[str, ...]:
        """The columns of a partition's own write: its key and the static columns; empty without any."""
        schema = self.table.schema_
        return (*schema.partition_keys, *schema.static_columns) if schema.static_columns else ()

    @property
    def expires(self) -> bool:
        """Whether rows have a time to live."""
        return self.table.expires

    @property
    def repeats_alike(self) -> bool:
        """Whether a write sent twice at one timestamp is the same as sent once; not so for a list that isn't frozen."""
        return not any(isinstance(column.cql_type, ListOf) for column in self.table.schema_.columns)


def row_text(target: Target) -> str:
    """Return the INSERT of a row: its values, then the timestamp and, where rows expire, the time to live."""
    return _insert(target, target.row_columns, "TIMESTAMP ? AND TTL ?" if target.expires else "TIMESTAMP ?")


def static_text(target: Target) -> str:
    """Return the INSERT of a partition's static values: the values, then the timestamp."""
    return _insert(target, target.static_columns, "TIMESTAMP ?")


def delete_text(target: Target, key: Sequence[str], columns: Sequence[str] = (), bounds: Sequence[Bound] = ()) -> str:
    """Return the DELETE of a row, range or partition, or of some of its columns: timestamp, key, then bounds."""
    what = ", ".join(map(quote, columns))
    where = " AND ".join(f"{quote(name)} = ?" for name in key) + bounds_text(bounds)
    return f"DELETE {what} FROM {target.address} USING TIMESTAMP ? WHERE {where}"


def _insert(target: Target, columns: Sequence[str], using: str) -> str:
    names, marks = ", ".join(map(quote, columns)), ", ".join("?" * len(columns))
    return f"INSERT INTO {target.address} ({names}) VALUES ({marks}) USING {using}"  # noqa: S608 # names are quoted
