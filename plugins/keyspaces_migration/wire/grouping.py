"""Which rows go together, and in which order: rows of one partition into batches, neighbours to other partitions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.wire.cells import Cells, Lengths, as_binary
from keyspaces_migration.wire.frames import Offsets
from keyspaces_migration.wire.rows import join_rows

_Numbers = npt.NDArray[np.int64]


_WIDTHS = (1, 2, 4, 8)
"""Of NumPy's whole numbers, in bytes."""
_HOT_SHARE = 1 / 64
"""A partition takes 1,000 write units a second (quotas, Amazon Keyspaces Developer Guide). With at most this share of
the rows of any short time, no partition is written to faster than that below 64,000 units a second."""


@dataclass(frozen=True)
class Groups:
    """Rows in groups of one partition.

    Attributes:
        order: The rows in the order in which they are to be sent; shape (n,). None: as they are.
        starts: With which place of that order each group begins, and where the last one ends; shape (groups + 1,).
    """

    order: _Numbers | None
    starts: Offsets


def partition_numbers(partition: Sequence[Cells]) -> _Numbers:
    """Return a number for each row's partition, the same for the same key, counted in the order of first appearance.

    `partition` is the columns of the partition key.
    """
    numbers, _ = _distinct(_comparable(partition[0]))
    for column in partition[1:]:
        others, count = _distinct(_comparable(column))
        # Below 2**62, as rows are fewer than 2**31.
        numbers, _ = _distinct(pa.array(numbers * count + others))
    return numbers


def _comparable(column: Cells) -> pa.Array:
    """Return a column's values as Arrow tells them apart fastest."""
    if not isinstance(column.body, np.ndarray):
        return column.body
    width = column.body.shape[1]
    if width not in _WIDTHS:
        return as_binary(column.body)
    return pa.array(np.ascontiguousarray(column.body).view(f"i{width}").ravel())


def _distinct(values: pa.Array) -> tuple[_Numbers, int]:
    """Return a number for each value, the same for the same, and how many there are."""
    found = pc.dictionary_encode(values)
    return np.asarray(found.indices).astype(np.int64), len(found.dictionary)


def spread(numbers: _Numbers) -> _Numbers | None:
    """Return an order in which rows of one partition are apart; None where no partition has many of the rows."""
    if np.bincount(numbers).max() <= max(1.0, len(numbers) * _HOT_SHARE):
        return None
    by_partition = np.argsort(numbers, kind="stable")
    turn = _places(numbers[by_partition])
    return by_partition[np.argsort(turn, kind="stable")]


def group_by_partition(numbers: _Numbers, row_bytes: Lengths, *, max_rows: int, max_bytes: int) -> Groups:
    """Put rows of a partition together, up to the limits, and groups of one partition apart from one another.

    First comes a group of each partition, then a second one of those that have more, and so on: so that many
    partitions take the writes of any short time, and not one.

    Args:
        numbers: As `partition_numbers` returns.
        row_bytes: How large each row's values are.
        max_rows: Of a group, at least one.
        max_bytes: Of a group, roughly: the last row may go beyond.
    """
    order = None if (np.diff(numbers) >= 0).all() else np.argsort(numbers, kind="stable")
    if order is not None:
        numbers, row_bytes = numbers[order], row_bytes[order]
    place = _places(numbers)
    first_of_run = np.arange(len(numbers)) - place
    before = np.cumsum(row_bytes, dtype=np.int64) - row_bytes
    within = before - before[first_of_run]
    # A new group where the partition changes, and where either limit's multiple is passed.
    is_first = np.ones(len(numbers), np.bool_)
    is_first[1:] = (place[1:] == 0) | _changes(place // max_rows) | _changes(within // max_bytes)
    group = np.cumsum(is_first) - 1
    turn = group - group[first_of_run]
    starts = np.flatnonzero(is_first)
    if turn.any():
        by_turn = np.argsort(turn, kind="stable")
        order = by_turn if order is None else order[by_turn]
        starts = np.flatnonzero(np.diff(group[by_turn], prepend=-1))
    return Groups(order=order, starts=np.append(starts, len(numbers)))


def partition_keys(partition: Sequence[Cells]) -> list[bytes]:
    """Return each different key once: of its values the lengths, in four bytes, and the bytes."""
    keys: list[bytes] = pc.unique(join_rows([], partition)).to_pylist()
    return keys


def _places(numbers: _Numbers) -> _Numbers:
    """Return which place each row has in its run of one number, from 0."""
    rows = np.arange(len(numbers))
    is_first = np.diff(numbers, prepend=-1) != 0
    return rows - np.maximum.accumulate(np.where(is_first, rows, 0))


def _changes(values: _Numbers) -> "npt.NDArray[np.bool_]":
    changed: npt.NDArray[np.bool_] = values[1:] != values[:-1]
    return changed
