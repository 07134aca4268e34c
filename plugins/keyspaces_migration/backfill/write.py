"""Sends writes to the target, many at a time, again where it was too busy, and says which it refuses."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from cassandra import ConsistencyLevel, InvalidRequest, OperationTimedOut, RequestExecutionException
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage, PreparedQueryNotFound

from keyspaces_migration.backfill.encoding import EXPIRED_S, WriteKind, Writes, remaining_ttl_s
from keyspaces_migration.backfill.errors import TargetOverloadedError
from keyspaces_migration.backfill.statements import Target, delete_text, row_text, static_text
from keyspaces_migration.capacity.units import WRITE_UNIT_BYTES
from keyspaces_migration.wire import Cells, ConnectionLostError, Failure, Finished, Pump, Requests
from keyspaces_migration.wire.cells import big_endian, constant, fixed
from keyspaces_migration.wire.grouping import group_by_partition, partition_numbers, spread
from keyspaces_migration.wire.rows import row_lengths

# Throttling by Keyspaces looks like a time-out with no answer; a busy or restarting node like the others.
BUSY = (
    RequestExecutionException,
    OperationTimedOut,
    NoHostAvailable,
    ConnectionException,
    ConnectionLostError,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    PreparedQueryNotFound,
)

MAX_STATEMENTS = 30
"""Of an UNLOGGED batch (functional differences, Keyspaces Developer Guide)."""
MAX_BYTES = 32 * 1024
"""Of a batch, but for its last row: well below what one frame holds."""
_WORTH_A_BATCH = 2
"""Rows of a partition, on average, from which batches are sent rather than rows."""
_LONGEST_WAIT_S = 60.0
_TURN_S = 1.0
_MOST_WAITING_BYTES = 32 * 1024 * 1024
"""Of rows that wait to be sent again, from which on no others are read: memory stays flat under a busy target."""


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """How hard the target is written to.

    Attributes:
        in_flight: Requests at a time, of each connection; each carries up to 30 rows of one partition.
        attempts: How often a write is sent before the load gives up.
        first_wait_s: Before the second time; it doubles each time, to a minute at most.
        wait: Waits so many seconds.
        chance: A number from 0 to below 1, by which waits are spread: workers that were throttled together should
            not come back together.
    """

    in_flight: int = 512
    attempts: int = 10
    first_wait_s: float = 0.2
    wait: Callable[[float], Any]
    chance: Callable[[], float]

    def before(self, attempt: int) -> float:
        """Return how long to wait before an attempt, in seconds; the first is attempt 0, and begins at once."""
        if attempt == 0:
            return 0.0
        return min(_LONGEST_WAIT_S, self.first_wait_s * 2.0 ** (attempt - 1)) * (0.5 + self.chance() / 2)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of some writes: all that are neither expired nor refused are on the target.

    Attributes:
        refused: Of some writes, the rows that the target refuses, each with the reason.
    """

    written: int = 0
    expired: int = 0
    refused: tuple[tuple[Writes, Mapping[int, str]], ...] = ()


def statement_texts(target: Target) -> dict[WriteKind, str]:
    """Return the statements that a load of the table sends."""
    texts = {
        WriteKind.ROW: row_text(target),
        WriteKind.DELETE: delete_text(target, target.table.schema_.primary_key),
    }
    return texts | ({WriteKind.STATIC: static_text(target)} if target.static_columns else {})


@dataclass(frozen=True, kw_only=True)
class _Try:
    """Writes that are to be sent at `due`, or were sent and are under way: then in the order in which they went."""

    writes: Writes
    attempt: int = 0
    due: float = 0.0
    alone: bool = False


@dataclass
class _Tally:
    """An outcome while it comes about."""

    written: int = 0
    expired: int = 0
    refused: list[tuple[Writes, Mapping[int, str]]] = field(default_factory=list)

    def outcome(self) -> Outcome:
        return Outcome(written=self.written, expired=self.expired, refused=tuple(self.refused))


class Writer:
    """Writes to one table, through a pump whose connections have its statements prepared."""

    def __init__(  # noqa: PLR0913 # what a write needs, all by keyword
        self,
        *,
        pump: Pump,
        target: Target,
        barrier_us: int | None,
        clock: Callable[[], datetime],
        pacing: Pacing,
        consistency: str = "LOCAL_QUORUM",
        batches: bool = True,
        stamp_from_us: int | None = None,
    ) -> None:
        """Store: `batches` lets rows of one partition go together where that pays.

        Without a barrier, writes are stamped from `stamp_from_us` on, one microsecond more each time; with now, if that
        is None too.
        """
        self._pump = pump
        self._target = target
        self._texts = statement_texts(target)
        self._barrier_us = barrier_us
        self._next_stamp_us = stamp_from_us
        self._clock = clock
        self._pacing = pacing
        self._batches = batches
        self._consistency: int = ConsistencyLevel.name_to_value[consistency]
        self._sent: dict[Requests, _Try] = {}
        self._again: deque[_Try] = deque()

    def write(self, writes: Iterable[Writes]) -> Iterator[Outcome]:
        """Send writes until each is acknowledged, refused or expired, and tell as it goes on.

        `writes` are taken as the target takes them; what is under way at a time is bounded.

        Raises:
            TargetOverloadedError: The target did not take some of them however often they were sent.
            cassandra.DriverException: Any other error, which says something about all writes.
        """
        source = iter(writes)
        while True:
            tally = _Tally()
            more = self._feed(source, tally)
            if not more and not self._sent and not self._again:
                yield tally.outcome()
                return
            for finished in self._pump.turn(self._patience()):
                self._settle(self._sent.pop(finished.requests), finished, tally)
            yield tally.outcome()

    def _feed(self, source: Iterator[Writes], tally: _Tally) -> bool:
        """Hand the pump what it can take, what is to be sent again first; return whether there may be more."""
        while self._pump.hungry:
            due = self._due()
            if due is not None:
                self._submit(due, tally)
                continue
            if sum(each.writes.source.nbytes for each in self._again) > _MOST_WAITING_BYTES:
                return True
            fresh = next(source, None)
            if fresh is None:
                return False
            self._submit(_Try(writes=fresh), tally)
        return True

    def _due(self) -> _Try | None:
        now = self._seconds()
        for each in self._again:
            if each.due <= now:
                self._again.remove(each)
                return each
        return None

    def _patience(self) -> float:
        if not self._again or not self._pump.hungry:
            return _TURN_S
        return max(0.0, min(_TURN_S, min(each.due for each in self._again) - self._seconds()))

    def _submit(self, due: _Try, tally: _Tally) -> None:
        """Frame anew for each attempt: the time to live shrinks, and a stamp of now must not repeat."""
        now = self._clock()
        writes, ttl_s = due.writes, None
        if writes.expires_at_ms is not None:
            ttl_s = remaining_ttl_s(writes.expires_at_ms, now=now)
            living = np.flatnonzero(ttl_s != EXPIRED_S)
            if len(living) < len(writes):
                tally.expired += len(writes) - len(living)
                writes, ttl_s = writes.take(living), ttl_s[living]
        if not len(writes):
            return
        self._send(writes, self._columns(writes, now, ttl_s), due)

    def _columns(self, writes: Writes, now: datetime, ttl_s: "np.ndarray[Any, Any] | None") -> tuple[Cells, ...]:
        stamp = self._stamp(now)
        stamps = constant(stamp.to_bytes(8, "big", signed=True), len(writes))
        if writes.kind is WriteKind.DELETE:
            return (stamps, *writes.cells)
        return (*writes.cells, stamps, *(() if ttl_s is None else (fixed(big_endian(ttl_s, 4)),)))

    def _stamp(self, now: datetime) -> int:
        if self._barrier_us is not None:
            return self._barrier_us
        if self._next_stamp_us is None:
            return microseconds(now)
        self._next_stamp_us += 1
        return self._next_stamp_us

    def _send(self, writes: Writes, columns: Sequence[Cells], due: _Try) -> None:
        row_bytes = row_lengths(columns)
        partitions = partition_numbers(writes.cells[: len(self._target.table.schema_.partition_keys)])
        groups = None
        if self._batches and not due.alone and len(writes) >= _WORTH_A_BATCH * (int(partitions.max()) + 1):
            groups = group_by_partition(partitions, row_bytes, max_rows=MAX_STATEMENTS, max_bytes=MAX_BYTES)
        requests = Requests(
            statement=self._texts[writes.kind],
            columns=columns,
            consistency=self._consistency,
            order=spread(partitions) if groups is None else groups.order,
            starts=None if groups is None else groups.starts,
            units=_units(row_bytes),
        )
        self._sent[requests] = replace(due, writes=writes)
        self._pump.submit(requests)

    def _settle(self, sent: _Try, finished: Finished, tally: _Tally) -> None:
        busy: list[int] = []
        alone: list[int] = []
        refused: dict[int, str] = {}
        for failure in finished.failures:
            rows = finished.requests.rows_of(failure.request)
            if isinstance(failure.error, BUSY):
                busy += rows
            elif not isinstance(failure.error, InvalidRequest):
                raise failure.error
            elif len(rows) == 1:
                refused[rows[0]] = f"the target refuses it: {failure.error}"
            else:
                # What refuses a batch may be one of its rows: each is sent alone, and only that one is a dead letter.
                alone += rows
        tally.written += len(sent.writes) - len(busy) - len(alone) - len(refused)
        if refused:
            tally.refused.append((sent.writes, refused))
        if alone:
            self._again.append(replace(sent, writes=sent.writes.take(np.array(alone)), alone=True))
        if busy:
            self._try_again(sent, busy, finished.failures)

    def _try_again(self, sent: _Try, rows: Sequence[int], failures: Sequence[Failure]) -> None:
        attempt = sent.attempt + 1
        errors = [failure.error for failure in failures if isinstance(failure.error, BUSY)]
        if attempt >= self._pacing.attempts:
            kinds = ", ".join(f"{count} {name}" for name, count in Counter(type(e).__name__ for e in errors).items())
            raise TargetOverloadedError(
                f"{self._target.address}: {len(rows)} writes were not taken in {attempt} attempts, now with {kinds}, "
                f"the last: {errors[-1]}. Wait, or raise the table's capacity, and run again: what is done is not "
                "done twice"
            ) from errors[-1]
        due = self._seconds() + self._pacing.before(attempt)
        self._again.append(replace(sent, writes=sent.writes.take(np.array(rows)), attempt=attempt, due=due))

    def _seconds(self) -> float:
        return self._clock().timestamp()


def microseconds(moment: datetime) -> int:
    """Return a moment as CQL's timestamps count: microseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _units(row_bytes: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return about what each row consumes: by what is sent, which lacks the metadata that is metered too."""
    units: np.ndarray[Any, Any] = np.ceil(np.maximum(row_bytes, 1) / WRITE_UNIT_BYTES)
    return units
