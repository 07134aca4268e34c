"""Rows in groups of one partition, spread over partitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.wire import encode_column
from keyspaces_migration.wire.grouping import group_by_partition


def groups(partitions: list[str], sizes: list[int], *, max_rows: int, max_bytes: int) -> list[list[int]]:
    key = (encode_column(pa.array(partitions), parse_type("text")),)
    found = group_by_partition(key, np.array(sizes, np.int32), max_rows=max_rows, max_bytes=max_bytes)
    return [found.order[start:end].tolist() for start, end in zip(found.starts[:-1], found.starts[1:], strict=True)]


@settings(deadline=None)
@given(
    rows=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 50)), min_size=1, max_size=60),
    max_rows=st.integers(1, 6),
    max_bytes=st.integers(1, 200),
)
def test_every_row_is_in_one_group_of_its_partition_within_the_limits(
    rows: list[tuple[str, int]], max_rows: int, max_bytes: int
) -> None:
    partitions, sizes = [place for place, _ in rows], [size for _, size in rows]
    found = groups(partitions, sizes, max_rows=max_rows, max_bytes=max_bytes)
    assert sorted(row for group in found for row in group) == list(range(len(rows)))
    for group in found:
        assert len({partitions[row] for row in group}) == 1
        assert len(group) <= max_rows
        assert sum(sizes[row] for row in group[:-1]) < max_bytes
        assert group == sorted(group)


def test_no_partition_comes_again_before_the_others_had_their_turn() -> None:
    found = groups(list("aaaabbc"), [1] * 7, max_rows=1, max_bytes=100)
    assert ["aaaabbc"[group[0]] for group in found] == list("abcab" + "aa")


def test_the_row_that_passes_a_groups_bytes_is_its_last() -> None:
    assert groups(list("aaa"), [10, 500, 10], max_rows=30, max_bytes=100) == [[0, 1], [2]]
