"""Shadow reads: a share of the application's reads is made in both stores and compared, beside the application.

What the canary watches. The application's own read is not slowed down: a row that was read is noted, and a thread reads
it in both stores. A difference counts only if it is still there after it had time to settle, with the leader's row
unchanged meanwhile: writes may be on their way.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.json_codec import JsonCodecError, canonical_text, encode_columns
from keyspaces_migration.dual_write.errors import WriterSettingsError
from keyspaces_migration.dual_write.store import StoreName, Stores, delivery_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from keyspaces_migration.dual_write.shape import TableShape

_log = logging.getLogger(__name__)
EXAMPLES = 10


class ShadowOutcome(StrEnum):
    """What became of a read that was to be compared."""

    SAME = "SAME"
    HEALED = "HEALED"
    """They differed at first, and no longer after settling."""
    MISSING_IN_TARGET = "MISSING_IN_TARGET"
    MISSING_IN_SOURCE = "MISSING_IN_SOURCE"
    VALUE_DIFFERS = "VALUE_DIFFERS"
    UNSETTLED = "UNSETTLED"
    """The leader's row was another at every look."""
    COULD_NOT_LOOK = "COULD_NOT_LOOK"
    """A store did not answer."""
    NOT_TAKEN = "NOT_TAKEN"
    """Too many were waiting: comparing is slower than the share asks for."""

    @property
    def differs(self) -> bool:
        """Whether the stores do not hold the same."""
        return self in _DIFFERS

    @property
    def was_compared(self) -> bool:
        """Whether both stores gave a clear answer."""
        return self.differs or self in {ShadowOutcome.SAME, ShadowOutcome.HEALED}


_DIFFERS = {ShadowOutcome.MISSING_IN_TARGET, ShadowOutcome.MISSING_IN_SOURCE, ShadowOutcome.VALUE_DIFFERS}


@dataclass(frozen=True, kw_only=True)
class ShadowSettings:
    """How many reads are compared, and how.

    Attributes:
        share: Of the application's reads of single rows, 0 to 1.
        settle_s: How long a difference must last to count.
        looks: How often a row is looked at again while the leader's changes.
        max_waiting: How many reads may wait to be compared; beyond that they are counted and let go.

    Raises:
        WriterSettingsError: One is out of bounds.
    """

    share: float = 0.01
    settle_s: float = 2.0
    looks: int = 3
    max_waiting: int = 1_000

    def __post_init__(self) -> None:
        allowed = {
            "share": (0 <= self.share <= 1, "0 to 1"),
            "settle_s": (self.settle_s >= 0, "0 or more"),
            "looks": (self.looks >= 1, "1 or more"),
            "max_waiting": (self.max_waiting >= 1, "1 or more"),
        }
        for name, (is_fine, said) in allowed.items():
            if not is_fine:
                raise WriterSettingsError(f"{name} is {getattr(self, name):g}; allowed: {said}")


@dataclass(frozen=True, kw_only=True)
class ShadowExample:
    """A row that differs: its key in JSON form, and the columns that do; none where one store has no row."""

    table: str
    key: Mapping[str, Any]
    outcome: ShadowOutcome
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ShadowReport:
    """What was compared since the process began.

    Attributes:
        counts: Reads by what became of them.
        examples: The newest that differ.
        waiting: Reads that are not compared yet, but for the one that is looked at.
    """

    counts: Mapping[ShadowOutcome, int]
    examples: tuple[ShadowExample, ...]
    waiting: int

    @property
    def compared(self) -> int:
        """Reads of which both stores gave a clear answer."""
        return sum(count for outcome, count in self.counts.items() if outcome.was_compared)

    @property
    def differing(self) -> int:
        """Those of them whose stores do not hold the same."""
        return sum(count for outcome, count in self.counts.items() if outcome.differs)

    @property
    def not_looked_at(self) -> int:
        """Reads that could not be compared, as a store did not answer."""
        return self.counts.get(ShadowOutcome.COULD_NOT_LOOK, 0)


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    """A row to look at, not before `due` on the monotonic clock; `leader` is what the leader held at the last look."""

    shape: TableShape
    key: Mapping[str, Any]
    due: float
    looks_left: int
    leader: str | None = None
    seen: bool = False


@dataclass(kw_only=True)
class _Book:
    counts: Counter[ShadowOutcome] = field(default_factory=Counter)
    examples: deque[ShadowExample] = field(default_factory=lambda: deque(maxlen=EXAMPLES))


class ShadowReads:
    """Compares in a thread of its own, one row at a time. `offer` never blocks and never fails."""

    def __init__(
        self,
        settings: ShadowSettings,
        *,
        stores: Stores,
        leader: Callable[[], StoreName],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep what is needed.

        Args:
            settings: How many, and how.
            stores: Both.
            leader: The store whose rows are right, as the flag says it now.
            clock: Seconds that never go back.
        """
        self._settings, self._stores, self._leader, self._clock = settings, stores, leader, clock
        # A share of reads, not a secret.
        self._random = random.Random()  # noqa: S311
        self._book = _Book()
        self._waiting: deque[_Waiting] = deque()
        self._again: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to compare."""
        self._thread = threading.Thread(target=self._run, name="shadow-reads", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the row that is being compared; what waits is let go."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def offer(self, shape: TableShape, key: Mapping[str, Any]) -> None:
        """Note that a row was read, by its whole primary key; a share of them is compared."""
        if self._random.random() >= self._settings.share:
            return
        with self._changed:
            if len(self._waiting) + len(self._again) >= self._settings.max_waiting:
                self._book.counts[ShadowOutcome.NOT_TAKEN] += 1
                return
            row = _Waiting(shape=shape, key=dict(key), due=self._clock(), looks_left=self._settings.looks)
            self._waiting.append(row)
            self._changed.notify_all()

    def report(self) -> ShadowReport:
        """Return what was compared so far."""
        with self._changed:
            return ShadowReport(
                counts=dict(self._book.counts),
                examples=tuple(self._book.examples),
                waiting=len(self._waiting) + len(self._again),
            )

    def _run(self) -> None:
        failures: tuple[type[Exception], ...] = (*delivery_failures(), JsonCodecError)
        while (row := self._next()) is not None:
            try:
                self._look(row)
            except failures as error:
                _log.info("shadow read of table %s: %s: %s", row.shape.name, type(error).__name__, error)
                self._count(ShadowOutcome.COULD_NOT_LOOK)

    def _next(self) -> _Waiting | None:
        """Wait for a row that is due; None when told to stop. Those to be looked at again come in the order noted."""
        with self._changed:
            while not self._stopping:
                if self._again and self._again[0].due <= self._clock():
                    return self._again.popleft()
                if self._waiting:
                    return self._waiting.popleft()
                wait_s = None if not self._again else max(0.0, self._again[0].due - self._clock())
                self._changed.wait(wait_s)
            return None

    def _look(self, row: _Waiting) -> None:
        leads = self._leader()
        follows = StoreName.TARGET if leads is StoreName.SOURCE else StoreName.SOURCE
        # The follower first: a write reaches the leader before it, so it is never seen ahead.
        found = {name: self._stores[name].read_row(row.shape, row.key) for name in (follows, leads)}
        texts = {name: None if one is None else _text(row.shape, one) for name, one in found.items()}
        if texts[leads] == texts[follows]:
            self._count(ShadowOutcome.HEALED if row.seen else ShadowOutcome.SAME)
        elif not row.seen or row.leader != texts[leads]:
            self._look_again_later(row, leader=texts[leads])
        else:
            self._differ(row, source=found[StoreName.SOURCE], target=found[StoreName.TARGET])

    def _look_again_later(self, row: _Waiting, *, leader: str | None) -> None:
        if row.looks_left == 0:
            self._count(ShadowOutcome.UNSETTLED)
            return
        due = self._clock() + self._settings.settle_s
        later = replace(row, due=due, looks_left=row.looks_left - 1, leader=leader, seen=True)
        with self._changed:
            self._again.append(later)

    def _differ(self, row: _Waiting, *, source: dict[str, Any] | None, target: dict[str, Any] | None) -> None:
        columns: tuple[str, ...] = ()
        if target is None:
            outcome = ShadowOutcome.MISSING_IN_TARGET
        elif source is None:
            outcome = ShadowOutcome.MISSING_IN_SOURCE
        else:
            outcome = ShadowOutcome.VALUE_DIFFERS
            one, other = (encode_columns(each, row.shape.columns) for each in (source, target))
            columns = tuple(name for name in row.shape.columns if one[name] != other[name])
        key = encode_columns(row.key, row.shape.columns)
        _log.warning("shadow read of table %s, key %s: %s %s", row.shape.name, key, outcome, ", ".join(columns))
        with self._changed:
            self._book.counts[outcome] += 1
            self._book.examples.append(ShadowExample(table=row.shape.name, key=key, outcome=outcome, columns=columns))

    def _count(self, outcome: ShadowOutcome) -> None:
        with self._changed:
            self._book.counts[outcome] += 1


def _text(shape: TableShape, row: Mapping[str, Any]) -> str:
    """The row in the one form of its values: NaN is NaN, and a set has one order."""
    return canonical_text(encode_columns(row, shape.columns))
