"""The rate at which a store is read, in a time of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.assembly import batch_rows
from keyspaces_migration.consistency.pace import UNIT_BYTES, ReadPace, row_bytes


class Time:
    """A clock that moves when somebody waits, or works."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def pace(time: Time, rate: float | None) -> ReadPace:
    return ReadPace(units_per_s=rate, clock=time.clock, wait=time.wait)


@given(
    rate=st.floats(10, 10_000),
    reads=st.lists(st.tuples(st.integers(1, 50), st.floats(0, 0.002)), min_size=200, max_size=400),
)
def test_units_come_at_the_rate_however_the_reads_are_cut(rate: float, reads: list[tuple[int, float]]) -> None:
    """Reading itself takes less time than the rate allows here."""
    time = Time()
    paced = pace(time, rate)
    for requests, work in reads:
        paced.before(requests)
        time.now += min(work, 0.5 * requests / rate)
    units, took = paced.reads.units, time.now - 100.0
    # The first reads come at once, and the last ones have not been waited for.
    assert units - reads[0][0] - reads[-1][0] <= rate * took * 1.001 + reads[-1][0]
    assert units >= rate * took * 0.999


def test_time_that_was_not_used_is_not_saved_up() -> None:
    time = Time()
    paced = pace(time, 100)
    paced.before(10)
    time.now += 3_600
    began = time.now
    for _ in range(20):
        paced.before(10)
    assert time.now - began == pytest.approx(200 / 100 - 0.2, abs=0.11)


def test_large_rows_take_more_units_and_are_waited_for() -> None:
    time = Time()
    paced = pace(time, 100)
    paced.before(1)
    paced.after([10 * UNIT_BYTES])
    assert (paced.reads.requests, paced.reads.units) == (1, 10)
    paced.before(1)
    assert time.now - 100.0 == pytest.approx(0.1, abs=0.11)
    paced.before(1)
    assert time.now - 100.0 >= 0.01


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (UNIT_BYTES, 1), (UNIT_BYTES + 1, 2)])
def test_a_unit_is_begun_with_each_four_kibibytes(size: int, units: int) -> None:
    paced = pace(Time(), None)
    paced.before(1)
    paced.after([size])
    assert paced.reads.units == units


def test_without_a_rate_nobody_waits() -> None:
    time = Time()
    paced = pace(time, None)
    paced.before(1_000_000)
    assert time.now == 100.0
    assert paced.at_once is None


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="would never read"):
        pace(Time(), 0)


def test_sizes_count_text_and_collections_by_what_is_in_them() -> None:
    assert row_bytes((None, "abc", b"abcd", 5, ["ab", "c"], {"k": 1}, {"x"})) == 0 + 3 + 4 + 8 + 3 + 9 + 1


def test_batches_are_as_large_as_a_tenth_of_a_second_allows() -> None:
    assert [batch_rows(rate) for rate in (None, 3_000, 5, 1_000_000)] == [1_024, 300, 1, 1_024]
