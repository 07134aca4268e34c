"""A canary step judged: each breach by itself, what is only waited for, and that blindness is never well."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.config import load_migration
from keyspaces_migration.config.sections import CanaryWatch
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.alarms import AlarmState
from keyspaces_migration.cutover.appconfig import Deployment
from keyspaces_migration.cutover.flag_writer import FlagInForce
from keyspaces_migration.cutover.watching import Baseline, Observation, Watched, WriterCounts, judge_step
from keyspaces_migration.dual_write.read_accounts import StoreReads
from keyspaces_migration.dual_write.registry import WriterRecord
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
from keyspaces_migration.observed.throttles import Throttling
from tests.unit.keyspaces_migration.cutover.attempts import NOW, at, event
from tests.writers import a_writer

FLIGHTS = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
CUTOVER = FLIGHTS.cutover.model_copy(
    update={"bake_time": timedelta(minutes=5), "min_compared_reads": 100, "watch": CanaryWatch()}
)
MIGRATION = FLIGHTS.model_copy(update={"cutover": CUTOVER})
LIMITS = MIGRATION.cutover.watch
FIVE = at(5, version=3)
STARTED = NOW - timedelta(days=1)


def reads(count: int, *, failed: int = 0, p99_us: int | None = 4_000, recent: int = 500) -> StoreReads:
    return StoreReads(count=count, failed=failed, recent=recent, p99_us=p99_us)


WRITER = a_writer(
    FIVE,
    reads_compared=1_000,
    reads_differing=3,
    reads={StoreName.SOURCE: reads(100_000), StoreName.TARGET: reads(900, failed=7)},
    started_at=STARTED,
)
FIRST = Baseline.of([WRITER])


def raised(step: int = 1) -> CanaryRecord:
    return replace(event(step, CanaryEvent.RAISED, version=3), seen=FIRST.to_json())


ARRIVED = replace(raised(), event=CanaryEvent.ARRIVED)


def later(**more: Any) -> WriterRecord:
    """The writer after it compared and read enough, and what else is given."""
    fields = {
        "reads_compared": 1_100,
        "reads": {StoreName.SOURCE: reads(101_000), StoreName.TARGET: reads(2_000, failed=7)},
    }
    return replace(WRITER, **{**fields, **more})


SEEN = Observation(
    in_force=FlagInForce(state=FIVE, deployment=4, bakes=False),
    spoilt=None,
    fate=Deployment(number=4, profile="p", hosted=3, state="COMPLETE", why="APPCONFIG: done"),
    alarms=(AlarmState(name="target", state="OK", acts=True),),
    writers=(later(),),
    throttling=Throttling(throttled=0, successful=5_000, seen=True),
    verdict=Verdict.PASS,
    blind=(),
    at=NOW + timedelta(minutes=5),
)


def judge(arrived: CanaryRecord | None = ARRIVED, **changed: Any) -> Watched:
    return judge_step(raised(), arrived, replace(SEEN, **changed), MIGRATION)


def test_a_step_that_was_seen_whole_for_long_enough_has_baked() -> None:
    watched = judge()
    assert watched.has_baked
    assert watched.arrived
    assert watched.summary == "1100 reads on the target, 0 failed; 100 compared, 0 differ"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"alarms": (AlarmState(name="target", state="ALARM", acts=True),)}, "alarm target is ALARM"),
        ({"writers": (later(reads_differing=4),)}, "1 of 100 compared reads differ"),
        (
            {"writers": (later(reads={StoreName.TARGET: reads(1_000, failed=17)}),)},
            "10 of 100 reads on the target failed",
        ),
        (
            {
                "writers": (
                    later(
                        reads={
                            StoreName.SOURCE: reads(1, p99_us=30_000),
                            StoreName.TARGET: reads(901, failed=7, p99_us=61_000),
                        }
                    ),
                )
            },
            "take 61.0 ms at the 99th percentile, with 30.0 ms on the source",
        ),
        (
            {"writers": (later(reads={StoreName.TARGET: reads(901, failed=7, p99_us=51_000)}),)},
            "take 51.0 ms at the 99th percentile, with 4.0 ms on the source",
        ),
        ({"throttling": Throttling(throttled=11, successful=9_989, seen=True)}, "0.11% of the requests"),
        ({"verdict": Verdict.FAIL}, "the newest consistency check failed"),
        ({"spoilt": "no JSON"}, "no flag of ours"),
        (
            {"fate": Deployment(number=4, profile="p", hosted=3, state="ROLLED_BACK", why="CLOUDWATCH_ALARM: x")},
            "AppConfig took the step back (CLOUDWATCH_ALARM: x)",
        ),
        ({"in_force": FlagInForce(state=at(50, version=8), deployment=5, bakes=False)}, "version 8 with 50 %"),
        ({"in_force": FlagInForce(state=at(0, version=8), deployment=5, bakes=False)}, "version 8 with 0 %"),
        ({"in_force": FlagInForce(state=at(50, version=3), deployment=5, bakes=False)}, "the flag has 50 %"),
    ],
)
def test_each_breach_takes_reads_back_and_says_why(changed: dict[str, Any], says: str) -> None:
    for arrived in (None, ARRIVED):
        watched = judge(arrived, **changed)
        assert len(watched.breaches) == 1
        assert says in watched.breaches[0]
        assert not watched.has_baked


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"at": NOW + timedelta(minutes=5, seconds=-1)}, "1 s of the bake are left"),
        ({"at": NOW - timedelta(seconds=1)}, "s of the bake are left"),
        ({"writers": (later(reads_compared=1_099),)}, "99 reads were compared since every writer follows; needed: 100"),
        ({"in_force": FlagInForce(state=FIVE, deployment=4, bakes=True)}, "AppConfig still watches deployment 4"),
        ({"alarms": (AlarmState(name="target", state="INSUFFICIENT_DATA", acts=True),)}, "INSUFFICIENT_DATA"),
        ({"alarms": (AlarmState(name="target", state="OK", acts=False),)}, "actions are disabled"),
        ({"alarms": ()}, "no alarm watches"),
        ({"writers": (later(flag_version=2),)}, "has flag version 2; wanted 3"),
        ({"writers": (later(heartbeat_age=timedelta(minutes=1)),)}, "last heard of 60 s ago"),
        ({"blind": ("the alarms could not be looked at: no route",), "alarms": None}, "no route"),
    ],
)
def test_what_lacks_is_waited_for(changed: dict[str, Any], says: str) -> None:
    watched = judge(**changed)
    assert not watched.breaches
    assert not watched.has_baked
    assert any(says in line for line in watched.waits), watched.waits


def test_nobody_is_waited_for_who_is_not_registered_and_none_is_too_few() -> None:
    watched = judge(writers=())
    assert not watched.arrived
    assert "no writer is registered" in watched.waits


def test_the_bake_begins_when_every_writer_follows() -> None:
    watched = judge(None)
    assert watched.arrived
    assert "the bake begins when every writer follows the step" in watched.waits


@pytest.mark.parametrize("name", ["in_force", "fate", "alarms", "writers", "throttling"])
def test_blindness_is_never_well_and_never_a_breach(name: str) -> None:
    blind: dict[str, Any] = {name: None, "blind": (f"{name} could not be looked at",)}
    watched = judge(**blind)
    assert not watched.breaches
    assert not watched.has_baked


def test_a_process_that_began_anew_is_counted_from_nothing() -> None:
    again = later(
        started_at=NOW, reads_compared=40, reads_differing=1, reads={StoreName.TARGET: reads(60, p99_us=None, recent=0)}
    )
    watched = judge(writers=(again,))
    assert watched.breaches == (
        f"1 of 40 compared reads differ between the stores; allowed: {LIMITS.max_differing_reads}",
    )


def test_a_writer_that_came_since_is_counted_whole() -> None:
    new = later(writer_id="two", reads_compared=30, reads_differing=0, reads={StoreName.TARGET: reads(50)})
    assert judge(writers=(later(), new)).summary == "1150 reads on the target, 0 failed; 130 compared, 0 differ"


def test_a_few_slow_or_failed_reads_prove_nothing() -> None:
    slow = later(reads={StoreName.TARGET: reads(950, failed=7, p99_us=900_000, recent=99)})
    assert not judge(writers=(slow,)).breaches
    one = later(reads={StoreName.TARGET: reads(1_900, failed=8)})
    assert not judge(writers=(one,)).breaches


def test_a_target_that_answers_nothing_is_a_breach_after_two_reads() -> None:
    for failed, breaks in ((0, False), (1, True)):
        writer = later(reads={StoreName.TARGET: reads(900 + failed, failed=7 + failed)})
        assert bool(judge(writers=(writer,)).breaches) is breaks


def test_the_time_on_the_source_is_that_before_any_read_moved() -> None:
    at_the_end = later(
        reads={
            StoreName.SOURCE: reads(100_000, recent=0, p99_us=None),
            StoreName.TARGET: reads(5_000, failed=7, p99_us=60_000),
        }
    )
    (breach,) = judge(writers=(at_the_end,)).breaches
    assert "with 4.0 ms on the source" in breach
    later_base = Baseline.of([at_the_end], before=FIRST)
    assert later_base.source_p99_us == FIRST.source_p99_us == 4_000


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.builds(
            WriterCounts,
            began=st.text(),
            target_reads=st.integers(0),
            target_failed=st.integers(0),
            compared=st.integers(0),
            differing=st.integers(0),
        ),
    ),
    st.none() | st.integers(0),
)
def test_a_baseline_comes_back_from_the_ledger_as_it_was(writers: dict[str, WriterCounts], p99: int | None) -> None:
    base = Baseline(writers=writers, source_p99_us=p99)
    assert Baseline.from_json(base.to_json()) == base
