"""Rules about what stands beside or inside a table: indexes, views, triggers, functions, counters, storage."""

from collections.abc import Iterator

from keyspaces_migration.assessment.model import ColumnKind, Part, Source
from keyspaces_migration.assessment.rules.finding import Hit, Rule, Severity


def _indexes(source: Source) -> Iterator[Hit]:
    for index in source.keyspace.indexes:
        kind = f" ({index.implementation})" if index.implementation else ""
        yield Hit(table=index.table, found=f"index {index.name}{kind} on {index.target}", columns=(index.target,))


def _views(source: Source) -> Iterator[Hit]:
    for view in source.keyspace.views:
        partition = ", ".join(c.name for c in view.columns if c.kind is ColumnKind.PARTITION_KEY)
        clustering = ", ".join(c.name for c in view.columns if c.kind is ColumnKind.CLUSTERING)
        key = f"PRIMARY KEY (({partition}), {clustering})" if clustering else f"PRIMARY KEY ({partition})"
        yield Hit(table=view.base_table, found=f"materialized view {view.name}, {key}, WHERE {view.where}")


def _triggers(source: Source) -> Iterator[Hit]:
    for trigger in source.keyspace.triggers:
        yield Hit(table=trigger.table, found=f"trigger {trigger.name}")


def _functions(source: Source) -> Iterator[Hit]:
    if source.keyspace.functions:
        yield Hit(found=f"functions {', '.join(source.keyspace.functions)}")


def _aggregates(source: Source) -> Iterator[Hit]:
    if source.keyspace.aggregates:
        yield Hit(found=f"aggregates {', '.join(source.keyspace.aggregates)}")


def _counters(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if table.is_counter:
            counters = tuple(column.name for column in table.columns if column.type_text == "counter")
            yield Hit(table=table.name, found=f"counter columns {', '.join(counters)}", columns=counters)


def _compact_storage(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if "compound" not in table.flags or "dense" in table.flags:
            flags = ", ".join(sorted(table.flags)) or "none"
            yield Hit(table=table.name, found=f"compact storage (storage flags: {flags})")


def _dropped_columns(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if table.dropped_columns:
            names = table.dropped_columns
            yield Hit(table=table.name, found=f"columns dropped earlier: {', '.join(names)}", columns=names)


def _masked_columns(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if table.masked_columns:
            names = table.masked_columns
            yield Hit(table=table.name, found=f"masked columns {', '.join(names)}", columns=names)


def _static_columns(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        names = tuple(column.name for column in table.of_kind(ColumnKind.STATIC))
        if names:
            yield Hit(table=table.name, found=f"static columns {', '.join(names)}", columns=names)


RULES = (
    Rule(
        id="secondary-index",
        title="Secondary index",
        severity=Severity.CHANGE,
        keyspaces="has no secondary indexes of any kind: CREATE INDEX is refused, and so is a read that needs one",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="Find the reads that use it. Serve them from a second table keyed by the indexed column, written by "
        "the application, or from a search service; or drop them. The table itself migrates without the index",
        find=_indexes,
        needs=frozenset({Part.INDEXES}),
    ),
    Rule(
        id="materialized-view",
        title="Materialized view",
        severity=Severity.CHANGE,
        keyspaces="has no materialized views: CREATE MATERIALIZED VIEW is refused",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="If the view is read, make it a table of its own in the migration file, with the view's key, fill it "
        "from the same history, and let the application write both. The view is not migrated by itself",
        find=_views,
        needs=frozenset({Part.VIEWS}),
    ),
    Rule(
        id="trigger",
        title="Trigger",
        severity=Severity.CHANGE,
        keyspaces="has no triggers",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="Move what the trigger does into the application, or behind a Keyspaces CDC stream",
        find=_triggers,
        needs=frozenset({Part.TRIGGERS}),
    ),
    Rule(
        id="user-defined-function",
        title="User-defined functions",
        severity=Severity.CHANGE,
        keyspaces="has no user-defined functions",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="Find the reads that call them and compute the same in the application",
        find=_functions,
        needs=frozenset({Part.FUNCTIONS}),
    ),
    Rule(
        id="user-defined-aggregate",
        title="User-defined aggregates",
        severity=Severity.CHANGE,
        keyspaces="has no aggregates, neither user-defined ones nor COUNT, SUM, MIN, MAX, AVG",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="Find the reads that call them and compute the same in the application or in the history",
        find=_aggregates,
        needs=frozenset({Part.AGGREGATES}),
    ),
    Rule(
        id="counter-table",
        title="Counter table",
        severity=Severity.BLOCKER,
        keyspaces="has counters, but an increment whose outcome is unknown can't be repeated without counting twice, "
        "so a counter can be neither dual-written nor replayed, and its value can't be set by a backfill",
        reference="Cassandra Query Language (CQL) elements: Counters; and this migration's design, section 8",
        advice="Leave it out of the migration file. Rebuild the counts from the events they count, or replace the "
        "counter by a bigint that one writer owns, or stop its writers and add the final values by hand at the end",
        find=_counters,
    ),
    Rule(
        id="compact-storage",
        title="Compact storage",
        severity=Severity.BLOCKER,
        keyspaces="knows CQL tables only; the columns that the source's schema tables show for a compact table are "
        "its storage columns, not those that CQL shows",
        reference="Data definition language (DDL): CREATE TABLE",
        advice="On the source: ALTER TABLE … DROP COMPACT STORAGE (after the steps that Cassandra's upgrade notes "
        "ask for), check that the application still reads it, and assess again",
        find=_compact_storage,
    ),
    Rule(
        id="column-mask",
        title="Dynamic data masking",
        severity=Severity.CHANGE,
        keyspaces="has no dynamic data masking: who may read a table reads its values in clear",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="Decide who may read the table on Keyspaces (IAM), and mask in the application. Give the source's "
        "connection the UNMASK permission, else masked values would be compared and copied",
        find=_masked_columns,
        needs=frozenset({Part.COLUMN_MASKS}),
    ),
    Rule(
        id="static-column",
        title="Static columns",
        severity=Severity.NOTE,
        keyspaces="has static columns, at most 1 MB of them in a partition; static and other data of one partition "
        "written at the same time end in a write time-out",
        reference="Estimate capacity consumption for static columns in Amazon Keyspaces; Quotas",
        advice="Let the application write static columns by statements of their own; the backfill does",
        find=_static_columns,
    ),
    Rule(
        id="dropped-column",
        title="Dropped columns",
        severity=Severity.NOTE,
        keyspaces="has no DROP COLUMN: a column, once there, stays",
        reference="Supported Cassandra APIs, operations, functions, and data types",
        advice="Nothing to do: they are not part of the draft. If the history still has them, leave them out there",
        find=_dropped_columns,
        needs=frozenset({Part.DROPPED_COLUMNS}),
    ),
)
