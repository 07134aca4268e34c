"""What became of every call of a writer: counted once, so that the counts add up to the calls."""

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """Where a write has ended."""

    REFUSED = "REFUSED"
    """An error before anything was written."""
    FAILED_AT_LEADER = "FAILED_AT_LEADER"
    """The leader refused it, or, where nothing is journalled, did not answer: the caller has the error."""
    SINGLE_STORE = "SINGLE_STORE"
    """The only store of its mode has it: SOURCE_ONLY or TARGET_ONLY."""
    RECORDED = "RECORDED"
    """The source has it, and its key is recorded for the recopy."""
    BOTH = "BOTH"
    """Both stores have acknowledged it."""
    LETTER = "LETTER"
    """The dead letter queue has acknowledged it, for the store that does not have it."""


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """A writer's books at one moment.

    Attributes:
        calls: Writes that were asked for since the writer was opened.
        taken_up: Writes that an earlier process had left in the journal.
        fates: How many ended in each way; those that none did are left out.
        pending: In the journal, as a store has not taken them yet, and the queue has not either.
        under_way: Calls that have not been answered yet.
    """

    calls: int
    taken_up: int
    fates: dict[Fate, int]
    pending: int
    under_way: int

    @property
    def unaccounted(self) -> int:
        """Writes of which nobody knows what became: 0, or something is wrong with this library."""
        return self.calls + self.taken_up - sum(self.fates.values()) - self.pending - self.under_way


class Tally:
    """Keeps the books. Every move is one step, so that they add up at any moment, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._taken_up = 0
        self._under_way = 0
        self._pending = 0
        self._fates: Counter[Fate] = Counter()

    def begin(self) -> None:
        """A call begins."""
        with self._lock:
            self._calls += 1
            self._under_way += 1

    def end(self, fate: Fate) -> None:
        """A call has ended, and its write too."""
        with self._lock:
            self._under_way -= 1
            self._fates[fate] += 1

    def keep(self) -> None:
        """A call has ended, and its write is pending in the journal."""
        with self._lock:
            self._under_way -= 1
            self._pending += 1

    def take_up(self) -> None:
        """A write that an earlier process left is pending."""
        with self._lock:
            self._taken_up += 1
            self._pending += 1

    def settle(self, fate: Fate) -> None:
        """A pending write has ended."""
        with self._lock:
            self._pending -= 1
            self._fates[fate] += 1

    def read(self) -> Accounts:
        """Return the books as they stand."""
        with self._lock:
            return Accounts(
                calls=self._calls,
                taken_up=self._taken_up,
                fates=dict(self._fates),
                pending=self._pending,
                under_way=self._under_way,
            )
