from __future__ import annotations

import itertools
import threading

from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.dual_write.clock import TimestampClock, cell_timestamp_us, delete_timestamp_us

B = 1_790_000_000_000_000
MOMENTS = st.integers(B - 10**9, B + 10**9)


@given(st.lists(st.tuples(MOMENTS, st.booleans()), min_size=1), MOMENTS)
def test_timestamps_grow_and_stay_above_the_barrier_whatever_the_machine_s_clock_does(
    ticks: list[tuple[int, bool]], last_us: int
) -> None:
    readings = iter([moment for moment, _ in ticks])
    clock = TimestampClock(now_us=lambda: next(readings), last_us=last_us)
    given_out = [(clock.next_us(barrier_us=B if dual else None), dual) for _, dual in ticks]
    stamps = [last_us, *(stamp for stamp, _ in given_out)]
    assert all(earlier < later for earlier, later in itertools.pairwise(stamps))
    assert all(stamp > B for stamp, dual in given_out if dual)


def test_an_ordinary_timestamp_is_the_time() -> None:
    assert TimestampClock(now_us=lambda: 5).next_us() == 5


def test_threads_never_get_the_same_timestamp() -> None:
    clock = TimestampClock(now_us=lambda: B)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.extend(clock.next_us() for _ in range(2000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8000


@given(MOMENTS, MOMENTS)
def test_what_is_raised_above_the_barrier_keeps_its_order(deleted_us: int, written_us: int) -> None:
    """Backfill < raised delete < raised cell < dual write; and what was later stays later."""
    delete, cell = delete_timestamp_us(deleted_us, barrier_us=B), cell_timestamp_us(written_us, barrier_us=B)
    dual = TimestampClock(now_us=lambda: 0).next_us(barrier_us=B)
    assert delete > B
    assert cell > B
    if written_us > deleted_us:
        assert cell > delete
    if deleted_us <= B:
        assert delete < dual
    if written_us <= B:
        assert cell < dual
    assert delete == deleted_us or deleted_us <= B
    assert cell == written_us or written_us <= B + 1
