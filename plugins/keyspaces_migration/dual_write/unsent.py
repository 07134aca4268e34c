"""Writes that one store has not taken: sent in the background, at their own timestamps, until both have them.

Several are under way at once. Order does not matter: each write carries its own timestamp, so one that comes late
loses to what is newer. So nothing ever waits behind a write that fails. What a store refuses for good, or has not
taken for too long, becomes a dead letter, where there is a queue for such.
"""

import heapq
import itertools
import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US
from keyspaces_migration.dual_write.failures import Failure, ReasonClass
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.mutation import Mutation
from keyspaces_migration.dual_write.store import StoreName

_log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
LETTERS_AT_ONCE = 50
"""Letters that are made before they are sent: memory holds so many messages."""

_LOOK_FOR_OLD_S = 1.0
# From which age on, in seconds, sendings of one write to one store are how far apart: `lists` tells them by that.
_APART_S = ((10.0, 1.0), (1.0, 0.2), (0.0, 0.02))


def apart_s(age_us: int) -> float:
    """Return how long after a sending of a write it may be sent again, in seconds, at that age."""
    return next((apart for least, apart in _APART_S if age_us >= least * 1e6), _APART_S[-1][1])


@dataclass(frozen=True, kw_only=True)
class Unsent:
    """A write that is in the journal and not yet in both stores.

    Attributes:
        state: What it was begun under: it decides on leader and follower, whatever the flag says now.
        gate_pass: Its pass while the leader's answer is unknown; None once the leader has it.
        partition: The text of its partition.
        lane: Writes of one lane are sent one after the other; None: beside all others.
        attempts: How often this process has sent it where it is missing.
        failure: Of the last attempt.
    """

    entry_id: int
    mutation: Mutation
    state: FlagState
    gate_pass: int | None
    partition: str
    lane: str | None = None
    attempts: int = 0
    failure: Failure | None = None

    def is_too_old(self, *, now_us: int) -> bool:
        """Whether the target no longer takes its timestamp: it is older than 47 hours."""
        return self.mutation.timestamp_us < now_us - TARGET_WINDOW_US

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
        return self.is_old(write, now_us=now_us)

    def is_old(self, write: Unsent, *, now_us: int) -> bool:
        """Whether its age alone makes it due, if the leader has it."""
        return now_us - write.mutation.timestamp_us >= min(self.after_s * 1e6, TARGET_WINDOW_US)


Deliver = Callable[[Unsent], tuple[Unsent, Failure | None]]
"""Send a write where it is missing; return it as it is by now, and why a store has not taken it, or None."""

SendLetters = Callable[[Sequence[Unsent]], tuple[set[int], str | None]]
"""Send writes to the dead letter queue; return the entries that it has acknowledged, and why others were not sent."""


class UnsentWrites:
    """Keeps the unsent writes of a writer and delivers them.

    Bounded by the journal, which holds each of them. Without a dead letter queue, a write older than 47 hours is
    parked: Keyspaces no longer takes its timestamp, and a newer one could bring back what was deleted since.

    A store that takes nothing is left alone: after a failure that may pass, one write at a time is tried, after pauses
    that grow to 5 s, until one is taken. Each write that failed has such a pause of its own, so that others are tried
    before it is again.
    """

    def __init__(
        self,
        deliver: Deliver,
        *,
        now_us: Callable[[], int],
        in_flight: int = 1,
        rule: LetterRule | None = None,
        send_letters: SendLetters | None = None,
    ) -> None:
        """Keep what is needed.

        Args:
            deliver: Called in background threads, several at a time.
            now_us: The clock that stamps writes.
            in_flight: The most writes that are sent at a time.
            rule: When a write becomes a letter; None: never.
            send_letters: Called in a background thread, where there is a rule.
        """
        self._deliver = deliver
        self._now_us = now_us
        self._in_flight_most = in_flight
        self._rule = rule
        self._send_letters = send_letters
        self._writes: dict[int, Unsent] = {}
        # By partition and by the store that has it: the leader that it was begun under.
        self._held: Counter[tuple[str, StoreName]] = Counter()
        self._due: list[tuple[float, int, int]] = []  # a heap: from when on, in which order, the entry
        self._order = itertools.count()
        self._busy: set[int] = set()  # under way, or on their way to the queue
        self._lanes: defaultdict[str, deque[int]] = defaultdict(deque)  # who waits behind the one under way
        self._letters: list[Unsent] = []
        self._sending = 0
        self._workers = 0
        self._idle = 0
        self._pause_s = 0.0  # 0: all is well
        self._paused_until = self._paused_at = 0.0
        self._lock = threading.Lock()
        # One lock, three kinds of waiters: an answer must not wake all of them.
        self._work = threading.Condition(self._lock)
        self._post = threading.Condition(self._lock)
        self._emptied = threading.Condition(self._lock)
        self._stopping = False
        self._started = False
        self._threads: list[threading.Thread] = []
        self.problem: str | None = None
        self.letters_problem: str | None = None

    def start(self) -> None:
        """Begin to deliver."""
        with self._lock:
            self._started = True
            if self._send_letters is not None:
                self._start(self._run_post, "dead-letters")
            self._call_hands()

    def stop(self) -> None:
        """End after the writes that are being sent."""
        with self._lock:
            self._stopping = True
            for waiting in (self._work, self._post, self._emptied):
                waiting.notify_all()
        for thread in self._threads:
            thread.join()

    def add(self, write: Unsent) -> None:
        """Take a write over."""
        with self._lock:
            self._writes[write.entry_id] = write
            self._held[_place(write)] += 1
            if self._is_letter(write):
                self._to_post(write)
            elif write.failure is None and self._started:
                self._push(write, 0.0)
            else:
                # It has just been sent; or an earlier process may have sent it in its last moment.
                self._push(write, time.monotonic() + self._pause_of(write))
            if write.failure is not None and write.failure.reason.may_pass:
                self._trouble(began=time.monotonic())
            self._call_hands()

    def holders(self, partition: str | None) -> frozenset[StoreName]:
        """The stores that have unsent writes of a partition which the other lacks; None is any partition.

        It is the leader that a write was begun under, which may no longer lead.
        """
        with self._lock:
            if partition is None:
                return frozenset(store for _, store in self._held)
            return frozenset(store for store in StoreName if (partition, store) in self._held)

    @property
    def count(self) -> int:
        """How many are unsent, the parked ones included."""
        return len(self._writes)

    def oldest_us(self) -> int | None:
        """Timestamp of the oldest, or None."""
        with self._lock:
            return min((write.mutation.timestamp_us for write in self._writes.values()), default=None)

    def parked(self) -> tuple[Unsent, ...]:
        """Return those that are too old to be sent."""
        now_us = self._now_us()
        with self._lock:
            return tuple(write for write in self._writes.values() if write.is_too_old(now_us=now_us))

    def wait_until_sent(self, *, timeout_s: float) -> int:
        """Wait until nothing is unsent or the time is over; return how many still are."""
        with self._lock:
            self._emptied.wait_for(lambda: not self._writes or self._stopping, timeout=timeout_s)
            return len(self._writes)

    def _start(self, work: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _call_hands(self) -> None:
        """Let one more worker look, a new one where all have work."""
        if not self._due or not self._started:
            return
        if self._idle:
            self._work.notify()
        elif self._workers < (1 if self._pause_s else self._in_flight_most):
            self._workers += 1
            self._start(self._run, "unsent-writes")

    def _run(self) -> None:
        while (write := self._take()) is not None:
            self._attempt(write)

    def _take(self) -> Unsent | None:
        """Wait for a write that may be sent now; None at the end."""
        with self._lock:
            while not self._stopping:
                now = time.monotonic()
                wait_s = self._wait_s(now)
                if wait_s is not None and wait_s <= 0:
                    if (write := self._pop()) is not None:
                        self._call_hands()
                        return write
                    continue
                self._idle += 1
                self._work.wait(wait_s)
                self._idle -= 1
            return None

    def _wait_s(self, now: float) -> float | None:
        """How long nothing is to be sent; None until something happens."""
        if not self._due or self._sending >= (1 if self._pause_s else self._in_flight_most):
            return None
        return max(self._due[0][0], self._paused_until) - now

    def _pop(self) -> Unsent | None:
        """Take the next write out of the heap; None where it is not to be sent now after all."""
        _, _, entry_id = heapq.heappop(self._due)
        write = self._writes.get(entry_id)
        if write is None or entry_id in self._busy:
            return None
        if self._is_letter(write):
            self._to_post(write)
            return None
        if self._is_parked(write):
            self._push(write, time.monotonic() + LONGEST_PAUSE_S)
            return None
        if write.lane is not None:
            waiting = self._lanes.get(write.lane)
            if waiting is not None:
                waiting.append(entry_id)
                return None
            self._lanes[write.lane] = deque()
        self._busy.add(entry_id)
        self._sending += 1
        return write

    def _push(self, write: Unsent, not_before: float) -> None:
        # Who pushes looks for work next, or calls for hands: one waiter is woken, not one for each write and step.
        heapq.heappush(self._due, (not_before, next(self._order), write.entry_id))

    def _is_letter(self, write: Unsent) -> bool:
        return self._rule is not None and self._rule.is_due(write, now_us=self._now_us())

    def _is_parked(self, write: Unsent) -> bool:
        too_old = write.is_too_old(now_us=self._now_us())
        # The leader, where it is the source, takes any timestamp; what is unknown there has to be found out.
        return too_old and (write.gate_pass is None or (self._rule is None and write.state.mode.target_leads))

    def _attempt(self, write: Unsent) -> None:
        began = time.monotonic()
        try:
            tried, failure = self._deliver(write)
        except Exception as error:  # noqa: BLE001 -- kept and said; it may not end the thread that sends all others
            _log.exception("write %d of table %s", write.entry_id, write.mutation.table)
            text = f"{type(error).__name__}: {error}"
            tried, failure = write, Failure(reason=ReasonClass.OTHER, text=text, for_good=False)
        if failure is not None and failure.text != self.problem:
            _log.warning("write %d of table %s is unsent: %s", write.entry_id, write.mutation.table, failure.text)
        with self._lock:
            self._sending -= 1
            self._busy.discard(write.entry_id)
            self._leave_lane(write)
            self.problem = None if failure is None else failure.text
            if failure is None:
                self._calm()
                self._remove([write.entry_id])
                return
            kept = self._writes[write.entry_id] = tried.failed(failure)
            if self._is_letter(kept):
                self._to_post(kept)
            else:
                self._push(kept, time.monotonic() + self._pause_of(kept))
            if failure.for_good:
                self._calm()  # a store that refuses answers
            else:
                self._trouble(began=began)

    def _pause_of(self, write: Unsent) -> float:
        """How long a write is not sent after it was."""
        grown_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * (1 << min(write.attempts, 10)))
        return max(grown_s, apart_s(self._now_us() - write.mutation.timestamp_us))

    def _leave_lane(self, write: Unsent) -> None:
        if write.lane is None:
            return
        for entry_id in self._lanes.pop(write.lane, ()):
            if (waiting := self._writes.get(entry_id)) is not None:
                self._push(waiting, 0.0)

    def _calm(self) -> None:
        if self._pause_s:
            self._pause_s = self._paused_until = 0.0
            self._work.notify_all()

    def _trouble(self, *, began: float) -> None:
        """Leave the stores alone for a while; what began before the last such while says nothing new."""
        if self._pause_s and began < self._paused_at:
            return
        self._pause_s = min(LONGEST_PAUSE_S, 2 * self._pause_s or FIRST_PAUSE_S)
        self._paused_at = time.monotonic()
        self._paused_until = self._paused_at + self._pause_s

    def _to_post(self, write: Unsent) -> None:
        self._busy.add(write.entry_id)
        self._letters.append(write)
        self._post.notify()

    def _run_post(self) -> None:
        pause_s = FIRST_PAUSE_S
        while (letters := self._take_letters()) is not None:
            if not letters or self._send(letters):
                pause_s = FIRST_PAUSE_S
                continue
            with self._lock:
                self._post.wait_for(lambda: self._stopping, timeout=pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _take_letters(self) -> list[Unsent] | None:
        """Wait for letters, and look for writes that have become old; None at the end."""
        with self._lock:
            self._post.wait_for(lambda: self._stopping or bool(self._letters), timeout=_LOOK_FOR_OLD_S)
            if self._stopping:
                return None
            self._letters += self._grown_old()
            some, self._letters = self._letters[:LETTERS_AT_ONCE], self._letters[LETTERS_AT_ONCE:]
            return some

    def _grown_old(self) -> list[Unsent]:
        """Writes whose age makes them letters. The oldest come first, so that the first young one ends the look."""
        found: list[Unsent] = []
        now_us = self._now_us()
        for write in self._writes.values():
            if self._rule is None or not self._rule.is_old(write, now_us=now_us):
                break
            if write.entry_id not in self._busy and self._rule.is_due(write, now_us=now_us):
                self._busy.add(write.entry_id)
                found.append(write)
        return found

    def _send(self, letters: Sequence[Unsent]) -> bool:
        """Send letters to the queue; return whether it has acknowledged all. What it has not comes again."""
        acknowledged: set[int] = set()
        try:
            acknowledged, problem = self._send_letters(letters) if self._send_letters else (acknowledged, None)
        except Exception as error:  # noqa: BLE001 -- as above: kept and said
            _log.exception("%d letters", len(letters))
            problem = f"{type(error).__name__}: {error}"
        if problem is not None and problem != self.letters_problem:
            _log.warning("%d letters wait: %s", len(letters) - len(acknowledged), problem)
        with self._lock:
            self.letters_problem = problem
            self._busy -= acknowledged
            self._remove(acknowledged)
            self._letters += [each for each in letters if each.entry_id not in acknowledged]
        return len(acknowledged) == len(letters)

    def _remove(self, entries: Iterable[int]) -> None:
        for entry_id in entries:
            write = self._writes.pop(entry_id)
            self._held[_place(write)] -= 1
            if not self._held[_place(write)]:
                del self._held[_place(write)]
        if not self._writes:
            self._emptied.notify_all()


def _place(write: Unsent) -> tuple[str, StoreName]:
    return write.partition, StoreName.TARGET if write.state.mode.target_leads else StoreName.SOURCE
