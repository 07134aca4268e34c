"""The live schema of the target held against the migration file, column by column."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.types import (
    CqlType,
    CqlTypeError,
    Frozen,
    ListOf,
    MapOf,
    SetOf,
    TupleOf,
    Vector,
    parse_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cassandra.cluster import Session

    from keyspaces_migration.config import Table

_COLUMNS = (
    "SELECT table_name, column_name, type, kind, position, clustering_order FROM system_schema.columns "
    "WHERE keyspace_name = %s"
)


class DifferenceKind(StrEnum):
    """In what the live schema differs from the file."""

    TABLE_MISSING = "table missing"
    COLUMN_MISSING = "column missing"
    COLUMN_NOT_IN_FILE = "column not in the file"
    TYPE = "type"
    PARTITION_KEYS = "partition keys"
    CLUSTERING_KEYS = "clustering keys"
    STATIC_COLUMNS = "static columns"


@dataclass(frozen=True, kw_only=True)
class SchemaDifference:
    """One thing that is not as the file says.

    Attributes:
        table: The table's name.
        column: The column's name, or None where the table as a whole is meant.
        kind: In what it differs.
        expected: What the file says; empty for a column that it does not have.
        found: What is live; empty for what is not there.
    """

    table: str
    column: str | None
    kind: DifferenceKind
    expected: str
    found: str

    def __str__(self) -> str:
        """One line for a report."""
        where = self.table if self.column is None else f"{self.table}.{self.column}"
        return f"{where}: {self.kind}: the file says {self.expected or 'nothing'}, live is {self.found or 'nothing'}"


@dataclass(frozen=True, kw_only=True)
class LiveColumn:
    """A column as system_schema.columns has it: `kind` is partition_key, clustering, regular or static."""

    name: str
    type: str
    kind: str
    position: int
    order: str


def compare_schema(session: Session, *, keyspace: str, tables: Mapping[str, Table]) -> tuple[SchemaDifference, ...]:
    """Compare the tables of a migration file with those of a live keyspace.

    Other tables of the keyspace are left alone. What CQL does not show (capacity, recovery, tags) is not compared.

    Args:
        session: A session on the target (or on any Cassandra).
        keyspace: The keyspace's name there.
        tables: The file's tables, by name.

    Returns:
        Every difference, in the order of the tables; empty where the live schema is what the file says.

    Raises:
        Exception: What the driver raises when it can't look; no answer is never taken for "no difference".
    """
    live: defaultdict[str, list[LiveColumn]] = defaultdict(list)
    for row in session.execute(_COLUMNS, (keyspace,)):
        live[row.table_name].append(_column(row))
    return tuple(
        difference for name, table in tables.items() for difference in differences(name, table, live.get(name, ()))
    )


def differences(name: str, table: Table, live: Iterable[LiveColumn]) -> Iterator[SchemaDifference]:
    """Compare one table of the file with the columns that are live; no columns mean that there is no such table."""
    columns = {column.name: column for column in live}
    if not columns:
        yield SchemaDifference(
            table=name, column=None, kind=DifferenceKind.TABLE_MISSING, expected="the table", found=""
        )
        return
    yield from _columns(name, table, columns)
    yield from _roles(name, table, columns)


def _columns(name: str, table: Table, live: Mapping[str, LiveColumn]) -> Iterator[SchemaDifference]:
    expected = table.schema_.column_types
    for column, cql_type in expected.items():
        found = live.get(column)
        if found is None:
            kind, seen = DifferenceKind.COLUMN_MISSING, ""
        elif _parsed(found.type) != _normal(cql_type):
            kind, seen = DifferenceKind.TYPE, found.type
        else:
            continue
        yield SchemaDifference(table=name, column=column, kind=kind, expected=str(cql_type), found=seen)
    for column in sorted(set(live) - set(expected)):
        kind = DifferenceKind.COLUMN_NOT_IN_FILE
        yield SchemaDifference(table=name, column=column, kind=kind, expected="", found=live[column].type)


def _roles(name: str, table: Table, live: Mapping[str, LiveColumn]) -> Iterator[SchemaDifference]:
    schema = table.schema_
    by_position = sorted(live.values(), key=lambda column: column.position)
    pairs = {
        DifferenceKind.PARTITION_KEYS: (
            list(schema.partition_keys),
            [column.name for column in by_position if column.kind == "partition_key"],
        ),
        DifferenceKind.CLUSTERING_KEYS: (
            [f"{key.name} {key.order.value}" for key in schema.clustering_keys],
            [f"{column.name} {column.order.upper()}" for column in by_position if column.kind == "clustering"],
        ),
        DifferenceKind.STATIC_COLUMNS: (
            sorted(schema.static_columns),
            sorted(column.name for column in by_position if column.kind == "static"),
        ),
    }
    for kind, (expected, found) in pairs.items():
        if expected != found:
            yield SchemaDifference(
                table=name, column=None, kind=kind, expected=", ".join(expected), found=", ".join(found)
            )


def _parsed(text: str) -> CqlType | str:
    try:
        return _normal(parse_type(text))
    except CqlTypeError:
        return text


def _normal(cql_type: CqlType) -> CqlType:
    """The type without `frozen` around tuples, which are so either way: Cassandra shows the word, files need not."""
    normal = cql_type
    match cql_type:
        case Frozen(inner):
            found = _normal(inner)
            normal = found if isinstance(found, TupleOf) else Frozen(found)
        case ListOf(element):
            normal = ListOf(_normal(element))
        case SetOf(element):
            normal = SetOf(_normal(element))
        case MapOf(key, element):
            normal = MapOf(_normal(key), _normal(element))
        case TupleOf(elements):
            normal = TupleOf(tuple(map(_normal, elements)))
        case Vector(element, dimension):
            normal = Vector(_normal(element), dimension)
    return normal


def _column(row: Any) -> LiveColumn:  # noqa: ANN401 - a named tuple of the driver
    return LiveColumn(
        name=row.column_name, type=row.type, kind=row.kind, position=row.position, order=row.clustering_order
    )
