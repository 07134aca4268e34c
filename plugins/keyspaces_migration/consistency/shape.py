"""What a check needs to know about a table: its columns by role, and where its history is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from keyspaces_migration.consistency.errors import TableNotComparableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from keyspaces_migration.cql.type_tree import CqlType


class SchemaInFile(Protocol):
    """The part of `config.tables.Schema` that is read here."""

    @property
    def column_types(self) -> dict[str, CqlType]: ...  # noqa: D102 # as in config
    @property
    def partition_keys(self) -> tuple[str, ...]: ...  # noqa: D102 # as in config
    @property
    def primary_key(self) -> tuple[str, ...]: ...  # noqa: D102 # as in config
    @property
    def static_columns(self) -> tuple[str, ...]: ...  # noqa: D102 # as in config


class HistoryInFile(Protocol):
    """The part of `config.tables.History` that is read here."""

    @property
    def table(self) -> str: ...  # noqa: D102 # as in config
    @property
    def version_column(self) -> str | None: ...  # noqa: D102 # as in config
    @property
    def deleted_column(self) -> str | None: ...  # noqa: D102 # as in config


class TableInFile(Protocol):
    """The part of `config.tables.Table` that is read here, so that a Lambda need not carry the whole of it."""

    @property
    def schema_(self) -> SchemaInFile: ...  # noqa: D102 # as in config
    @property
    def history(self) -> HistoryInFile: ...  # noqa: D102 # as in config
    @property
    def expires(self) -> bool: ...  # noqa: D102 # as in config
    def history_column(self, column: str) -> str: ...  # noqa: D102 # as in config


@dataclass(frozen=True, kw_only=True)
class HistoryShape:
    """Where a table's past is in Snowflake. Names are as the migration file writes them: plain or in double quotes.

    Attributes:
        table: DATABASE.SCHEMA.TABLE.
        columns: Snowflake's column for each column of the table.
        version_column: The greatest value marks the newest row of a key; None where keys do not repeat.
        deleted_column: BOOLEAN, true in a row that stands for a deletion; None where deleted rows are not kept.
    """

    table: str
    columns: Mapping[str, str]
    version_column: str | None = None
    deleted_column: str | None = None


@dataclass(frozen=True, kw_only=True)
class TableShape:
    """A table's columns by role. Rows are tuples in the order of `selected`, keys in that of `primary_key`.

    Rows of source and target may have the times to live of `dated_columns` behind that, in seconds or None.

    Attributes:
        expires: Whether the migration file gives rows a time to live, so that the target keeps one.

    Raises:
        TableNotComparableError: It has counters.
    """

    name: str
    types: Mapping[str, CqlType]
    partition_key: tuple[str, ...]
    clustering_key: tuple[str, ...] = ()
    static_columns: tuple[str, ...] = ()
    history: HistoryShape
    expires: bool = False

    def __post_init__(self) -> None:
        counters = [name for name, cql_type in self.types.items() if any(part.is_counter for part in cql_type.walk())]
        if counters:
            raise TableNotComparableError(
                f"Table {self.name} has counters ({', '.join(counters)}): a counter is added to, not written, so after "
                "a retry two stores rightly differ, and no comparison can tell that from damage. Leave the table out"
            )

    @classmethod
    def of(cls, name: str, table: TableInFile) -> TableShape:
        """Return the shape of the migration file's table called `name`.

        Raises:
            TableNotComparableError: It has counters.
        """
        schema, history = table.schema_, table.history
        partition_keys = tuple(schema.partition_keys)
        return cls(
            name=name,
            types=dict(schema.column_types),
            partition_key=partition_keys,
            clustering_key=tuple(schema.primary_key)[len(partition_keys) :],
            static_columns=tuple(schema.static_columns),
            history=HistoryShape(
                table=history.table,
                columns={column: table.history_column(column) for column in schema.column_types},
                version_column=history.version_column,
                deleted_column=history.deleted_column,
            ),
            expires=table.expires,
        )

    @cached_property
    def primary_key(self) -> tuple[str, ...]:
        """The partition key's columns, then the clustering columns."""
        return (*self.partition_key, *self.clustering_key)

    @cached_property
    def regular_columns(self) -> tuple[str, ...]:
        """The columns that are neither key nor static, in the file's order."""
        return tuple(name for name in self.types if name not in {*self.primary_key, *self.static_columns})

    @cached_property
    def selected(self) -> tuple[str, ...]:
        """The order of a row's values: primary key, regular columns, static columns."""
        return (*self.primary_key, *self.regular_columns, *self.static_columns)

    @cached_property
    def dated_columns(self) -> tuple[str, ...]:
        """The regular columns of one cell each; WRITETIME() and TTL() take no others in Cassandra 4 and Keyspaces."""
        return tuple(name for name in self.regular_columns if self.types[name].is_frozen)

    def key_of(self, row: Sequence[object]) -> tuple[object, ...]:
        """The primary key of a row."""
        return tuple(row[: len(self.primary_key)])

    def partition_of(self, row_or_key: Sequence[object]) -> tuple[object, ...]:
        """The partition key of a row or of a primary key."""
        return tuple(row_or_key[: len(self.partition_key)])

    def regular_of(self, row: Sequence[object]) -> tuple[object, ...]:
        """The values of `regular_columns`."""
        start = len(self.primary_key)
        return tuple(row[start : start + len(self.regular_columns)])

    def static_of(self, row: Sequence[object]) -> tuple[object, ...]:
        """The values of `static_columns`."""
        return tuple(row[len(self.primary_key) + len(self.regular_columns) : len(self.selected)])

    def lives_of(self, row: Sequence[object]) -> tuple[object, ...]:
        """The times to live of `dated_columns`, in seconds, None for ever; empty where they were not read."""
        return tuple(row[len(self.selected) :])
