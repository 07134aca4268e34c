"""Client timestamps, and the places that are kept free just above the barrier."""

import threading
import time
from collections.abc import Callable

DELETE_FLOOR_OFFSET_US = 1
"""A delete from before the barrier is applied to the target at B + 1: above the backfill, which stamps B."""

CELL_FLOOR_OFFSET_US = 2
"""A cell from before the barrier is recopied at B + 2: above a delete that came before it."""

TARGET_WINDOW_US = 47 * 3600 * 1_000_000
"""How old a timestamp the target is still sent: Keyspaces takes two days, less an hour for what is under way."""


def system_now_us() -> int:
    """Microseconds since 1970 by this machine's clock."""
    return time.time_ns() // 1000


def delete_timestamp_us(original_us: int, *, barrier_us: int) -> int:
    """Return the timestamp at which a recorded delete is applied to the target.

    Its own, unless the backfill, which stamps B, would win over it.
    """
    return max(original_us, barrier_us + DELETE_FLOOR_OFFSET_US)


def cell_timestamp_us(original_us: int, *, barrier_us: int) -> int:
    """Return the timestamp at which a cell of a recorded row is recopied to the target.

    Its own WRITETIME, unless a delete raised to B + 1 would win over a cell that was written after it.
    """
    return max(original_us, barrier_us + CELL_FLOOR_OFFSET_US)


class TimestampClock:
    """Timestamps of one process: strictly growing, whatever the machine's clock does."""

    def __init__(self, *, now_us: Callable[[], int] = system_now_us, last_us: int = 0) -> None:
        self._now_us = now_us
        self._last_us = last_us
        self._lock = threading.Lock()

    @property
    def last_us(self) -> int:
        """The newest timestamp that was given, reserved ones included; 0 before the first."""
        return self._last_us

    def next_us(self, *, barrier_us: int | None = None, reserved_us: int = 0) -> int:
        """Return the next timestamp; with a barrier, one above all that recopy and backfill use.

        The `reserved_us` timestamps after it are given to no other write.
        """
        floor_us = 0 if barrier_us is None else barrier_us + CELL_FLOOR_OFFSET_US
        with self._lock:
            given = max(self._now_us(), self._last_us + 1, floor_us + 1)
            self._last_us = given + reserved_us
            return given
