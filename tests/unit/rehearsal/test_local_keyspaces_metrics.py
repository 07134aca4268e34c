from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from rehearsal.local_keyspaces.admin import Metric
from rehearsal.local_keyspaces.metrics import MetricsPublisher

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
THROTTLES = Metric(name="WriteThrottleEvents", keyspace="k", table="t", operation="INSERT", unit="Count", value=7.0)
UNITS = Metric(name="ConsumedWriteCapacityUnits", keyspace="k", table="t", operation=None, unit="Count", value=20.0)


@pytest.fixture
def cloudwatch() -> Any:
    return boto3.client("cloudwatch", region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")


def point(metric: Metric, value: float) -> dict[str, Any]:
    return {
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": said} for name, said in metric.dimensions.items()],
        "Timestamp": AT,
        "Unit": "Count",
        "Value": value,
    }


def expect(stub: Stubber, *points: dict[str, Any]) -> None:
    stub.add_response("put_metric_data", {}, {"Namespace": "AWS/Cassandra", "MetricData": list(points)})


def test_what_was_added_is_put_under_the_names_of_the_service(cloudwatch: Any) -> None:
    assert THROTTLES.dimensions == {"Keyspace": "k", "TableName": "t", "Operation": "INSERT"}
    assert UNITS.dimensions == {"Keyspace": "k", "TableName": "t"}
    publisher = MetricsPublisher(cloudwatch)
    with Stubber(cloudwatch) as stub:
        expect(stub, point(THROTTLES, 7), point(UNITS, 20))
        assert publisher.publish([THROTTLES, UNITS], at=AT) == 2
        expect(stub, point(THROTTLES, 3))
        assert publisher.publish([replace(THROTTLES, value=10), UNITS], at=AT) == 1
        assert publisher.publish([replace(THROTTLES, value=10), UNITS], at=AT) == 0


def test_a_node_that_was_started_again_counts_anew(cloudwatch: Any) -> None:
    publisher = MetricsPublisher(cloudwatch)
    with Stubber(cloudwatch) as stub:
        expect(stub, point(THROTTLES, 7))
        publisher.publish([THROTTLES], at=AT)
        expect(stub, point(THROTTLES, 2))
        publisher.publish([replace(THROTTLES, value=2)], at=AT)


def test_what_could_not_be_put_is_put_the_next_time(cloudwatch: Any) -> None:
    publisher = MetricsPublisher(cloudwatch)
    with Stubber(cloudwatch) as stub:
        stub.add_client_error("put_metric_data", "Throttling")
        with pytest.raises(ClientError, match="Throttling"):
            publisher.publish([THROTTLES], at=AT)
        expect(stub, point(THROTTLES, 9))
        publisher.publish([replace(THROTTLES, value=9)], at=AT)


def test_many_are_put_in_several_requests(cloudwatch: Any) -> None:
    many = [replace(THROTTLES, table=f"t{i}") for i in range(1200)]
    publisher = MetricsPublisher(cloudwatch)
    with Stubber(cloudwatch) as stub:
        for start in (0, 500, 1000):
            expect(stub, *(point(metric, 7) for metric in many[start : start + 500]))
        assert publisher.publish(many, at=AT) == 1200
