from __future__ import annotations

from keyspaces_migration.observed.throttles import Throttling, read_throttling, throttling_by_table
from tests.unit.keyspaces_migration.observed.scripted import NOW, Points, ScriptedCloudWatch, minutes_ago


def throttling(points: Points) -> Throttling:
    client = ScriptedCloudWatch(points)
    return read_throttling(client, keyspace="air", tables=["flights"], since=minutes_ago(10), until=NOW)


def test_reads_and_writes_are_counted_together() -> None:
    found = throttling(
        {
            ("flights", "ReadThrottleEvents", "SELECT"): {minutes_ago(3): 2.0},
            ("flights", "WriteThrottleEvents", "DELETE"): {minutes_ago(2): 1.0},
            ("flights", "SuccessfulRequestCount", "SELECT"): {minutes_ago(3): 20.0, minutes_ago(2): 20.0},
            ("flights", "SuccessfulRequestCount", "INSERT"): {minutes_ago(3): 17.0},
        }
    )
    assert found == Throttling(throttled=3, successful=57, seen=True)
    assert found.share == 3 / 60


def test_successes_without_data_of_throttles_are_no_throttles() -> None:
    assert throttling({("flights", "SuccessfulRequestCount", "SELECT"): {minutes_ago(3): 5.0}}).share == 0


def test_throttles_without_data_of_successes_are_all_that_was_asked() -> None:
    assert throttling({("flights", "ReadThrottleEvents", "SELECT"): {minutes_ago(3): 5.0}}).share == 1


def test_no_data_of_either_is_unknown() -> None:
    assert throttling({}) == Throttling(throttled=0, successful=0, seen=False)
    assert throttling({}).share is None


def test_what_was_before_the_window_is_not_counted() -> None:
    assert not throttling({("flights", "SuccessfulRequestCount", "SELECT"): {minutes_ago(11): 5.0}}).seen


def test_tables_are_told_apart() -> None:
    client = ScriptedCloudWatch({("flights", "SuccessfulRequestCount", "SELECT"): {minutes_ago(1): 5.0}})
    by_table = throttling_by_table(
        client, keyspace="air", tables=["flights", "weather"], since=minutes_ago(10), until=NOW
    )
    assert {table: found.seen for table, found in by_table.items()} == {"flights": True, "weather": False}
