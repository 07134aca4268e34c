"""Writes an answer to Parquet as it is read: memory is bounded by one row group."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from keyspaces_migration.cql_access.arrow import Column, schema_of, to_record_batch
from keyspaces_migration.cql_access.paging import Page

GROUP_ROWS = 100_000
GROUP_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class GroupSize:
    """When a row group is full: whichever comes first."""

    rows: int = GROUP_ROWS
    size_bytes: int = GROUP_BYTES


def write_parquet(
    columns: Sequence[Column], pages: Iterable[Page], file: BinaryIO, *, group: GroupSize | None = None
) -> int:
    """Write an answer to an open file, and return how many rows it had. Without any, the schema is written.

    A file that was cut short has no footer, so no reader takes it for a whole one.

    Raises:
        ResultTypeError: A type or value has no form in Arrow.
        CqlAccessError, StoreError: As reading the pages.
    """
    full, schema = group or GroupSize(), schema_of(columns)
    rows, held = 0, list[pa.RecordBatch]()
    with pq.ParquetWriter(file, schema) as writer:
        for page in pages:
            held.append(to_record_batch(columns, page))
            rows += len(page)
            if _is_full(held, full):
                writer.write_table(pa.Table.from_batches(held, schema))
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held, schema))
    return rows


def _is_full(held: Sequence[pa.RecordBatch], full: GroupSize) -> bool:
    rows: int = sum(each.num_rows for each in held)
    size_bytes: int = sum(each.nbytes for each in held)
    return rows >= full.rows or size_bytes >= full.size_bytes
