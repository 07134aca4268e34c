"""Reads, and functions wherever they are called, and what Keyspaces does about them."""

from collections.abc import Iterator
from math import prod
from typing import Final

from keyspaces_migration.assessment.model import ColumnKind
from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.statements.model import Comparison, Kind
from keyspaces_migration.statements.rules.functions import AGGREGATES, OFFERED, SURELY_UNKNOWN, is_native
from keyspaces_migration.statements.rules.rule import Group, Hit, Rule, Sight

MAX_SUBQUERIES: Final = 100
READ_LEVELS: Final = frozenset({"ONE", "LOCAL_ONE", "LOCAL_QUORUM"})
SERIAL_LEVELS: Final = frozenset({"SERIAL", "LOCAL_SERIAL"})
_EXACT: Final = frozenset({Comparison.EQUAL, Comparison.IN})


def _is_select(sight: Sight) -> bool:
    return sight.statement.kind is Kind.SELECT


def _aggregates(sight: Sight) -> Iterator[Hit]:
    for call in sight.statement.calls:
        if not call.keyspace and call.name in AGGREGATES:
            yield Hit(found=str(call))


def _user_functions(sight: Sight) -> Iterator[Hit]:
    for call in sight.statement.calls:
        if call.keyspace and call.keyspace != "system":
            yield Hit(found=str(call))


def _functions(sight: Sight) -> Iterator[Hit]:
    for call in sight.statement.calls:
        if call.keyspace or call.name in AGGREGATES or call.name in OFFERED:
            continue
        if call.name in SURELY_UNKNOWN or call.name.startswith(("mask_", "collection_", "similarity_")):
            yield Hit(found=str(call))
        elif is_native(call.name):
            depends = "depends on whether Keyspaces takes a name that is not on its list"
            yield Hit(found=str(call), depends=depends)
        else:
            yield Hit(found=f"{call}, which is no function of Cassandra's own")


def _group_by(sight: Sight) -> Iterator[Hit]:
    if sight.statement.reading.group_by:
        yield Hit(found="GROUP BY")


def _per_partition_limit(sight: Sight) -> Iterator[Hit]:
    if sight.statement.reading.per_partition_limit:
        yield Hit(found="PER PARTITION LIMIT")


def _distinct(sight: Sight) -> Iterator[Hit]:
    if sight.statement.reading.distinct:
        yield Hit(found="SELECT DISTINCT")


def _subqueries(sight: Sight) -> Iterator[Hit]:
    if not _is_select(sight):
        return
    keys = sight.names(ColumnKind.PARTITION_KEY) | sight.names(ColumnKind.CLUSTERING)
    lists = [
        relation
        for relation in sight.statement.relations
        if relation.comparison is Comparison.IN and (not keys or keys & set(relation.columns))
    ]
    known = prod(relation.values for relation in lists if relation.values is not None)
    if known > MAX_SUBQUERIES:
        yield Hit(found=f"IN makes {known} subqueries")
    elif any(relation.values is None for relation in lists):
        yield Hit(found="IN with one marker for all values", depends="depends on how many values are bound")


def _in_with_token(sight: Sight) -> Iterator[Hit]:
    relations = sight.statement.relations
    if any(one.token for one in relations) and any(one.comparison is Comparison.IN for one in relations):
        yield Hit(found="token() and IN")


def _index_read(sight: Sight) -> Iterator[Hit]:
    if not _is_select(sight) or sight.statement.reading.allow_filtering:
        return
    for relation in sight.statement.relations:
        found = f"{', '.join(relation.columns)} {relation.comparison.value}"
        by_index_only = relation.comparison in {Comparison.CONTAINS, Comparison.LIKE} or relation.element
        if by_index_only or _is_beside_the_key(sight, relation.columns):
            yield Hit(found=found)
    yield from _incomplete_partition_key(sight)


def _is_beside_the_key(sight: Sight, columns: tuple[str, ...]) -> bool:
    beside = sight.names(ColumnKind.REGULAR) | sight.names(ColumnKind.STATIC)
    return any(column in beside for column in columns)


def _incomplete_partition_key(sight: Sight) -> Iterator[Hit]:
    """A key column compared, but not the whole partition key: Cassandra takes it with an index only."""
    partition = sight.names(ColumnKind.PARTITION_KEY)
    relations = sight.statement.relations
    if any(one.token for one in relations) or not (partition and relations):
        return
    exact = {column for one in relations if one.comparison in _EXACT for column in one.columns}
    compared = {column for one in relations for column in one.columns}
    if partition - exact and not any(_is_beside_the_key(sight, (column,)) for column in compared):
        yield Hit(found=f"without {', '.join(sorted(partition - exact))} of the partition key")


def _vector_search(sight: Sight) -> Iterator[Hit]:
    if sight.statement.reading.nearest:
        yield Hit(found="ORDER BY … ANN OF")


def _filtering(sight: Sight) -> Iterator[Hit]:
    if sight.statement.reading.allow_filtering:
        yield Hit(found="ALLOW FILTERING")


def _whole_table(sight: Sight) -> Iterator[Hit]:
    if _is_select(sight) and not sight.statement.relations and not sight.statement.reading.limit:
        yield Hit(found="neither WHERE nor LIMIT")


def _consistency(sight: Sight) -> Iterator[Hit]:
    if _is_select(sight) and sight.consistency and sight.consistency not in READ_LEVELS | SERIAL_LEVELS:
        yield Hit(found=f"read at {sight.consistency}")


def _serial(sight: Sight) -> Iterator[Hit]:
    if _is_select(sight) and sight.consistency in SERIAL_LEVELS:
        yield Hit(found=f"read at {sight.consistency}")


def _writetime(sight: Sight) -> Iterator[Hit]:
    if any(call.name in {"writetime", "maxwritetime"} for call in sight.statement.calls):
        yield Hit(found="WRITETIME(…)")


RULES: Final = (
    Rule(
        id="aggregate-function",
        group=Group.REFUSED,
        title="Aggregate",
        severity=Severity.CHANGE,
        why="COUNT, SUM, MIN, MAX and AVG are not supported",
        advice="compute it in the application, keep it in a table of its own, or ask the history",
        reference="cassandra-apis",
        find=_aggregates,
    ),
    Rule(
        id="user-defined-function",
        group=Group.REFUSED,
        title="Function of a keyspace",
        severity=Severity.CHANGE,
        why="there are no user-defined functions and aggregates",
        advice="compute the same in the application",
        reference="cassandra-apis",
        find=_user_functions,
    ),
    Rule(
        id="function-unknown",
        group=Group.REFUSED,
        title="Function that Keyspaces does not have",
        severity=Severity.CHANGE,
        why="Keyspaces has the functions of its list, about those of Cassandra 3.11; names and functions of 4.1 and "
        "5.0, and user-defined ones, are not on it",
        advice="use a function of the list (toTimestamp for to_timestamp), or compute it in the application",
        reference="cql.functions",
        find=_functions,
    ),
    Rule(
        id="group-by",
        group=Group.REFUSED,
        title="GROUP BY",
        severity=Severity.CHANGE,
        why="SELECT has no GROUP BY (inferred: the grammar has none)",
        advice="group in the application",
        reference="cql.dml.select",
        find=_group_by,
    ),
    Rule(
        id="per-partition-limit",
        group=Group.REFUSED,
        title="PER PARTITION LIMIT",
        severity=Severity.CHANGE,
        why="SELECT has no PER PARTITION LIMIT (inferred: the grammar has none)",
        advice="read each partition with LIMIT",
        reference="cql.dml.select",
        find=_per_partition_limit,
    ),
    Rule(
        id="select-distinct",
        group=Group.REFUSED,
        title="SELECT DISTINCT",
        severity=Severity.CHANGE,
        why="SELECT has no DISTINCT (inferred: the grammar has none)",
        advice="keep the partition keys in a table of their own, or read all rows' keys",
        reference="cql.dml.select",
        find=_distinct,
    ),
    Rule(
        id="in-subqueries",
        group=Group.REFUSED,
        title="IN with many values",
        severity=Severity.CHANGE,
        why=f"IN makes at most {MAX_SUBQUERIES} subqueries (partitions times clustering keys); each counts toward the "
        "connection's request rate",
        advice="send single reads, several at a time, or smaller lists",
        reference="functional-differences: IN keyword",
        find=_subqueries,
    ),
    Rule(
        id="in-with-token",
        group=Group.REFUSED,
        title="IN beside token()",
        severity=Severity.CHANGE,
        why="IN and TOKEN are not allowed in one statement",
        advice="send one read for each value",
        reference="functional-differences: IN keyword",
        find=_in_with_token,
    ),
    Rule(
        id="index-read",
        group=Group.REFUSED,
        title="Read that needs an index",
        severity=Severity.CHANGE,
        why="there are no secondary indexes, so a read by other columns than the key is refused without ALLOW "
        "FILTERING, and reads the whole table with it",
        advice="serve it from a second table with that key, written by the application, or from a search service",
        reference="cassandra-apis",
        find=_index_read,
    ),
    Rule(
        id="vector-search",
        group=Group.REFUSED,
        title="Vector search",
        severity=Severity.CHANGE,
        why="there are no vectors and no index for them",
        advice="use a search service",
        reference="cassandra-apis",
        find=_vector_search,
    ),
    Rule(
        id="read-consistency",
        group=Group.REFUSED,
        title="Consistency level of a read",
        severity=Severity.CHANGE,
        why="reads take ONE, LOCAL_ONE and LOCAL_QUORUM",
        advice="read at LOCAL_QUORUM",
        reference="consistency",
        find=_consistency,
    ),
    Rule(
        id="serial-consistency",
        group=Group.REFUSED,
        title="Serial read",
        severity=Severity.CHANGE,
        why="reads at SERIAL and LOCAL_SERIAL are not supported",
        advice="read at LOCAL_QUORUM",
        reference="consistency",
        find=_serial,
    ),
    Rule(
        id="allow-filtering",
        group=Group.DIFFERENT,
        title="ALLOW FILTERING",
        severity=Severity.NOTE,
        why="every row that is read is charged, also those that the filter drops; pages can be short or empty with "
        "more to come",
        advice="read by key; never take an empty page for the end",
        reference="functional-differences: Pagination",
        find=_filtering,
    ),
    Rule(
        id="whole-table-read",
        group=Group.DIFFERENT,
        title="Read of a whole table",
        severity=Severity.NOTE,
        why="it reads, and is charged for, every row, page by page, at the table's read capacity",
        advice="split it by token ranges, and see that it can take its time; or ask the history",
        reference="functional-differences: Pagination",
        find=_whole_table,
    ),
    Rule(
        id="writetime-read",
        group=Group.DIFFERENT,
        title="WRITETIME",
        severity=Severity.NOTE,
        why="it needs client-side timestamps on the table; rows of the backfill have the time of the load, or B",
        advice="don't take it for the time of the first write; tables of this migration that are dual-written have "
        "client-side timestamps",
        reference="client-side-timestamps-how-it-works",
        find=_writetime,
    ),
)
