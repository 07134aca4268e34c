from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rehearsal.alarms import AlarmNotJudgedError, forget, judge, keep

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)
THIS_MINUTE = NOW.replace(second=0)
MINUTE = timedelta(minutes=1)


class StandIn:
    """As much of CloudWatch as is used; `points` by the id of the query."""

    def __init__(self, points: dict[str, dict[datetime, float]], *, state: str = "INSUFFICIENT_DATA") -> None:
        self.points = points
        self.state = state
        self.dashboards: dict[str, str] = {}

    def put_dashboard(self, **asked: str) -> None:
        self.dashboards[asked["DashboardName"]] = asked["DashboardBody"]

    def get_dashboard(self, **asked: str) -> dict[str, Any]:
        return {"DashboardBody": self.dashboards[asked["DashboardName"]]}

    def list_dashboards(self, **asked: str) -> dict[str, Any]:
        names = [name for name in self.dashboards if name.startswith(asked["DashboardNamePrefix"])]
        return {"DashboardEntries": [{"DashboardName": name} for name in names]}

    def delete_dashboards(self, **asked: list[str]) -> None:
        for name in asked["DashboardNames"]:
            del self.dashboards[name]

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_alarms"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        assert asked == {"AlarmTypes": ["MetricAlarm"]}
        return [{"MetricAlarms": [{"AlarmName": "a", "StateValue": self.state}]}]

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        results = []
        for query in asked["MetricDataQueries"]:
            found = {
                at: value
                for at, value in self.points.get(query["Id"], {}).items()
                if asked["StartTime"] <= at < asked["EndTime"]
            }
            results.append({"Id": query["Id"], "Timestamps": list(found), "Values": list(found.values())})
        return {"MetricDataResults": results}

    def set_alarm_state(self, **asked: str) -> None:
        assert asked["AlarmName"] == "a"
        self.state = asked["StateValue"]


def alarm(**changes: Any) -> dict[str, Any]:
    metric = {"Metric": {"Namespace": "AWS/Cassandra", "MetricName": "E"}, "Period": 60, "Stat": "Sum"}
    return {
        "AlarmName": "a",
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "TreatMissingData": "notBreaching",
        "Metrics": [
            {"Id": "worst", "Expression": "MAX(METRICS())"},
            {"Id": "m0", "MetricStat": metric},
            {"Id": "m1", "MetricStat": metric},
        ],
        **changes,
    }


def judged(points: dict[str, dict[datetime, float]], *, state: str = "INSUFFICIENT_DATA", **changes: Any) -> str:
    client = StandIn(points, state=state)
    keep(client, alarm(**changes))
    list(judge(client, now=NOW))
    return client.state


def test_the_worst_metric_counts_at_once_and_for_a_period_longer() -> None:
    assert judged({"m0": {THIS_MINUTE: 0.0}, "m1": {THIS_MINUTE: 3.0}}) == "ALARM"
    assert judged({"m1": {THIS_MINUTE - MINUTE: 3.0}}) == "ALARM"
    assert judged({"m1": {THIS_MINUTE - 2 * MINUTE: 3.0}}, state="ALARM") == "OK"
    assert judged({"m1": {THIS_MINUTE: 3.0}}, Threshold=3) == "OK"


@pytest.mark.parametrize(
    ("missing", "state"),
    [("notBreaching", "OK"), ("breaching", "ALARM"), ("missing", "INSUFFICIENT_DATA"), ("ignore", "ALARM")],
)
def test_without_data_it_is_as_the_alarm_says(missing: str, state: str) -> None:
    assert judged({}, state="ALARM", TreatMissingData=missing) == state


def test_several_periods_in_a_row_are_wanted_or_so_many_of_them() -> None:
    two = {"m0": {THIS_MINUTE: 1.0, THIS_MINUTE - 2 * MINUTE: 1.0}}
    assert judged(two, EvaluationPeriods=3) == "OK"
    assert judged(two, EvaluationPeriods=3, DatapointsToAlarm=2) == "ALARM"


def test_an_alarm_on_one_metric_is_judged_too() -> None:
    one: dict[str, Any] = {
        "Namespace": "AWS/SQS",
        "MetricName": "Age",
        "Statistic": "Maximum",
        "Period": 60,
        "Metrics": None,
    }
    assert judged({"m0": {THIS_MINUTE: 1.0}}, **one) == "ALARM"


def test_another_expression_is_refused_by_its_name() -> None:
    client = StandIn({})
    keep(client, alarm(Metrics=[{"Id": "e", "Expression": "m0 / m1"}, *alarm()["Metrics"][1:]]))
    with pytest.raises(AlarmNotJudgedError, match="m0 / m1"):
        list(judge(client, now=NOW))


def test_what_is_forgotten_is_judged_no_more_and_others_dashboards_are_left_alone() -> None:
    client = StandIn({"m0": {THIS_MINUTE: 1.0}})
    client.put_dashboard(DashboardName="somebody's", DashboardBody=json.dumps({}))
    keep(client, alarm())
    forget(client, "a")
    forget(client, "never kept")
    assert list(judge(client, now=NOW)) == []
    assert list(client.dashboards) == ["somebody's"]
