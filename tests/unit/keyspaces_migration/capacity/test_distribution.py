from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp  # type: ignore[import-untyped]

from keyspaces_migration.capacity.distribution import Groups, Mean, SizeDistribution, distribution
from keyspaces_migration.capacity.errors import EmptySampleError
from keyspaces_migration.consistency.bounds import upper_bound

KB = 1024


def described(sizes: list[int], **more: Any) -> SizeDistribution:
    return distribution(throughput_bytes=sizes, storage_bytes=[size + 100 for size in sizes], **more)


def test_the_percentiles_are_sizes_of_rows_in_the_sample() -> None:
    found = described([*range(1, 100), 5_000])
    assert (found.rows, found.p50_bytes, found.p99_bytes, found.max_bytes) == (100, 50, 99, 5_000)


def test_units_are_whole_ones_of_each_row_and_not_of_the_mean_row() -> None:
    found = described([1, KB, KB + 1, 4 * KB, 4 * KB + 1])
    assert found.write_units.value == (1 + 1 + 2 + 4 + 5) / 5
    assert found.read_units.value == (1 + 1 + 1 + 1 + 2) / 5


def test_rows_near_the_limit_are_counted_with_storages_metadata() -> None:
    sizes = [900 * KB - 101, 900 * KB - 100, KB * KB - 100, KB * KB - 99, 10]
    found = described(sizes)
    assert (found.near_limit_rows, found.over_limit_rows) == (3, 1)


def test_no_row_near_the_limit_still_leaves_a_bound_on_their_share() -> None:
    found = described([10] * 300, confidence=0.95)
    exact = binomtest(0, 300, alternative="less").proportion_ci(confidence_level=0.95, method="exact")
    assert found.near_limit_rows == 0
    assert found.near_limit_share_at_most == pytest.approx(exact.high)
    assert 0.009 < found.near_limit_share_at_most < 0.01


def test_the_means_bound_is_that_of_scipys_t_test() -> None:
    sizes = [100, 250, 900, 40, 333, 1210]
    found = described(sizes, confidence=0.99)
    wanted = ttest_1samp(sizes, 0).confidence_interval(0.99)
    assert found.mean_bytes.value == pytest.approx(np.mean(sizes))
    assert found.mean_bytes.upper == pytest.approx(wanted.high)
    assert found.mean_bytes.lower == max(0, wanted.low)
    assert found.mean_storage_bytes.value == pytest.approx(found.mean_bytes.value + 100)


@pytest.mark.parametrize("rows", [30, 300])
def test_the_bound_holds_the_tables_mean_in_its_share_of_samples(rows: int) -> None:
    """A table with a long tail, sampled again and again without replacement."""
    draw = np.random.default_rng(20261126)
    table = (200 + draw.lognormal(5, 0.7, 3_000)).astype(np.int64)
    covered = 0
    for _ in range(500):
        sample = draw.choice(table, rows, replace=False)
        found = distribution(throughput_bytes=sample, storage_bytes=sample, confidence=0.9, table_rows=table.size)
        covered += found.mean_bytes.lower <= table.mean() <= found.mean_bytes.upper
    # Three standard deviations of 500 samples at 0.9 are 0.04; the tail costs a little at 30 rows.
    assert 0.84 <= covered / 500 <= 0.95


def test_a_sample_of_much_of_the_table_is_surer_and_all_of_it_is_sure() -> None:
    sizes = [100, 300, 200, 400]
    unknown, half, whole = (described(sizes, table_rows=rows) for rows in (None, 8, 4))
    assert half.mean_bytes.upper < unknown.mean_bytes.upper
    assert whole.mean_bytes == Mean(value=250, lower=250, upper=250, confidence=0.95)


def test_one_row_says_nothing_of_the_others() -> None:
    assert (described([10]).mean_bytes.lower, described([10]).mean_bytes.upper) == (0, math.inf)


def test_static_data_alone_is_no_row() -> None:
    found = distribution(throughput_bytes=[0, 50, 0], storage_bytes=[0, 150, 0])
    assert (found.rows, found.p50_bytes) == (1, 50)


@pytest.mark.parametrize("sizes", [[], [0, 0]])
def test_a_sample_without_rows_is_refused(sizes: list[int]) -> None:
    with pytest.raises(EmptySampleError):
        distribution(throughput_bytes=sizes, storage_bytes=sizes)


@pytest.mark.parametrize(("stored", "confidence"), [([1], 0.9), ([1, 2], 1.0), ([1, 2], 0.0)])
def test_impossible_input_is_refused(stored: list[int], confidence: float) -> None:
    with pytest.raises(ValueError, match="no distribution of"):
        distribution(throughput_bytes=[1, 2], storage_bytes=stored, confidence=confidence)


def test_the_statement_says_value_bounds_and_confidence() -> None:
    assert str(described([100, 300, 200, 400], table_rows=4).mean_bytes) == (
        "250.00 (250.00 to 250.00 at 95% confidence)"
    )


def grouped(sizes: list[list[int]], **more: Any) -> SizeDistribution:
    """Rows drawn in groups, given as the sizes of each group."""
    flat = [size for group in sizes for size in group]
    numbers = np.array([number for number, group in enumerate(sizes) for _ in group], np.int64)
    return described(flat, groups=Groups(of_rows=numbers, drawn=len(sizes)), **more)


def test_rows_that_are_alike_within_their_groups_count_as_few() -> None:
    alike = [[size] * 50 for size in (100, 900, 300, 500)]
    by_group, by_row = grouped(alike), described([size for group in alike for size in group])
    assert by_group.mean_bytes.value == by_row.mean_bytes.value
    assert by_group.mean_bytes.upper - by_group.mean_bytes.value > 8 * (by_row.mean_bytes.upper - 450)


@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=30))
def test_groups_of_one_row_are_rows_drawn_one_by_one(sizes: list[int]) -> None:
    by_group, by_row = grouped([[size] for size in sizes]), described(sizes)
    assert by_group.mean_bytes.upper == pytest.approx(by_row.mean_bytes.upper)
    assert by_group.near_limit_share_at_most == by_row.near_limit_share_at_most


@pytest.mark.parametrize("groups", [20, 100])
def test_the_bound_of_groups_holds_the_tables_mean_in_its_share_of_samples(groups: int) -> None:
    """A table whose partitions differ in number of rows and in the size of them, drawn partition by partition."""
    draw = np.random.default_rng(20261126)
    table = [
        (100 + draw.lognormal(4, 0.6) + draw.integers(0, 20, draw.integers(0, 40))).astype(int) for _ in range(3_000)
    ]
    mean, covered = np.concatenate(table).mean(), 0
    for _ in range(400):
        found = grouped(
            [table[number].tolist() for number in draw.choice(len(table), groups, replace=False)], confidence=0.9
        )
        covered += found.mean_bytes.lower <= mean <= found.mean_bytes.upper
    # Three standard deviations of 400 samples at 0.9 are 0.045; the tail costs a little at 20 groups.
    assert 0.82 <= covered / 400 <= 0.95


def test_a_group_without_rows_counts_as_drawn_and_all_of_a_table_is_sure() -> None:
    with_empty = grouped([[100], [], [100, 100]])
    assert with_empty.near_limit_share_at_most == pytest.approx(upper_bound(mismatches=0, looked_at=3, confidence=0.95))
    assert grouped([[100], [300]], table_rows=2).mean_bytes.upper == 200


def test_groups_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="3 sizes, and groups of 2"):
        described([1, 2, 3], groups=Groups(of_rows=np.array([0, 1]), drawn=2))


def test_one_group_with_rows_says_nothing_of_the_others() -> None:
    assert grouped([[], [10, 20], []]).mean_bytes.upper == math.inf
