"""Alarms on a keyspace's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pytest

from keyspaces_infra.components.alarms import AlarmArgs, MissingData
from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.table_alarms import TableAlarmKind, TableAlarms, TableAlarmsArgs
from tests.unit.keyspaces_infra.pulumi_recorder import declared

if TYPE_CHECKING:
    from tests.unit.keyspaces_infra.pulumi_recorder import Recorder

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def asked_for(*tables: str, **changes: Any) -> Recorder:
    args = TableAlarmsArgs(prefix="flights", keyspace="air", tables=tables, **changes)
    return declared(lambda: TableAlarms(args))


def series(recorder: Recorder, name: str) -> list[tuple[str, str]]:
    queries = recorder.inputs(ALARM, name)["metricQueries"]
    dimensions = [query["metric"]["dimensions"] for query in queries if "metric" in query]
    return [(each["TableName"], each["Operation"]) for each in dimensions]


def test_an_alarm_watches_the_worst_operation_of_any_table() -> None:
    alarm = asked_for("weather", kinds=[TableAlarmKind.READ_THROTTLES], above=4).inputs(
        ALARM, "flights-read-throttles-1"
    )
    assert alarm == {
        "name": "flights-read-throttles-1",
        "alarmDescription": "Over 4 ReadThrottleEvents of one operation in 60 s on one of: weather",
        "metricQueries": [
            {"id": "worst", "expression": "MAX(METRICS())", "label": "ReadThrottleEvents", "returnData": True},
            {
                "id": "m0",
                "metric": {
                    "namespace": "AWS/Cassandra",
                    "metricName": "ReadThrottleEvents",
                    "dimensions": {"Keyspace": "air", "TableName": "weather", "Operation": "SELECT"},
                    "period": 60,
                    "stat": "Sum",
                },
            },
        ],
        "evaluationPeriods": 1,
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 4,
        "treatMissingData": "notBreaching",
        "alarmActions": [],
        "tags": {},
    }


def test_each_kind_is_watched_for_the_operations_that_it_comes_by() -> None:
    recorder = asked_for("weather")
    writes = [("weather", operation) for operation in ("INSERT", "UPDATE", "DELETE")]
    assert series(recorder, "flights-write-throttles-1") == writes
    assert series(recorder, "flights-read-throttles-1") == [("weather", "SELECT")]
    assert series(recorder, "flights-system-errors-1") == [("weather", "SELECT"), *writes]


@pytest.mark.parametrize("tables", [1, 5, 10, 11, 24])
def test_no_alarm_has_more_than_ten_metrics_and_none_is_left_out(tables: int) -> None:
    names = [f"t{number}" for number in range(tables)]
    recorder = asked_for(*names)
    for kind in TableAlarmKind:
        chunks = [
            series(recorder, asked.name)
            for asked in recorder.of_type(ALARM)
            if asked.name.startswith(f"flights-{kind.label}-")
        ]
        assert all(len(chunk) <= 10 for chunk in chunks)
        watched = [each for chunk in chunks for each in chunk]
        assert sorted(watched) == sorted((name, operation) for name in names for operation in kind.operations)
        assert len(chunks) == -(-tables * len(kind.operations) // 10)


def test_five_tables_make_as_many_alarms_as_appconfig_monitors() -> None:
    assert len(asked_for("a", "b", "c", "d", "e").of_type(ALARM)) == 5


def test_everything_stands_under_the_component_and_its_arns_can_be_used() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="eu-west-1")
        args = TableAlarmsArgs(prefix="flights", keyspace="air", tables=["weather"])
        alarms = TableAlarms(args, opts=pulumi.ResourceOptions(provider=provider))
        aws.sns.Topic("sees", name=pulumi.Output.all(*alarms.arns).apply(",".join))

    recorder = declared(program)
    made = recorder.of_type(ALARM)
    assert all("keyspaces-migration:index:TableAlarms" in each.parent for each in made)
    assert all("aws::elsewhere" in each.provider for each in made)
    assert recorder.inputs("aws:sns/topic:Topic", "sees")["name"] == ",".join(
        f"arn:cloudwatch/metricAlarm:flights-{kind.label}-1" for kind in TableAlarmKind
    )


def test_how_alarms_judge_is_handed_on() -> None:
    alarms = AlarmArgs(topic_arns=["arn:told"], period_s=120, evaluation_periods=3, missing_data=MissingData.BREACHING)
    alarm = asked_for("weather", alarms=alarms, tags={"Team": "data"}).inputs(ALARM, "flights-system-errors-1")
    assert alarm["alarmActions"] == ["arn:told"]
    assert alarm["metricQueries"][1]["metric"]["period"] == 120
    assert alarm["evaluationPeriods"] == 3
    assert alarm["treatMissingData"] == "breaching"
    assert alarm["tags"] == {"Team": "data"}


def test_without_tables_there_is_nothing_to_watch() -> None:
    with pytest.raises(ComponentArgumentError, match=r"TableAlarms flights\.tables: found \(\)"):
        TableAlarmsArgs(prefix="flights", keyspace="air", tables=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topic_arns": ["arn"] * 6}, "topic_arns: found 6, allowed is at most 5"),
        ({"period_s": 90}, "period_s: found 90, allowed is whole minutes"),
        ({"period_s": 0}, "period_s: found 0"),
        ({"period_s": 3600, "evaluation_periods": 25}, "evaluation_periods: found 25, allowed is 1 to 24"),
        ({"evaluation_periods": 0}, "evaluation_periods: found 0"),
    ],
)
def test_what_cloudwatch_would_refuse_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        AlarmArgs(**changes)
