"""Partitions that may run hot: the history's largest, its most written, and the largest that the sample met."""

import math
from collections.abc import Iterator
from dataclasses import replace

from keyspaces_migration.assessment.estimate.looked import Looked
from keyspaces_migration.assessment.history_partitions import SECONDS_A_DAY
from keyspaces_migration.assessment.model import ColumnKind
from keyspaces_migration.capacity.distribution import SizeDistribution
from keyspaces_migration.capacity.partitions import PartitionLoad


def partition_loads(looked: Looked, sizes: SizeDistribution, *, table_rows: float) -> Iterator[PartitionLoad]:
    """Yield what is known of the table's heaviest partitions.

    Where the history does not tell a partition's writes, and for all reads, the table's load is taken to be spread over
    its partitions by their rows.
    """
    widest = looked.history.widest if looked.history else None
    written = {each.key: each.count / SECONDS_A_DAY for each in widest.by_last_day} if widest else {}
    rows = {each.key: each.count for each in widest.by_rows} if widest else {}
    # Without clustering columns each partition has one row; else only the largest were counted.
    one_row_each = not looked.table.of_kind(ColumnKind.CLUSTERING)
    for key in dict.fromkeys([*rows, *written]):
        count = rows.get(key, 1)
        load = _load(
            looked, ", ".join(key), count, math.ceil(count * sizes.mean_bytes.value), table_rows, written.get(key)
        )
        yield replace(load, is_counted=key in rows or one_row_each)
    if not rows and looked.sample:
        for each in looked.sample.partitions[:20]:
            if each.rows:
                yield _load(looked, each.key, each.rows, each.bytes, table_rows, None)


def _load(  # noqa: PLR0913, PLR0917 # private, one caller
    looked: Looked, key: str, rows: int, size_bytes: int, table_rows: float, writes_per_s: float | None
) -> PartitionLoad:
    traffic = looked.traffic
    share = min(1.0, rows / table_rows) if table_rows else 0.0
    reads = (traffic.reads_per_s + traffic.scans_per_s) * (traffic.rows_per_read or 1) if traffic else 0.0
    if writes_per_s is None:
        writes_per_s = traffic.writes_per_s * share if traffic else 0.0
    return PartitionLoad(
        key=key, rows=rows, bytes=max(rows, size_bytes), writes_per_s=writes_per_s, reads_per_s=reads * share
    )
