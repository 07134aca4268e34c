"""Writes that one store has not taken: sent again in the background, at their own timestamps, until both have them.

What a store refuses for good, or has not taken for too long, becomes a dead letter, where there is a queue for such.
Order does not matter: each write carries its own timestamp, so one that comes late loses to what is newer. So nothing
ever waits behind a write that fails.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US
from keyspaces_migration.dual_write.failures import Failure, ReasonClass
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.mutation import Mutation

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
LETTERS_AT_ONCE = 50
"""Letters that are made before they are sent: memory holds so many messages."""


@dataclass(frozen=True, kw_only=True)
class Unsent:
    """A write that is in the journal and not yet in both stores.

    Attributes:
        state: What it was begun under: it decides on leader and follower, whatever the flag says now.
        gate_pass: Its pass while the leader's answer is unknown; None once the leader has it.
        partition: The text of its partition.
        attempts: How often this process has sent it where it is missing.
        failure: Of the last attempt.
    """

    entry_id: int
    mutation: Mutation
    state: FlagState
    gate_pass: int | None
    partition: str
    attempts: int = 0
    failure: Failure | None = None

    def failed(self, failure: Failure) -> "Unsent":
        """Return it after another attempt."""
        return replace(self, attempts=self.attempts + 1, failure=failure)


@dataclass(frozen=True, kw_only=True)
class LetterRule:
    """When a write that the leader has becomes a dead letter although repeating might help.

    Attributes:
        after_s: Age of the write, in seconds by its timestamp.
        after_attempts: Attempts of this process; None: no bound.
    """

    after_s: float
    after_attempts: int | None = None

    def is_due(self, write: Unsent, *, now_us: int) -> bool:
        """Whether it is to go to the queue now."""
        if write.failure is not None and write.failure.for_good:
            return True
        if write.gate_pass is not None:
            return False  # the leader may still answer, and until then nobody knows whether there is such a write
        if self.after_attempts is not None and write.attempts >= self.after_attempts:
            return True
        age_us = now_us - write.mutation.timestamp_us
        return age_us >= min(self.after_s * 1e6, TARGET_WINDOW_US)


Deliver = Callable[[Unsent], tuple[Unsent, Failure | None]]
"""Send a write where it is missing; return it as it is by now, and why a store has not taken it, or None."""

SendLetters = Callable[[Sequence[Unsent]], tuple[set[int], str | None]]
"""Send writes to the dead letter queue; return the entries that it has acknowledged, and why others were not sent."""


class UnsentWrites:
    """Keeps the unsent writes of a writer and delivers them.

    Bounded by the journal, which holds each of them. Without a dead letter queue, a write older than 47 hours is
    parked: Keyspaces no longer takes its timestamp, and a newer one could bring back what was deleted since.
    """

    def __init__(
        self,
        deliver: Deliver,
        *,
        now_us: Callable[[], int],
        rule: LetterRule | None = None,
        send_letters: SendLetters | None = None,
    ) -> None:
        """Keep what is needed.

        Args:
            deliver: Called in the background thread.
            now_us: The clock that stamps writes.
            rule: When a write becomes a letter; None: never.
            send_letters: Called in the background thread, where there is a rule.
        """
        self._deliver = deliver
        self._now_us = now_us
        self._rule = rule
        self._send_letters = send_letters
        self._writes: dict[int, Unsent] = {}
        self._partitions: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        self.letters_problem: str | None = None

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
        """Try each once, then send the letters; return whether nothing is left of them.

        A store that hangs is left alone after the first failure that took long; what failed is tried last the next
        time, so that a write that only its own store's replicas can't take does not keep the others from being tried.
        """
        with self._changed:
            writes = list(self._writes.values())
        began, whole, letters = time.monotonic(), True, list[Unsent]()
        hangs = False
        for write in writes:
            if self._stopping:
                return False
            if self._is_letter(write):
                letters.append(write)
            elif hangs or self._is_parked(write):
                whole = False
            elif (kept := self._attempt(write)) is not None:
                if self._is_letter(kept):
                    letters.append(kept)
                else:
                    whole = False
                hangs = time.monotonic() - began > LONGEST_PAUSE_S
        return self._post(letters) and whole

    def _is_letter(self, write: Unsent) -> bool:
        return self._rule is not None and self._rule.is_due(write, now_us=self._now_us())

    def _is_parked(self, write: Unsent) -> bool:
        too_old = write.mutation.timestamp_us < self._now_us() - TARGET_WINDOW_US
        # The leader, where it is the source, takes any timestamp; what is unknown there has to be found out.
        return too_old and (self._rule is None or write.gate_pass is None)

    def _attempt(self, write: Unsent) -> Unsent | None:
        """Send a write; None where it is in both stores now, otherwise the write as it is kept."""
        try:
            tried, failure = self._deliver(write)
        except Exception as error:  # noqa: BLE001 -- kept and said; it may not end the thread that sends all others
            _log.exception("write %d of table %s", write.entry_id, write.mutation.table)
            text = f"{type(error).__name__}: {error}"
            tried, failure = write, Failure(reason=ReasonClass.OTHER, text=text, for_good=False)
        if failure is None:
            self._remove([write.entry_id])
            self.problem = None
            return None
        if failure.text != self.problem:
            _log.warning("write %d of table %s is unsent: %s", write.entry_id, write.mutation.table, failure.text)
        self.problem = failure.text
        kept = tried.failed(failure)
        with self._changed:
            del self._writes[write.entry_id]  # to the end
            self._writes[write.entry_id] = kept
        return kept

    def _post(self, letters: Sequence[Unsent]) -> bool:
        """Send letters to the queue; return whether it has acknowledged all."""
        whole = True
        for first in range(0, len(letters), LETTERS_AT_ONCE):
            if self._stopping or self._send_letters is None:
                return False
            some = letters[first : first + LETTERS_AT_ONCE]
            acknowledged, problem = self._send_letters(some)
            if problem is not None and problem != self.letters_problem:
                _log.warning("%d letters wait: %s", len(some) - len(acknowledged), problem)
            self.letters_problem = problem
            self._remove(acknowledged)
            whole = whole and len(acknowledged) == len(some)
            if not acknowledged:
                return False
        return whole

    def _remove(self, entries: Sequence[int] | set[int]) -> None:
        with self._changed:
            for entry_id in entries:
                write = self._writes.pop(entry_id)
                self._partitions -= Counter([write.partition])
            self._changed.notify_all()
