from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import load_migration
from keyspaces_migration.entrypoints.comparison_event import EventError, read_event

MIGRATION = load_migration(Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml")


def event(**changes: Any) -> dict[str, Any]:
    good = {"version": 1, "migration": json.loads(MIGRATION.canonical_json()), "table": "weather", "seed": 42}
    return {key: value for key, value in (good | changes).items() if value is not ...}


def test_an_event_carries_the_whole_migration() -> None:
    asked = read_event(event())
    assert (asked.table, asked.seed) == ("weather", 42)
    assert asked.migration == MIGRATION
    assert asked.migration.digest == MIGRATION.digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, r"version: .*less than or equal to 1"),
        ({"version": True}, r"version: .*valid integer"),
        ({"version": ...}, r"version: Field required"),
        ({"seed": -1}, r"seed: .*greater than or equal to 0"),
        ({"seed": "42"}, r"seed: .*valid integer"),
        ({"seed": 4.2}, r"seed: .*valid integer"),
        ({"table": ...}, r"table: Field required"),
        ({"table": "wether"}, r"table: found 'wether'.*departures.*did you mean 'weather'\?"),
        ({"tables": ["weather"]}, r"tables: Extra inputs are not permitted"),
        ({"migration": "flights"}, r"migration: Input should be an object"),
        ({"migration": {}}, r"migration\.owner: Field required"),
    ],
)
def test_a_bad_event_is_refused_by_the_key_that_is_wrong(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(EventError, match=said):
        read_event(event(**changes))


def test_a_migration_that_breaks_a_rule_is_refused_with_what_is_allowed() -> None:
    content = json.loads(MIGRATION.canonical_json())
    content["consistency"]["confidence"] = 2
    with pytest.raises(EventError, match=r"migration\.consistency\.confidence: "):
        read_event(event(migration=content))


@pytest.mark.parametrize("given", [None, [], "weather", 1])
def test_what_is_no_object_is_refused(given: object) -> None:
    with pytest.raises(EventError, match="Input should be an object"):
        read_event(given)
