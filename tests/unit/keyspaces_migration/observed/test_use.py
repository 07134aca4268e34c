from __future__ import annotations

from datetime import timedelta

import pytest

from keyspaces_migration.observed.use import capacity_use
from tests.unit.keyspaces_migration.observed.scripted import NOW, ScriptedCloudWatch, minutes_ago

READS, WRITES = "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"


def test_peak_mean_and_span_are_told() -> None:
    client = ScriptedCloudWatch(
        {
            ("flights", WRITES, None): {minutes_ago(120): 600.0, minutes_ago(119): 60.0, minutes_ago(1): 1200.0},
            ("weather", READS, None): {minutes_ago(100): 30.0},
        }
    )
    found = capacity_use(client, keyspace="air", tables=["flights", "weather"], since=minutes_ago(600), until=NOW)
    assert found.first == minutes_ago(120)
    assert found.last == minutes_ago(0)
    assert found.seen == timedelta(hours=2)
    writes = found.tables["flights"].writes
    assert (writes.total, writes.peak_per_s, writes.mean_per_s) == (1860, 20, 1860 / 7200)
    assert list(writes.peak_by_hour) == [10, 20]
    # Idle for most of the time that the keyspace was seen, and known to be.
    assert found.tables["weather"].reads.mean_per_s == 30 / 7200
    assert found.tables["weather"].reads.peak_by_hour == (0.5, 0.0)
    assert not found.is_cut


def test_a_keyspace_without_data_points_was_not_seen() -> None:
    found = capacity_use(ScriptedCloudWatch({}), keyspace="air", tables=["flights"], since=minutes_ago(9), until=NOW)
    assert (found.first, found.last, found.seen) == (None, None, timedelta(0))
    assert found.tables["flights"].writes.peak_by_hour == ()


@pytest.mark.parametrize(("days", "cut"), [(14, False), (15, True), (40, True)])
def test_no_more_is_asked_for_than_is_kept_by_the_minute(days: int, cut: bool) -> None:  # noqa: FBT001 - a parameter
    client = ScriptedCloudWatch({})
    found = capacity_use(client, keyspace="air", tables=["flights"], since=NOW - timedelta(days=days), until=NOW)
    assert found.is_cut is cut
    assert client.requests[0]["StartTime"] > NOW - timedelta(days=15)
    assert {query["MetricStat"]["Period"] for query in client.requests[0]["MetricDataQueries"]} == {60}
