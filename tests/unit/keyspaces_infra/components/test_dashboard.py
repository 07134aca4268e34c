"""A dashboard of CloudWatch."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyspaces_infra.components.dashboard import Dashboard, DashboardArgs
from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.table_alarms import TableAlarmKind, TableAlarms, TableAlarmsArgs
from tests.unit.keyspaces_infra.pulumi_recorder import declared

DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"


def shown(**changes: Any) -> list[dict[str, Any]]:
    given: dict[str, Any] = {"name": "flights", "region": "eu-west-1", "keyspace": "air", "tables": ["planes"]}
    recorder = declared(lambda: Dashboard(DashboardArgs(**{**given, **changes})))
    asked = recorder.inputs(DASHBOARD, "flights")
    assert asked["dashboardName"] == "flights"
    widgets: list[dict[str, Any]] = json.loads(asked["dashboardBody"])["widgets"]
    return widgets


def titled(widgets: list[dict[str, Any]], title: str) -> dict[str, Any]:
    (found,) = (each["properties"] for each in widgets if each["properties"]["title"] == title)
    properties: dict[str, Any] = found
    return properties


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("Write throttles", TableAlarmKind.WRITE_THROTTLES),
        ("Read throttles", TableAlarmKind.READ_THROTTLES),
        ("System errors", TableAlarmKind.SYSTEM_ERRORS),
    ],
)
def test_it_shows_the_very_series_that_the_alarms_watch(title: str, kind: TableAlarmKind) -> None:
    graph = titled(shown(tables=["planes", "weather"]), title)
    assert graph["metrics"] == [
        ["AWS/Cassandra", kind.metric, "Keyspace", "air", "TableName", table, "Operation", operation]
        for table in ("planes", "weather")
        for operation in kind.operations
    ]
    assert (graph["region"], graph["stat"], graph["period"]) == ("eu-west-1", "Sum", 60)


def test_units_are_by_table() -> None:
    graph = titled(shown(), "Write units consumed")
    assert graph["metrics"] == [
        ["AWS/Cassandra", "ConsumedWriteCapacityUnits", "Keyspace", "air", "TableName", "planes"]
    ]


def test_the_verdict_and_its_bound_are_as_checks_send_them() -> None:
    widgets = shown(migration="flights", check_namespace="KeyspacesMigration")
    graph = titled(widgets, "Checks: bound of the share of rows out of line")
    assert graph["metrics"] == [["KeyspacesMigration", "row_bound", "migration", "flights", "table", "planes"]]
    assert titled(widgets, "Checks: 1 passed, 0 inconclusive, -1 failed")["stat"] == "Minimum"


def test_letters_and_checks_are_shown_only_where_there_are_any() -> None:
    titles = [each["properties"]["title"] for each in shown()]
    assert not [title for title in titles if "letter" in title or "Checks" in title]
    queue = titled(shown(letter_queue="flights-letters"), "Dead letters")
    assert queue["metrics"] == [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "flights-letters"]]


def test_alarms_stand_at_the_top_and_nothing_lies_over_anything() -> None:
    def program() -> None:
        alarms = TableAlarms(TableAlarmsArgs(prefix="flights", keyspace="air", tables=["planes"]))
        args = DashboardArgs(
            name="flights", region="eu-west-1", keyspace="air", tables=["planes"], alarm_arns=alarms.arns
        )
        Dashboard(args)

    widgets = json.loads(declared(program).inputs(DASHBOARD, "flights")["dashboardBody"])["widgets"]
    assert widgets[0]["type"] == "alarm"
    assert len(widgets[0]["properties"]["alarms"]) == len(TableAlarmKind)
    cells = [
        (x, y)
        for each in widgets
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": "no spaces"}, "DashboardArgs.name"),
        ({"tables": []}, "Dashboard flights.tables"),
        ({"tables": [f"t{number}" for number in range(126)]}, "Dashboard flights.tables"),
        ({"check_namespace": "KeyspacesMigration"}, "Dashboard flights.migration"),
    ],
)
def test_what_cloudwatch_would_refuse_is_refused_before(changes: dict[str, Any], where: str) -> None:
    given: dict[str, Any] = {"name": "flights", "region": "eu-west-1", "keyspace": "air", "tables": ["planes"]}
    with pytest.raises(ComponentArgumentError, match=where):
        DashboardArgs(**{**given, **changes})
