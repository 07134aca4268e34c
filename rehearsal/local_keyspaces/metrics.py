"""Puts a local Keyspaces' metrics where Amazon's would be: into CloudWatch's namespace AWS/Cassandra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from rehearsal.local_keyspaces.admin import Metric

NAMESPACE = "AWS/Cassandra"
# PutMetricData takes 1,000 at a time; less keeps a request below its 1 MB.
MOST_AT_A_TIME = 500
LEVELS = frozenset({"ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits"})


class CloudWatch(Protocol):
    """What is used of boto3's client of CloudWatch."""

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> object:  # noqa: N803 - AWS's names
        """Take data points."""
        ...


class MetricsPublisher:
    """Puts what was added since the last time, as CloudWatch's sums over a period are.

    A node that was started again counts from 0: what it counts is then new.
    """

    def __init__(self, cloudwatch: CloudWatch) -> None:
        self._cloudwatch = cloudwatch
        self._last: dict[tuple[Any, ...], float] = {}

    def publish(self, metrics: Iterable[Metric], *, at: datetime) -> int:
        """Put them; returns how many data points.

        Raises:
            botocore.exceptions.ClientError: CloudWatch refused. What was not put is put the next time.
        """
        found = {(metric.name, metric.keyspace, metric.table, metric.operation): metric for metric in metrics}
        news = [(key, metric, self._added(key, metric)) for key, metric in found.items()]
        data = [(key, metric, value) for key, metric, value in news if value]
        for start in range(0, len(data), MOST_AT_A_TIME):
            chunk = data[start : start + MOST_AT_A_TIME]
            points = [_point(metric, value, at) for _, metric, value in chunk]
            self._cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=points)
            self._last |= {key: metric.value for key, metric, _ in chunk}
        return len(data)

    def _added(self, key: tuple[Any, ...], metric: Metric) -> float:
        last = self._last.get(key, 0)
        return metric.value if metric.name in LEVELS or metric.value < last else metric.value - last


def _point(metric: Metric, value: float, at: datetime) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": said} for name, said in metric.dimensions.items()],
        "Timestamp": at,
        "Unit": metric.unit,
        "Value": value,
    }
