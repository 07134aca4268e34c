"""The calls of a check, what is believed of what they leave, and what it comes to together."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.kinds import Draw, Leader, Verdict
from keyspaces_migration.consistency.results import SweepSlice
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.consistency.units import SweepStart
from keyspaces_migration.entrypoints.comparison_calls import (
    Call,
    CheckAsked,
    Progress,
    after,
    calls_of,
    judged,
    next_call,
    result_of,
    where_to_look,
)
from keyspaces_migration.entrypoints.comparison_event import read_event
from keyspaces_migration.entrypoints.comparison_result import (
    Result,
    ResultRefusedError,
    failure_text,
    result_text,
)
from tests.keyring import KEYRING, other_keyring
from tests.unit.keyspaces_migration.consistency.test_check import World
from tests.unit.keyspaces_migration.consistency.test_parts import part_of
from tests.unit.keyspaces_migration.entrypoints.test_comparison_event import MIGRATION

if TYPE_CHECKING:
    from keyspaces_migration.consistency.part import TablePart
    from keyspaces_migration.consistency.results import CheckResult
    from keyspaces_migration.ledger import Keyring

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
ASKED = CheckAsked(
    dag_id="flights.consistency_check",
    run_id="scheduled__2026-11-27",
    attempt=1,
    seed=7,
    now=NOON,
    leader=Leader.SOURCE,
    sweeps={"weather": SweepStart(place=99, began_at=NOON - timedelta(days=1))},
    key_id="tests",
)


def migration(
    *, rate: int = 3_000, sweep_rows: int = 1_000, tables: tuple[str, ...] = ("planes", "weather")
) -> Migration:
    content = json.loads(MIGRATION.canonical_json())
    content["consistency"] |= {"engine": "LAMBDA", "max_read_units_per_s": rate, "sweep_rows": sweep_rows}
    # Of which a part of 60 rows is the whole.
    content["consistency"]["max_mismatch_rate"] = 0.01
    content["tables"] = {table: content["tables"][table] for table in tables}
    return Migration.from_canonical_json(json.dumps(content))


def calls(of: Migration | None = None, *, asked: CheckAsked = ASKED, keyring: Keyring = KEYRING) -> tuple[Call, ...]:
    of = of or migration()
    assert of.comparison_lambda is not None
    key_id = keyring.current
    return calls_of(of, of.comparison_lambda, asked, secret=lambda label: keyring.derive(label, key_id=key_id))


def seen(call: Call, world: World | None = None) -> TablePart:
    """What a function saw that was called so; of a table in memory under the asked one's name."""
    part = part_of(world or World(), call.event.part())
    return replace(part, table=call.event.table, sweep=None)


def left(call: Call, part: TablePart | None = None, *, secret: str | None = None) -> bytes:
    secret = secret or str(call.document["secret"])
    return result_text(event_sha256=call.sha256, secret=secret, part=part or seen(call)).encode()


def check(results: list[Result | str], of: Migration | None = None) -> CheckResult:
    made = calls(of)
    return result_of(of or migration(), ASKED, list(zip(made, results, strict=True)), finished_at=NOON)


def test_every_call_says_all_of_the_check_and_the_next_place_of_its_tables_sweep() -> None:
    planes, weather = calls()
    assert read_event(json.loads(planes.payload)) == planes.event
    assert (planes.event.table, weather.event.table) == ("planes", "weather")
    assert list(planes.event.migration.tables) == ["planes"]
    for call in (planes, weather):
        asked = call.event
        assert (asked.seed, asked.now, asked.leader, asked.read_units_per_s) == (7, NOON, Leader.SOURCE, 3_000)
        assert asked.part() == Share()
    assert weather.event.sweeps()["weather"] == ASKED.sweeps["weather"]
    assert planes.event.sweeps()["planes"] == SweepStart(began_at=NOON)
    assert planes.event.plan() == replace(weather.event.plan())


def test_a_slow_rate_makes_parts_that_are_called_one_after_the_other_at_the_whole_rate() -> None:
    made = calls(migration(rate=26))
    assert [(call.event.table, call.event.part().part, call.event.part().parts) for call in made] == [
        (table, part, 2) for table in ("planes", "weather") for part in range(2)
    ]
    assert {call.event.read_units_per_s for call in made} == {26}
    assert [call.event.sweep is not None for call in made] == [True, False, True, False]
    assert [str(call) for call in made[:2]] == ["table planes, part 1 of 2", "table planes, part 2 of 2"]


def test_each_try_of_each_run_has_places_and_secrets_of_its_own() -> None:
    others = [
        ASKED,
        replace(ASKED, attempt=2),
        replace(ASKED, run_id="manual__1"),
        replace(ASKED, dag_id="other.consistency_check"),
    ]
    made = [calls(asked=asked)[0] for asked in others]
    assert len({call.event.result for call in made}) == len(others)
    assert len({call.document["secret"] for call in made}) == len(others)
    assert calls()[0] == made[0]
    assert calls(keyring=other_keyring())[0].document["secret"] != made[0].document["secret"]


def test_what_the_function_left_is_read_back_whole() -> None:
    call = calls()[0]
    assert call.read(left(call)) == Result(part=seen(call), failure=None)
    text = failure_text(event_sha256=call.sha256, secret=call.event.secret, error=ValueError("no such secret"))
    assert call.read(text.encode()) == Result(part=None, failure="ValueError: no such secret")


def tampered(call: Call, **changes: Any) -> bytes:
    return json.dumps(json.loads(left(call)) | changes).encode()


def signed_by(secret: str, document: dict[str, Any]) -> bytes:
    """As whoever knows `secret` could make it."""
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"))
    signature = hmac.digest(bytes.fromhex(secret), text.encode(), "sha256").hex()
    return json.dumps(unsigned | {"signature": signature}).encode()


def test_a_result_that_does_not_count_for_the_call_is_refused_with_the_reason() -> None:
    call, other = calls()
    later = calls(asked=replace(ASKED, attempt=2))[0]
    good = json.loads(left(call))
    moved = good["part"] | {"table": "weather"}
    refused = {
        "it is no JSON": b"\xff not JSON",
        "it is no result": b"[]",
        "it is no result; allowed": tampered(call, more=1),
        "it has version 1; allowed: 2": tampered(call, version=1),
        "another event: someone": left(other),
        "the result of another event": left(later, seen(call)),
        "its signature is not the function's": tampered(call, signature="00" * 32),
        "signature is not the function's": tampered(call, signature=None),
        "signature is not": tampered(call, part=good["part"] | {"drawn": 61}),
        "not the function's: someone has changed it": left(call, secret="ab" * 32),
        "part of the check can't be read": signed_by(str(call.document["secret"]), good | {"part": {}}),
        "it is of weather": signed_by(str(call.document["secret"]), good | {"part": moved}),
    }
    for why, text in refused.items():
        with pytest.raises(ResultRefusedError, match=why):
            call.read(text)


def test_a_sweep_that_does_not_begin_where_it_was_asked_to_is_refused() -> None:
    """A part of the ring would be passed over, and the cutover waits for all of it."""
    _, weather = calls()
    swept = SweepSlice(from_token=99, to_token=500, began_at=NOON, rows=3, is_end=False)
    assert weather.read(left(weather, replace(seen(weather), sweep=swept))).part is not None
    elsewhere = replace(seen(weather), sweep=replace(swept, from_token=100))
    with pytest.raises(ResultRefusedError, match="sweep does not begin where"):
        weather.read(left(weather, elsewhere))


def test_an_unsigned_event_has_no_result_that_counts() -> None:
    call = calls()[0]
    event = call.event.model_copy(update={"secret": None})
    unsigned = replace(call, event=event)
    text = result_text(event_sha256=call.sha256, secret=None, part=seen(call)).encode()
    with pytest.raises(ResultRefusedError, match="signature"):
        unsigned.read(text)


def test_a_result_goes_before_a_failure_and_what_is_refused_is_no_silence() -> None:
    call = calls()[0]
    failure = failure_text(event_sha256=call.sha256, secret=call.event.secret, error=ValueError("first try")).encode()
    assert judged(call, result=left(call), failure=failure) == Result(part=seen(call), failure=None)
    assert judged(call, result=None, failure=failure) == Result(part=None, failure="ValueError: first try")
    assert judged(call, result=None, failure=None) is None
    said = judged(call, result=b"junk", failure=None)
    assert said == "what lies in the place of its result is refused: it is no JSON"


def test_all_results_together_are_the_check_as_if_made_in_place() -> None:
    world = World()
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    of = migration(rate=26)
    made = calls(of)
    results: list[Result | str] = [
        Result(part=seen(call, world if call.event.table == "planes" else None), failure=None) for call in made
    ]
    found = check(results, of)
    assert [table.verdict.verdict for table in found.tables] == [Verdict.FAIL, Verdict.PASS]
    assert (found.verdict, found.sentence) == (Verdict.FAIL, "FAIL: planes; PASS: weather.")
    assert found.plan.seed == 7
    assert {table.counts.keys.compared for table in found.tables} == {60}
    assert {table.counts.others.get(Draw.SWEEP) for table in found.tables} == {None}


@pytest.mark.parametrize("missing", range(2))
def test_a_part_that_is_missing_leaves_the_verdict_open_with_the_reason(missing: int) -> None:
    of = migration(rate=26)
    results: list[Result | str] = [Result(part=seen(call), failure=None) for call in calls(of)]
    assert check(results, of).verdict is Verdict.PASS
    results[missing] = "it left no result. Look into its queue"
    found = check(results, of)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.tables[0].verdict.verdict is Verdict.INCONCLUSIVE
    assert found.tables[1].verdict.verdict is Verdict.PASS
    part = f"part {missing + 1} of 2"
    assert f"the comparison Lambda for table planes, {part}: it left no result. Look into its queue" in (
        found.tables[0].problems
    )
    assert "Look into its queue" in found.tables[0].verdict.sentence
    # A day that was not seen whole must not count as one that was.
    assert (found.tables[0].counts.keys.could_not_look > 0) is (missing == 1)


def test_a_failure_is_told_in_the_verdict() -> None:
    results: list[Result | str] = [
        Result(part=None, failure="SecretUnreadError: no right"),
        Result(part=seen(calls()[1]), failure=None),
    ]
    found = check(results)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "it failed: SecretUnreadError: no right" in found.tables[0].verdict.sentence
    assert found.tables[0].counts.keys.could_not_look > 0


def test_a_mismatch_fails_the_check_though_another_part_is_missing() -> None:
    of, world = migration(rate=26), World()
    world.target.rows = {key: (*row[:2], "x", row[3]) for key, row in world.target.rows.items()}
    results: list[Result | str] = [Result(part=seen(call, world), failure=None) for call in calls(of)]
    results[0] = "it left nothing"
    assert check(results, of).tables[0].verdict.verdict is Verdict.FAIL


def test_no_result_at_all_is_no_pass() -> None:
    found = check(["gone", "gone"])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert {table.counts.keys.could_not_look > 0 for table in found.tables} == {True}


def test_calls_go_on_past_one_that_is_silent_and_stop_after_two() -> None:
    progress = Progress(asked=ASKED, call=0, called_at=NOON)
    assert next_call(progress, answered=True, count=5) == 1
    assert next_call(progress, answered=True, count=1) is None
    assert next_call(progress, answered=False, count=5) == 1
    silent = after(progress, answered=False, call=1, called_at=NOON)
    assert next_call(silent, answered=False, count=5) is None
    assert next_call(silent, answered=True, count=5) == 2
    assert after(silent, answered=True, call=2, called_at=NOON).silent == 0


def test_how_far_a_check_is_goes_through_json() -> None:
    progress = Progress(asked=ASKED, call=3, called_at=NOON, silent=1)
    assert Progress.from_json(progress.to_json()) == progress
    with pytest.raises(ValidationError):
        Progress.from_json('{"call": 1}')


def test_who_looks_for_a_failed_call_is_told_queue_and_log() -> None:
    assert where_to_look(migration()) == (
        "Look into its dead letter queue keyspaces-migration-flights-comparison-dead-letters, and its log group "
        "/aws/lambda/keyspaces-migration-flights-comparison, in account 000000000000, us-east-1"
    )
