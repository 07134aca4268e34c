"""Recorded keys: which rows were written while the target was not, and every delete since. Kept on the source."""

import json
import uuid
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.json_codec import canonical_text, decode_columns, encode_columns
from keyspaces_migration.dual_write.clock import delete_timestamp_us
from keyspaces_migration.dual_write.control_tables import BUCKETS, CONTROL_KEYSPACE, RECORDED_KEYS
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.mutation import Mutation
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import Statement, insert_text, select_text, table_name
from keyspaces_migration.dual_write.store import Store

if TYPE_CHECKING:
    from cassandra.cluster import Session


class RecordKind(StrEnum):
    """What was done to the key. DELETE_PARTITION and DELETE_RANGE join these when writers send them."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE_ROW = "DELETE_ROW"


@dataclass(frozen=True, kw_only=True)
class RecordedKey:
    """One recorded write.

    Attributes:
        mode: RECORD, where the target was not written to, or a dual mode, where only deletes are recorded.
        key: Values by column, as the driver binds them; the partition key alone for static columns.
        deleted_columns: Columns whose cells the write deleted; empty with DELETE_ROW, which deletes all.
        timestamp_us: The write's timestamp.
    """

    table: str
    kind: RecordKind
    mode: WriteMode
    key: Mapping[str, Any]
    deleted_columns: tuple[str, ...]
    timestamp_us: int
    seq: uuid.UUID

    @property
    def is_delete(self) -> bool:
        """Whether something was deleted, which a backfill may bring back."""
        return self.kind is RecordKind.DELETE_ROW or bool(self.deleted_columns)

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
    values = {
        "migration": place.migration,
        "table_name": mutation.table,
        "bucket": bucket_of(text),
        "seq": uuid.uuid1(),
        "kind": mutation.kind.value,
        "mode": mode.value,
        "key_json": text,
        "deleted_columns": list(mutation.deleted_columns),
        "timestamp_us": mutation.timestamp_us,
        "writer_id": place.writer_id,
    }
    cql = insert_text(table_name(place.keyspace, RECORDED_KEYS), values)
    source.execute(Statement(cql=cql, values=tuple(values.values())))


@dataclass(frozen=True, kw_only=True)
class RecordPlace:
    """Whose records, and where they are kept."""

    migration: str
    writer_id: str
    keyspace: str = CONTROL_KEYSPACE


def iterate_recorded(
    session: "Session", migration: str, shape: TableShape, *, keyspace: str = CONTROL_KEYSPACE, page_rows: int = 1000
) -> Iterator[RecordedKey]:
    """Yield every recorded write of a table, bucket by bucket, oldest first in each.

    Pages of `page_rows` are fetched as they are asked for. The same key may come many times.
    """
    names = ("kind", "mode", "key_json", "deleted_columns", "timestamp_us", "seq")
    table = table_name(keyspace, RECORDED_KEYS)
    statement = session.prepare(select_text(table, names, ("migration", "table_name", "bucket")))
    for bucket in range(BUCKETS):
        bound = statement.bind((migration, shape.name, bucket))
        bound.fetch_size = page_rows
        for row in session.execute(bound):
            yield RecordedKey(
                table=shape.name,
                kind=RecordKind(row.kind),
                mode=WriteMode(row.mode),
                key=decode_columns(json.loads(row.key_json), shape.columns),
                deleted_columns=tuple(row.deleted_columns or ()),
                timestamp_us=row.timestamp_us,
                seq=row.seq,
            )
