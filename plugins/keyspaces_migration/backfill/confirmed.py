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
from keyspaces_migration.dual_write.recorded import RecordedKey, RecordKind
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import Statement, select_cells, select_range_cells
from keyspaces_migration.dual_write.store import Store

if TYPE_CHECKING:
    from cassandra.query import BoundStatement

_CHUNK = 500


def confirmed(source: Store, shape: TableShape, recorded: Iterable[RecordedKey]) -> Iterator[RecordedKey]:
    """Yield the deletes to apply among what was recorded of a table. Errors are the driver's.

    A delete is left out while the source still holds an older cell of what it deletes: it has not taken place. If it is
    still on its way, it comes to the target by itself, where by now all is that it may delete. Those of RECORD are not
    asked for: the recopy has brought what outlived them.

    Where cells were nulled and the source has no such row any more, a delete of the row is added that takes away what
    the backfill stamped with the barrier, and nothing newer: the backfill inserts rows, which stay when all their cells
    are null; the source may have had a row that only updates made, which does not.
    """
    deletes = (record for record in recorded if record.is_delete)
    while chunk := list(islice(deletes, _CHUNK)):
        asked = [record for record in chunk if record.mode is not WriteMode.RECORD or record.deleted_columns]
        found = dict(zip(map(id, asked), _read(source, shape, asked), strict=True))
        for record in chunk:
            rows = found.get(id(record))
            if rows is None:
                yield record
                continue
            if record.mode is WriteMode.RECORD or not any(_outlives(shape, record, row) for row in rows):
                yield record
            if not rows and record.deleted_columns and len(record.key) == len(shape.primary_key):
                yield replace(record, kind=RecordKind.DELETE_ROW, deleted_columns=(), timestamp_us=0, seq=uuid.uuid1())


def _read(source: Store, shape: TableShape, records: list[RecordedKey]) -> list[list[Any]]:
    bound: list[tuple[BoundStatement, None]] = []
    for record in records:
        statement = _select(source.keyspace, shape, record)
        bound.append((source.prepare(statement.cql).bind(statement.values), None))
    answers = execute_concurrent(source.session, bound, concurrency=100, raise_on_first_error=True)
    return [list(rows) for _, rows in answers]


def _select(keyspace: str, shape: TableShape, record: RecordedKey) -> Statement:
    if record.kind.deletes_many:
        return select_range_cells(keyspace, shape, record.key, record.bounds)
    return select_cells(keyspace, shape, record.key)


def _outlives(shape: TableShape, record: RecordedKey, row: Any) -> bool:  # noqa: ANN401 -- the driver's rows
    """Whether a row on the source has a cell that the delete would have taken away, had it taken place.

    A collection's cells and the row itself have no time that CQL tells: nothing follows from them.
    """
    columns = shape.regular_columns if record.kind.deletes_many else shape.written_columns(record.key)
    return any(
        (written_us := getattr(row, f"w{number}")) is not None and written_us < record.timestamp_us
        for number, name in enumerate(columns)
        if not shape.multi_cell(name) and (not record.deleted_columns or name in record.deleted_columns)
    )
