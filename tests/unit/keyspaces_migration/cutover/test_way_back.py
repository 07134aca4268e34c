"""Whether going back is lossless: always while the source led, and by proof alone where the target did."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keyspaces_migration.consistency.kinds import Leader, Verdict
from keyspaces_migration.cutover.facts import LetterQueue
from keyspaces_migration.cutover.way_back import Basis, WayBack, judge_way_back, since_when, taken_back
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.ledger.flags import FlagChange
from keyspaces_migration.ledger.letter_records import LetterRecord
from tests.checks import a_check
from tests.unit.keyspaces_migration.cutover.attempts import NOW, at
from tests.unit.keyspaces_migration.cutover.test_watching import WRITER
from tests.unit.keyspaces_migration.ledger.full_ledger import a_letter

LEADS = replace(at(100, version=6), mode=WriteMode.DUAL_TARGET_LEADS)
BACK = at(0, version=7)
CHECK = a_check(
    run_id="reverse",
    verdict=Verdict.PASS,
    started_at=NOW - timedelta(minutes=10),
    finished_at=NOW - timedelta(minutes=9),
    leader=Leader.TARGET,
)
FOLLOWS = replace(WRITER, flag_version=BACK.version, target_read_percent=0)
LETTER: LetterRecord = replace(a_letter("one"), store=StoreName.SOURCE, key_json='{"origin":"JFK"}')
BASIS = Basis(
    before=LEADS,
    state=BACK,
    writers=(FOLLOWS,),
    queue=LetterQueue(letters=0, oldest_age=None),
    parked=(),
    checks=(CHECK,),
    led_since=NOW - timedelta(hours=1),
)


def judge(**changed: Any) -> WayBack:
    return judge_way_back(replace(BASIS, **changed))


def test_it_is_lossless_where_everything_was_looked_at_and_is_empty() -> None:
    back = judge()
    assert back.is_lossless
    assert str(back).startswith("Lossless: journals and queue are empty")
    assert "until `retire`" in str(back)


def test_while_the_source_led_it_is_lossless_whatever_could_not_be_looked_at() -> None:
    blind = judge(before=at(50, version=6), writers=None, queue=None, parked=None, checks=None)
    assert blind.is_lossless
    assert "the source led" in str(blind)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"writers": None}, "the writers could not be looked at"),
        ({"writers": ()}, "no writer is registered"),
        ({"writers": (replace(FOLLOWS, flag_version=6),)}, "has flag version 6; wanted 7"),
        ({"writers": (replace(FOLLOWS, heartbeat_age=timedelta(minutes=2)),)}, "last heard of 120 s ago"),
        ({"writers": (replace(FOLLOWS, journal_depth=4),)}, "one has 4 unsent writes"),
        ({"queue": None}, "the dead letter queue could not be looked at"),
        ({"queue": LetterQueue(letters=2, oldest_age=None)}, "2 letters are in the queue"),
        ({"parked": None}, "the parked letters could not be looked at"),
        ({"parked": (LETTER,)}, "1 letters toward the source are parked"),
        ({"parked": (replace(LETTER, store=None),)}, "1 letters toward the source are parked"),
        ({"checks": None}, "the checks could not be looked at"),
        ({"checks": ()}, "no check has looked at the source since the target leads"),
        ({"checks": (replace(CHECK, leader=Leader.SOURCE),)}, "no check has looked"),
        ({"checks": (replace(CHECK, started_at=NOW - timedelta(hours=2)),)}, "no check has looked"),
        ({"checks": (CHECK, replace(CHECK, verdict=Verdict.INCONCLUSIVE))}, "is inconclusive"),
        ({"led_since": None}, "since when the target leads is not known, so no check counts"),
    ],
)
def test_each_thing_that_stands_against_it_is_said(changed: dict[str, Any], says: str) -> None:
    back = judge(**changed)
    assert not back.is_lossless
    assert any(says in line for line in back.against), back.against
    assert str(back).startswith("Not known to be lossless: ")


def change(state: FlagState, hours: int) -> FlagChange:
    return FlagChange(
        state=state, dag_id="flights.cutover", run_id=str(hours), requested_at=NOW - timedelta(hours=hours)
    )


def test_a_way_back_that_somebody_took_without_us_is_one_from_the_target_that_led() -> None:
    by_hand, recorded = at(0, version=1006), at(0, version=1007)
    led = (change(at(50, version=5), 3), change(LEADS, 2))
    assert taken_back(led, by_hand, now=recorded) == LEADS
    assert taken_back((*led, change(recorded, 0)), by_hand, now=recorded) == LEADS
    # What the ledger knows of is what it was.
    assert taken_back(led, LEADS, now=recorded) == LEADS
    assert taken_back(led[:1], at(50, version=5), now=recorded) == at(50, version=5)
    assert taken_back(led[:1], by_hand, now=recorded) == by_hand
    assert taken_back((), by_hand, now=recorded) == by_hand
    went_back = (*led, change(at(0, version=7), 1), change(at(10, version=8), 0))
    assert taken_back(went_back, at(10, version=8), now=at(0, version=9)) == at(10, version=8)


def test_it_is_known_since_when_by_the_newest_request_for_that_very_state() -> None:
    earlier = replace(LEADS, version=3)
    changes = (change(earlier, 30), change(at(0, version=4), 29), change(LEADS, 2), change(LEADS, 1))
    assert since_when(changes, LEADS) == NOW - timedelta(hours=1)
    assert since_when(changes[:2], LEADS) is None


def test_letters_toward_the_target_are_no_risk_for_the_source() -> None:
    assert judge(parked=(replace(LETTER, store=StoreName.TARGET),)).is_lossless


def test_the_keys_and_the_writers_at_risk_are_listed() -> None:
    back = judge(
        writers=(replace(FOLLOWS, journal_depth=4, oldest_unsent_at=NOW),),
        parked=tuple(replace(LETTER, letter_id=str(number)) for number in range(22)),
    )
    assert back.at_risk[0] == "4 writes in the journal of one on host, the oldest of 2026-11-27 12:00:00 UTC"
    assert back.at_risk[1] == 'weather {"origin":"JFK"}'
    assert back.at_risk[-1] == "and 2 more parked letters"
