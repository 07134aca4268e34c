from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from cassandra import OperationTimedOut
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.dual_write.read_accounts import (
    LONGEST_US,
    SUB_BUCKETS,
    Latencies,
    ReadAccounts,
    StoreReads,
    bucket_of,
    greatest_us,
    reads_from_counters,
    reads_to_counters,
)
from keyspaces_migration.dual_write.store import StoreName

DURATIONS = st.integers(0, 10**4) | st.integers(0, LONGEST_US)
NUMBERS = st.integers(0, 2**62)


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def time_out_after(self, seconds: float) -> None:
        self.now += seconds
        raise OperationTimedOut("no answer")


@given(st.lists(DURATIONS, min_size=1, max_size=300))
def test_the_percentile_is_never_too_low_and_too_high_by_less_than_a_bucket(durations: list[int]) -> None:
    latencies = Latencies(clock=Clock())
    for took_us in durations:
        latencies.add(took_us)
    rank = next(n for n in range(1, len(durations) + 1) if 100 * n >= 99 * len(durations))
    true_us = sorted(durations)[rank - 1]
    recent, p99_us = latencies.read()
    assert recent == len(durations)
    assert p99_us is not None
    assert true_us <= p99_us
    assert (p99_us - true_us) * SUB_BUCKETS < max(true_us, 1)


@given(DURATIONS, DURATIONS)
def test_buckets_keep_the_order(one: int, other: int) -> None:
    lower, higher = sorted((one, other))
    assert bucket_of(lower) <= bucket_of(higher)
    assert bucket_of(greatest_us(bucket_of(lower))) == bucket_of(lower)


def test_memory_is_bounded_whatever_a_read_takes() -> None:
    assert bucket_of(10**30) == bucket_of(LONGEST_US) == 1024
    assert bucket_of(-5) == 0


def test_one_slow_read_in_a_hundred_is_not_the_percentile_and_two_are() -> None:
    latencies = Latencies(clock=Clock())
    for took_us in [50] * 99 + [60_000]:
        latencies.add(took_us)
    assert latencies.read() == (100, 50)
    latencies.add(60_000)
    recent, p99_us = latencies.read()
    assert (recent, p99_us is not None and p99_us >= 60_000) == (101, True)


def test_what_is_older_than_the_window_no_longer_counts() -> None:
    clock = Clock()
    latencies = Latencies(clock=clock)
    latencies.add(60)
    clock.now += 54
    latencies.add(20)
    assert latencies.read() == (2, 60)
    clock.now += 7
    assert latencies.read() == (1, 20)
    clock.now += 1_000
    assert latencies.read() == (0, None)
    latencies.add(7)
    assert latencies.read() == (1, 7)


def test_reads_are_counted_by_store_and_a_failure_reaches_the_caller_and_counts_with_its_time() -> None:
    clock = Clock()
    accounts = ReadAccounts(clock=clock)
    with accounts.counted(StoreName.SOURCE):
        clock.now += 0.000_040
    with pytest.raises(OperationTimedOut), accounts.counted(StoreName.TARGET):
        clock.time_out_after(1)
    found = accounts.read()
    assert found[StoreName.SOURCE] == StoreReads(count=1, failed=0, recent=1, p99_us=40)
    target = found[StoreName.TARGET]
    assert (target.count, target.failed, target.recent) == (1, 1, 1)
    assert target.p99_us is not None
    assert target.p99_us >= 1_000_000


def test_a_value_that_can_not_be_bound_is_no_read_of_the_store() -> None:
    accounts = ReadAccounts(clock=Clock())
    with pytest.raises(TypeError), accounts.counted(StoreName.SOURCE):
        raise TypeError("not an int")
    assert accounts.read()[StoreName.SOURCE] == StoreReads(count=0, failed=0, recent=0, p99_us=None)


def test_threads_lose_no_count() -> None:
    accounts = ReadAccounts()

    def many() -> None:
        for _ in range(2_000):
            with accounts.counted(StoreName.SOURCE):
                pass

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert accounts.read()[StoreName.SOURCE].count == 8_000


@given(
    st.dictionaries(
        st.sampled_from(StoreName),
        st.builds(StoreReads, count=NUMBERS, failed=NUMBERS, recent=NUMBERS, p99_us=NUMBERS | st.none()),
    )
)
def test_the_table_gives_back_what_was_put_into_it(reads: dict[StoreName, StoreReads]) -> None:
    assert reads_from_counters(reads_to_counters(reads)) == reads


def test_the_keys_of_the_table_are_those_of_the_contract() -> None:
    reads = {StoreName.TARGET: StoreReads(count=4, failed=1, recent=3, p99_us=None)}
    assert reads_to_counters(reads) == {"TARGET_COUNT": 4, "TARGET_FAILED": 1, "TARGET_RECENT": 3}
