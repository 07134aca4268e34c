"""The clock of a load that is stamped with the barrier.

Amazon Keyspaces refuses a timestamp older than two days (Developer Guide, client-side timestamps).
"""

from datetime import UTC, datetime, timedelta

from keyspaces_migration.backfill.errors import DeadlineError

MAX_AGE = timedelta(hours=48)
MARGIN = timedelta(hours=4)
"""For replays of dead letters, a slow end, and clocks that differ."""


def barrier_moment(barrier_us: int) -> datetime:
    """Return the moment of a barrier given in microseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=barrier_us)


def end_by(barrier_us: int) -> datetime:
    """Return when every write that is stamped with the barrier must have been sent."""
    return barrier_moment(barrier_us) + MAX_AGE - MARGIN


def check_deadline(*, barrier_us: int, now: datetime, remaining: timedelta) -> None:
    """Refuse to go on with a load that would end too late: `remaining` is how long the rest takes.

    Raises:
        DeadlineError: Now, or the forecast end, is beyond the barrier's 48 hours less the margin.
    """
    deadline = end_by(barrier_us)
    if now + remaining <= deadline:
        return
    raise DeadlineError(
        f"the load would end at {now + remaining:%Y-%m-%d %H:%M} UTC, but writes stamped with the barrier "
        f"({barrier_moment(barrier_us):%Y-%m-%d %H:%M} UTC) must end by {deadline:%Y-%m-%d %H:%M} UTC: 48 hours later "
        f"less {MARGIN // timedelta(hours=1)} for replays. Raise the table's capacity in the AWS console while there "
        "is time; otherwise load with order HISTORY_FIRST and under a new barrier, which a migration of another name "
        'gets (docs/guides/dual-writes.md, "Beginning again")'
    )
