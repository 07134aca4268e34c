"""Sends writes to the target, many at a time, again where it was too busy, and says which it refuses."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cassandra import InvalidRequest, OperationTimedOut, RequestExecutionException
from cassandra.cluster import NoHostAvailable
from cassandra.concurrent import execute_concurrent
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

from keyspaces_migration.backfill.errors import TargetOverloadedError
from keyspaces_migration.backfill.rows import RowWrite, WriteKind, remaining_ttl_s
from keyspaces_migration.backfill.statements import Prepared, Target

if TYPE_CHECKING:
    from cassandra.cluster import Session
    from cassandra.query import BoundStatement

# Throttling by Keyspaces looks like a time-out with no answer; a busy or restarting node like the others.
BUSY = (
    RequestExecutionException,
    OperationTimedOut,
    NoHostAvailable,
    ConnectionException,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
)

_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """How hard the target is written to.

    Attributes:
        in_flight: Writes at a time.
        attempts: How often a write is sent before the load gives up.
        first_wait_s: Before the second time; it doubles each time, to a minute at most.
        wait: Waits so many seconds.
        chance: A number from 0 to below 1, by which waits are spread: workers that were throttled together should
            not come back together.
    """

    in_flight: int = 128
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
    """What became of some writes: all that are neither expired nor refused are on the target."""

    written: int
    expired: int
    refused: tuple[tuple[RowWrite, str], ...]


@dataclass
class _Tally:
    """The outcome while it comes about."""

    written: int = 0
    expired: int = 0
    refused: list[tuple[RowWrite, str]] = field(default_factory=list)


class Writer:
    """Writes to one table."""

    def __init__(  # noqa: PLR0913 # what a write needs, all by keyword
        self,
        *,
        session: "Session",
        target: Target,
        prepared: Prepared,
        barrier_us: int | None,
        clock: Callable[[], datetime],
        pacing: Pacing,
    ) -> None:
        self._session = session
        self._target = target
        self._prepared = prepared
        self._barrier_us = barrier_us
        self._clock = clock
        self._pacing = pacing

    def write(self, writes: Sequence[RowWrite]) -> Outcome:
        """Send writes until each is acknowledged, refused or expired.

        Raises:
            TargetOverloadedError: The target did not take some of them however often they were sent.
            cassandra.DriverException: Any other error, which says something about all writes.
        """
        tally = _Tally()
        pending, last = list(writes), None
        for attempt in range(self._pacing.attempts):
            if attempt:
                self._pacing.wait(self._pacing.before(attempt))
            busy = self._attempt(pending, tally)
            if not busy:
                return Outcome(written=tally.written, expired=tally.expired, refused=tuple(tally.refused))
            pending, last = [write for write, _ in busy], busy[-1][1]
        raise TargetOverloadedError(
            f"{self._target.address}: {len(pending)} writes were not taken in {self._pacing.attempts} attempts, the "
            f"last with {type(last).__name__}: {last}. Wait, or raise the table's capacity, and run again: what is "
            "done is not done twice"
        ) from last

    def _attempt(self, writes: Sequence[RowWrite], tally: "_Tally") -> list[tuple[RowWrite, Exception]]:
        """Send each write once, and return those that the target was too busy for."""
        busy = []
        bound = list(self._bind_all(writes, tally))
        for (write, _), (succeeded, answer) in zip(bound, self._send(bound), strict=True):
            if succeeded:
                tally.written += 1
            elif isinstance(answer, InvalidRequest):
                tally.refused.append((write, f"the target refuses it: {answer}"))
            elif isinstance(answer, BUSY):
                busy.append((write, answer))
            else:
                raise answer
        return busy

    def _bind_all(self, writes: Sequence[RowWrite], tally: "_Tally") -> Iterator[tuple[RowWrite, "BoundStatement"]]:
        for write in writes:
            try:
                statement = self._bind(write)
            except (TypeError, ValueError) as error:
                tally.refused.append((write, f"the driver can't send it: {error}"))
                continue
            if statement is None:
                tally.expired += 1
            else:
                yield write, statement

    def _send(self, bound: Sequence[tuple[RowWrite, "BoundStatement"]]) -> Iterable[tuple[bool, Any]]:
        if not bound:
            return ()
        statements = [(statement, None) for _, statement in bound]
        results: Iterable[tuple[bool, Any]] = execute_concurrent(
            self._session, statements, concurrency=self._pacing.in_flight, raise_on_first_error=False
        )
        return results

    def _bind(self, write: RowWrite) -> "BoundStatement | None":
        """Bind anew for each attempt: the time to live shrinks, and a stamp of now must not repeat."""
        now = self._clock()
        stamp = self._barrier_us if self._barrier_us is not None else microseconds(now)
        match write.kind:
            case WriteKind.DELETE:
                return self._prepared.delete.bind((stamp, *write.values))
            case WriteKind.STATIC:
                assert self._prepared.static is not None  # noqa: S101 # such writes come from static columns only
                return self._prepared.static.bind((*write.values, stamp))
            case WriteKind.ROW if not self._target.expires:
                return self._prepared.row.bind((*write.values, stamp))
            case WriteKind.ROW:
                ttl_s = remaining_ttl_s(write.expires_at_ms, now=now)
                return None if ttl_s is None else self._prepared.row.bind((*write.values, stamp, ttl_s))


def microseconds(moment: datetime) -> int:
    """Return a moment as CQL's timestamps count: microseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
