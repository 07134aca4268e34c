"""The criteria of the retirement: each met, unmet and unknown, and nothing let go by what could not be looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.criteria import CriterionState
from keyspaces_migration.cutover.facts import LetterQueue
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.ledger.letter_records import LetterCounts
from keyspaces_migration.ledger.records import MilestoneReached
from keyspaces_migration.lifecycle import Milestone
from keyspaces_migration.retirement.criteria import Criterion, RetirementFacts, judge_retirement
from tests.checks import a_check
from tests.unit.keyspaces_migration.retirement.uses import LASTING
from tests.writers import a_writer

if TYPE_CHECKING:
    from enum import StrEnum

    from keyspaces_migration.dual_write.registry import WriterRecord
    from keyspaces_migration.ledger.check_records import CheckRun

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
FLAG = FlagState(mode=WriteMode.DUAL_TARGET_LEADS, barrier_us=1_790_000_000_000_000, target_read_percent=100, version=9)
WRITER = a_writer(FLAG)


def reached(milestone: Milestone, *, days_ago: float) -> MilestoneReached:
    at = NOW - timedelta(days=days_ago)
    return MilestoneReached(
        migration="flights", milestone=milestone, reached_at=at, dag_id="dag", run_id="run", digest="0" * 64
    )


def check(*, hours_ago: float, verdict: Verdict = Verdict.PASS) -> CheckRun:
    finished_at = NOW - timedelta(hours=hours_ago)
    return a_check(verdict=verdict, started_at=finished_at - timedelta(minutes=1), finished_at=finished_at)


CUT_OVER = reached(Milestone.CUTOVER_FINISHED, days_ago=15)
READY = RetirementFacts(
    milestones=(reached(Milestone.DUAL_WRITES_STARTED, days_ago=30), CUT_OVER),
    checks=(check(hours_ago=30, verdict=Verdict.FAIL), check(hours_ago=2)),
    writers=(WRITER,),
    flag=FLAG,
    letters=LetterCounts(replayed=7, closed=1),
    queue=LetterQueue(letters=0, oldest_age=None),
)


def missing(facts: RetirementFacts, state: CriterionState = CriterionState.UNMET) -> set[StrEnum]:
    found = judge_retirement(facts, LASTING, now=NOW)
    assert found.is_ready is not bool(found.missing)
    assert all(each.state is state for each in found.missing)
    return {each.criterion for each in found.missing}


def test_all_met_is_ready() -> None:
    assert missing(READY) == set()
    assert judge_retirement(READY, LASTING, now=NOW).markdown().count("| met |") == len(Criterion)


@pytest.mark.parametrize("field", ["milestones", "checks", "writers", "flag", "letters", "queue"])
def test_what_could_not_be_looked_at_is_unknown_and_not_met(field: str) -> None:
    assert missing(replace(READY, **{field: None}), CriterionState.UNKNOWN)


def test_the_time_since_the_last_cutover_counts_by_the_clock() -> None:
    early = reached(Milestone.CUTOVER_FINISHED, days_ago=13.9)
    facts = replace(READY, milestones=(CUT_OVER, reached(Milestone.ROLLED_BACK, days_ago=14), early))
    assert missing(facts) == {Criterion.BAKE}


def test_a_cutover_that_was_taken_back_is_none() -> None:
    facts = replace(READY, milestones=(CUT_OVER, reached(Milestone.ROLLED_BACK, days_ago=1)))
    assert missing(facts) == {Criterion.CUTOVER, Criterion.BAKE, Criterion.CHECK}


@pytest.mark.parametrize(
    "flag",
    [
        replace(FLAG, target_read_percent=99),
        replace(FLAG, mode=WriteMode.DUAL_SOURCE_LEADS),
        replace(FLAG, mode=WriteMode.TARGET_ONLY),
    ],
)
def test_the_target_must_lead_and_be_read_alone(flag: FlagState) -> None:
    writer = replace(WRITER, mode=flag.mode, target_read_percent=flag.target_read_percent)
    assert missing(replace(READY, flag=flag, writers=(writer,))) == {Criterion.FLAG}


@pytest.mark.parametrize(
    ("writers", "said"),
    [
        ((), "no writer is registered"),
        ((replace(WRITER, journal_depth=3),), "3 writes that are not in both stores"),
        ((replace(WRITER, journal_depth=1, parked=1),), "has parked 1 writes"),
        ((replace(WRITER, target_read_percent=50),), "reads 50 % on the target"),
        ((WRITER, replace(WRITER, writer_id="two", flag_version=8, mode=WriteMode.DUAL_SOURCE_LEADS)), "two"),
        ((replace(WRITER, heartbeat_age=timedelta(minutes=5)),), "one"),
    ],
)
def test_every_writer_must_have_arrived_with_nothing_unsent(writers: tuple[WriterRecord, ...], said: str) -> None:
    facts = replace(READY, writers=writers)
    assert missing(facts) == {Criterion.WRITERS}
    (finding,) = judge_retirement(facts, LASTING, now=NOW).missing
    assert said in finding.observed


@pytest.mark.parametrize(
    "change",
    [{"letters": LetterCounts(parked=1)}, {"queue": LetterQueue(letters=1, oldest_age=timedelta(seconds=1))}],
)
def test_no_letter_may_wait_however_young(change: dict[str, object]) -> None:
    assert missing(replace(READY, **change)) == {Criterion.LETTERS}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "checks",
    [
        (),
        (check(hours_ago=2, verdict=Verdict.FAIL),),
        (check(hours_ago=2, verdict=Verdict.INCONCLUSIVE),),
        (check(hours_ago=2), check(hours_ago=1, verdict=Verdict.FAIL)),
        (check(hours_ago=25),),
        (check(hours_ago=15 * 24 + 1),),
        (check(hours_ago=-1),),
    ],
)
def test_the_newest_check_must_have_passed_after_the_cutover_and_lately(checks: tuple[CheckRun, ...]) -> None:
    assert missing(replace(READY, checks=checks)) == {Criterion.CHECK}


def test_a_finding_says_what_is_wanted_and_what_there_is() -> None:
    (finding,) = judge_retirement(
        replace(READY, milestones=(reached(Milestone.CUTOVER_FINISHED, days_ago=1),)), LASTING, now=NOW
    ).missing
    expected = "time since the cutover: unmet; observed: P1D; required: at least P14D (cutover.retire_after)"
    assert str(finding) == expected
