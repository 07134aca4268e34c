from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from cassandra import WriteTimeout

from rehearsal.local_keyspaces.metrics import NAMESPACE, MetricsPublisher
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.servers.aws import REGION, AwsStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin


@pytest.fixture(scope="module")
def cloudwatch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    home = tmp_path_factory.mktemp("aws")
    server = AwsStandIn(home=home, port=free_ports(1)[0], log=home / "aws.log")
    server.launch()
    try:
        wait_until(server.why_not_healthy, name=server.name, log=server.log, timeout_s=120)
        yield boto3.client(
            "cloudwatch",
            region_name=REGION,
            endpoint_url=server.endpoint_url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
    finally:
        server.stop()


@pytest.fixture
def keyspace(session: Session) -> Iterator[str]:
    session.execute("CREATE KEYSPACE metered WITH REPLICATION = {'class': 'SingleRegionStrategy'}")
    session.execute(
        "CREATE TABLE metered.t (p int PRIMARY KEY) WITH CUSTOM_PROPERTIES = {'capacity_mode': "
        "{'throughput_mode': 'PROVISIONED', 'read_capacity_units': 1, 'write_capacity_units': 5}}"
    )
    yield "metered"
    session.execute("DROP KEYSPACE metered")


def total(cloudwatch: Any, name: str, keyspace: str, operation: str | None, now: datetime) -> float:
    named = {"Keyspace": keyspace, "TableName": "t", "Operation": operation}
    points = cloudwatch.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in named.items() if value],
        StartTime=now - timedelta(minutes=10),
        EndTime=now + timedelta(minutes=10),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in points))


def test_throttles_reach_cloudwatch_as_those_of_the_service_do(
    session: Session, admin: LocalKeyspacesAdmin, cloudwatch: Any, keyspace: str
) -> None:
    admin.change_settings(capacity=True, burst_s=0)
    publisher = MetricsPublisher(cloudwatch)
    throttled = 0
    now = datetime.now(UTC)
    for _ in range(2):
        for key in range(50):
            try:
                session.execute(f"INSERT INTO metered.t (p) VALUES ({key})")
            except WriteTimeout:
                throttled += 1
        own = [metric for metric in admin.metrics() if metric.keyspace == keyspace]
        publisher.publish(own, at=now)
    assert throttled > 0
    assert total(cloudwatch, "WriteThrottleEvents", keyspace, "INSERT", now) == throttled
    assert total(cloudwatch, "ConsumedWriteCapacityUnits", keyspace, None, now) == 100 - throttled
    assert total(cloudwatch, "SuccessfulRequestCount", keyspace, "INSERT", now) == 100 - throttled
