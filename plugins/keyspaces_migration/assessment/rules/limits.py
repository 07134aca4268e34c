"""Rules about quotas that can be seen from a schema."""

from collections.abc import Iterator

from keyspaces_migration.assessment.model import Column, ColumnKind, Source, Table
from keyspaces_migration.assessment.rules.finding import Hit, Rule, Severity
from keyspaces_migration.config.table_rules import (
    MAX_CLUSTERING_KEY_BYTES,
    MAX_COLUMNS,
    MAX_COLUMNS_WITH_TTL,
    MAX_PARTITION_KEY_BYTES,
)
from keyspaces_migration.cql.types import Scalar, ScalarName

MAX_TABLES_PER_REGION = 256
# Types whose values have no length of their own.
UNBOUNDED = frozenset({ScalarName.ASCII, ScalarName.TEXT, ScalarName.BLOB, ScalarName.DECIMAL, ScalarName.VARINT})


def max_columns(table: Table) -> int:
    """How many columns outside the key one statement can write: fewer where rows have a time to live."""
    return MAX_COLUMNS_WITH_TTL if table.default_time_to_live_s else MAX_COLUMNS


def _too_many_columns(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        count, limit = len(table.columns) - len(table.primary_key), max_columns(table)
        if count > limit:
            yield Hit(table=table.name, found=f"{count} columns outside the key; {limit} can be written at once")


def _close_to_too_many_columns(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        count = len(table.columns) - len(table.primary_key)
        if MAX_COLUMNS_WITH_TTL < count <= max_columns(table):
            yield Hit(table=table.name, found=f"{count} columns outside the key")


def _is_unbounded(column: Column) -> bool:
    return isinstance(column.type, Scalar) and column.type.name in UNBOUNDED


def _unbounded_keys(source: Source) -> Iterator[Hit]:
    limits = {ColumnKind.PARTITION_KEY: MAX_PARTITION_KEY_BYTES, ColumnKind.CLUSTERING: MAX_CLUSTERING_KEY_BYTES}
    for table in source.keyspace.tables:
        columns = [column for column in table.primary_key if _is_unbounded(column)]
        if columns:
            listed = ", ".join(f"{column.name} (all of its kind: {limits[column.kind]} B)" for column in columns)
            yield Hit(table=table.name, found=f"keys of any length: {listed}", columns=tuple(c.name for c in columns))


def _too_many_tables(source: Source) -> Iterator[Hit]:
    count = len(source.keyspace.tables)
    if count > MAX_TABLES_PER_REGION:
        yield Hit(found=f"{count} tables")


RULES = (
    Rule(
        id="too-many-columns",
        title="More columns than one statement can write",
        severity=Severity.BLOCKER,
        keyspaces=f"takes {MAX_COLUMNS} columns outside the key in an INSERT or UPDATE, {MAX_COLUMNS_WITH_TTL} where "
        "the row has a time to live",
        reference="Quotas: Max number of columns in INSERT and UPDATE statements",
        advice="Split the table, or gather columns into a frozen map, text (JSON) or blob, on the source first",
        find=_too_many_columns,
    ),
    Rule(
        id="many-columns-and-ttl",
        title="Too many columns for writes with a time to live",
        severity=Severity.CHANGE,
        keyspaces=f"takes {MAX_COLUMNS_WITH_TTL} columns outside the key in a write with a time to live",
        reference="Quotas: Max number of columns in INSERT and UPDATE statements",
        advice="Find writes to this table with USING TTL; they must be split, or the table",
        find=_close_to_too_many_columns,
    ),
    Rule(
        id="key-of-any-length",
        title="Key whose length is bounded by Keyspaces",
        severity=Severity.NOTE,
        keyspaces=f"takes {MAX_PARTITION_KEY_BYTES} bytes of partition key and {MAX_CLUSTERING_KEY_BYTES} bytes of "
        "clustering columns; Cassandra takes 64 KiB",
        reference="Quotas",
        advice="Look for the longest key in the history. A row whose key is longer goes to the dead letters",
        find=_unbounded_keys,
    ),
    Rule(
        id="too-many-tables",
        title="More tables than the default quota",
        severity=Severity.CHANGE,
        keyspaces=f"gives an account {MAX_TABLES_PER_REGION} tables a Region by default, over all keyspaces",
        reference="Quotas: Max tables per AWS Region",
        advice="Ask for a higher quota in the Service Quotas console before you provision",
        find=_too_many_tables,
    ),
)
