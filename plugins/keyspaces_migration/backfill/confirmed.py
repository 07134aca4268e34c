"""Logged deletes beside what the source says of them: whether they took place, and what is left of the row.

A writer logs a delete before it makes it. If it then gets no answer, or is refused, the log holds a delete that never
was; applied to the target, it would take away what the source keeps.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from cassandra.concurrent import execute_concurrent

from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.outlived import range_outlived, write_times
from keyspaces_migration.dual_write.recorded import RecordedKey, RecordKind, key_text
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import select_cells
from keyspaces_migration.dual_write.store import Store

if TYPE_CHECKING:
    from cassandra.query import BoundStatement

_CHUNK = 2_000


def confirmed(source: Store, shape: TableShape, recorded: Iterable[RecordedKey]) -> Iterator[RecordedKey]:
    """Yield the deletes to apply among what was recorded of a table. Errors are the driver's.

    A delete is left out while the source still holds an older cell of what it deletes: it has not taken place. If it is
    still on its way, it comes to the target by itself, where by now all is that it may delete. Those of RECORD are not
    asked for: the recopy has brought what outlived them.

    Where cells were nulled and the source has no such row any more, a delete of the row is added that takes away what
    the backfill stamped with the barrier, and nothing newer: the backfill inserts rows, which stay when all their cells
    are null; the source may have had a row that only updates made, which does not.

    Of the same delete, made again and again, the newest is enough.
    """
    deletes = (record for record in recorded if record.is_delete)
    while chunk := list(islice(deletes, _CHUNK)):
        texts = [key_text(shape, record.key) for record in chunk]
        asked = {text: record for text, record in zip(texts, chunk, strict=True) if _needs_its_row(record)}
        found = dict(zip(asked, _rows_of(source, shape, asked.values()), strict=True))
        newest: dict[tuple[str, ...], RecordedKey] = {}
        for text, record in zip(texts, chunk, strict=True):
            for delete in _of_one(source, shape, record, found.get(text)):
                same = (text, delete.kind, repr(delete.bounds), *delete.deleted_columns)
                if same not in newest or newest[same].timestamp_us < delete.timestamp_us:
                    newest[same] = delete
        yield from newest.values()


def _of_one(source: Store, shape: TableShape, record: RecordedKey, row: Any) -> Iterator[RecordedKey]:  # noqa: ANN401
    if record.mode is WriteMode.RECORD or not _outlived(source, shape, record, row):
        yield record
    if row is None and record.deleted_columns and len(record.key) == len(shape.primary_key):
        yield replace(record, kind=RecordKind.DELETE_ROW, deleted_columns=(), timestamp_us=0, seq=uuid.uuid1())


def _needs_its_row(record: RecordedKey) -> bool:
    return not record.kind.deletes_many and (record.mode is not WriteMode.RECORD or bool(record.deleted_columns))


def _rows_of(source: Store, shape: TableShape, records: Iterable[RecordedKey]) -> list[Any]:
    bound: list[tuple[BoundStatement, None]] = []
    for record in records:
        statement = select_cells(source.keyspace, shape, record.key)
        bound.append((source.prepare(statement.cql).bind(statement.values), None))
    answers = execute_concurrent(source.session, bound, concurrency=100, raise_on_first_error=True)
    return [rows.one() for _, rows in answers]


def _outlived(source: Store, shape: TableShape, record: RecordedKey, row: Any) -> bool:  # noqa: ANN401 -- the driver's
    if not record.kind.deletes_many:
        times = {} if row is None else write_times(shape, row, shape.written_columns(record.key))
        of_it = (at_us for name, at_us in times.items() if not record.deleted_columns or name in record.deleted_columns)
        return any(at_us < record.timestamp_us for at_us in of_it)
    return range_outlived(source, shape, record)
