"""Statements that can't be sent to two stores, or twice, with one result (DESIGN section 8)."""

from collections.abc import Iterator
from typing import Final

from keyspaces_migration.assessment.model import ColumnKind
from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.cql.types import ListOf, MapOf, SetOf
from keyspaces_migration.dual_write.refusals import Unrepeatable
from keyspaces_migration.statements.model import Assignment, BatchKind, Change, Kind, ValueKind
from keyspaces_migration.statements.rules.rule import Group, Hit, Rule, Sight

WRITER: Final = "the rules of a dual write: docs/guides/dual-writes.md and docs/writer-contract.md"
SERVER_VALUES: Final = frozenset(
    """
    now uuid currenttimestamp currentdate currenttime currenttimeuuid current_timestamp current_date current_time
    current_timeuuid
    """.split()  # noqa: SIM905 - words are read best as a paragraph
)
IN_PLACE: Final = frozenset({Change.ADD, Change.PREPEND, Change.SUBTRACT})
NEEDS_SCHEMA: Final = "depends on the column's type: give the schema"


def _changed_in_place(sight: Sight) -> Iterator[Assignment]:
    return (one for one in sight.statement.assignments if one.change in IN_PLACE)


def _counters(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind is Kind.BATCH:
        if sight.batch is BatchKind.COUNTER:
            yield Hit(found="BEGIN COUNTER BATCH")
        return
    for one in _changed_in_place(sight):
        found, known = f"{one.column}: {one.change.value}", sight.type_of(one.column)
        if known is not None:
            if known.is_counter:
                yield Hit(found=found)
        elif sight.batch is BatchKind.COUNTER or (one.value is ValueKind.NUMBER and one.change is not Change.PREPEND):
            yield Hit(found=found)
        elif one.value in {ValueKind.MARKER, ValueKind.OTHER}:
            yield Hit(found=found, depends=NEEDS_SCHEMA)
    if sight.table is not None and sight.table.is_counter and sight.statement.kind is Kind.DELETE:
        yield Hit(found="deletes from a table of counters")


def _lists(sight: Sight) -> Iterator[Hit]:
    for one in sight.statement.assignments:
        if one.change in IN_PLACE:
            yield from _list_hit(sight, one, surely=one.value is ValueKind.LIST, perhaps=_maybe_list(sight, one))
        elif one.change is Change.ELEMENT:
            # A key that is a text is a map's; a number or a marker may be either's.
            yield from _list_hit(sight, one, surely=False, perhaps=one.key in {ValueKind.NUMBER, ValueKind.MARKER})


def _maybe_list(sight: Sight, one: Assignment) -> bool:
    return one.value in {ValueKind.MARKER, ValueKind.OTHER} and sight.batch is not BatchKind.COUNTER


def _list_hit(sight: Sight, one: Assignment, *, surely: bool, perhaps: bool) -> Iterator[Hit]:
    found = f"{one.column}[…]" if one.change is Change.ELEMENT else f"{one.column}: {one.change.value}"
    known = sight.type_of(one.column)
    if isinstance(known, ListOf) or (known is None and surely):
        yield Hit(found=found)
    elif known is None and perhaps:
        yield Hit(found=found, depends=NEEDS_SCHEMA)


def _elements_with_ttl(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind is not Kind.UPDATE:
        return
    by_default = sight.table is not None and sight.table.default_time_to_live_s > 0
    given = sight.statement.time_to_live
    if given is None and not by_default:
        return
    # USING TTL 0 is written without one.
    depends = "depends on the time to live that is given" if given is not None else ""
    for one in sight.statement.assignments:
        if one.change not in {*IN_PLACE, Change.ELEMENT}:
            continue
        known = sight.type_of(one.column)
        surely = isinstance(known, MapOf | SetOf) or (known is None and _of_a_set_or_map(one))
        if surely or (known is None and one.value in {ValueKind.MARKER, ValueKind.OTHER}):
            found = f"{one.column}[…]" if one.change is Change.ELEMENT else f"{one.column}: {one.change.value}"
            yield Hit(found=found, depends=depends or ("" if surely else NEEDS_SCHEMA))


def _of_a_set_or_map(one: Assignment) -> bool:
    if one.change is Change.ELEMENT:
        return one.key is ValueKind.OTHER
    return one.value is ValueKind.SET_OR_MAP


def _lightweight(sight: Sight) -> Iterator[Hit]:
    if sight.statement.conditional:
        yield Hit(found="IF …" if sight.statement.kind is not Kind.BATCH else "a batch with IF …")


def _server_values(sight: Sight) -> Iterator[Hit]:
    if sight.statement.is_write:
        for call in sight.statement.calls:
            if not call.keyspace and call.name in SERVER_VALUES and not call.arguments:
                yield Hit(found=str(call))


def _timestamps(sight: Sight) -> Iterator[Hit]:
    if sight.statement.is_write and sight.statement.timestamp is not None:
        yield Hit(found="USING TIMESTAMP", depends="depends on the value that is given when it is sent")


def _truncate(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind is Kind.TRUNCATE:
        yield Hit(found="TRUNCATE")


def _static_and_regular(sight: Sight) -> Iterator[Hit]:
    written = {one.column for one in sight.statement.assignments}
    static, regular = written & sight.names(ColumnKind.STATIC), written & sight.names(ColumnKind.REGULAR)
    if static and regular:
        yield Hit(found=f"static {', '.join(sorted(static))} with {', '.join(sorted(regular))}")


def _json(sight: Sight) -> Iterator[Hit]:
    if sight.statement.json and sight.statement.kind is Kind.INSERT:
        yield Hit(found="INSERT … JSON")


RULES: Final = (
    Rule(
        id="counter-change",
        group=Group.DUAL_WRITE,
        title="Counter that is added to",
        severity=Severity.BLOCKER,
        why="an increment whose outcome is unknown can't be sent again without counting twice, and takes no timestamp",
        advice=Unrepeatable.COUNTER.value,
        reference=WRITER,
        find=_counters,
    ),
    Rule(
        id="list-change",
        group=Group.DUAL_WRITE,
        title="List that is changed in place",
        severity=Severity.BLOCKER,
        why="a list gives every appended element a place of the server's own, so a second copy or a repetition gives "
        "another list; an index names another element once the lists differ",
        advice=Unrepeatable.LIST_CHANGE.value,
        reference=WRITER,
        find=_lists,
    ),
    Rule(
        id="elements-with-ttl",
        group=Group.DUAL_WRITE,
        title="Elements of a set or map with a time to live",
        severity=Severity.BLOCKER,
        why="each element has a life of its own, which CQL tells to nobody, so that what copies rows from store to "
        "store could not keep it",
        advice="write the whole of the set or map, or its elements without a time to live (USING TTL 0 where the "
        "table has a default)",
        reference=WRITER,
        find=_elements_with_ttl,
    ),
    Rule(
        id="lightweight-transaction",
        group=Group.DUAL_WRITE,
        title="Lightweight transaction",
        severity=Severity.BLOCKER,
        why="each store would decide by what it holds itself, and stamp the write itself",
        advice=Unrepeatable.LIGHTWEIGHT_TRANSACTION.value,
        reference=WRITER,
        find=_lightweight,
    ),
    Rule(
        id="server-value",
        group=Group.DUAL_WRITE,
        title="Value that the server makes",
        severity=Severity.BLOCKER,
        why="each store makes a value of its own, and another one when the write is repeated",
        advice=Unrepeatable.SERVER_VALUE.value,
        reference=WRITER,
        find=_server_values,
    ),
    Rule(
        id="explicit-timestamp",
        group=Group.DUAL_WRITE,
        title="USING TIMESTAMP",
        severity=Severity.CHANGE,
        why="a dual write carries one timestamp for both stores, above the barrier B and within now - 2 days and now + "
        "5 minutes; Keyspaces refuses what is outside",
        advice="let the writer give the timestamp; where the value has a meaning (such as loading old data), keep to "
        "the window, or load it by the backfill",
        reference="client-side-timestamps-how-it-works; and docs/adr/0010-dual-write-timestamps.md",
        find=_timestamps,
    ),
    Rule(
        id="truncate-dual",
        group=Group.DUAL_WRITE,
        title="TRUNCATE",
        severity=Severity.BLOCKER,
        why="it carries no timestamp, and Keyspaces does not have it: the stores would differ by all rows",
        advice="delete by partition, or drop and create the table outside of a migration",
        reference=WRITER,
        find=_truncate,
    ),
    Rule(
        id="static-with-regular",
        group=Group.DUAL_WRITE,
        title="Static and other columns in one write",
        severity=Severity.CHANGE,
        why="a dual write names either a row or a partition; and on Keyspaces static and other data of one partition "
        "written at the same time end in a write time-out",
        advice="write the static columns by a statement of their own, after the other has been answered",
        reference="static-columns",
        find=_static_and_regular,
    ),
    Rule(
        id="json-insert-dual",
        group=Group.DUAL_WRITE,
        title="INSERT JSON",
        severity=Severity.CHANGE,
        why="the writer journals columns and values, and can't tell from JSON which are written",
        advice="insert by columns, with bound values",
        reference=WRITER,
        find=_json,
    ),
)
