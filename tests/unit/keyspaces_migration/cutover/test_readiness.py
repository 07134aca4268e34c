"""Readiness: each criterion met, unmet and unknown, and nothing ready by what could not be looked at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import load_migration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.alarms import AlarmState
from keyspaces_migration.cutover.criteria import Criterion, CriterionState
from keyspaces_migration.cutover.facts import Facts, LetterQueue, Outside
from keyspaces_migration.cutover.readiness import judge
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.registry import WriterRecord
from keyspaces_migration.ledger.check_records import CheckRun
from keyspaces_migration.ledger.flags import FlagChange
from keyspaces_migration.ledger.letter_records import LetterCounts
from keyspaces_migration.ledger.records import MilestoneReached
from keyspaces_migration.ledger.stacks import DriftLook
from keyspaces_migration.ledger.sweeps import SweepRecord
from keyspaces_migration.lifecycle import Milestone
from keyspaces_migration.observed.throttles import Throttling
from tests.checks import a_check
from tests.writers import a_writer

MIGRATION = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FLAG = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1_790_000_000_000_000, version=2)
OK = AlarmState(name="target", state="OK", acts=True)
WRITER = a_writer(FLAG)


def reached(milestone: Milestone, *, hours_ago: float) -> MilestoneReached:
    at = NOW - timedelta(hours=hours_ago)
    return MilestoneReached(
        migration="flights", milestone=milestone, reached_at=at, dag_id="dag", run_id="run", digest="0" * 64
    )


def check(*, hours_ago: float, verdict: Verdict = Verdict.PASS) -> CheckRun:
    finished_at = NOW - timedelta(hours=hours_ago)
    return a_check(
        run_id=f"run {hours_ago}",
        verdict=verdict,
        started_at=finished_at - timedelta(minutes=1),
        finished_at=finished_at,
    )


PROVISIONED = reached(Milestone.PROVISIONED, hours_ago=9)
STARTED = reached(Milestone.DUAL_WRITES_STARTED, hours_ago=8)
COMPLETE = reached(Milestone.BACKFILL_COMPLETE, hours_ago=7)


def swept(table: str, *, began_hours_ago: float = 2) -> SweepRecord:
    return SweepRecord(
        dag_id="dag",
        run_id="run",
        attempt=1,
        table_name=table,
        from_token=0,
        to_token=(1 << 63) - 1,
        began_at=NOW - timedelta(hours=began_hours_ago),
        is_end=True,
        recorded_at=NOW,
    )


READY = Facts(
    milestones=(PROVISIONED, STARTED, COMPLETE),
    checks=(check(hours_ago=2), check(hours_ago=1)),
    sweeps={table: swept(table) for table in MIGRATION.tables},
    letters=LetterCounts(replayed=7, closed=1),
    drift=(DriftLook(dag_id="dag", run_id="run", drifted=0, looked_at=NOW - timedelta(hours=1)),),
    changes=(FlagChange(state=FLAG, dag_id="dag", run_id="run", requested_at=NOW),),
    outside=Outside(
        writers=(WRITER,),
        flag=FLAG,
        queue=LetterQueue(letters=0, oldest_age=None),
        alarms=(OK,),
        throttling=Throttling(throttled=0, successful=1_000, seen=True),
    ),
)


def outside(**changed: Any) -> Facts:
    """Ready, but for what is read elsewhere than in the ledger."""
    return replace(READY, outside=replace(READY.outside, **changed))


def unmet(facts: Facts, state: CriterionState = CriterionState.UNMET) -> set[StrEnum]:
    readiness = judge(facts, MIGRATION, now=NOW)
    assert readiness.is_ready is not bool(readiness.missing)
    return {each.criterion for each in readiness.missing if each.state is state}


def test_it_is_ready_when_every_criterion_is_met_and_only_then() -> None:
    readiness = judge(READY, MIGRATION, now=NOW)
    assert {each.criterion for each in readiness.results} == set(Criterion)
    assert readiness.is_ready
    assert readiness.markdown().count("| met |") == len(Criterion)


def test_people_read_durations_to_the_second() -> None:
    observed = {each.criterion: each.observed for each in judge(READY, MIGRATION, now=NOW).results}
    assert observed[Criterion.CHECK_FRESH] == "1 h old"
    assert observed[Criterion.WAITING_PERIOD] == "8 h"
    ahead = replace(READY, checks=(check(hours_ago=2), check(hours_ago=-0.1)))
    assert {each.observed for each in judge(ahead, MIGRATION, now=NOW).missing} == {"-6 min old"}


def test_a_missing_milestone_is_unmet() -> None:
    assert unmet(replace(READY, milestones=(STARTED, COMPLETE))) == {Criterion.PROVISIONED}
    assert unmet(replace(READY, milestones=(PROVISIONED, STARTED))) == {Criterion.BACKFILL}
    assert unmet(replace(READY, milestones=(PROVISIONED, COMPLETE))) == {
        Criterion.DUAL_WRITES,
        Criterion.WAITING_PERIOD,
    }


def test_a_new_barrier_withdraws_the_backfill_and_the_checks_before_it() -> None:
    again = reached(Milestone.DUAL_WRITES_STARTED, hours_ago=0.5)
    facts = replace(READY, milestones=(PROVISIONED, STARTED, COMPLETE, again))
    assert unmet(facts) == {Criterion.BACKFILL, Criterion.CHECK_FRESH, Criterion.SWEEP}


@pytest.mark.parametrize(
    "writers",
    [
        (),
        (replace(WRITER, mode=WriteMode.RECORD),),
        (replace(WRITER, heartbeat_age=timedelta(seconds=21)),),
        (replace(WRITER, parked=1),),
        (WRITER, replace(WRITER, writer_id="two", flag_version=1)),
    ],
)
def test_a_writer_that_is_missing_silent_behind_or_parked_is_unmet(writers: tuple[WriterRecord, ...]) -> None:
    expected = {Criterion.DUAL_WRITES} if writers else {Criterion.DUAL_WRITES, Criterion.FOLLOWER_LAG}
    assert unmet(outside(writers=writers)) == expected


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE])
def test_one_check_among_the_last_that_did_not_pass_is_unmet(verdict: Verdict) -> None:
    checks = (check(hours_ago=3), check(hours_ago=2, verdict=verdict), check(hours_ago=1))
    assert unmet(replace(READY, checks=checks)) == {Criterion.CHECKS}
    assert unmet(replace(READY, checks=(checks[1], checks[0], checks[2]))) == set()


def test_too_few_checks_are_unmet() -> None:
    assert unmet(replace(READY, checks=(check(hours_ago=1),))) == {Criterion.CHECKS}
    assert unmet(replace(READY, checks=())) == {Criterion.CHECKS, Criterion.CHECK_FRESH}


@pytest.mark.parametrize("hours_ago", [25, -1])
def test_a_newest_check_that_is_too_old_or_of_the_future_is_unmet(hours_ago: float) -> None:
    old = reached(Milestone.BACKFILL_COMPLETE, hours_ago=40)
    start = reached(Milestone.DUAL_WRITES_STARTED, hours_ago=41)
    facts = replace(READY, milestones=(PROVISIONED, start, old))
    checks = (check(hours_ago=26), check(hours_ago=hours_ago))
    assert unmet(replace(facts, checks=checks)) == {Criterion.CHECK_FRESH}


def test_a_waiting_period_that_is_not_over_is_unmet_to_the_second() -> None:
    period = MIGRATION.cutover.waiting_period.total_seconds() / 3600
    for hours_ago, over in ((period, True), (period - 1 / 3600, False)):
        milestones = (PROVISIONED, reached(Milestone.DUAL_WRITES_STARTED, hours_ago=hours_ago))
        assert (Criterion.WAITING_PERIOD not in unmet(replace(READY, milestones=milestones))) is over


def test_what_could_not_be_looked_at_is_unknown_and_not_ready() -> None:
    unknown = CriterionState.UNKNOWN
    assert unmet(outside(writers=None), unknown) == {Criterion.DUAL_WRITES, Criterion.FOLLOWER_LAG}
    assert unmet(replace(READY, letters=None), unknown) == {Criterion.LETTERS}
    assert unmet(outside(queue=None), unknown) == {Criterion.LETTERS}
    assert unmet(outside(flag=None), unknown) == {Criterion.DUAL_WRITES, Criterion.FLAG}
    assert unmet(replace(READY, drift=None), unknown) == {Criterion.DRIFT}
    assert unmet(replace(READY, changes=None), unknown) == {Criterion.FLAG}
    assert unmet(outside(alarms=None), unknown) == {Criterion.ALARMS}
    assert unmet(outside(throttling=None), unknown) == {Criterion.THROTTLES}
    assert unmet(replace(READY, checks=None), unknown) == {Criterion.CHECKS, Criterion.CHECK_FRESH}
    assert unmet(replace(READY, sweeps=None), unknown) == {Criterion.SWEEP}
    stand_on_none = {Criterion.CHECKS, Criterion.LETTERS, Criterion.FOLLOWER_LAG, Criterion.FLAG}
    stand_on_none |= {Criterion.ALARMS, Criterion.THROTTLES}
    assert unmet(replace(READY, milestones=None), unknown) == set(Criterion) - stand_on_none


def test_a_table_that_was_never_seen_whole_since_the_backfill_is_unmet() -> None:
    sweeps = dict(READY.sweeps or {})
    facts = replace(READY, sweeps=sweeps | {"planes": swept("planes", began_hours_ago=7.5)})
    assert unmet(facts) == {Criterion.SWEEP}
    del sweeps["weather"]
    (missing,) = judge(replace(READY, sweeps=sweeps), MIGRATION, now=NOW).missing
    assert missing.observed == "none yet of weather"


def test_a_rollback_takes_no_sweep_and_no_check_away() -> None:
    """It moves reads, and changes nothing in the stores."""
    back = reached(Milestone.ROLLED_BACK, hours_ago=0.5)
    assert judge(replace(READY, milestones=(PROVISIONED, STARTED, COMPLETE, back)), MIGRATION, now=NOW).is_ready


def test_a_parked_letter_is_unmet_however_few_wait_in_the_queue() -> None:
    facts = replace(READY, letters=LetterCounts(parked=1))
    assert unmet(facts) == {Criterion.LETTERS}
    (missing,) = judge(facts, MIGRATION, now=NOW).missing
    assert missing.observed == "1 parked; 0 in the queue"


def test_letters_in_the_queue_must_be_young_and_known_to_be() -> None:
    limit = MIGRATION.dead_letters.max_age
    young, old = (LetterQueue(letters=3, oldest_age=limit + timedelta(seconds=more)) for more in (0, 1))
    assert unmet(outside(queue=young)) == set()
    assert unmet(outside(queue=old)) == {Criterion.LETTERS}
    undated = outside(queue=LetterQueue(letters=1, oldest_age=None))
    assert unmet(undated, CriterionState.UNKNOWN) == {Criterion.LETTERS}


def test_a_follower_that_lags_behind_is_unmet_and_the_writer_named() -> None:
    limit = MIGRATION.dead_letters.max_follower_lag
    assert unmet(outside(writers=(replace(WRITER, follower_lag=limit),))) == set()
    late = replace(WRITER, writer_id="two", follower_lag=limit + timedelta(seconds=1), journal_depth=5)
    facts = outside(writers=(WRITER, late))
    assert unmet(facts) == {Criterion.FOLLOWER_LAG}
    (missing,) = judge(facts, MIGRATION, now=NOW).missing
    assert missing.observed == "two has 5 unsent writes, the oldest 1 min 1 s old"


def test_a_source_that_led_again_is_checked_before_the_target_may_lead_once_more() -> None:
    finished = reached(Milestone.CUTOVER_FINISHED, hours_ago=3)
    back = reached(Milestone.ROLLED_BACK, hours_ago=0.5)
    facts = replace(READY, milestones=(PROVISIONED, STARTED, COMPLETE, finished, back))
    assert unmet(facts) == {Criterion.CHECK_FRESH}
    assert unmet(replace(facts, checks=(*(READY.checks or ()), check(hours_ago=0.1)))) == set()


@pytest.mark.parametrize(
    ("drifted", "hours_ago"), [(1, 1), (0, 25), (0, 10), (0, -1)], ids=["drifted", "old", "before", "future"]
)
def test_drift_that_was_seen_or_not_looked_for_since_the_last_provision_is_unmet(
    drifted: int, hours_ago: float
) -> None:
    look = DriftLook(dag_id="dag", run_id="run", drifted=drifted, looked_at=NOW - timedelta(hours=hours_ago))
    assert unmet(replace(READY, drift=(look,))) == {Criterion.DRIFT}
    assert unmet(replace(READY, drift=())) == {Criterion.DRIFT}


def test_a_flag_that_somebody_else_changed_is_unmet() -> None:
    assert Criterion.FLAG in unmet(outside(flag=replace(FLAG, target_read_percent=50)))
    assert unmet(replace(READY, changes=())) == {Criterion.FLAG}


@pytest.mark.parametrize(
    "alarms",
    [
        (),
        (replace(OK, state="ALARM"),),
        (OK, replace(OK, state="INSUFFICIENT_DATA")),
        (replace(OK, acts=False),),
    ],
    ids=["none", "fires", "no data", "actions disabled"],
)
def test_alarms_that_are_not_all_ok_and_able_to_act_are_unmet(alarms: tuple[AlarmState, ...]) -> None:
    assert unmet(outside(alarms=alarms)) == {Criterion.ALARMS}


@pytest.mark.parametrize(("more", "met"), [(0, True), (1, False)])
def test_throttles_are_unmet_above_their_share(more: int, *, met: bool) -> None:
    throttled = round(MIGRATION.cutover.watch.max_throttled_share * 100_000) + more
    counted = Throttling(throttled=throttled, successful=100_000 - throttled, seen=True)
    assert (unmet(outside(throttling=counted)) == set()) is met


def test_without_data_nobody_knows_of_throttles() -> None:
    nothing = Throttling(throttled=0, successful=0, seen=False)
    assert unmet(outside(throttling=nothing), CriterionState.UNKNOWN) == {Criterion.THROTTLES}
