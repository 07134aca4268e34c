from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyspaces_migration.assessment.errors import NoAnswerError
from keyspaces_migration.assessment.estimate.sample import SampleSize, TableToSample, sample_rows, seed_of
from keyspaces_migration.capacity.sizes import RowShape, row_size
from keyspaces_migration.cql.types import parse_type
from tests.unit.keyspaces_migration.assessment.estimate.ring import Ring

if TYPE_CHECKING:
    from keyspaces_migration.assessment.estimate.sampled import RowSample

SHAPE = RowShape(
    columns={"id": parse_type("int"), "at": parse_type("int"), "note": parse_type("text")},
    partition_keys=("id",),
    clustering_keys=("at",),
)
FIRST, LAST = -(1 << 63), (1 << 63) - 1


def ring(rows_of_partition: list[int], *, note: str = "x", seed: int = 1) -> Ring:
    """Partitions of so many rows each, at random places."""
    draw = random.Random(seed)  # reproducible, and no secret
    return Ring(
        {
            draw.randrange(FIRST + 1, LAST): [(number, at, note) for at in range(rows)]
            for number, rows in enumerate(rows_of_partition)
        }
    )


def sampled(source: Ring, *, seed: int = 7, partitions: int | None = None, **size: int) -> RowSample:
    table = TableToSample(keyspace="shop", name="events", shape=SHAPE, partitions=partitions)
    return sample_rows(source, table, size=SampleSize(**size), seed=seed)


def bytes_of(note: str) -> int:
    return row_size({"id": 1, "at": 1, "note": note}, SHAPE).throughput_bytes


def test_a_small_table_is_read_whole_and_counted() -> None:
    found = sampled(ring([3, 1, 6]), rows=10)
    assert found.is_whole
    assert (found.table_rows.value, found.table_rows.upper, found.table_partitions.value) == (10, 10, 3)
    assert found.sizes is not None
    assert found.sizes.rows == 10
    assert found.sizes.mean_bytes.value == found.sizes.mean_bytes.upper
    assert [each.rows for each in found.partitions] == [6, 3, 1]


def test_a_table_of_one_row_more_is_sampled_in_windows() -> None:
    found = sampled(ring([1] * 11), rows=10, windows=5)
    assert not found.is_whole
    assert found.windows == 5


def test_an_empty_table_has_no_sizes_and_no_rows() -> None:
    found = sampled(ring([]))
    assert (found.sizes, found.table_rows.value, found.is_whole) == (None, 0, True)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from([1, 3, 40]))
def test_a_large_tables_rows_are_told_within_their_bounds_mostly(seed: int, rows: int) -> None:
    """The bounds hold at 95 %; three times as wide they hold practically always, whatever the seed."""
    found = sampled(ring([rows] * (6_000 // rows), seed=seed), seed=seed, rows=600, windows=60)
    assert not found.is_thin
    reach = 3 * (found.table_rows.upper - found.table_rows.value)
    assert abs(found.table_rows.value - 6_000 // rows * rows) <= reach
    assert 30 <= found.windows <= 60


def test_the_bounds_on_a_large_tables_rows_hold_in_their_share_of_samples() -> None:
    draw = random.Random(3)  # reproducible, and no secret
    sizes = [draw.randrange(1, 30) for _ in range(800)]
    table, covered = ring(sizes), 0
    for seed in range(60):
        found = sampled(table, seed=seed, rows=1_000, windows=50)
        covered += found.table_rows.lower <= sum(sizes) <= found.table_rows.upper
    # Three standard deviations of 60 samples at 0.95 are 0.084.
    assert covered / 60 >= 0.86


def test_about_as_many_rows_are_read_as_asked_for_where_partitions_are_few_and_far_between() -> None:
    """The first rows of the ring are one large partition, so the first guess of the width is far too small."""
    table = ring([1] * 3_000)
    table.partitions[FIRST + 1] = [(-1, at, "x") for at in range(500)]
    found = sampled(table, rows=400, windows=40)
    assert found.sizes is not None
    assert 100 <= found.sizes.rows <= 2_500
    assert found.table_rows.lower <= 3_000 <= found.table_rows.upper


def test_a_partition_larger_than_its_window_should_be_is_cut_and_said_to_be() -> None:
    table = ring([1] * 500)
    table.partitions[5] = [(-1, at, "x") for at in range(100_000)]
    found = sampled(table, rows=200, windows=20, partitions=3)
    assert found.cut_windows > 0
    assert any(each.is_cut for each in found.partitions)
    # No window gives more than ten times what the trial's had, which are cut at ten times the rows wanted.
    assert max(each.rows for each in found.partitions) <= 1_000
    assert table.read < 20_000


def test_reading_ends_when_enough_bytes_were_read() -> None:
    table = ring([1] * 2_000, note="x" * 1_000)
    found = sampled(table, rows=1_000, windows=100, max_bytes=100 * bytes_of("x" * 1_000))
    assert found.sizes is not None
    assert found.sizes.rows < 200
    assert found.windows < 100


def test_a_sample_of_few_partitions_says_that_its_bounds_are_not_to_be_trusted() -> None:
    found = sampled(ring([400] * 100), rows=200, windows=20)
    assert found.is_thin
    assert len(found.partitions) < 30
    assert not sampled(ring([1] * 3)).is_thin


def test_another_seed_draws_other_places_and_the_same_seed_the_same() -> None:
    table = ring([2] * 2_000)
    asked = []
    for seed in (1, 1, 2):
        table.asked.clear()
        sampled(table, seed=seed, rows=100, windows=10)
        asked.append(tuple(table.asked[-10:]))
    assert asked[0] == asked[1] != asked[2]
    assert seed_of("manual__2026-11-26T08:00:00") != seed_of("manual__2026-11-26T08:00:01")


def test_a_row_whose_size_cannot_be_told_is_counted_with_its_reason() -> None:
    table = Ring({1: [(1, 1, "a")], 2: [(2, 1, 5)]})
    found = sampled(table)
    assert found.unusable_rows == 1
    assert "note" in found.unusable
    assert found.sizes is not None
    assert found.sizes.rows == 1


def test_a_source_that_does_not_answer_is_no_empty_table() -> None:
    with pytest.raises(NoAnswerError, match="down"):
        sampled(Ring({}, fails_with=NoAnswerError("down")))


def test_static_data_is_counted_once_a_partition() -> None:
    shape = RowShape(
        columns={"id": parse_type("int"), "at": parse_type("int"), "shared": parse_type("text")},
        partition_keys=("id",),
        clustering_keys=("at",),
        static_columns=("shared",),
    )
    rows: dict[int, list[tuple[Any, ...]]] = {1: [(1, at, "s" * 300) for at in range(4)], 2: [(2, None, "t")]}
    found = sample_rows(Ring(rows), TableToSample(keyspace="k", name="t", shape=shape), size=SampleSize(), seed=1)
    assert (found.table_rows.value, found.table_partitions.value) == (4, 2)
    assert found.static_bytes_a_partition == sum(each.static_bytes for each in found.partitions) / 2
    assert [each.rows for each in found.partitions] == [4, 0]


@pytest.mark.parametrize("size", [{"rows": 0}, {"windows": 1}, {"max_bytes": 0}])
def test_a_sample_of_nothing_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 windows"):
        SampleSize(**size)
