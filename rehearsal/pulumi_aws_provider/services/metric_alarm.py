"""aws:cloudwatch/metricAlarm:MetricAlarm; its id is its name.

Ministack 1.5.33 keeps neither the metric queries of an alarm nor `thresholdMetricId` and
`evaluateLowSampleCountPercentiles`, and makes up a statistic and a period where there are queries. Of these a read says
what the program said, so no refresh finds a change of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.alarms import forget, keep
from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.resources import AlreadyThereError
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_NAMES = {
    "name": "AlarmName",
    "arn": "AlarmArn",
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
}
_NOT_KEPT = ("evaluateLowSampleCountPercentiles", "thresholdMetricId")
_API_NAMES = {
    "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
    "thresholdMetricId": "ThresholdMetricId",
}
# As they are told apart from the list of metrics and the dimensions, which the API has in another form.
_PLAIN = (
    "name",
    "actionsEnabled",
    "alarmActions",
    "alarmDescription",
    "comparisonOperator",
    "datapointsToAlarm",
    "evaluateLowSampleCountPercentiles",
    "evaluationPeriods",
    "extendedStatistic",
    "insufficientDataActions",
    "metricName",
    "namespace",
    "okActions",
    "period",
    "statistic",
    "threshold",
    "thresholdMetricId",
    "treatMissingData",
    "unit",
)


def _create(account: Account, inputs: Properties) -> str:
    name = str(inputs["name"])
    # PutMetricAlarm would overwrite it; the real provider looks first too.
    if find_alarm(account, name) is not None:
        raise AlreadyThereError(f"CloudWatch metric alarm {name!r} already exists")
    _put(account, inputs, **TAGGING.for_create(inputs))
    return name


def _read(account: Account, resource_id: str, given: Properties) -> Properties | None:
    alarm = find_alarm(account, resource_id)
    if alarm is None:
        return None
    found = from_api(account.client("cloudwatch"), "DescribeAlarms", alarm, renamed=_NAMES, within="MetricAlarms")
    told: Properties = {
        **{name: found[name] for name in (*_PLAIN, "arn") if name in found},
        "treatMissingData": alarm.get("TreatMissingData") or METRIC_ALARM.defaults["treatMissingData"],
        "dimensions": _dimensions_from_api(alarm.get("Dimensions") or ()),
        "metricQueries": [_query_from_api(query) for query in alarm.get("Metrics") or ()],
        "region": account.region,
    }
    return {**told, **_not_kept(alarm, given)}


def _not_kept(alarm: dict[str, Any], given: Properties) -> Properties:
    untold = {name: given[name] for name in _NOT_KEPT if name in given and _API_NAMES[name] not in alarm}
    made_up: Properties = {"statistic": None} if alarm.get("ExtendedStatistic") else {}
    # In AWS an alarm has the one or the other.
    if not alarm.get("MetricName") and not alarm.get("Metrics"):
        untold["metricQueries"] = given.get("metricQueries")
        made_up = {"statistic": None, "period": None}
        if "thresholdMetricId" in given:
            made_up["threshold"] = None
    return {**untold, **made_up}


def delete_alarm(account: Account, resource_id: str, outputs: Properties) -> None:
    """Delete an alarm of either kind."""
    del outputs
    client = account.client("cloudwatch")
    client.delete_alarms(AlarmNames=[resource_id])
    forget(client, resource_id)


def find_alarm(account: Account, name: str, *, kind: str = "MetricAlarm") -> dict[str, Any] | None:
    """An alarm as the API tells it, None where there is none of the name and kind."""
    answer = account.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=[kind])
    return next(iter(answer[f"{kind}s"]), None)


def _put(account: Account, inputs: Properties, **tags: Any) -> None:  # noqa: ANN401 - a list of tags
    client, wanted = account.client("cloudwatch"), METRIC_ALARM.with_defaults(inputs)
    plain = {name: wanted[name] for name in _PLAIN if wanted.get(name) not in (None, "", [])}
    request = to_api(client, "PutMetricAlarm", plain, renamed=_NAMES)
    if dimensions := wanted.get("dimensions"):
        request["Dimensions"] = _dimensions_to_api(dimensions)
    if queries := wanted.get("metricQueries"):
        request["Metrics"] = [_query_to_api(query) for query in queries]
    client.put_metric_alarm(**request, **tags)
    keep(client, request)


def _dimensions_to_api(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted(dimensions.items())]


def _dimensions_from_api(dimensions: Any) -> dict[str, str]:  # noqa: ANN401 - a list or a tuple
    return {each["Name"]: each["Value"] for each in dimensions}


_QUERY = {"id": "Id", "accountId": "AccountId", "expression": "Expression", "label": "Label", "period": "Period"}
_METRIC = {"period": "Period", "stat": "Stat", "unit": "Unit"}


def _query_to_api(query: Properties) -> dict[str, Any]:
    # An empty text is nothing: the API refuses an empty expression beside a metric.
    api = {key: query[name] for name, key in _QUERY.items() if query.get(name)}
    api["ReturnData"] = bool(query.get("returnData"))
    if metric := query.get("metric"):
        api["MetricStat"] = {
            "Metric": {
                "MetricName": metric["metricName"],
                **({"Namespace": metric["namespace"]} if metric.get("namespace") else {}),
                "Dimensions": _dimensions_to_api(metric.get("dimensions") or {}),
            },
            **{key: metric[name] for name, key in _METRIC.items() if metric.get(name)},
        }
    return api


def _query_from_api(query: dict[str, Any]) -> Properties:
    found: Properties = {name: query[key] for name, key in _QUERY.items() if query.get(key)}
    found["returnData"] = bool(query.get("ReturnData"))
    if statistic := query.get("MetricStat"):
        metric = statistic["Metric"]
        found["metric"] = {
            "metricName": metric["MetricName"],
            "namespace": metric.get("Namespace"),
            "dimensions": _dimensions_from_api(metric.get("Dimensions") or ()),
            **{name: statistic[key] for name, key in _METRIC.items() if statistic.get(key)},
        }
    return found


TAGGING = Tagging(
    service="cloudwatch",
    of="arn",
    parameter="ResourceARN",
    list_with="list_tags_for_resource",
    tag_with="tag_resource",
    untag_with="untag_resource",
    pair=("Key", "Value"),
)

METRIC_ALARM = Description(
    token="aws:cloudwatch/metricAlarm:MetricAlarm",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/cloudwatch/metric_alarm.go",
    served=(*_PLAIN, "dimensions", "metricQueries"),
    required=("name", "comparisonOperator", "evaluationPeriods"),
    replacing=("name",),
    computed=("arn",),
    filled_in=("evaluateLowSampleCountPercentiles",),
    defaults={"actionsEnabled": True, "treatMissingData": "missing", "metricQueries.returnData": False},
    unordered=("alarmActions", "insufficientDataActions", "okActions", "metricQueries"),
    gone=("ResourceNotFound", "ResourceNotFoundException"),
    tagging=TAGGING,
    create=_create,
    read=_read,
    update=by_putting(_put),
    delete=delete_alarm,
)

DESCRIPTIONS = (METRIC_ALARM,)
