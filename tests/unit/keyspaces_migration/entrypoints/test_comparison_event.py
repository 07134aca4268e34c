from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.consistency.windows import FIRST_TOKEN
from keyspaces_migration.entrypoints.comparison_event import EventError, event_digest, read_event

MIGRATION = load_migration(Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml")
NOON = "2026-11-27T12:00:00+00:00"
SECRET = "0123456789abcdef" * 4


def event(**changes: Any) -> dict[str, Any]:
    good = {
        "version": 2,
        "migration": json.loads(MIGRATION.of_table("weather").canonical_json()),
        "table": "weather",
        "seed": 42,
        "now": NOON,
        "leader": "target",
        "share": {"part": 1, "parts": 3},
        "sweep": {"place": -5, "began_at": NOON},
        "read_units_per_s": 70,
        "result": "checks/flights/2026-11-27-ab/weather-2-of-3.json",
        "secret": SECRET,
    }
    return {key: value for key, value in (good | changes).items() if value is not ...}


def test_an_event_says_all_that_a_check_follows_from() -> None:
    asked = read_event(event())
    plan = asked.plan()
    assert (plan.seed, plan.leader) == (42, Leader.TARGET)
    assert (plan.max_read_units_per_s, plan.batch_rows) == (70, 7)
    assert plan.sweep_rows == MIGRATION.consistency.sweep_rows
    assert asked.part() == Share(part=1, parts=3)
    assert (asked.sweeps()["weather"].place, asked.sweeps()["weather"].began_at.isoformat()) == (-5, NOON)
    assert asked.failure == "checks/flights/2026-11-27-ab/weather-2-of-3.failed.json"


def test_the_historys_watermark_follows_from_the_events_now_and_not_from_the_clock() -> None:
    content = json.loads(MIGRATION.canonical_json())
    content["consistency"]["history_lag"] = "PT2H"
    assert read_event(event(migration=content)).plan().history_as_of == dt.datetime(2026, 11, 27, 10, tzinfo=dt.UTC)


def test_without_a_place_to_begin_nothing_is_swept() -> None:
    asked = read_event(event(sweep=None))
    assert asked.sweeps() == {}
    assert asked.plan().sweep_rows == 0


def test_the_digest_is_of_every_key_and_of_no_order() -> None:
    digests = {event_digest(event(**changes)) for changes in ({}, {"seed": 43}, {"now": "2026-11-27T12:00:01+00:00"})}
    assert len(digests) == 3
    assert event_digest(dict(reversed(event().items()))) == event_digest(event())


def test_the_secret_is_in_no_text_of_the_event() -> None:
    assert SECRET not in repr(read_event(event()))
    with pytest.raises(EventError) as refused:
        read_event(event(secret=SECRET + "x"))
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 1}, r"version: .*greater than or equal to 2"),
        ({"version": 3}, r"version: .*less than or equal to 2"),
        ({"version": True}, r"version: .*valid integer"),
        ({"version": ...}, r"version: Field required"),
        ({"seed": -1}, r"seed: .*greater than or equal to 0"),
        ({"seed": "42"}, r"seed: .*valid integer"),
        ({"seed": 4.2}, r"seed: .*valid integer"),
        ({"now": "2026-11-27T12:00:00"}, r"now: .*timezone"),
        ({"leader": "history"}, r"leader: Input should be 'source' or 'target'"),
        ({"share": {"part": 3, "parts": 3}}, r"share: .*there is no part 3 of 3"),
        ({"share": {"part": -1, "parts": 3}}, r"share\.part: .*greater than or equal to 0"),
        ({"sweep": ...}, r"sweep: Field required"),
        ({"sweep": {"place": FIRST_TOKEN - 1, "began_at": NOON}}, r"sweep\.place: "),
        ({"read_units_per_s": 0}, r"read_units_per_s: .*greater than or equal to 1"),
        ({"secret": "short"}, r"secret: .*pattern"),
        ({"table": ...}, r"table: Field required"),
        ({"table": "wether"}, r"table: found 'wether'.*did you mean 'weather'\?"),
        ({"tables": ["weather"]}, r"tables: Extra inputs are not permitted"),
        ({"migration": "flights"}, r"migration: Input should be an object"),
        ({"migration": {}}, r"migration\.owner: Field required"),
    ],
)
def test_a_bad_event_is_refused_by_the_key_that_is_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EventError, match=said):
        read_event(event(**changes))


@pytest.mark.parametrize(
    "place",
    [
        "../other.json",
        "a/../b.json",
        "/a.json",
        "a//b.json",
        "a/.json/",
        "a/b",
        "a b.json",
        "..json/..",
        "a/./b.json",
        "",
    ],
)
def test_a_result_can_be_left_under_the_functions_prefix_alone(place: str) -> None:
    with pytest.raises(EventError, match=r"result: .*pattern"):
        read_event(event(result=place))


def test_a_migration_that_breaks_a_rule_is_refused_with_what_is_allowed() -> None:
    content = json.loads(MIGRATION.canonical_json())
    content["consistency"]["confidence"] = 2
    with pytest.raises(EventError, match=r"migration\.consistency\.confidence: "):
        read_event(event(migration=content))


@pytest.mark.parametrize("given", [None, [], "weather", 1])
def test_what_is_no_object_is_refused(given: object) -> None:
    with pytest.raises(EventError, match="Input should be an object"):
        read_event(given)


def scheduled(**changes: Any) -> dict[str, Any]:
    migration = json.loads(changes.pop("migration", MIGRATION).of_table("weather").canonical_json())
    good = {"version": 2, "scheduled_at": NOON, "tables": 4, "table": "weather", "migration": migration}
    return good | changes


def test_a_scheduled_call_draws_by_table_and_moment_and_nothing_else() -> None:
    seeds = [
        read_event(scheduled(**changes)).seed
        for changes in ({}, {"scheduled_at": "2026-11-27T12:00:00Z"}, {"scheduled_at": "2026-11-27T18:00:00Z"})
    ]
    assert seeds[0] == seeds[1] != seeds[2]
    asked = read_event(scheduled())
    assert (asked.now.isoformat(), asked.part(), asked.sweep, asked.secret) == (NOON, Share(), None, None)
    assert asked.result == "scheduled/flights/weather/2026-11-27T12:00:00Z.json"


def test_scheduled_calls_of_all_tables_together_read_at_half_the_rate() -> None:
    content = json.loads(MIGRATION.canonical_json())
    content["comparison_lambda"]["schedule"] = "rate(6 hours)"
    migration = Migration.from_canonical_json(json.dumps(content))
    assert read_event(scheduled(migration=migration)).plan().max_read_units_per_s == 3_000 // 2 // 4
    content["consistency"]["max_read_units_per_s"] = None
    migration = Migration.from_canonical_json(json.dumps(content))
    assert read_event(scheduled(migration=migration)).plan().max_read_units_per_s is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheduled_at": "<aws.scheduler.scheduled-time>"}, r"scheduled_at: .*valid datetime"),
        ({"tables": 0}, r"tables: .*greater than or equal to 1"),
        ({"seed": 1}, r"seed: Extra inputs"),
    ],
)
def test_a_bad_scheduled_event_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EventError, match=said):
        read_event(scheduled(**changes))
