"""What is told of what did not happen: judged from facts, at the moments where the answer changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import EventKind, Migration, Severity, load_migration
from keyspaces_migration.events.watch import Condition, Facts, Queue, conditions, forecast, is_due, over, told
from keyspaces_migration.ledger.alerts import Alert, RoughLoad
from keyspaces_migration.lifecycle import Milestone

HOUR = timedelta(hours=1)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOTHING = Facts(
    held=frozenset({Milestone.ASSESSED, Milestone.PROVISIONED}),
    reached_at={Milestone.ASSESSED: NOW - 900 * HOUR, Milestone.PROVISIONED: NOW - 800 * HOUR},
    barrier_us=None,
    load=None,
    last_check_at=None,
    check_due_at=None,
    recent_letters=0,
    queue=None,
)
READY = {Milestone.DUAL_WRITES_STARTED: NOW - 60 * HOUR, Milestone.BACKFILL_COMPLETE: NOW - 50 * HOUR}
CHECKED = replace(
    NOTHING,
    held=NOTHING.held | set(READY),
    reached_at={**NOTHING.reached_at, **READY},
    check_due_at=NOW - 10 * HOUR,
    last_check_at=NOW - 9 * HOUR,
)


@pytest.fixture(scope="module")
def flights() -> Migration:
    return load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def found(facts: Facts, migration: Migration) -> Condition | None:
    seen = conditions(facts, migration, now=NOW)
    assert len(seen) <= 1
    return seen[0] if seen else None


@pytest.mark.parametrize("facts", [NOTHING, CHECKED])
def test_nothing_is_told_while_all_is_well(facts: Facts, flights: Migration) -> None:
    assert found(facts, flights) is None


@pytest.mark.parametrize("last", [None, NOW - 10 * HOUR - timedelta(seconds=1)])
def test_a_check_that_has_not_finished_since_it_was_due_is_missed(last: datetime | None, flights: Migration) -> None:
    condition = found(replace(CHECKED, last_check_at=last), flights)
    assert condition is not None
    assert (condition.kind, condition.severity) == (EventKind.CHECK_MISSED, Severity.WARNING)
    assert "2026-11-26 02:00 UTC" in condition.happened


@pytest.mark.parametrize(
    "change",
    [
        {"last_check_at": NOW - 10 * HOUR},
        {"check_due_at": None, "last_check_at": None},
        {"check_due_at": NOW - 50 * HOUR, "last_check_at": None},
        {"held": CHECKED.held - {Milestone.BACKFILL_COMPLETE}, "last_check_at": None},
        {"held": CHECKED.held | {Milestone.RETIRED}, "last_check_at": None},
    ],
    ids=["finished in time", "not due", "due before there was anything to check", "backfill withdrawn", "retired"],
)
def test_no_check_is_missed_that_nobody_could_expect(change: dict[str, Any], flights: Migration) -> None:
    assert found(replace(CHECKED, **change), flights) is None


def test_a_missed_check_is_critical_while_reads_are_on_the_target(flights: Migration) -> None:
    facts = replace(CHECKED, last_check_at=None, held=CHECKED.held | {Milestone.CUTOVER_FINISHED})
    condition = found(facts, flights)
    assert condition is not None
    assert condition.severity is Severity.CRITICAL


def under_barrier(age: timedelta, load: RoughLoad | None = None, **changes: Any) -> Facts:
    return replace(NOTHING, barrier_us=micros(NOW - age), load=load, **changes)


@pytest.mark.parametrize(
    ("age_h", "level", "severity"),
    [
        (31.9, 0, None),
        (32.1, 1, Severity.WARNING),
        (39.9, 1, Severity.WARNING),
        (40.1, 2, Severity.CRITICAL),
        (43.9, 2, Severity.CRITICAL),
        (44, 3, Severity.CRITICAL),
        (400, 3, Severity.CRITICAL),
    ],
)
def test_the_barrier_is_at_risk_as_its_time_runs_out(
    age_h: float, level: int, severity: Severity | None, flights: Migration
) -> None:
    condition = found(under_barrier(age_h * HOUR), flights)
    assert (condition.level if condition else 0) == level
    assert (condition.severity if condition else None) is severity


def test_a_load_that_is_too_slow_is_told_of_long_before_the_end(flights: Migration) -> None:
    slow = RoughLoad(planned_rows=1_000, done_rows=100, began_at=NOW - 5 * HOUR, last_finished_at=NOW)
    assert forecast(slow, now=NOW) == NOW + 45 * HOUR
    condition = found(under_barrier(6 * HOUR, slow), flights)
    assert condition is not None
    assert (condition.level, condition.severity) == (2, Severity.CRITICAL)
    assert "100 of 1,000 rows are loaded; at the rate so far it ends at 2026-11-28 09:00 UTC" in condition.happened
    assert found(under_barrier(6 * HOUR, replace(slow, done_rows=200)), flights) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"reached_at": {Milestone.BACKFILL_COMPLETE: NOW - HOUR}},
        {"held": NOTHING.held | {Milestone.CUTOVER_FINISHED}},
        {"held": frozenset({Milestone.ASSESSED, Milestone.DESTROYED})},
    ],
    ids=["loaded", "cut over", "destroyed"],
)
def test_a_barrier_that_nothing_waits_for_is_at_no_risk(changes: dict[str, Any], flights: Migration) -> None:
    assert found(under_barrier(43 * HOUR, **changes), flights) is None


def test_a_backfill_before_the_barrier_does_not_count_for_it(flights: Migration) -> None:
    reached_at = {Milestone.BACKFILL_COMPLETE: NOW - 44 * HOUR}
    assert found(under_barrier(43 * HOUR, reached_at=reached_at), flights) is not None


def test_letters_get_worse_as_they_double(flights: Migration) -> None:
    levels = []
    for letters in (1, 2, 3, 4, 100):
        condition = found(replace(NOTHING, recent_letters=letters), flights)
        assert condition is not None
        assert condition.kind is EventKind.LETTERS_GROWING
        levels.append(condition.level)
    assert levels == [1, 2, 2, 3, 7]


def test_an_old_letter_in_the_queue_is_worse_than_many_new_ones(flights: Migration) -> None:
    def queued(letters: int, age: timedelta | None) -> Condition | None:
        return found(replace(NOTHING, queue=Queue(name="q", letters=letters, oldest_age=age)), flights)

    assert queued(0, None) is None
    new, old = queued(1_000_000, 23 * HOUR), queued(1, 24 * HOUR)
    assert new is not None
    assert old is not None
    assert old.level > new.level
    assert (new.severity, old.severity) == (Severity.WARNING, Severity.CRITICAL)
    assert queued(3, None) is not None


def test_people_are_told_once_again_when_worse_and_after_the_interval() -> None:
    condition = Condition(
        kind=EventKind.DRIFT, subject="x", level=2, severity=Severity.WARNING, happened="Something lasts."
    )
    first = told(None, condition, migration="flights", now=NOW)

    def due(level: int, hours: float, **changes: Any) -> bool:
        alert, worse = replace(first, **changes), replace(condition, level=level)
        return is_due(alert, worse, now=NOW + hours * HOUR, repeat_after=6 * HOUR)

    assert is_due(None, condition, now=NOW, repeat_after=6 * HOUR)
    assert not due(2, 5.9)
    assert not due(1, 5.9)
    assert due(3, 0.1)
    assert due(2, 6)
    assert due(1, 0.1, closed_at=NOW)
    again = told(first, replace(condition, level=3), migration="flights", now=NOW + HOUR)
    assert (again.opened_at, again.told_at, again.level) == (NOW, NOW + HOUR, 3)
    anew = told(replace(first, closed_at=NOW), condition, migration="flights", now=NOW + HOUR)
    assert (anew.opened_at, anew.closed_at) == (NOW + HOUR, None)


def test_what_is_not_seen_any_more_is_over() -> None:
    condition = Condition(kind=EventKind.DRIFT, subject="x", level=1, severity=Severity.INFO, happened="")
    lasts = told(None, condition, migration="flights", now=NOW)
    gone = replace(lasts, subject="y")
    known = [lasts, gone, replace(gone, subject="z", closed_at=NOW)]
    assert over(known, [condition], queue_is_known=True) == (gone,)


def test_a_queue_that_could_not_be_looked_at_is_not_over() -> None:
    alert = Alert(migration="m", kind=EventKind.LETTERS_GROWING, subject="queue q", level=1, opened_at=NOW, told_at=NOW)
    assert over([alert], [], queue_is_known=False) == ()
    assert over([alert], [], queue_is_known=True) == (alert,)
