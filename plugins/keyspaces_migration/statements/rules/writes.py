"""Writes, and what Keyspaces does about them."""

from collections.abc import Iterator
from typing import Final

from keyspaces_migration.assessment.model import ColumnKind
from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.statements.model import BatchKind, Change, Comparison, Kind, ValueKind
from keyspaces_migration.statements.rules.rule import Group, Hit, Rule, Sight

MAX_LOGGED: Final = 100
MAX_UNLOGGED: Final = 30
MAX_COLUMNS: Final = 225
MAX_COLUMNS_WITH_TTL: Final = 166
WRITE_LEVELS: Final = frozenset({"LOCAL_QUORUM"})


def _is_batch(sight: Sight, kind: BatchKind) -> bool:
    return sight.statement.kind is Kind.BATCH and sight.batch is kind


def _logged_size(sight: Sight) -> Iterator[Hit]:
    if _is_batch(sight, BatchKind.LOGGED) and len(sight.statement.statements) > MAX_LOGGED:
        yield Hit(found=f"{len(sight.statement.statements)} statements in a LOGGED batch")


def _unlogged_size(sight: Sight) -> Iterator[Hit]:
    if _is_batch(sight, BatchKind.UNLOGGED) and len(sight.statement.statements) > MAX_UNLOGGED:
        yield Hit(found=f"{len(sight.statement.statements)} statements in an UNLOGGED batch")


def _unlogged_conditional(sight: Sight) -> Iterator[Hit]:
    if _is_batch(sight, BatchKind.UNLOGGED) and sight.statement.conditional:
        yield Hit(found="IF … in an UNLOGGED batch")


def _counter_batch(sight: Sight) -> Iterator[Hit]:
    if _is_batch(sight, BatchKind.COUNTER):
        yield Hit(found="BEGIN COUNTER BATCH")


def _logged(sight: Sight) -> Iterator[Hit]:
    if _is_batch(sight, BatchKind.LOGGED) and len(sight.statement.statements) <= MAX_LOGGED:
        yield Hit(found="LOGGED batch")


def _in(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind in {Kind.UPDATE, Kind.DELETE}:
        for relation in sight.statement.relations:
            if relation.comparison is Comparison.IN:
                yield Hit(found=f"{', '.join(relation.columns)} IN …")


def _columns(sight: Sight) -> int:
    """How many columns an INSERT or UPDATE writes, the key included."""
    statement = sight.statement
    if statement.kind not in {Kind.INSERT, Kind.UPDATE} or statement.json:
        return 0
    named = {one.column for one in statement.assignments}
    return len(named.union(*(relation.columns for relation in statement.relations)))


def _many_columns(sight: Sight) -> Iterator[Hit]:
    if (number := _columns(sight)) > MAX_COLUMNS:
        yield Hit(found=f"{number} columns; at most {MAX_COLUMNS} are allowed")


def _many_columns_with_ttl(sight: Sight) -> Iterator[Hit]:
    lives = sight.table is not None and sight.table.default_time_to_live_s > 0
    number = _columns(sight)
    if number > MAX_COLUMNS_WITH_TTL and (lives or sight.statement.time_to_live is not None):
        yield Hit(found=f"{number} columns with a time to live; at most {MAX_COLUMNS_WITH_TTL} are allowed")


def _consistency(sight: Sight) -> Iterator[Hit]:
    if sight.consistency and sight.consistency not in WRITE_LEVELS and sight.statement.is_write:
        yield Hit(found=f"written at {sight.consistency}")


def _range_delete(sight: Sight) -> Iterator[Hit]:
    statement = sight.statement
    if statement.kind is not Kind.DELETE or statement.assignments:
        return
    named = {column for one in statement.relations if one.comparison is Comparison.EQUAL for column in one.columns}
    clustering = sight.names(ColumnKind.CLUSTERING)
    ranged = any(one.comparison is Comparison.RANGE for one in statement.relations)
    depends = "depends on how many rows there are"
    if ranged or clustering - named:
        yield Hit(found="deletes a range" if ranged else "deletes a partition or part of one", depends=depends)
    elif sight.table is None:
        yield Hit(found="may delete a partition", depends="depends on the key: give the schema")


def _nulls(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind in {Kind.INSERT, Kind.UPDATE}:
        for one in sight.statement.assignments:
            if one.value is ValueKind.NULL and one.change is Change.SET:
                yield Hit(found=f"{one.column} = null")


def _json_nulls(sight: Sight) -> Iterator[Hit]:
    if sight.statement.json and sight.statement.kind is Kind.INSERT and not sight.statement.default_unset:
        yield Hit(found="INSERT … JSON without DEFAULT UNSET")


def _time_to_live(sight: Sight) -> Iterator[Hit]:
    if sight.statement.time_to_live is not None:
        yield Hit(found="USING TTL")


def _conditional(sight: Sight) -> Iterator[Hit]:
    if sight.statement.conditional and sight.statement.kind is not Kind.BATCH:
        yield Hit(found="IF …")


RULES: Final = (
    Rule(
        id="batch-logged-size",
        group=Group.REFUSED,
        title="LOGGED batch that is too large",
        severity=Severity.BLOCKER,
        why=f"a LOGGED batch has at most {MAX_LOGGED} statements",
        advice="send smaller batches, or the statements one by one",
        reference="functional-differences: Batch",
        find=_logged_size,
    ),
    Rule(
        id="batch-unlogged-size",
        group=Group.REFUSED,
        title="UNLOGGED batch that is too large",
        severity=Severity.BLOCKER,
        why=f"an UNLOGGED batch has at most {MAX_UNLOGGED} statements",
        advice="send smaller batches, or the statements one by one, several at a time",
        reference="functional-differences: Batch",
        find=_unlogged_size,
    ),
    Rule(
        id="batch-unlogged-conditional",
        group=Group.REFUSED,
        title="Condition in an UNLOGGED batch",
        severity=Severity.BLOCKER,
        why="an UNLOGGED batch has no conditional statements",
        advice="decide in the application, or make the batch LOGGED",
        reference="functional-differences: Lightweight transactions",
        find=_unlogged_conditional,
    ),
    Rule(
        id="batch-counter",
        group=Group.REFUSED,
        title="COUNTER batch",
        severity=Severity.BLOCKER,
        why="the batches that are supported are LOGGED and UNLOGGED ones (inferred: no page says that it is refused)",
        advice="send the increments one by one",
        reference="cassandra-apis",
        find=_counter_batch,
    ),
    Rule(
        id="in-only-in-select",
        group=Group.REFUSED,
        title="IN in UPDATE or DELETE",
        severity=Severity.BLOCKER,
        why="IN is for SELECT only",
        advice="send one statement for each key",
        reference="functional-differences: IN keyword",
        find=_in,
    ),
    Rule(
        id="columns-per-statement",
        group=Group.REFUSED,
        title="Too many columns in one write",
        severity=Severity.BLOCKER,
        why=f"an INSERT or UPDATE writes at most {MAX_COLUMNS} columns",
        advice="write the row by several statements, with one timestamp",
        reference="quotas",
        find=_many_columns,
    ),
    Rule(
        id="columns-per-statement-ttl",
        group=Group.REFUSED,
        title="Too many columns in one write with a time to live",
        severity=Severity.BLOCKER,
        why=f"an INSERT or UPDATE with a time to live writes at most {MAX_COLUMNS_WITH_TTL} columns",
        advice="write the row by several statements, with one timestamp",
        reference="quotas",
        find=_many_columns_with_ttl,
    ),
    Rule(
        id="write-consistency",
        group=Group.REFUSED,
        title="Consistency level of a write",
        severity=Severity.BLOCKER,
        why="writes take LOCAL_QUORUM only",
        advice="write at LOCAL_QUORUM; a dual write to Keyspaces does",
        reference="consistency",
        find=_consistency,
    ),
    Rule(
        id="range-delete-rows",
        group=Group.DIFFERENT,
        title="Delete of a partition or range",
        severity=Severity.CHANGE,
        why="a dual write sends it whole, which is allowed; Keyspaces takes away at most 1,000 rows in one operation "
        "and refuses more",
        advice="where more rows can be there, read the keys and delete row by row, or by ranges that hold fewer",
        reference="functional-differences: Range delete",
        find=_range_delete,
    ),
    Rule(
        id="batch-logged-cost",
        group=Group.DIFFERENT,
        title="LOGGED batch",
        severity=Severity.NOTE,
        why="it costs twice: two underlying writes for each row; and a dual write does not keep the two stores' "
        "batches atomic with each other",
        advice="make it UNLOGGED, or single statements, where the rows need not appear together",
        reference="functional-differences: Batch; AWS's pricing calculator for Keyspaces",
        find=_logged,
    ),
    Rule(
        id="lwt-cost",
        group=Group.DIFFERENT,
        title="Failed condition",
        severity=Severity.NOTE,
        why="a condition that is not met consumes write units by the size of the row that is there, or 1",
        advice="count them in, if they are many",
        reference="functional-differences: Lightweight transactions",
        find=_conditional,
    ),
    Rule(
        id="null-written",
        group=Group.DIFFERENT,
        title="null written",
        severity=Severity.NOTE,
        why="a null stores 1 byte and is charged, and is a tombstone on the source",
        advice="leave the column out, or bind UNSET, where nothing is to be deleted",
        reference="calculating-row-size",
        find=_nulls,
    ),
    Rule(
        id="json-nulls",
        group=Group.DIFFERENT,
        title="INSERT JSON that writes nulls",
        severity=Severity.NOTE,
        why="what the JSON leaves out is written as null: 1 byte each, charged",
        advice="add DEFAULT UNSET",
        reference="calculating-row-size; JSON",
        find=_json_nulls,
    ),
    Rule(
        id="ttl-setting",
        group=Group.DIFFERENT,
        title="USING TTL",
        severity=Severity.NOTE,
        why="Keyspaces refuses it on a table without time to live enabled, and charges each expired row",
        advice="nothing to do for tables that this migration makes: they have it enabled",
        reference="TTL-how-to-enable-custom-new",
        find=_time_to_live,
    ),
)
