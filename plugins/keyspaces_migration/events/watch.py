"""What did not happen, or lasts: judged from the ledger's records, so that no task has to run for it to be seen.

`read_facts` reads; all else is pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyspaces_migration.backfill.deadline import MARGIN, MAX_AGE, barrier_moment, end_by
from keyspaces_migration.config import EventKind, Migration, Severity
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.alerts import Alert, AlertLedger, RoughLoad
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.lifecycle import Milestone, standing

EARLY, LATE = timedelta(hours=12), timedelta(hours=4)
"""Time left of the barrier's 48 hours, less the margin for replays, at which people are told, and told to hurry."""

RECENT = timedelta(hours=24)
"""Letters that were recorded since are growing; older ones are known."""

_QUEUE = "queue "
OLD_LETTER = timedelta(hours=24)
"""Age of a letter in the queue at which its alarm goes off too."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """The dead letter queue: how many letters, and the age of the oldest where CloudWatch knows it."""

    name: str
    letters: int
    oldest_age: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a migration.

    Attributes:
        held: Milestones that hold.
        reached_at: When each of them was reached last.
        barrier_us: The newest barrier; None where none was fixed.
        load: The newest load under that barrier; None where there is none.
        last_check_at: When the newest check finished; None where there is none.
        check_due_at: The newest scheduled time by now whose grace is over; None where there is none.
        recent_letters: Rows that loads could not write, recorded within `RECENT`.
        queue: The queue; None where it is not there, or could not be looked at.
        queue_is_known: Whether it could be looked at, where there is one.
    """

    held: frozenset[Milestone]
    reached_at: dict[Milestone, datetime]
    barrier_us: int | None
    load: RoughLoad | None
    last_check_at: datetime | None
    check_due_at: datetime | None
    recent_letters: int
    queue: Queue | None
    queue_is_known: bool = True


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that people should know while it lasts; `level` grows as it gets worse."""

    kind: EventKind
    subject: str
    level: int
    severity: Severity
    happened: str


def read_facts(
    ledger: Ledger, migration: Migration, *, check_due_at: datetime | None, queue: Queue | None, now: datetime
) -> Facts:
    """The facts of the ledger, of one moment, beside those given. Errors are the ledger's."""
    alerts = AlertLedger(ledger)
    with ledger.one_state():
        milestones = ledger.milestones(migration.name)
        barrier_us = FlagLedger(ledger).barrier_us(migration.name)
        checks = CheckLedger(ledger).runs(migration.name)
        return Facts(
            held=standing(record.milestone for record in milestones),
            reached_at={record.milestone: record.reached_at for record in milestones},
            barrier_us=barrier_us,
            load=None if barrier_us is None else alerts.load_under(barrier_us, migration=migration.name),
            last_check_at=max((check.finished_at for check in checks), default=None),
            check_due_at=check_due_at,
            recent_letters=alerts.letters_since(now - RECENT, migration=migration.name),
            queue=queue,
        )


def forecast(load: RoughLoad, *, now: datetime) -> datetime | None:
    """When a load would end at its mean rate so far; None where nobody can say."""
    if load.began_at is None or load.last_finished_at is None or not load.done_rows:
        return None
    per_row = (load.last_finished_at - load.began_at) / load.done_rows
    return now + per_row * max(0, load.planned_rows - load.done_rows)


def conditions(facts: Facts, migration: Migration, *, now: datetime) -> tuple[Condition, ...]:
    """What is to be told of a migration now."""
    found = [_check_missed(facts, migration), _barrier(facts, now=now), _letters(facts), _queue(facts)]
    return tuple(condition for condition in found if condition is not None)


def is_due(alert: Alert | None, condition: Condition, *, now: datetime, repeat_after: timedelta) -> bool:
    """Whether people are to be told of a condition now: when it is new, worse, or was told long ago."""
    if alert is None or alert.closed_at is not None:
        return True
    return condition.level > alert.level or now - alert.told_at >= repeat_after


def told(alert: Alert | None, condition: Condition, *, migration: str, now: datetime) -> Alert:
    """The record that people were told of a condition now."""
    lasts = alert is not None and alert.closed_at is None
    return Alert(
        migration=migration,
        kind=condition.kind,
        subject=condition.subject,
        level=condition.level,
        opened_at=alert.opened_at if alert is not None and lasts else now,
        told_at=now,
    )


def over(alerts: Iterable[Alert], lasting: Iterable[Condition], *, queue_is_known: bool) -> tuple[Alert, ...]:
    """Open alerts whose condition is not there any more; of a queue that could not be looked at, nobody knows."""
    still = {(condition.kind, condition.subject) for condition in lasting}
    return tuple(
        each
        for each in alerts
        if each.closed_at is None
        and (each.kind, each.subject) not in still
        and (queue_is_known or not each.subject.startswith(_QUEUE))
    )


def _check_missed(facts: Facts, migration: Migration) -> Condition | None:
    needed = (Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE)
    if facts.check_due_at is None or Milestone.RETIRED in facts.held or not facts.held.issuperset(needed):
        return None
    due, last = facts.check_due_at, facts.last_check_at
    if due <= max(facts.reached_at[milestone] for milestone in needed) or (last is not None and last >= due):
        return None
    reads_are_there = Milestone.CUTOVER_FINISHED in facts.held
    newest = f"the newest finished at {_moment(last)}" if last else "there is none at all"
    return Condition(
        kind=EventKind.CHECK_MISSED,
        subject="schedule",
        level=2 if reads_are_there else 1,
        severity=Severity.CRITICAL if reads_are_there else Severity.WARNING,
        happened=f"The check of {_moment(due)} (schedule {migration.consistency.schedule}) has no verdict; {newest}.",
    )


def _barrier(facts: Facts, *, now: datetime) -> Condition | None:
    closed = {Milestone.CUTOVER_FINISHED, Milestone.RETIRED, Milestone.DESTROYED}
    if facts.barrier_us is None or facts.held & closed:
        return None
    barrier, end = barrier_moment(facts.barrier_us), end_by(facts.barrier_us)
    complete = facts.reached_at.get(Milestone.BACKFILL_COMPLETE)
    if complete is not None and complete > barrier:
        return None
    ends_at = forecast(facts.load, now=now) if facts.load else None
    is_late = ends_at is not None and ends_at > end
    level = 3 if now >= end else 2 if is_late or end - now < LATE else 1 if end - now < EARLY else 0
    if not level:
        return None
    return Condition(
        kind=EventKind.BARRIER_AT_RISK,
        subject=str(facts.barrier_us),
        level=level,
        severity=Severity.WARNING if level == 1 else Severity.CRITICAL,
        happened=(
            f"The barrier is {_moment(barrier)}. What is stamped with it must be loaded by {_moment(end)} "
            f"({MAX_AGE // timedelta(hours=1)} hours less {MARGIN // timedelta(hours=1)} for replays), now it is "
            f"{_moment(now)}, and the backfill is not complete. {_load_text(facts.load, ends_at)}"
        ),
    )


def _load_text(load: RoughLoad | None, ends_at: datetime | None) -> str:
    if load is None:
        return "No load under this barrier has been planned."
    text = f"{load.done_rows:,} of {load.planned_rows:,} rows are loaded"
    return f"{text}; at the rate so far it ends at {_moment(ends_at)}." if ends_at else f"{text}."


def _letters(facts: Facts) -> Condition | None:
    if not facts.recent_letters:
        return None
    hours = RECENT // timedelta(hours=1)
    return Condition(
        kind=EventKind.LETTERS_GROWING,
        subject="ledger",
        level=facts.recent_letters.bit_length(),
        severity=Severity.WARNING,
        happened=f"{facts.recent_letters:,} rows of the backfill could not be written in the last {hours} hours.",
    )


def _queue(facts: Facts) -> Condition | None:
    queue = facts.queue
    if queue is None or not queue.letters:
        return None
    is_old = queue.oldest_age is not None and queue.oldest_age >= OLD_LETTER
    age = f"; the oldest is {queue.oldest_age} old" if queue.oldest_age is not None else ""
    return Condition(
        kind=EventKind.LETTERS_GROWING,
        subject=f"{_QUEUE}{queue.name}",
        # An old letter is worse than any number of new ones.
        level=queue.letters.bit_length() + (64 if is_old else 0),
        severity=Severity.CRITICAL if is_old else Severity.WARNING,
        happened=f"About {queue.letters:,} letters are in the queue {queue.name}{age}.",
    )


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
