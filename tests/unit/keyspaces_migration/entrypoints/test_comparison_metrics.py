"""The log line that CloudWatch makes metrics of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.entrypoints.comparison_metrics import metric_line
from tests.unit.keyspaces_migration.consistency.test_check import NOW, PLAN, World
from tests.unit.keyspaces_migration.consistency.test_parts import part_of
from tests.unit.keyspaces_migration.entrypoints.test_comparison_event import MIGRATION


def line(share: Share, *, namespace: str | None = None) -> dict[str, Any]:
    content = json.loads(MIGRATION.canonical_json())
    content["consistency"]["cloudwatch_namespace"] = namespace
    world = World()
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    text = metric_line(Migration.from_canonical_json(json.dumps(content)), part_of(world, share), plan=PLAN, at=NOW)
    assert "\n" not in text
    read: dict[str, Any] = json.loads(text)
    return read


def test_every_metric_that_it_names_is_a_number_in_it() -> None:
    found = line(Share())
    (directive,) = found["_aws"]["CloudWatchMetrics"]
    assert found["_aws"]["Timestamp"] == NOW.timestamp() * 1000
    assert directive["Dimensions"] == [["migration", "table"]]
    assert (found["migration"], found["table"]) == ("flights", "t")
    names = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert all(isinstance(found[name], int | float) for name in names)
    assert set(found) == {"_aws", "migration", "table", *names}
    assert (names["rows_compared"], names["row_bound"], names["verdict"]) == ("Count", "None", "None")
    assert (found["verdict"], found["rows_out_of_line"], found["rows_out_of_line_target"]) == (-1, 1, 1)
    assert found["rows_out_of_line_source"] == 0


def test_a_part_has_what_can_be_added_up_and_no_verdict_or_bound() -> None:
    parts = [line(Share(part=part, parts=3)) for part in range(3)]
    for name in ("verdict", "passed", "row_bound"):
        assert all(name not in part for part in parts)
    assert sum(part["rows_compared"] for part in parts) == line(Share())["rows_compared"]


@pytest.mark.parametrize(("namespace", "used"), [(None, "KeyspacesMigration"), ("Acme/Orders", "Acme/Orders")])
def test_its_namespace_is_the_files_or_the_packages(namespace: str | None, used: str) -> None:
    assert line(Share(), namespace=namespace)["_aws"]["CloudWatchMetrics"][0]["Namespace"] == used
