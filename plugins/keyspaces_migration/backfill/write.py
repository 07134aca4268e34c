"""Sends writes to the target, many at a time, again where it was too busy, and says which it refuses."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cassandra import InvalidRequest, OperationTimedOut, RequestExecutionException
from cassandra.cluster import NoHostAvailable
from cassandra.concurrent import execute_concurrent
from cassandra.connection import ConnectionException
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage

from keyspaces_migration.backfill.batches import Bound, Group, group_by_partition, statement_of
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
_Failed = tuple[Group, Exception]


@dataclass(frozen=True, kw_only=True)
class Pacing:
    """How hard the target is written to.

    Attributes:
        in_flight: Requests at a time; each carries up to 30 rows of one partition.
        attempts: How often a write is sent before the load gives up.
        first_wait_s: Before the second time; it doubles each time, to a minute at most.
        wait: Waits so many seconds.
        chance: A number from 0 to below 1, by which waits are spread: workers that were throttled together should
            not come back together.
    """

    in_flight: int = 32
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
        busy, refused = self._send(group_by_partition(self._bind_all(writes, tally)), tally)
        # What refuses a batch may be one of its rows: each is sent alone, and only that one is a dead letter.
        alone = [[each] for group, _ in refused if len(group) > 1 for each in group]
        busy_alone, refused_alone = self._send(alone, tally)
        for group, answer in (*refused, *refused_alone):
            if len(group) == 1:
                tally.refused.append((group[0].write, f"the target refuses it: {answer}"))
        return [(each.write, answer) for group, answer in (*busy, *busy_alone) for each in group]

    def _bind_all(self, writes: Sequence[RowWrite], tally: "_Tally") -> Iterator[Bound]:
        width = len(self._target.table.schema_.partition_keys)
        for write in writes:
            try:
                statement = self._bind(write)
            except (TypeError, ValueError) as error:
                tally.refused.append((write, f"the driver can't send it: {error}"))
                continue
            if statement is None:
                tally.expired += 1
            else:
                yield Bound(write=write, statement=statement, partition=write.values[:width])

    def _send(self, groups: Sequence[Group], tally: "_Tally") -> tuple[list[_Failed], list[_Failed]]:
        """Send groups, and return those that the target was too busy for and those that it refused."""
        if not groups:
            return [], []
        idempotent = self._target.repeats_alike
        answers = execute_concurrent(
            self._session,
            [(statement_of(group, is_idempotent=idempotent), None) for group in groups],
            concurrency=self._pacing.in_flight,
            raise_on_first_error=False,
        )
        busy, refused = [], []
        for group, (succeeded, answer) in zip(groups, answers, strict=True):
            if succeeded:
                tally.written += len(group)
            elif isinstance(answer, InvalidRequest):
                refused.append((group, answer))
            elif isinstance(answer, BUSY):
                busy.append((group, answer))
            else:
                raise answer
        return busy, refused

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
