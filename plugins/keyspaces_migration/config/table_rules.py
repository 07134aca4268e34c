"""Rules of Amazon Keyspaces, and of this migration, about one table."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.config.problems import Location, Violation, near_miss
from keyspaces_migration.cql.types import CqlType, Scalar, ScalarName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from keyspaces_migration.config.tables import Schema, Table

# Quotas page of the Keyspaces Developer Guide: columns in one INSERT or UPDATE, without and with a time to live.
MAX_COLUMNS = 225
MAX_COLUMNS_WITH_TTL = 166
# The same page: bytes of all partition key columns, and of all clustering columns, together.
MAX_PARTITION_KEY_BYTES = 2_048
MAX_CLUSTERING_KEY_BYTES = 850
# DefaultTimeToLive of the Keyspaces API.
MAX_TTL = timedelta(seconds=630_720_000)

_FIXED_BYTES = {
    ScalarName.BIGINT: 8,
    ScalarName.BOOLEAN: 1,
    ScalarName.DATE: 4,
    ScalarName.DOUBLE: 8,
    ScalarName.FLOAT: 4,
    ScalarName.INT: 4,
    ScalarName.SMALLINT: 2,
    ScalarName.TIME: 8,
    ScalarName.TIMESTAMP: 8,
    ScalarName.TIMEUUID: 16,
    ScalarName.TINYINT: 1,
    ScalarName.UUID: 16,
}


def schema_violations(schema: Schema) -> Iterator[Violation]:
    """Yield each rule that a schema breaks, placed relative to `schema`."""
    yield from _repeated("columns", [column.name for column in schema.columns])
    roles = _roles(schema)
    types = schema.column_types
    taken: dict[str, str] = {}
    for location, name, role in roles:
        if name not in types:
            yield Violation(location, repr(name), "a column of this table's `columns`", near_miss(name, types))
        if name in taken:
            yield Violation(location, f"{name!r} again", f"each column in one role: it is a {taken[name]} already")
        taken.setdefault(name, role)
        if name in types and role != "static column":
            yield from _key_type(location, name, types[name])
    if schema.static_columns and not schema.clustering_keys:
        yield Violation(
            ("static_columns",),
            ", ".join(schema.static_columns),
            "none in a table without clustering keys, whose partitions have one row",
            "leave static_columns out, or name the clustering keys",
        )
    yield from _key_size("partition_keys", schema.partition_keys, types, MAX_PARTITION_KEY_BYTES)
    clustering = [key.name for key in schema.clustering_keys]
    yield from _key_size("clustering_keys", clustering, types, MAX_CLUSTERING_KEY_BYTES)


def _roles(schema: Schema) -> list[tuple[Location, str, str]]:
    partition = [(("partition_keys", i), name, "partition key") for i, name in enumerate(schema.partition_keys)]
    clustering = [(("clustering_keys", i), key.name, "clustering key") for i, key in enumerate(schema.clustering_keys)]
    static = [(("static_columns", i), name, "static column") for i, name in enumerate(schema.static_columns)]
    return [*partition, *clustering, *static]


def _repeated(section: str, names: list[str]) -> Iterator[Violation]:
    seen: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in seen:
            first = f"{section}[{seen[name]}]"
            yield Violation((section, index), f"{name!r} again", f"each name once: it is {first} already")
        seen.setdefault(name, index)


def _key_type(location: Location, name: str, cql_type: CqlType) -> Iterator[Violation]:
    if not isinstance(cql_type, Scalar):
        yield Violation(
            location,
            f"{name!r} of type {cql_type}",
            "a key of one plain value: keys are sampled, split and compared by value, which collections and tuples "
            "are not",
        )


def _key_size(section: str, names: Iterable[str], types: dict[str, CqlType], limit: int) -> Iterator[Violation]:
    least = sum(_FIXED_BYTES.get(part.name, 0) for name in names if isinstance(part := types.get(name), Scalar))
    if least > limit:
        yield Violation((section,), f"{least} bytes or more", f"{limit} bytes together, a quota of Amazon Keyspaces")


def table_violations(table: Table) -> Iterator[Violation]:
    """Yield each rule that a table's parts break together, placed relative to the table."""
    yield from _history_columns(table)
    yield from _time_to_live(table)
    yield from _column_count(table)


def _history_columns(table: Table) -> Iterator[Violation]:
    names = table.schema_.column_types
    for name in table.history.columns:
        if name not in names:
            location = ("history", "columns", name)
            yield Violation(location, repr(name), "a column of this table's schema", near_miss(name, names))
    owners = Counter(table.history_column(name) for name in names)
    for name, target in table.history.columns.items():
        if owners[target] > 1:
            others = [each for each in names if each != name and table.history_column(each) == target]
            allowed = f"a column of its own: {', '.join(others)} has this one"
            yield Violation(("history", "columns", name), repr(target), allowed)


def _time_to_live(table: Table) -> Iterator[Violation]:
    ttl = table.default_ttl
    if ttl is None:
        return
    if not timedelta(seconds=1) <= ttl <= MAX_TTL:
        allowed = f"PT1S to {format_duration(MAX_TTL)}, the longest time to live of Cassandra and Keyspaces"
        hint = "" if ttl else "leave it out for rows that live for ever"
        yield Violation(("default_ttl",), format_duration(ttl), allowed, hint)
    if table.history.expiry_column is None and table.history.write_time_column is None:
        yield Violation(
            ("history",),
            "neither expiry_column nor write_time_column",
            "one of them in a table with default_ttl: without it a loaded row would start its life anew",
        )


def _column_count(table: Table) -> Iterator[Violation]:
    key = set(table.schema_.primary_key)
    count = sum(column.name not in key for column in table.schema_.columns)
    limit = MAX_COLUMNS_WITH_TTL if table.expires else MAX_COLUMNS
    if count > limit:
        where = "where rows have a time to live" if table.expires else "in one statement"
        allowed = f"{limit} columns outside the key {where}, a quota of Amazon Keyspaces"
        yield Violation(("schema", "columns"), f"{count} columns outside the key", allowed)
