"""Rows in groups of one partition, spread over partitions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.wire import encode_column
from keyspaces_migration.wire.grouping import group_by_partition, partition_numbers, spread


def groups(partitions: list[str], sizes: list[int], *, max_rows: int, max_bytes: int) -> list[list[int]]:
    key = (encode_column(pa.array(partitions), parse_type("text")),)
    found = group_by_partition(
        partition_numbers(key), np.array(sizes, np.int32), max_rows=max_rows, max_bytes=max_bytes
    )
    order = np.arange(len(partitions)) if found.order is None else found.order
    return [order[start:end].tolist() for start, end in zip(found.starts[:-1], found.starts[1:], strict=True)]


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


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200))
def test_rows_of_a_partition_with_many_of_them_are_apart(drawn: list[int]) -> None:
    numbers = np.array(pa.array(drawn).dictionary_encode().indices)
    order = spread(numbers)
    if order is None:
        assert max(np.bincount(numbers)) <= max(1, len(numbers) / 64)
        return
    assert sorted(order.tolist()) == list(range(len(numbers)))
    seen: dict[int, int] = {}
    rounds = []
    for row in order.tolist():
        seen[numbers[row]] = seen.get(numbers[row], 0) + 1
        rounds.append(seen[numbers[row]])
    assert rounds == sorted(rounds)


def test_rows_stay_as_they_are_where_each_partition_has_few_of_them() -> None:
    assert spread(np.arange(10_000) // 10) is None
    assert spread(np.zeros(10_000, np.int64)) is not None
