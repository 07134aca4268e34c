"""Which rows go together, and in which order: rows of one partition into batches, neighbours to other partitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.wire.cells import Cells, Lengths
from keyspaces_migration.wire.frames import Offsets
from keyspaces_migration.wire.rows import join_rows

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Groups:
    """Rows in groups of one partition.

    Attributes:
        order: The rows in the order in which they are to be sent; shape (n,).
        starts: With which place of `order` each group begins, and where the last one ends; shape (groups + 1,).
    """

    order: _Numbers
    starts: Offsets


def group_by_partition(partition: Sequence[Cells], row_bytes: Lengths, *, max_rows: int, max_bytes: int) -> Groups:
    """Put rows of a partition together, up to the limits, and groups of one partition apart from one another.

    First comes a group of each partition, then a second one of those that have more, and so on: so that many
    partitions take the writes of any short time, and not one.

    Args:
        partition: The columns of the partition key.
        row_bytes: How large each row's values are.
        max_rows: Of a group, at least one.
        max_bytes: Of a group, roughly: the last row may go beyond.
    """
    codes = _codes(partition)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    run_starts = np.flatnonzero(np.diff(codes, prepend=-1))
    run_of_row = np.cumsum(np.diff(codes, prepend=-1) != 0) - 1
    place = np.arange(len(codes)) - run_starts[run_of_row]
    before = np.cumsum(row_bytes[order], dtype=np.int64) - row_bytes[order]
    within = before - before[run_starts][run_of_row]
    # A new group where the partition changes, and where either limit's multiple is passed.
    block = np.stack([run_of_row, place // max_rows, within // max_bytes])
    is_first = np.concatenate([[True], (np.diff(block, axis=1) != 0).any(axis=0)])
    group = np.cumsum(is_first) - 1
    turn = group - group[run_starts][run_of_row]
    spread = np.lexsort((group, turn))
    starts = np.flatnonzero(np.diff(group[spread], prepend=-1))
    return Groups(order=order[spread], starts=np.append(starts, len(order)))


def partition_keys(partition: Sequence[Cells]) -> list[bytes]:
    """Return each different key once: of its values the lengths, in four bytes, and the bytes."""
    keys: list[bytes] = pc.unique(_joined(partition)).to_pylist()
    return keys


def _codes(partition: Sequence[Cells]) -> _Numbers:
    """Return a number for each row's partition, the same for the same key."""
    return np.asarray(pc.dictionary_encode(_joined(partition)).indices).astype(np.int64)


def _joined(partition: Sequence[Cells]) -> "pa.BinaryArray":
    return join_rows(np.empty((len(partition[0]), 0), np.uint8), partition)
