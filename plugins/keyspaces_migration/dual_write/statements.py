"""CQL of writes and reads, built from a table's shape: names quoted, values bound, timestamps explicit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.elements import ElementSign
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.shape import TableShape

TEXTS = 1_000
"""Texts that are kept: of each write one for each set of columns that it names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """A statement to prepare, and the values to bind to its markers, in order."""

    cql: str
    values: tuple[Any, ...]


def table_name(keyspace: str, table: str) -> str:
    """Return a table's full name, quoted."""
    return f"{quote(keyspace)}.{quote(table)}"


def mutation_statement(keyspace: str, mutation: Mutation, *, now_us: int | None = None) -> Statement:
    """Return the statement that carries a write out. Sent again, it changes nothing more.

    Args:
        keyspace: Of the table.
        mutation: The write.
        now_us: When it is sent, in microseconds since 1970: what has a time to live then lives what is left of it.
            None: at its timestamp.
    """
    keys, columns, timestamp = mutation.key, mutation.columns, mutation.timestamp_us
    ttl_s = mutation.ttl_s if now_us is None else mutation.left_s(now_us)
    life = () if ttl_s is None else (ttl_s,)
    changes = tuple((name, change.sign) for name, change in mutation.elements.items())
    comparisons = tuple((bound.column, bound.comparison) for bound in mutation.bounds)
    cql = _mutation_text(
        (keyspace, mutation.table),
        mutation.kind,
        tuple(keys),
        columns=tuple(columns),
        changes=changes,
        comparisons=comparisons,
        expires=ttl_s is not None,
    )
    match mutation.kind:
        case MutationKind.INSERT:
            return Statement(cql=cql, values=(*keys.values(), *columns.values(), timestamp, *life))
        case MutationKind.UPDATE:
            elements = (change.elements for change in mutation.elements.values())
            return Statement(cql=cql, values=(timestamp, *life, *columns.values(), *elements, *keys.values()))
        case MutationKind.DELETE_ROW | MutationKind.DELETE_PARTITION | MutationKind.DELETE_RANGE:
            return Statement(cql=cql, values=(timestamp, *keys.values(), *(bound.value for bound in mutation.bounds)))


@lru_cache(maxsize=TEXTS)
def _mutation_text(  # noqa: PLR0913 -- what the text depends on
    place: tuple[str, str],
    kind: MutationKind,
    keys: tuple[str, ...],
    *,
    columns: tuple[str, ...],
    changes: tuple[tuple[str, ElementSign], ...],
    comparisons: tuple[tuple[str, Comparison], ...],
    expires: bool,
) -> str:
    table = table_name(*place)
    using = "TIMESTAMP ? AND TTL ?" if expires else "TIMESTAMP ?"
    match kind:
        case MutationKind.INSERT:
            return f"{insert_text(table, (*keys, *columns))} USING {using}"
        case MutationKind.UPDATE:
            return _update_text(table, using, columns, changes, keys)
        case MutationKind.DELETE_ROW | MutationKind.DELETE_PARTITION | MutationKind.DELETE_RANGE:
            return delete_text(table, keys, using="USING TIMESTAMP ?") + _comparisons_text(comparisons)


def select_row(keyspace: str, shape: TableShape, key: Mapping[str, Any]) -> Statement:
    """Return the statement that reads a whole row."""
    cql = select_text(table_name(keyspace, shape.name), map(quote, shape.columns), key)
    return Statement(cql=cql, values=tuple(key.values()))


def select_cells(keyspace: str, shape: TableShape, key: Mapping[str, Any]) -> Statement:
    """Return the statement that reads what `key` stands for, cell by cell.

    Each column that is one cell comes three times: value, WRITETIME, TTL. The columns are numbered, so that no name
    of a column can meet another: v0, w0, t0 for the first of `shape.written_columns(key)`, and so on. LIMIT 1, as a
    partition's static columns come with each of its rows.
    """
    parts = [quote(shape.partition_keys[0]), *_cell_parts(shape, shape.written_columns(key))]
    cql = f"{select_text(table_name(keyspace, shape.name), parts, key)} LIMIT 1"
    return Statement(cql=cql, values=tuple(key.values()))


def select_range_cells(keyspace: str, shape: TableShape, key: Mapping[str, Any], bounds: Sequence[Bound]) -> Statement:
    """Return the statement that reads a range's rows, cell by cell as `select_cells`, their keys first, in order."""
    keys = [f"{quote(name)} AS k{number}" for number, name in enumerate(shape.primary_key)]
    parts = [*keys, *_cell_parts(shape, shape.regular_columns)]
    cql = select_text(table_name(keyspace, shape.name), parts, key) + bounds_text(bounds)
    return Statement(cql=cql, values=(*key.values(), *(bound.value for bound in bounds)))


def select_range_keys(keyspace: str, shape: TableShape, key: Mapping[str, Any], bounds: Sequence[Bound]) -> Statement:
    """Return the statement that reads the keys of a range's rows, in order."""
    keys = [f"{quote(name)} AS k{number}" for number, name in enumerate(shape.primary_key)]
    cql = select_text(table_name(keyspace, shape.name), keys, key) + bounds_text(bounds)
    return Statement(cql=cql, values=(*key.values(), *(bound.value for bound in bounds)))


def bounds_text(bounds: Iterable[Bound]) -> str:
    """Return the bounds of a range, to follow the equalities of a WHERE clause."""
    return _comparisons_text((bound.column, bound.comparison) for bound in bounds)


def _comparisons_text(comparisons: Iterable[tuple[str, Comparison]]) -> str:
    return "".join(f" AND {quote(column)} {comparison.value} ?" for column, comparison in comparisons)


def _cell_parts(shape: TableShape, columns: Iterable[str]) -> list[str]:
    parts = []
    for number, name in enumerate(columns):
        column = quote(name)
        parts.append(f"{column} AS v{number}")
        if not shape.multi_cell(name):
            parts += [f"WRITETIME({column}) AS w{number}", f"TTL({column}) AS t{number}"]
    return parts


def insert_text(table: str, names: Iterable[str], *, server_time: str | None = None) -> str:
    """Return an INSERT with a marker for each column, and one more column that takes the server's time."""
    columns = [quote(name) for name in names]
    marks = ["?"] * len(columns)
    if server_time is not None:
        columns, marks = [*columns, quote(server_time)], [*marks, "toTimestamp(now())"]
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(marks)})"  # noqa: S608 -- names are quoted


def select_text(table: str, selectors: Iterable[str], keys: Iterable[str]) -> str:
    """Return a SELECT of selectors, which are CQL already, where each key has the value of a marker."""
    return f"SELECT {', '.join(selectors)} FROM {table} WHERE {_equals(keys, ' AND ')}"  # noqa: S608 -- names are quoted


def delete_text(table: str, keys: Iterable[str], *, using: str = "") -> str:
    """Return a DELETE of the row, or of the rows, whose keys have the values of the markers."""
    return f"DELETE FROM {table} {using} WHERE {_equals(keys, ' AND ')}"  # noqa: S608 -- names are quoted


def _update_text(
    table: str,
    using: str,
    columns: Iterable[str],
    changes: Iterable[tuple[str, ElementSign]],
    keys: Iterable[str],
) -> str:
    changed = (f"{quote(name)} = {quote(name)} {sign.value} ?" for name, sign in changes)
    sets, where = ", ".join((*_set(columns), *changed)), _equals(keys, " AND ")
    return f"UPDATE {table} USING {using} SET {sets} WHERE {where}"  # noqa: S608 -- names are quoted


def _equals(names: Iterable[str], separator: str) -> str:
    return separator.join(_set(names))


def _set(names: Iterable[str]) -> Iterator[str]:
    return (f"{quote(name)} = ?" for name in names)
