"""What became of the application's reads, store by store: how many, how many failed, and how long the newest took.

What the canary watches: reads of the target must be no worse than those of the source.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from keyspaces_migration.dual_write.store import StoreName, driver_failures

WINDOW_S = 60.0
SLOT_S = 5.0
"""The window moves by whole slots: it holds the newest 55 to 60 s."""

PERCENTILE = 99
SUB_BUCKETS = 32
"""Buckets between two powers of two. A bucket's greatest value stands for all in it, so a percentile is never too low,
and too high by less than one part in this many; below twice as many microseconds it is exact."""

LONGEST_US = 2**36
"""19 hours: what takes longer counts as this."""


@dataclass(frozen=True, kw_only=True)
class StoreReads:
    """The application's reads of one store.

    Attributes:
        count: How many there were since the writer was made, those that failed included.
        failed: Those of them that the driver ended with an error; the application was given it.
        recent: Reads of the last minute, those that failed included: what `p99_us` rests on.
        p99_us: 99 of 100 of the recent reads took no longer, in microseconds; never too low, and too high by less than
            a 32nd part. None where there were no recent reads.
    """

    count: int
    failed: int
    recent: int
    p99_us: int | None


class Latencies:
    """How long the calls of the last minute took, in bounded memory: at most 1,025 counts in each of 12 slots."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: deque[tuple[int, Counter[int]]] = deque()

    def add(self, took_us: int) -> None:
        """Note a call that has just ended."""
        slot = int(self._clock() // SLOT_S)
        if not self._slots or self._slots[-1][0] != slot:
            self._let_go(slot)
            self._slots.append((slot, Counter()))
        self._slots[-1][1][bucket_of(took_us)] += 1

    def read(self) -> tuple[int, int | None]:
        """Return how many there were, and the 99th percentile: the least that so many took no longer than."""
        self._let_go(int(self._clock() // SLOT_S))
        found: Counter[int] = Counter()
        for _, counts in self._slots:
            found.update(counts)
        total = found.total()
        wanted = -(-total * PERCENTILE // 100)
        reached = 0
        for bucket in sorted(found):
            reached += found[bucket]
            if reached >= wanted:
                return total, greatest_us(bucket)
        return total, None

    def _let_go(self, newest: int) -> None:
        while self._slots and self._slots[0][0] <= newest - WINDOW_S / SLOT_S:
            self._slots.popleft()


class ReadAccounts:
    """Counts reads, from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep what is needed.

        Args:
            clock: Seconds that never go back.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[StoreName] = Counter()
        self._failed: Counter[StoreName] = Counter()
        self._latencies = {name: Latencies(clock=clock) for name in StoreName}

    @contextmanager
    def counted(self, name: StoreName) -> Iterator[None]:
        """Count the read that is made within. What is no answer of the store's, such as a bad value, is no read."""
        began = self._clock()
        try:
            yield
        except driver_failures():
            self._note(name, began, failed=True)
            raise
        self._note(name, began, failed=False)

    def read(self) -> Mapping[StoreName, StoreReads]:
        """Return what was counted so far, of both stores."""
        with self._lock:
            return {name: self._reads(name) for name in StoreName}

    def _note(self, name: StoreName, began: float, *, failed: bool) -> None:
        with self._lock:
            self._counts[name] += 1
            self._failed[name] += failed
            # A read that fails took its caller's time too: a store that lets them time out must not look fast.
            self._latencies[name].add(round((self._clock() - began) * 1e6))

    def _reads(self, name: StoreName) -> StoreReads:
        recent, p99_us = self._latencies[name].read()
        return StoreReads(count=self._counts[name], failed=self._failed[name], recent=recent, p99_us=p99_us)


def bucket_of(took_us: int) -> int:
    """Return the bucket of a duration: one for each microsecond at first, then 32 for each doubling."""
    took_us = min(max(took_us, 0), LONGEST_US)
    shift = max(0, took_us.bit_length() - SUB_BUCKETS.bit_length())
    return shift * SUB_BUCKETS + (took_us >> shift)


def greatest_us(bucket: int) -> int:
    """Return the longest duration of a bucket."""
    shift = max(0, bucket // SUB_BUCKETS - 1)
    return ((bucket - shift * SUB_BUCKETS + 1) << shift) - 1


def reads_to_counters(reads: Mapping[StoreName, StoreReads]) -> dict[str, int]:
    """Return the numbers by name, such as SOURCE_COUNT: what the writers' table holds. What is None is left out."""
    return {
        f"{name}_{what}": number
        for name, of_store in reads.items()
        for what, number in _numbers(of_store).items()
        if number is not None
    }


def reads_from_counters(counters: Mapping[str, int]) -> dict[StoreName, StoreReads]:
    """Return the reads by store; those of a store of which nothing is said are left out."""
    return {
        name: StoreReads(
            count=counters[f"{name}_COUNT"],
            failed=counters.get(f"{name}_FAILED", 0),
            recent=counters.get(f"{name}_RECENT", 0),
            p99_us=counters.get(f"{name}_P99_US"),
        )
        for name in StoreName
        if f"{name}_COUNT" in counters
    }


def _numbers(reads: StoreReads) -> dict[str, int | None]:
    return {"COUNT": reads.count, "FAILED": reads.failed, "RECENT": reads.recent, "P99_US": reads.p99_us}
