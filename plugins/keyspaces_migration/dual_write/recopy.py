"""The recopy: what was written to the source alone since RECORD, brought to the target cell by cell."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from keyspaces_migration.dual_write.bounds import may_cover
from keyspaces_migration.dual_write.clock import (
    TARGET_WINDOW_US,
    cell_timestamp_us,
    delete_timestamp_us,
)
from keyspaces_migration.dual_write.control_tables import CONTROL_KEYSPACE
from keyspaces_migration.dual_write.elements import ElementChange
from keyspaces_migration.dual_write.errors import RecopyRefusedError
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.mutation import MICROSECONDS, Mutation, MutationKind, life_left_s
from keyspaces_migration.dual_write.outlived import range_outlived, write_times
from keyspaces_migration.dual_write.recorded import (
    RecordedKey,
    RecordKind,
    bucket_of,
    iterate_recorded,
    iterate_stored,
    key_text,
)
from keyspaces_migration.dual_write.routing import partition_text
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import mutation_statement, select_cells, select_range_cells
from keyspaces_migration.dual_write.store import Store, Stores

_OTHER_CLOCK_US = 2 * 60 * MICROSECONDS
"""By how much the age of a list counts for more that this clock sends and not the writer's; as for the replay."""


@dataclass(frozen=True, kw_only=True)
class RecopyCounts:
    """What a recopy did.

    Attributes:
        records: Recorded writes read.
        keys: Different keys among them.
        rows_copied: Keys whose row is on the source and was brought over.
        deletes: Deletes of rows, columns, ranges or partitions that were applied.
        cells: Cells set, rows without any cell counted as one.
    """

    records: int = 0
    keys: int = 0
    rows_copied: int = 0
    deletes: int = 0
    cells: int = 0

    def __add__(self, other: "RecopyCounts") -> "RecopyCounts":
        return RecopyCounts(
            records=self.records + other.records,
            keys=self.keys + other.keys,
            rows_copied=self.rows_copied + other.rows_copied,
            deletes=self.deletes + other.deletes,
            cells=self.cells + other.cells,
        )


@dataclass(kw_only=True)
class KeyHistory:
    """What the records say of one key: the newest of each kind.

    Attributes:
        touched_us: Timestamp of the newest write that went to the source alone; it stands in for the times that can't
            be read from the source.
        insert_ttl_s: How long the newest insert lives, in seconds; None for ever.
        removed: Elements that dual writes took from sets and maps, and when.
        collections: When each column of several cells was last given a value that went to the source alone, and how
            long that lives.
        copy: Whether there is such a write.
        covered_us: Timestamp of the newest delete of a range or the partition that the row may lie in.
    """

    key: Mapping[str, Any]
    touched_us: int = 0
    inserted_us: int | None = None
    insert_ttl_s: int | None = None
    collections: dict[str, tuple[int, int | None]] = field(default_factory=dict)
    row_deletes_us: set[int] = field(default_factory=set)
    column_deletes_us: dict[str, set[int]] = field(default_factory=dict)
    removed: list[tuple[int, Mapping[str, ElementChange]]] = field(default_factory=list)
    copy: bool = False
    covered_us: int = 0

    @property
    def deleted_us(self) -> int | None:
        """When the row was deleted last; None: never."""
        return max(self.row_deletes_us, default=None)

    @property
    def gone_us(self) -> int:
        """Up to when all of the row was deleted."""
        return max(self.deleted_us or 0, self.covered_us)

    def add(self, record: RecordedKey) -> None:
        """Take a record in."""
        if record.mode is WriteMode.RECORD:
            self.copy = True
            self.touched_us = max(self.touched_us, record.timestamp_us)
        if record.kind is RecordKind.DELETE_ROW:
            self.row_deletes_us.add(record.timestamp_us)
        if record.kind is RecordKind.INSERT and record.timestamp_us >= (self.inserted_us or 0):
            self.inserted_us, self.insert_ttl_s = record.timestamp_us, record.ttl_s
        # What a dual write gave a collection, its writer brings to the target, at that time: here it would come twice.
        for column in record.collections if record.mode is WriteMode.RECORD else ():
            if record.timestamp_us >= self.collections.get(column, (0, None))[0]:
                self.collections[column] = record.timestamp_us, record.ttl_s
        if record.removed:
            self.removed.append((record.timestamp_us, record.removed))
        for column in record.deleted_columns:
            self.column_deletes_us.setdefault(column, set()).add(record.timestamp_us)

    @property
    def has_deletes(self) -> bool:
        """Whether the row, or columns of it, were deleted."""
        return bool(self.row_deletes_us or self.column_deletes_us)

    def leave_out_what_was_not_made(self, times: Mapping[str, int]) -> None:
        """Leave out deletes that are newer than a cell which they would have taken, by when the cells were written."""
        oldest_us = min(times.values(), default=None)
        if oldest_us is not None:
            self.row_deletes_us = {at_us for at_us in self.row_deletes_us if at_us <= oldest_us}
        for column, deletes_us in self.column_deletes_us.items():
            if column in times:
                self.column_deletes_us[column] = {at_us for at_us in deletes_us if at_us <= times[column]}


def recopy_table(  # noqa: PLR0913 -- what, where, and the two times it depends on
    stores: Stores,
    shape: TableShape,
    *,
    migration: str,
    barrier_us: int,
    now_us: int,
    keyspace: str = CONTROL_KEYSPACE,
) -> RecopyCounts:
    """Bring every recorded key of a table to the target. Run it when every writer is in a dual mode.

    Run again, it does the same again and changes nothing: every cell carries the timestamp that it has on the source,
    or a fixed one just above the barrier where the backfill would win over it. Errors are the driver's.

    Raises:
        RecopyRefusedError: The barrier is 47 hours old or more, so the target would refuse its timestamps.
    """
    age_us = now_us - barrier_us
    if age_us >= TARGET_WINDOW_US:
        raise RecopyRefusedError(
            f"table {shape.name}: the barrier is {age_us / 3.6e9:.1f} h old; allowed: {TARGET_WINDOW_US / 3.6e9:.0f} h."
            " A new barrier is for a migration of another name and target: docs/guides/dual-writes.md, "
            '"Beginning again".'
        )
    ranges = _ranges(stores, migration, shape, keyspace)
    total = RecopyCounts(records=sum(map(len, ranges.values())))
    for many in ranges.values():
        # Newest first: what outlived it outlived the others, and is copied once.
        copied: set[str] = set()
        for record in sorted(many, key=lambda each: each.timestamp_us, reverse=True):
            total += recopy_range(stores, shape, record, barrier_us=barrier_us, copied=copied)
    stored = iterate_recorded(stores.source.session, migration, shape, keyspace=keyspace)
    records = (record for record in stored if not record.kind.deletes_many)
    # Records of one key lie in one bucket: memory holds the keys of one bucket at a time.
    for _, bucket in groupby(records, key=lambda each: bucket_of(key_text(shape, each.key))):
        histories, read = _histories(bucket, shape)
        total += RecopyCounts(records=read, keys=len(histories))
        for history in histories:
            history.covered_us = max(
                (
                    record.timestamp_us
                    for record in ranges.get(partition_text(shape, history.key), ())
                    if may_cover(record.key, record.bounds, history.key)
                ),
                default=0,
            )
            total += recopy_key(stores, shape, history, barrier_us=barrier_us)
    return total


def recopy_key(stores: Stores, shape: TableShape, history: KeyHistory, *, barrier_us: int) -> RecopyCounts:
    """Bring one key to the target: its deletes that the source has made, and the cells that it holds."""
    row = None
    if history.copy or history.has_deletes:
        row = stores.source.execute(select_cells(stores.source.keyspace, shape, history.key)).one()
    if row is not None:
        history.leave_out_what_was_not_made(write_times(shape, row, shape.written_columns(history.key)))
    deletes = _deletes(shape, history, barrier_us)
    for mutation in deletes:
        stores.target.apply(mutation)
    counts = RecopyCounts(deletes=sum(len(mutation.columns) + len(mutation.elements) or 1 for mutation in deletes))
    if not history.copy:
        return counts
    counts += _empty(stores.target, shape, history, row, barrier_us)
    return counts if row is None else counts + _copy(stores.target, shape, history, row, barrier_us)


def _empty(target: Store, shape: TableShape, history: KeyHistory, row: Any, barrier_us: int) -> RecopyCounts:  # noqa: ANN401
    """Delete the collections that writes of RECORD left empty, by taking one element after the other."""
    places = {name: number for number, name in enumerate(shape.written_columns(history.key))}
    deletes = 0
    for name, (changed_us, _) in history.collections.items():
        if row is None or getattr(row, f"v{places[name]}") is None:
            at_us = delete_timestamp_us(changed_us, barrier_us=barrier_us)
            target.apply(_mutation(shape, history, MutationKind.UPDATE, {name: None}, at_us))
            deletes += 1
    return RecopyCounts(deletes=deletes)


def recopy_range(
    stores: Stores, shape: TableShape, record: RecordedKey, *, barrier_us: int, copied: set[str]
) -> RecopyCounts:
    """Bring a delete of a range or a partition to the target, and what the source still holds there.

    Rows whose key's text is in `copied` are left out, and those that are copied are added.
    """
    at_us = delete_timestamp_us(record.timestamp_us, barrier_us=barrier_us)
    stores.target.apply_to(
        shape,
        Mutation(
            table=shape.name,
            kind=MutationKind(record.kind.value),
            key=record.key,
            columns={},
            timestamp_us=at_us,
            bounds=record.bounds,
        ),
    )
    counts = RecopyCounts(deletes=1)
    if record.mode is not WriteMode.RECORD:
        return counts
    # On the source a row of it that is newer has outlived the delete. On the target it may be there from the history,
    # stamped with the barrier, and has just been deleted.
    statement = select_range_cells(stores.source.keyspace, shape, record.key, record.bounds)
    for row in stores.source.execute(statement):
        if row[len(shape.primary_key) - 1] is not None:
            key = dict(zip(shape.primary_key, row, strict=False))
            if (text := key_text(shape, key)) not in copied:
                copied.add(text)
                counts += _copy(stores.target, shape, _survivor(record, key), row, barrier_us)
    if record.kind is RecordKind.DELETE_PARTITION and shape.static_columns:
        statics = stores.source.execute(select_cells(stores.source.keyspace, shape, record.key)).one()
        if statics is not None:
            counts += _copy(stores.target, shape, _survivor(record, record.key), statics, barrier_us)
    return counts


def _survivor(record: RecordedKey, key: Mapping[str, Any]) -> KeyHistory:
    at_us = record.timestamp_us
    return KeyHistory(key=key, touched_us=at_us, covered_us=at_us, copy=True)


def _ranges(stores: Stores, migration: str, shape: TableShape, keyspace: str) -> dict[str, list[RecordedKey]]:
    """Return the recorded deletes of ranges and partitions that were made, by partition: few, memory holds them."""
    found: defaultdict[str, list[RecordedKey]] = defaultdict(list)
    for stored in iterate_stored(stores.source.session, migration, shape.name, since=None, keyspace=keyspace):
        if RecordKind(stored.kind).deletes_many:
            record = stored.decoded(shape)
            if range_outlived(stores.source, shape, record):
                continue  # it was recorded, and not made
            found[partition_text(shape, record.key)].append(record)
    return dict(found)


def _histories(records: Iterable[RecordedKey], shape: TableShape) -> tuple[list[KeyHistory], int]:
    found: dict[str, KeyHistory] = {}
    read = 0
    for record in records:
        read += 1
        found.setdefault(key_text(shape, record.key), KeyHistory(key=record.key)).add(record)
    return list(found.values()), read


def _deletes(shape: TableShape, history: KeyHistory, barrier_us: int) -> list[Mutation]:
    found = []
    if history.deleted_us is not None:
        at_us = delete_timestamp_us(history.deleted_us, barrier_us=barrier_us)
        found.append(_mutation(shape, history, MutationKind.DELETE_ROW, {}, at_us))
    by_time: defaultdict[int, dict[str, None]] = defaultdict(dict)
    newest = {column: max(deletes_us) for column, deletes_us in history.column_deletes_us.items() if deletes_us}
    for column, original_us in sorted(newest.items()):
        by_time[delete_timestamp_us(original_us, barrier_us=barrier_us)][column] = None
    # Mostly one statement: all that is older than the barrier is raised to one and the same timestamp.
    found += [_mutation(shape, history, MutationKind.UPDATE, nulls, at_us) for at_us, nulls in by_time.items()]
    for original_us, removed in history.removed:
        at_us = delete_timestamp_us(original_us, barrier_us=barrier_us)
        found.append(replace(_mutation(shape, history, MutationKind.UPDATE, {}, at_us), elements=removed))
    return found


def _copy(target: Store, shape: TableShape, history: KeyHistory, row: Any, barrier_us: int) -> RecopyCounts:  # noqa: ANN401
    groups: defaultdict[tuple[int, int | None], dict[str, Any]] = defaultdict(dict)
    many: dict[str, Any] = {}
    left: dict[int, int | None] = {}
    for number, name in enumerate(shape.written_columns(history.key)):
        value = getattr(row, f"v{number}")
        if value is None:
            continue
        if shape.multi_cell(name):
            many[name] = value
            continue
        when_us, ttl_s = getattr(row, f"w{number}"), getattr(row, f"t{number}")
        left[when_us] = ttl_s
        groups[cell_timestamp_us(when_us, barrier_us=barrier_us), ttl_s][name] = value
    for name, value in many.items():
        # A collection's cells have times of their own that CQL does not tell before Cassandra 5: the newest recorded
        # write stands in for them. What is there is newer than what deleted the row.
        touched_us, life_s = history.collections.get(name, (history.touched_us, None))
        at_us = cell_timestamp_us(max(touched_us, history.gone_us + 1), barrier_us=barrier_us)
        life = _life_s(life_s, touched_us, left=left, at_us=at_us, target=target)
        update = _mutation(shape, history, MutationKind.UPDATE, {name: value}, at_us, ttl_s=life)
        target.apply_to(shape, update, older_us=_OTHER_CLOCK_US)
    for (timestamp_us, ttl_s), columns in sorted(groups.items(), key=lambda group: group[0][0]):
        # The time to live was read just now: it is what is left, and not from the timestamp on.
        update = _mutation(shape, history, MutationKind.UPDATE, columns, timestamp_us, ttl_s=ttl_s)
        target.execute(mutation_statement(target.keyspace, update))
    marker = _marker(shape, history, barrier_us, has_cells=bool(groups) or bool(many))
    if marker is not None:
        if history.inserted_us is not None and marker.ttl_s:
            at_us = marker.timestamp_us
            life = _life_s(history.insert_ttl_s, history.inserted_us, left=left, at_us=at_us, target=target)
            marker = replace(marker, ttl_s=life)
        target.apply(marker)
    cells = sum(map(len, groups.values())) + len(many)
    return RecopyCounts(rows_copied=1, cells=max(cells, 1))


def _life_s(
    ttl_s: int | None, written_us: int, *, left: Mapping[int, int | None], at_us: int, target: Store
) -> int | None:
    """The time to live, from `at_us` on, of what a recorded write gave, where CQL does not tell it.

    Of another cell of that write CQL tells what is left of it. Where the write has no such cell any more, it is
    reckoned from the write's timestamp, which its writer's clock gave: it is out by as much as that clock and this one
    are apart.
    """
    if written_us not in left:
        return life_left_s(ttl_s, age_us=at_us - written_us)
    life_s = left[written_us]
    return None if life_s is None else life_s + max(0, target.age_us(at_us)) // MICROSECONDS


def _marker(shape: TableShape, history: KeyHistory, barrier_us: int, *, has_cells: bool) -> Mutation | None:
    """The insert by which the row is there even without cells; None where no insert is known to matter."""
    if shape.is_partition_key(history.key):
        return None
    inserted_us = history.inserted_us
    if inserted_us is not None and inserted_us > history.gone_us:
        at_us = cell_timestamp_us(inserted_us, barrier_us=barrier_us)
        life_s = life_left_s(history.insert_ttl_s, age_us=at_us - inserted_us)
        return _mutation(shape, history, MutationKind.INSERT, {}, at_us, ttl_s=life_s)
    if has_cells:
        return None
    # The row is there without a cell, so it was inserted after what deleted it, by a write that was not recorded. How
    # long that lives is not known; not as long as an insert that was recorded, and deleted before it.
    at_us = cell_timestamp_us(history.gone_us + 1, barrier_us=barrier_us)
    return _mutation(shape, history, MutationKind.INSERT, {}, at_us)


def _mutation(  # noqa: PLR0913 -- the parts of a write
    shape: TableShape,
    history: KeyHistory,
    kind: MutationKind,
    columns: Mapping[str, Any],
    timestamp_us: int,
    *,
    ttl_s: int | None = None,
) -> Mutation:
    return Mutation(
        table=shape.name, kind=kind, key=history.key, columns=columns, timestamp_us=timestamp_us, ttl_s=ttl_s
    )
