from __future__ import annotations

from datetime import datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from keyspaces_migration.observed.cloudwatch import MetricsUnavailableError, Series, read_points, window
from tests.unit.keyspaces_migration.observed.scripted import NOW, ScriptedCloudWatch, minutes_ago

MINUTE = timedelta(minutes=1)
LAST = window(since=minutes_ago(10), until=NOW)


def series(number: int) -> list[Series]:
    return [
        Series(keyspace="air", table=f"t{n}", metric="ReadThrottleEvents", operation="SELECT") for n in range(number)
    ]


def test_a_window_is_of_whole_periods_and_holds_what_was_asked_for() -> None:
    found = window(since=NOW - timedelta(minutes=3), until=NOW)
    assert (found.since, found.until) == (minutes_ago(3), NOW.replace(second=0) + MINUTE)
    exact = window(since=minutes_ago(3), until=minutes_ago(0))
    assert (exact.since, exact.until, exact.seconds) == (minutes_ago(3), minutes_ago(0), 180)


@pytest.mark.parametrize(("days", "period_s"), [(14, 60), (15, 300), (62, 300), (63, 3600), (500, 3600)])
def test_a_period_is_the_finest_that_is_kept_for_so_long(days: int, period_s: int) -> None:
    assert window(since=NOW - timedelta(days=days), until=NOW).period.total_seconds() == period_s


def test_a_window_needs_time_zones_and_some_time() -> None:
    with pytest.raises(ValueError, match="time zone"):
        window(since=datetime(2026, 11, 25), until=NOW)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="holds nothing"):
        window(since=NOW, until=NOW)


def test_all_pages_and_more_metrics_than_one_request_takes_are_read() -> None:
    asked = series(1200)
    client = ScriptedCloudWatch(
        {(each.table, each.metric, "SELECT"): {minutes_ago(2): 1.0, minutes_ago(5): 2.0} for each in asked}
    )
    found = read_points(client, asked, LAST)
    assert set(found.values()) == {((minutes_ago(5), 2.0), (minutes_ago(2), 1.0))}
    assert [len(request["MetricDataQueries"]) for request in client.requests] == [500] * 5 + [500] * 5 + [200] * 2


def test_partial_data_with_a_next_page_is_gone_on_with_and_without_one_refused() -> None:
    client = ScriptedCloudWatch({}, page_size=1)
    client.status = "PartialData"
    with pytest.raises(MetricsUnavailableError, match=r"air\.t1: CloudWatch answers PartialData"):
        read_points(client, series(2), LAST)


@pytest.mark.parametrize("status", ["InternalError", "Forbidden"])
def test_a_metric_that_was_not_read_is_not_one_without_data(status: str) -> None:
    client = ScriptedCloudWatch({})
    client.status = status
    with pytest.raises(MetricsUnavailableError, match=status):
        read_points(client, series(1), LAST)


def test_a_refusal_names_the_right_that_it_takes() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="n", aws_secret_access_key="n")
    with Stubber(client) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied")
        with pytest.raises(MetricsUnavailableError, match="cloudwatch:GetMetricData"):
            read_points(client, series(1), LAST)
