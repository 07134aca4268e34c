"""The barrier B: the timestamp that the backfill writes at, below every write that both stores get."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.errors import BarrierRefusedError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.registry import MAX_HEARTBEAT_AGE_S, WriterRecord, missing_writers

if TYPE_CHECKING:
    from cassandra.cluster import Session

ALLOWED_SKEW = dt.timedelta(seconds=60)
"""How far the clocks of this machine, the source and the writers may be apart, and how far B lies in the past."""

_HEARTBEAT_WAY = dt.timedelta(seconds=1)
_MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class ClockReading:
    """The source's clock beside ours.

    Attributes:
        now_us: Ours, when the answer came.
        offset: How far the source's is ahead of ours.
        uncertainty: Half the time that the question took, and the millisecond that the source counts in.
    """

    now_us: int
    offset: dt.timedelta
    uncertainty: dt.timedelta


def read_source_clock(session: "Session", *, now_us: Callable[[], int] = system_now_us) -> ClockReading:
    """Ask a coordinator of the source for its time. Errors are the driver's."""
    statement = session.prepare("SELECT toUnixTimestamp(now()) AS server_ms FROM system.local")
    before_us = now_us()
    server_us = session.execute(statement).one().server_ms * 1000
    after_us = now_us()
    return ClockReading(
        now_us=after_us,
        offset=dt.timedelta(microseconds=server_us - (before_us + after_us) // 2),
        uncertainty=dt.timedelta(microseconds=(after_us - before_us) // 2 + 1000),
    )


def fix_barrier(  # noqa: PLR0913 -- the three facts, and three limits that have defaults
    writers: Sequence[WriterRecord],
    recording: FlagState,
    clock: ClockReading,
    *,
    expected_writers: int = 1,
    allowed_skew: dt.timedelta = ALLOWED_SKEW,
    max_heartbeat_age: dt.timedelta = dt.timedelta(seconds=MAX_HEARTBEAT_AGE_S),
) -> int:
    """Return B in microseconds since 1970: now less the allowed skew, by the earlier of our clock and the source's.

    Args:
        writers: As listed just now.
        recording: The state of the flag that every writer must have arrived at; its mode is RECORD.
        clock: As read just now.
        expected_writers: How many there are to be at least.
        allowed_skew: Between any writer and us.
        max_heartbeat_age: What an older heartbeat says no longer counts.

    Raises:
        BarrierRefusedError: A writer is missing or silent, none is registered, or clocks are too far apart. Every
            reason is in the message.
    """
    reasons = [str(each) for each in missing_writers(writers, recording, max_heartbeat_age=max_heartbeat_age)]
    if len(writers) < expected_writers:
        reasons.append(
            f"{len(writers)} writers are registered; at least {expected_writers} must be: start the application first"
        )
    if recording.mode is not WriteMode.RECORD:
        reasons.append(f"the flag is in {recording.mode}; a barrier is fixed in {WriteMode.RECORD}")
    ours = abs(clock.offset) + clock.uncertainty
    if ours > allowed_skew:
        reasons.append(_too_far("this machine", ours, allowed_skew))
    reasons += [
        _too_far(f"writer {writer.writer_id} on {writer.host}", skew, allowed_skew)
        for writer in writers
        if (skew := abs(writer.clock_skew) + ours) > allowed_skew
    ]
    if reasons:
        raise BarrierRefusedError("the barrier can't be fixed: " + "; ".join(reasons))
    now_us = clock.now_us + min(0, (clock.offset - clock.uncertainty) // _MICROSECOND)
    return now_us - allowed_skew // _MICROSECOND


def stamps_settle_in(writers: Sequence[WriterRecord], clock: ClockReading) -> dt.timedelta:
    """Return how long after all writers have arrived at a mode every new timestamp is above all from before it.

    By then the slowest writer's clock has passed what the fastest one's showed. Before, a dual write could be older by
    its timestamp than a write to the source alone that nobody recorded: it would lose there, and win on the target over
    what the backfill stamps B.
    """
    skews = [writer.clock_skew for writer in writers]
    if not skews:
        return dt.timedelta()
    # Heartbeats show a clock later than it is by their way, and each of the two by another one.
    return max(skews) - min(skews) + 2 * clock.uncertainty + _HEARTBEAT_WAY


def _too_far(whose: str, skew: dt.timedelta, allowed: dt.timedelta) -> str:
    return (
        f"the clock of {whose} and the source's are up to {skew.total_seconds():.1f} s apart; "
        f"allowed: {allowed.total_seconds():.0f} s. Mend its time service"
    )
