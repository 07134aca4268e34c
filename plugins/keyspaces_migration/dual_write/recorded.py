"""Recorded keys: which rows were written while the target was not, and every delete since. Kept on the source."""

import json
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.json_codec import canonical_text, decode_columns, encode_columns
from keyspaces_migration.dual_write.bounds import Bound, bounds_from_json, bounds_to_json
from keyspaces_migration.dual_write.clock import delete_timestamp_us
from keyspaces_migration.dual_write.control_tables import BUCKETS, CONTROL_KEYSPACE, RECORDED_KEYS
from keyspaces_migration.dual_write.elements import ElementChange, elements_from_json, elements_to_json
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.mutation import Mutation
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import Statement, insert_text, select_text, table_name
from keyspaces_migration.dual_write.store import Store

if TYPE_CHECKING:
    from cassandra.cluster import Session


class RecordKind(StrEnum):
    """What was done to the key."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE_ROW = "DELETE_ROW"
    DELETE_PARTITION = "DELETE_PARTITION"
    DELETE_RANGE = "DELETE_RANGE"

    @property
    def deletes_many(self) -> bool:
        """Whether the key names more than a row."""
        return self in {RecordKind.DELETE_PARTITION, RecordKind.DELETE_RANGE}


@dataclass(frozen=True, kw_only=True)
class RecordedKey:
    """One recorded write.

    Attributes:
        mode: RECORD, where the target was not written to, or a dual mode, where only deletes are recorded.
        key: Values by column, as the driver binds them; the partition key alone for static columns and a partition, and
            for a range with the first clustering columns.
        deleted_columns: Columns whose cells the write deleted; empty with the other deletes, which delete all.
        timestamp_us: The write's timestamp.
        bounds: Of a DELETE_RANGE.
        ttl_s: How long what was written lives, from its timestamp on, in seconds; None for ever.
        collections: Columns of several cells that were changed: CQL tells neither their times nor their lives.
        removed: Elements that were taken from sets and maps in a dual mode; in RECORD the whole is copied instead.
    """

    table: str
    kind: RecordKind
    mode: WriteMode
    key: Mapping[str, Any]
    deleted_columns: tuple[str, ...]
    timestamp_us: int
    seq: uuid.UUID
    bounds: tuple[Bound, ...] = ()
    ttl_s: int | None = None
    collections: tuple[str, ...] = ()
    removed: Mapping[str, ElementChange] = field(default_factory=dict)

    @property
    def is_delete(self) -> bool:
        """Whether something was deleted, which a backfill may bring back."""
        return (
            self.kind is RecordKind.DELETE_ROW
            or self.kind.deletes_many
            or bool(self.deleted_columns)
            or bool(self.removed)
        )

    def target_timestamp_us(self, barrier_us: int) -> int:
        """The timestamp at which the delete is applied to the target: above a backfill that stamps B."""
        return delete_timestamp_us(self.timestamp_us, barrier_us=barrier_us)


def key_text(shape: TableShape, key: Mapping[str, Any]) -> str:
    """Return the one text that stands for a key: `key_json`, and what the bucket is computed from."""
    return canonical_text(encode_columns(key, {name: shape.columns[name] for name in shape.primary_key}))


def bucket_of(text: str) -> int:
    """Return the bucket of a key's text: CRC-32 of its UTF-8 bytes, modulo 64."""
    return zlib.crc32(text.encode()) % BUCKETS


def record(source: Store, mutation: Mutation, *, shape: TableShape, mode: WriteMode, place: "RecordPlace") -> None:
    """Record a write on the source, and return when it is durable there. Errors are the driver's."""
    text = key_text(shape, mutation.key)
    removed = _removed(mutation, mode)
    values = {
        "migration": place.migration,
        "table_name": mutation.table,
        "bucket": bucket_of(text),
        "seq": uuid.uuid1(),
        "kind": mutation.kind.value,
        "mode": mode.value,
        "key_json": text,
        "bounds_json": canonical_text(bounds_to_json(mutation.bounds, shape)) if mutation.bounds else None,
        "deleted_columns": list(mutation.deleted_columns),
        "timestamp_us": mutation.timestamp_us,
        "ttl_s": mutation.ttl_s or None,
        "collections": list(_collections(mutation, shape)),
        "removed_json": canonical_text(elements_to_json(removed, shape)) if removed else None,
        "writer_id": place.writer_id,
    }
    cql = insert_text(table_name(place.keyspace, RECORDED_KEYS), values)
    source.execute(Statement(cql=cql, values=tuple(values.values())))


def _collections(mutation: Mutation, shape: TableShape) -> tuple[str, ...]:
    whole = (name for name, value in mutation.columns.items() if value is not None and shape.multi_cell(name))
    return (*whole, *mutation.elements)


def _removed(mutation: Mutation, mode: WriteMode) -> dict[str, ElementChange]:
    return mutation.removed if mode.is_dual else {}


def recorded_of(mutation: Mutation, *, shape: TableShape, mode: WriteMode) -> RecordedKey:
    """Return what `record` records of a write."""
    return RecordedKey(
        table=mutation.table,
        kind=RecordKind(mutation.kind.value),
        mode=mode,
        key=mutation.key,
        deleted_columns=mutation.deleted_columns,
        timestamp_us=mutation.timestamp_us,
        seq=uuid.uuid1(),
        bounds=mutation.bounds,
        ttl_s=mutation.ttl_s or None,
        collections=_collections(mutation, shape),
        removed=_removed(mutation, mode),
    )


@dataclass(frozen=True, kw_only=True)
class RecordPlace:
    """Whose records, and where they are kept."""

    migration: str
    writer_id: str
    keyspace: str = CONTROL_KEYSPACE


@dataclass(frozen=True, kw_only=True)
class StoredRecord:
    """A recorded write as it is stored: texts, to be kept and decoded later."""

    seq: uuid.UUID
    kind: str
    mode: str
    key_json: str
    bounds_json: str | None
    deleted_columns: tuple[str, ...]
    timestamp_us: int
    ttl_s: int | None = None
    collections: tuple[str, ...] = ()
    removed_json: str | None = None

    @property
    def is_delete(self) -> bool:
        """As `RecordedKey.is_delete`."""
        is_kept = self.kind in {RecordKind.INSERT, RecordKind.UPDATE}
        return not is_kept or bool(self.deleted_columns) or self.removed_json is not None

    def decoded(self, shape: TableShape) -> RecordedKey:
        """Return it with the values of the table's types.

        Raises:
            JsonCodecError, ValueError: No writer of this contract made it.
        """
        return RecordedKey(
            table=shape.name,
            kind=RecordKind(self.kind),
            mode=WriteMode(self.mode),
            key=decode_columns(json.loads(self.key_json), shape.columns),
            deleted_columns=self.deleted_columns,
            timestamp_us=self.timestamp_us,
            seq=self.seq,
            bounds=bounds_from_json(json.loads(self.bounds_json), shape) if self.bounds_json else (),
            ttl_s=self.ttl_s,
            collections=self.collections,
            removed=elements_from_json(json.loads(self.removed_json), shape) if self.removed_json else {},
        )


_PAGE_ROWS = 200
_STORED = (
    "seq",
    "kind",
    "mode",
    "key_json",
    "bounds_json",
    "deleted_columns",
    "timestamp_us",
    "ttl_s",
    "collections",
    "removed_json",
)


def iterate_recorded(
    session: "Session", migration: str, shape: TableShape, *, keyspace: str = CONTROL_KEYSPACE, page_rows: int = 1000
) -> Iterator[RecordedKey]:
    """Yield every recorded write of a table, bucket by bucket, oldest first in each.

    Pages of `page_rows` are fetched as they are asked for. The same key may come many times.
    """
    statement = session.prepare(_select(keyspace))
    for bucket in range(BUCKETS):
        bound = statement.bind((migration, shape.name, bucket))
        bound.fetch_size = page_rows
        for row in session.execute(bound):
            yield _stored(row).decoded(shape)


def iterate_stored(
    session: "Session", migration: str, table: str, *, since: datetime | None, keyspace: str = CONTROL_KEYSPACE
) -> Iterator[StoredRecord]:
    """Yield what was recorded of a table since a moment of the writers' clocks, in no order; all of it with None.

    All buckets are asked at once, as most have little that is new.
    """
    from cassandra.concurrent import execute_concurrent_with_args  # noqa: PLC0415 -- loaded only where it is needed
    from cassandra.util import min_uuid_from_time  # noqa: PLC0415

    statement = session.prepare(_select(keyspace) if since is None else f"{_select(keyspace)} AND seq >= ?")
    # All buckets' first pages are here at once.
    statement.fetch_size = _PAGE_ROWS
    after = () if since is None else (min_uuid_from_time(since.timestamp()),)
    places = [(migration, table, bucket, *after) for bucket in range(BUCKETS)]
    for _, rows in execute_concurrent_with_args(session, statement, places, results_generator=True):
        yield from map(_stored, rows)


def _select(keyspace: str) -> str:
    return select_text(table_name(keyspace, RECORDED_KEYS), _STORED, ("migration", "table_name", "bucket"))


def _stored(row: Any) -> StoredRecord:  # noqa: ANN401 -- the driver's rows have no type
    return StoredRecord(
        seq=row.seq,
        kind=row.kind,
        mode=row.mode,
        key_json=row.key_json,
        bounds_json=row.bounds_json,
        deleted_columns=tuple(row.deleted_columns or ()),
        timestamp_us=row.timestamp_us,
        ttl_s=row.ttl_s,
        collections=tuple(row.collections or ()),
        removed_json=row.removed_json,
    )
