"""What an attempt at a cutover may do next, by the ledger's records alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cutover.appconfig import Deployment
from keyspaces_migration.cutover.attempt import (
    AttemptRefusedError,
    already_leads,
    already_raised,
    exceeds,
    foreign,
    refuse_taken_back,
    step_under_way,
)
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.ledger.canary_records import CanaryEvent
from tests.unit.keyspaces_migration.cutover.attempts import BASE, STEPS, at, attempt, event

RAISED, ARRIVED, BAKED, REVERSED = CanaryEvent.RAISED, CanaryEvent.ARRIVED, CanaryEvent.BAKED, CanaryEvent.REVERSED
FIVE, HALF, ALL = at(5, version=3), at(50, version=4), at(100, version=5)
LEADS = replace(ALL, mode=WriteMode.DUAL_TARGET_LEADS, version=6)
FIVE_BAKED = (event(1, RAISED, version=3), event(1, ARRIVED, version=3), event(1, BAKED, version=3))
ALL_BAKED = (
    *FIVE_BAKED,
    event(2, RAISED, version=4),
    event(2, BAKED, version=4),
    event(3, RAISED, version=5),
    event(3, BAKED, version=5),
)


def test_the_first_step_begins_with_no_read_on_the_target_and_the_source_leading() -> None:
    attempt().require_raisable(1, BASE)
    with pytest.raises(AttemptRefusedError, match="run rollback first"):
        attempt(changes=(BASE, FIVE)).require_raisable(1, FIVE)
    with pytest.raises(AttemptRefusedError, match="run rollback first"):
        attempt(changes=(BASE, LEADS)).require_raisable(1, LEADS)


def test_an_attempt_that_has_begun_does_not_begin_again_on_another_state_after_a_rollback() -> None:
    """Its approval was given for the state before: it counts for that one alone."""
    back = at(0, version=7)
    done = attempt(*ALL_BAKED, changes=(BASE, FIVE, HALF, ALL, LEADS, back))
    with pytest.raises(AttemptRefusedError, match="began on flag version 2, for which its approval was given"):
        done.require_raisable(1, back)
    # Killed after it was recorded and before it was deployed, it goes on.
    attempt(event(1, RAISED, version=3), changes=(BASE, FIVE)).require_raisable(1, BASE)


def test_a_step_needs_the_finished_bake_of_the_one_before_in_the_same_run() -> None:
    changes = (BASE, FIVE)
    attempt(*FIVE_BAKED, changes=changes).require_raisable(2, FIVE)
    for records in (FIVE_BAKED[:1], FIVE_BAKED[:2]):
        with pytest.raises(AttemptRefusedError, match="needs the finished bake of step 1"):
            attempt(*records, changes=changes).require_raisable(2, FIVE)
    with pytest.raises(AttemptRefusedError, match="needs the finished bake of step 1"):
        attempt(*FIVE_BAKED, changes=changes, run_id="another").require_raisable(2, FIVE)
    with pytest.raises(AttemptRefusedError, match="needs the finished bake of step 2"):
        attempt(*FIVE_BAKED, changes=changes).require_raisable(3, FIVE)


def test_a_bake_counts_for_the_version_of_the_flag_that_it_was_of() -> None:
    again = at(5, version=9)
    with pytest.raises(AttemptRefusedError, match="baked at flag version 3, and version 9 is in force"):
        attempt(*FIVE_BAKED, changes=(BASE, FIVE, again)).require_raisable(2, again)


def test_what_was_taken_back_never_goes_on() -> None:
    back = (*FIVE_BAKED, replace(event(1, REVERSED, version=4), reason="alarm target is ALARM"))
    for step in (1, 2):
        with pytest.raises(AttemptRefusedError, match=r"taken back at 5 % \(alarm target is ALARM\)"):
            attempt(*back, changes=(BASE, FIVE, at(0, version=4))).require_raisable(step, at(0, version=4))


def test_the_target_leads_only_once_the_last_step_has_baked_and_is_in_force() -> None:
    changes = (BASE, FIVE, HALF, ALL)
    attempt(*ALL_BAKED, changes=changes).require_leadable(ALL)
    with pytest.raises(AttemptRefusedError, match="needs the finished bake of step 3"):
        attempt(*ALL_BAKED[:-1], changes=changes).require_leadable(ALL)
    with pytest.raises(AttemptRefusedError):
        attempt(*ALL_BAKED, changes=changes).require_leadable(HALF)


def test_a_task_that_was_killed_after_it_acted_finds_that_it_has() -> None:
    killed = attempt(event(1, RAISED, version=3), changes=(BASE, FIVE))
    assert already_raised(killed, 1, FIVE)
    assert not already_raised(killed, 1, BASE)
    assert not already_raised(killed, 2, FIVE)
    led = attempt(*ALL_BAKED, changes=(BASE, FIVE, HALF, ALL, LEADS))
    assert already_leads(led, LEADS)
    assert not already_leads(led, ALL)
    assert not already_leads(attempt(changes=(BASE, LEADS)), LEADS)


def test_a_step_is_watched_until_it_has_baked_and_the_next_is_raised_or_it_was_taken_back() -> None:
    raised = FIVE_BAKED[0]
    assert step_under_way((), BASE) is None
    for records in ((raised,), FIVE_BAKED[:2]):
        assert step_under_way(records, FIVE) == raised
        assert step_under_way(records, BASE) == raised
    assert step_under_way(FIVE_BAKED, FIVE) == raised
    assert step_under_way(FIVE_BAKED, BASE) is None
    assert step_under_way(ALL_BAKED, LEADS) is None
    assert step_under_way((*FIVE_BAKED, event(1, REVERSED, version=4)), at(0, version=4)) is None


def test_what_appconfig_took_back_is_not_raised_again() -> None:
    raised = event(1, RAISED, version=3)
    gone = Deployment(number=7, profile="p", hosted=3, state="ROLLED_BACK", why="CLOUDWATCH_ALARM: target")
    with pytest.raises(AttemptRefusedError, match="CLOUDWATCH_ALARM: target"):
        refuse_taken_back(raised, gone)
    refuse_taken_back(raised, None)
    refuse_taken_back(None, gone)


def test_the_approval_was_given_for_the_state_before_the_first_step() -> None:
    assert attempt().base(BASE) == BASE
    assert attempt(*FIVE_BAKED, changes=(BASE, FIVE)).base(FIVE) == BASE
    with pytest.raises(AttemptRefusedError, match="no change of the flag to version 2"):
        attempt(*FIVE_BAKED, changes=(FIVE,)).base(FIVE)


def test_a_state_that_was_never_recorded_is_somebody_elses() -> None:
    changes = attempt(changes=(BASE, FIVE)).changes
    assert foreign(FIVE, changes) is None
    by_hand = at(100, version=3)
    assert "never recorded" in str(foreign(by_hand, changes))
    assert exceeds(by_hand, changes)
    lowered = at(0, version=9)
    assert "never recorded" in str(foreign(lowered, changes))
    assert not exceeds(lowered, changes)
    assert foreign(BASE, ()) is not None


def test_an_old_version_is_allowed_where_appconfig_goes_back_to_it_and_not_above_what_was_recorded_last() -> None:
    back = at(0, version=6)
    assert foreign(FIVE, attempt(changes=(BASE, FIVE, HALF)).changes) is None
    rolled_back = attempt(changes=(BASE, FIVE, HALF, back)).changes
    assert "deployed an old version" in str(foreign(HALF, rolled_back))
    assert foreign(BASE, rolled_back) is None
    led = attempt(changes=(BASE, ALL, LEADS, replace(LEADS, mode=WriteMode.DUAL_SOURCE_LEADS, version=7))).changes
    assert exceeds(LEADS, led)


@given(st.lists(st.integers(0, 100), min_size=1), st.integers(0, 100), st.booleans())
def test_nothing_above_the_newest_record_is_ever_allowed(percents: list[int], percent: int, known: bool) -> None:  # noqa: FBT001 -- hypothesis gives it
    states = tuple(at(each, version=number) for number, each in enumerate(percents, 1))
    found = states[percent % len(states)] if known else at(percent, version=1_000)
    allowed = foreign(found, attempt(changes=states).changes) is None
    assert allowed is (found in states and found.target_read_percent <= states[-1].target_read_percent)


def test_the_share_of_no_file_is_reached_by_skipping_a_step() -> None:
    """However the records of a run lie, a step that may be raised has all its bakes before it."""
    records = [*ALL_BAKED]
    for step in range(2, len(STEPS) + 1):
        without = [each for each in records if not (each.step == step - 1 and each.event is BAKED)]
        with pytest.raises(AttemptRefusedError):
            attempt(*without, changes=(BASE, FIVE, HALF, ALL)).require_raisable(step, (FIVE, HALF, ALL)[step - 2])
