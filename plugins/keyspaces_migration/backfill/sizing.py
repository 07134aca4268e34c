"""How large a snapshot's rows are on the target, from the first of them: what each write of the load consumes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from keyspaces_migration.backfill.encoding import Encoded, Encoder, WriteKind
from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.rows import SplitReader
from keyspaces_migration.backfill.snapshot import BUCKETS, Snapshot
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.capacity.sizes import RowShape, row_size, shape_of
from keyspaces_migration.capacity.units import WRITE_UNIT_BYTES
from keyspaces_migration.ledger.backfill_records import LoadMode, PlannedSplit
from keyspaces_migration.wire import NULL
from keyspaces_migration.wire.conversion import convert

SAMPLED_ROWS = 1_000
"""Those of the first buckets: a bucket is chosen by the hash of a partition key, so they are as good as drawn."""


@dataclass(frozen=True, kw_only=True)
class WriteSizes:
    """The means of the sampled writes; 1 unit each where there was nothing to sample.

    Attributes:
        row_bytes: As metered for throughput; 0 where nothing was sampled.
        units_a_row: Write units.
        static_units_a_partition: Write units for a partition's static data; 0 without static columns.
    """

    row_bytes: float
    units_a_row: float
    static_units_a_partition: float


def write_sizes(history: History, snapshot: Snapshot, target: Target) -> WriteSizes:
    """Read the first rows of a snapshot, and size them by the formula of `capacity.sizes`.

    A row that can't be converted is left out: it becomes a dead letter when it is loaded.

    Raises:
        HistoryUnusableError: The history refused or does not answer.
    """
    reader = SplitReader(history=history, target=target, snapshot=snapshot.address, mode=LoadMode.FULL)
    encoder, shape = Encoder(target, null=NULL), shape_of(target.table)
    split = _first_rows(snapshot)
    rows = [
        row_size(row, shape).throughput_bytes
        for row in islice(_rows(map(encoder.rows, reader.rows(split)), target.row_columns, shape), SAMPLED_ROWS)
    ]
    statics = (encoder.statics(part, without_values=False) for part in reader.statics(split))
    static_bytes = [
        row_size(row, shape).static_bytes for row in islice(_rows(statics, target.static_columns, shape), SAMPLED_ROWS)
    ]
    return WriteSizes(
        row_bytes=sum(rows) / len(rows) if rows else 0.0,
        units_a_row=_mean_units(rows),
        static_units_a_partition=_mean_units(static_bytes) if target.static_columns else 0.0,
    )


def _first_rows(snapshot: Snapshot) -> PlannedSplit:
    """As few whole buckets as have the rows to sample."""
    rows = 0
    for bucket in range(BUCKETS):
        rows += snapshot.bucket_rows.get(bucket, 0)
        if rows >= SAMPLED_ROWS:
            break
    return PlannedSplit(number=0, of=1, first_bucket=0, end_bucket=bucket + 1, planned_rows=rows)


def _rows(encoded: Iterator[Encoded], columns: tuple[str, ...], shape: RowShape) -> Iterator[dict[str, Any]]:
    """Yield the values of the rows that would be written."""
    for part in encoded:
        for writes in part.writes:
            if writes.kind is not WriteKind.DELETE:
                for row in writes.source.to_pylist():
                    yield {name: convert(row[name], shape.columns[name]) for name in columns}


def _mean_units(sizes: list[int]) -> float:
    units = [max(1, math.ceil(size / WRITE_UNIT_BYTES)) for size in sizes]
    return sum(units) / len(units) if units else 1.0
