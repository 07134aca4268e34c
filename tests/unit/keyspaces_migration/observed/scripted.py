"""A CloudWatch that answers from data points, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)


def minutes_ago(minutes: int) -> datetime:
    return NOW.replace(second=0) - timedelta(minutes=minutes)


Points = dict[tuple[str, str, str | None], dict[datetime, float]]


class ScriptedCloudWatch:
    """`points` by (table, metric, operation); `page_size` results a page."""

    def __init__(self, points: Points, *, page_size: int = 100) -> None:
        self.points = points
        self.page_size = page_size
        self.requests: list[dict[str, Any]] = []
        self.status = "Complete"

    def get_metric_data(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        start = int(request.get("NextToken", 0))
        queries = request["MetricDataQueries"][start : start + self.page_size]
        more = start + self.page_size < len(request["MetricDataQueries"])
        found = [self._result(query, request) for query in queries]
        return {"MetricDataResults": found, **({"NextToken": str(start + self.page_size)} if more else {})}

    def _result(self, query: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
        metric = query["MetricStat"]["Metric"]
        named = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        assert (metric["Namespace"], query["MetricStat"]["Stat"], named["Keyspace"]) == ("AWS/Cassandra", "Sum", "air")
        key = (named["TableName"], metric["MetricName"], named.get("Operation"))
        inside = {
            at: value
            for at, value in self.points.get(key, {}).items()
            if request["StartTime"] <= at < request["EndTime"]
        }
        return {
            "Id": query["Id"],
            "StatusCode": self.status,
            "Timestamps": list(inside),
            "Values": list(inside.values()),
        }
