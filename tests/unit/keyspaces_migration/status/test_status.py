"""Where a migration stands, as read from its ledger, and in the words that a person is shown."""

from datetime import timedelta

import pytest

from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.ledger.canaries import CanaryLedger
from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.ledger.letter_records import LetterOutcome
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.looks import LookedAt, LookLedger, ReadinessLook
from keyspaces_migration.lifecycle import Milestone, Stage
from keyspaces_migration.status import words
from keyspaces_migration.status.stages import StageState
from tests.unit.keyspaces_migration.ledger.full_ledger import a_letter
from tests.unit.keyspaces_migration.status.a_ledger import BARRIER_US, NOW, Recorder


def states(recorder: Recorder) -> dict[Stage, StageState]:
    return {each.stage: each.state for each in recorder.status().stages}


def test_a_migration_that_was_only_started_waits_for_its_assessment(recorder: Recorder) -> None:
    recorder.run(Stage.ASSESS)
    status = recorder.status()
    assert states(recorder)[Stage.ASSESS] is StageState.NEXT
    assert states(recorder)[Stage.CUTOVER] is StageState.WAITING
    assert status.flag is None
    assert words.headline(status).startswith("Dual writes have not begun")
    assert [todo.what for todo in words.todos(status)] == ["Run flights.assess"]
    assert words.way_back(status) == ("Nothing reads on the target: there is nothing to go back from.",)


def test_before_the_cutover_everything_before_it_is_done_and_it_is_next(recorder: Recorder) -> None:
    recorder.until_ready()
    found = states(recorder)
    done = (Stage.ASSESS, Stage.PROVISION, Stage.START_DUAL_WRITES, Stage.HISTORICAL_BACKFILL)
    assert {found[stage] for stage in done} == {StageState.DONE}
    assert found[Stage.CUTOVER] is StageState.NEXT
    assert found[Stage.RETIRE] is StageState.WAITING
    assert found[Stage.CONSISTENCY_CHECK] is StageState.OPEN
    status = recorder.status()
    assert words.headline(status) == "Writes go to both stores; the source leads. All reads are on the source."
    (todo,) = words.todos(status)
    assert todo.what == "Run flights.cutover"
    assert "admin will be asked to approve" in todo.who
    lossless, barrier = words.way_back(status)
    assert "lossless at any time" in lossless
    assert barrier == "Barrier B was fixed at 2026-11-27 09:00 UTC; the load under it is complete."


def test_while_a_load_under_the_barrier_is_missing_its_clock_is_told(recorder: Recorder) -> None:
    recorder.reach(Stage.ASSESS, Milestone.ASSESSED)
    recorder.reach(Stage.PROVISION, Milestone.PROVISIONED)
    recorder.reach(Stage.START_DUAL_WRITES, Milestone.DUAL_WRITES_STARTED)
    FlagLedger(recorder.ledger).fix_barrier(BARRIER_US, dag_id="flights.start_dual_writes", run_id="one", now=NOW)
    recorder.flag(WriteMode.DUAL_SOURCE_LEADS, version=2, stage=Stage.START_DUAL_WRITES)
    assert "must end by 2026-11-29 05:00 UTC (in 1 d)" in words.way_back(recorder.status())[1]


def test_a_milestone_that_was_withdrawn_is_not_done_any_more(recorder: Recorder) -> None:
    recorder.until_ready()
    recorder.reach(Stage.CUTOVER, Milestone.CUTOVER_FINISHED, minutes=20)
    assert states(recorder)[Stage.RETIRE] is StageState.NEXT
    assert states(recorder)[Stage.START_DUAL_WRITES] is StageState.DONE
    recorder.reach(Stage.ROLLBACK, Milestone.ROLLED_BACK, minutes=10)
    assert states(recorder)[Stage.CUTOVER] is StageState.NEXT
    assert states(recorder)[Stage.RETIRE] is StageState.WAITING


def test_evidence_that_nobody_acted_on_asks_the_approvers_first(recorder: Recorder) -> None:
    recorder.until_ready()
    recorder.run(Stage.CUTOVER, "older", minutes=30)
    recorder.show_evidence(Stage.CUTOVER, "older")
    recorder.run(Stage.CUTOVER, "newer", minutes=20)
    assert recorder.status().asked == ()  # the older run's is over
    recorder.show_evidence(Stage.CUTOVER, "newer")
    (todo,) = words.todos(recorder.status())
    assert (todo.dag_id, todo.run_id, todo.who) == ("flights.cutover", "newer", "admin")
    recorder.approve(Stage.CUTOVER, "newer")
    assert recorder.status().asked == ()
    assert [todo.run_id for todo in words.todos(recorder.status())] == [None]


def test_a_canary_and_its_reversal_are_told(recorder: Recorder) -> None:
    recorder.until_ready()
    recorder.flag(WriteMode.DUAL_SOURCE_LEADS, version=3, percent=10)
    canary = CanaryLedger(recorder.ledger)

    def record(event: CanaryEvent, reason: str | None = None) -> None:
        canary.record(
            CanaryRecord(
                dag_id="flights.cutover",
                run_id="one",
                step=1,
                target_read_percent=10,
                event=event,
                flag_version=3,
                base_version=2,
                seen="{}",
                reason=reason,
                at=NOW,
            )
        )

    assert words.canary_in_words(recorder.status()) is None
    record(CanaryEvent.ARRIVED)
    assert words.canary_in_words(recorder.status()) == "Step 1 of 3 (10 %) bakes since 2026-11-27 12:00 UTC."
    assert words.headline(recorder.status()).endswith("10 % of the partitions are read on the target.")
    record(CanaryEvent.REVERSED, "reads failed")
    told = words.canary_in_words(recorder.status())
    assert told == "All reads went back to the source at 2026-11-27 12:00 UTC: reads failed."


def test_the_way_back_has_its_clock_where_the_target_leads_and_none_after_it(recorder: Recorder) -> None:
    recorder.until_ready()
    recorder.flag(WriteMode.DUAL_TARGET_LEADS, version=6, percent=100, minutes=120)
    recorder.flag(WriteMode.DUAL_SOURCE_LEADS, version=7, minutes=110)
    recorder.flag(WriteMode.DUAL_TARGET_LEADS, version=8, percent=100, minutes=30)
    lossless, until = words.way_back(recorder.status())
    assert lossless.startswith("The target leads since 2026-11-27 11:30 UTC.")
    assert "replay the queue before 2026-12-11 11:30 UTC" in until
    recorder.flag(WriteMode.TARGET_ONLY, version=9, percent=100, stage=Stage.RETIRE)
    (none,) = words.way_back(recorder.status())
    assert "no way back since 2026-11-27 12:00 UTC" in none
    assert words.headline(recorder.status()).endswith("All reads are on the target.")


def test_letters_are_counted_by_class_as_they_stand_now(recorder: Recorder) -> None:
    of_run = recorder.run(Stage.REPLAY_DEAD_LETTERS)
    letters = LetterLedger(recorder.ledger)
    letters.record([a_letter("one"), a_letter("two")], **of_run, now=NOW)
    assert recorder.status().letters == {(LetterOutcome.PARKED, ReasonClass.TIMEOUT): 2}
    letters.record([a_letter("two", LetterOutcome.REPLAYED)], **of_run, now=NOW)
    assert recorder.status().letters == {
        (LetterOutcome.PARKED, ReasonClass.TIMEOUT): 1,
        (LetterOutcome.REPLAYED, ReasonClass.TIMEOUT): 1,
    }


def test_the_newest_look_at_the_criteria_takes_the_place_of_the_one_before(recorder: Recorder) -> None:
    recorder.run(Stage.CUTOVER)
    looks = LookLedger(recorder.ledger)
    assert recorder.status().readiness is None
    for state in ("unmet", "met"):
        finding = LookedAt(criterion="checks", state=state, observed="1 passed", required="3 passed")
        looks.record(
            ReadinessLook(
                migration="flights", dag_id="flights.cutover", run_id="one", findings=(finding,), looked_at=NOW
            )
        )
    look = recorder.status().readiness
    assert look is not None
    assert (look.findings[0].state, look.looked_at) == ("met", NOW)


@pytest.mark.parametrize(
    ("apart", "said"),
    [
        (timedelta(), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=61), "1 h ago"),
        (timedelta(days=3), "3 d ago"),
        (timedelta(minutes=-5), "in 5 min"),
    ],
)
def test_moments_are_told_roughly(apart: timedelta, said: str) -> None:
    assert words.ago(NOW - apart, NOW) == said


def test_the_names_of_all_migrations_are_known(recorder: Recorder) -> None:
    assert recorder.ledger.migrations() == ()
    recorder.run(Stage.ASSESS)
    recorder.run(Stage.PROVISION)
    assert recorder.ledger.migrations() == ("flights",)
