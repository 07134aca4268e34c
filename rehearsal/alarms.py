"""Alarms of CloudWatch that the AWS stand-in does not judge, judged here.

Ministack 1.5.33 drops the metric queries of an alarm, and so never judges one that has them. An alarm on one metric it
judges when a data point is put, whatever that point's dimensions are; without data points it leaves the state as it is,
whatever the alarm says of missing data. It does carry a change of state on: to composite alarms, to AppConfig, to
topics. So who makes alarms here keeps what was asked for (`keep`), and `judge` sets their state by it.
"""

from __future__ import annotations

import json
import math
import operator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_KEPT = "alarm."
"""Beginning of the names of the dashboards that hold what was asked for: the one thing in CloudWatch that is a text."""

_WORST = "MAX(METRICS())"
_BREACHES: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": operator.gt,
    "GreaterThanOrEqualToThreshold": operator.ge,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_BREACHING_WITHOUT_DATA = {"breaching": True, "notBreaching": False}


class AlarmNotJudgedError(Exception):
    """An alarm is of a kind that is not judged here."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An alarm whose state was changed."""

    name: str
    state: str
    reason: str


def keep(client: Any, request: Mapping[str, Any]) -> None:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    """Keep what PutMetricAlarm was asked for."""
    client.put_dashboard(DashboardName=_KEPT + request["AlarmName"], DashboardBody=json.dumps(request))


def forget(client: Any, name: str) -> None:  # noqa: ANN401 - as above
    """Keep it no more; no harm where it was not kept."""
    if any(each["DashboardName"] == _KEPT + name for each in _dashboards(client)):
        client.delete_dashboards(DashboardNames=[_KEPT + name])


def judge(client: Any, *, now: datetime) -> Iterator[Judged]:  # noqa: ANN401 - as above
    """Set the state of every kept alarm where it is another; yield what was changed.

    Raises:
        AlarmNotJudgedError: One is of a kind that is not judged here; those before it were.
        botocore.exceptions.ClientError: The stand-in refused.
    """
    states = {
        alarm["AlarmName"]: alarm["StateValue"]
        for page in client.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        for alarm in page["MetricAlarms"]
    }
    for dashboard in _dashboards(client):
        name = dashboard["DashboardName"].removeprefix(_KEPT)
        if name not in states:
            continue
        request = json.loads(client.get_dashboard(DashboardName=_KEPT + name)["DashboardBody"])
        state, reason = _state(client, request, now=now, before=states[name])
        if state != states[name]:
            client.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)
            yield Judged(name=name, state=state, reason=reason)


def _dashboards(client: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as above
    return list(client.list_dashboards(DashboardNamePrefix=_KEPT).get("DashboardEntries", ()))


def _state(client: Any, request: Mapping[str, Any], *, now: datetime, before: str) -> tuple[str, str]:  # noqa: ANN401
    """The state by the newest periods, the one under way among them, or by those before it, where that is worse.

    CloudWatch looks at a period once it is over, or soon after; here a breach shows at once, and for a period longer.
    """
    queries = list(_queries(request))
    period, wanted = timedelta(seconds=queries[0]["MetricStat"]["Period"]), int(request["EvaluationPeriods"])
    newest = datetime.fromtimestamp(now.timestamp() // period.total_seconds() * period.total_seconds(), tz=UTC)
    starts = [newest - number * period for number in range(wanted + 1)]
    worst = _worst(client, queries, since=starts[-1], until=newest + period)
    found = [_judged(request, [worst.get(start) for start in some], before) for some in (starts[:-1], starts[1:])]
    state = "ALARM" if "ALARM" in found else found[0]
    return state, f"{request['AlarmName']}: {[worst.get(start) for start in starts]} from {starts[-1]:%H:%M:%S} on"


def _judged(request: Mapping[str, Any], values: Iterable[float | None], before: str) -> str:
    threshold, missing = float(request["Threshold"]), request.get("TreatMissingData", "missing")
    breaches = _BREACHES[request["ComparisonOperator"]]
    known = list(values)
    if all(value is None for value in known) and missing not in _BREACHING_WITHOUT_DATA:
        return before if missing == "ignore" else "INSUFFICIENT_DATA"
    without = _BREACHING_WITHOUT_DATA.get(missing, False)
    breaching = [without if value is None else breaches(value, threshold) for value in known]
    return "ALARM" if sum(breaching) >= int(request.get("DatapointsToAlarm", len(known))) else "OK"


def _queries(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    queries = request.get("Metrics") or [_only_query(request)]
    expressions = [query["Expression"] for query in queries if query.get("Expression")]
    periods = {query["MetricStat"]["Period"] for query in queries if "MetricStat" in query}
    if expressions not in ([], [_WORST]) or len(periods) != 1 or request["ComparisonOperator"] not in _BREACHES:
        raise AlarmNotJudgedError(
            f"alarm {request['AlarmName']}: expressions {expressions}, periods {sorted(periods)}, "
            f"{request['ComparisonOperator']}. Judged here: one metric, or {_WORST} of metrics of one period, by "
            f"{', '.join(_BREACHES)}."
        )
    for query in queries:
        if "MetricStat" in query:
            yield {"Id": query["Id"], "MetricStat": query["MetricStat"]}


def _only_query(request: Mapping[str, Any]) -> dict[str, Any]:
    metric = {name: request[name] for name in ("Namespace", "MetricName")} | {
        "Dimensions": request.get("Dimensions", [])
    }
    stat = request.get("ExtendedStatistic") or request["Statistic"]
    return {"Id": "m0", "MetricStat": {"Metric": metric, "Period": int(request["Period"]), "Stat": stat}}


def _worst(client: Any, queries: list[dict[str, Any]], *, since: datetime, until: datetime) -> dict[datetime, float]:  # noqa: ANN401
    answer = client.get_metric_data(MetricDataQueries=queries, StartTime=since, EndTime=until)
    worst: dict[datetime, float] = {}
    for result in answer["MetricDataResults"]:
        for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
            at = moment.astimezone(UTC)
            worst[at] = max(worst.get(at, -math.inf), value)
    return worst
