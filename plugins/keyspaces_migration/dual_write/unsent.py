"""Writes that one store has not taken: sent again in the background, at their own timestamps, until both have them."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.mutation import Mutation

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Unsent:
    """A write that is in the journal and not yet in both stores.

    Attributes:
        state: What it was begun under: it decides on leader and follower, whatever the flag says now.
        gate_pass: Its pass while the leader's answer is unknown; None once the leader has it.
        partition: The text of its partition.
    """

    entry_id: int
    mutation: Mutation
    state: FlagState
    gate_pass: int | None
    partition: str


Deliver = Callable[[Unsent], str | None]
"""Send a write where it is missing; return None, or why it could not be. Called in the background thread."""


class UnsentWrites:
    """Keeps the unsent writes of a writer and delivers them, oldest first.

    Bounded by the journal, which holds each of them. A write older than 47 hours is parked: Keyspaces no longer takes
    its timestamp, and a newer one could bring back what was deleted since.
    """

    def __init__(self, deliver: Deliver, *, now_us: Callable[[], int]) -> None:
        self._deliver = deliver
        self._now_us = now_us
        self._writes: dict[int, Unsent] = {}
        self._partitions: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.problem: str | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._thread = threading.Thread(target=self._run, name="unsent-writes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the write that is being sent."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def add(self, write: Unsent) -> None:
        """Take a write over."""
        with self._changed:
            self._writes[write.entry_id] = write
            self._partitions[write.partition] += 1
            self._changed.notify_all()

    def leader_done(self, write: Unsent) -> Unsent:
        """Note that the leader has it, and return it as it is now kept."""
        with self._changed:
            kept = replace(write, gate_pass=None)
            self._writes[write.entry_id] = kept
            return kept

    def touches(self, partition: str) -> bool:
        """Whether a write of the partition is unsent."""
        with self._changed:
            return self._partitions[partition] > 0

    @property
    def count(self) -> int:
        """How many are unsent, the parked ones included."""
        return len(self._writes)

    def oldest_us(self) -> int | None:
        """Timestamp of the oldest, or None."""
        with self._changed:
            return min((write.mutation.timestamp_us for write in self._writes.values()), default=None)

    def parked(self) -> tuple[Unsent, ...]:
        """Return those that are too old to be sent."""
        limit_us = self._now_us() - TARGET_WINDOW_US
        with self._changed:
            return tuple(write for write in self._writes.values() if write.mutation.timestamp_us < limit_us)

    def wait_until_sent(self, *, timeout_s: float) -> int:
        """Wait until nothing is unsent or the time is over; return how many still are."""
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._writes or self._stopping, timeout=timeout_s)
            return len(self._writes)

    def _run(self) -> None:
        pause_s = FIRST_PAUSE_S
        while self._wait_for_work():
            if self._round():
                pause_s = FIRST_PAUSE_S
                continue
            self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _wait_for_work(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or bool(self._writes))
            return not self._stopping

    def _pause(self, pause_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, timeout=pause_s)

    def _round(self) -> bool:
        """Try each once; return whether all were delivered. A store that hangs is left alone after the first."""
        parked = {write.entry_id for write in self.parked()}
        with self._changed:
            writes = [write for write in self._writes.values() if write.entry_id not in parked]
        began = time.monotonic()
        failed = bool(parked)
        for write in writes:
            if self._stopping:
                return False
            problem = self._attempt(write)
            if problem is not None:
                failed = True
                if time.monotonic() - began > LONGEST_PAUSE_S:
                    break
        return not failed

    def _attempt(self, write: Unsent) -> str | None:
        problem = self._deliver(write)
        if problem is None:
            with self._changed:
                del self._writes[write.entry_id]
                self._partitions -= Counter([write.partition])
                self._changed.notify_all()
        elif problem != self.problem:
            _log.warning("write %d of table %s is unsent: %s", write.entry_id, write.mutation.table, problem)
        self.problem = problem
        return problem
