"""What CloudWatch says of a table, against what the node counted; and the alarms that `provision` makes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import ConsistencyLevel, ReadTimeout, WriteTimeout
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import FallthroughRetryPolicy, RoundRobinPolicy

from keyspaces_infra.components.table_alarms import TableAlarms, TableAlarmsArgs
from keyspaces_migration.observed.throttles import read_throttling, throttling_by_table
from keyspaces_migration.observed.use import capacity_use
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.processes import wait_until
from rehearsal.pulumi_aws_provider.account import Account
from rehearsal.pulumi_aws_provider.services.metric_alarm import METRIC_ALARM
from rehearsal.pulumi_aws_provider.structs import to_dict, to_struct
from rehearsal.servers.aws import REGION
from rehearsal.servers.metrics import MetricsBridge
from tests.unit.keyspaces_infra.pulumi_recorder import declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.aws import AwsStandIn

KEYSPACE = "observed"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
PROFILES = {
    EXEC_PROFILE_DEFAULT: ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        retry_policy=FallthroughRetryPolicy(),
        request_timeout=30,
    )
}
TABLE = (
    "CREATE TABLE {keyspace}.{table} (p int PRIMARY KEY, v text) WITH CUSTOM_PROPERTIES = {{'capacity_mode': "
    "{{'throughput_mode': 'PROVISIONED', 'read_capacity_units': {units}, 'write_capacity_units': {units}}}}}"
)


@pytest.fixture(scope="module")
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    with Cluster([local_keyspaces.host], port=local_keyspaces.port, execution_profiles=PROFILES) as cluster:
        opened = cluster.connect()
        opened.execute(f"CREATE KEYSPACE {KEYSPACE} WITH REPLICATION = {{'class': 'SingleRegionStrategy'}}")
        for table, units in (("busy", 40_000), ("narrow", 2), ("idle", 40_000)):
            opened.execute(TABLE.format(keyspace=KEYSPACE, table=table, units=units))
        yield opened
        opened.execute(f"DROP KEYSPACE {KEYSPACE}")


@pytest.fixture(scope="module")
def admin(local_keyspaces: LocalKeyspacesNode) -> Iterator[LocalKeyspacesAdmin]:
    client = local_keyspaces.admin
    settings = client.settings()
    client.change_settings(capacity=True, burst_s=0)
    yield client
    client.clear_faults()
    client.change_settings(**settings)


@pytest.fixture(scope="module")
def cloudwatch(aws_stand_in: AwsStandIn) -> Any:
    return aws_stand_in.client("cloudwatch")


@pytest.fixture(scope="module", autouse=True)
def bridge(
    tmp_path_factory: pytest.TempPathFactory, local_keyspaces: LocalKeyspacesNode, aws_stand_in: AwsStandIn
) -> Iterator[MetricsBridge]:
    made = MetricsBridge(home=tmp_path_factory.mktemp("metrics"), node=local_keyspaces, aws=aws_stand_in, every_s=0.5)
    made.start()
    yield made
    made.check()
    made.stop()
    assert "Traceback" not in made.log.read_text()


@pytest.fixture(scope="module")
def alarms(aws_stand_in: AwsStandIn) -> Iterator[tuple[str, ...]]:
    """The alarms of the component that `provision` uses, made as the local world's provider makes them."""
    account = Account(region=REGION, endpoints={"cloudwatch": aws_stand_in.endpoint_url}, access_key="test")
    args = TableAlarmsArgs(prefix=KEYSPACE, keyspace=KEYSPACE, tables=["busy", "narrow", "idle"])
    asked = declared(lambda: TableAlarms(args)).of_type(ALARM)
    # Through the form in which the engine's numbers arrive.
    names = tuple(METRIC_ALARM.create(account, to_dict(to_struct(each.inputs))) for each in asked)
    client = account.client("cloudwatch")
    rule = " OR ".join(f'ALARM("{name}")' for name in names)
    client.put_composite_alarm(AlarmName=f"{KEYSPACE}-target", AlarmRule=rule)
    yield names
    client.delete_alarms(AlarmNames=[f"{KEYSPACE}-target"])
    for name in names:
        METRIC_ALARM.delete(account, name, {})
    # The local world keeps an alarm's documents as dashboards; those of other tests stay theirs.
    left = [each["DashboardName"] for each in client.list_dashboards()["DashboardEntries"]]
    assert not [each for each in left if any(name in each for name in names)]


def until(holds: Callable[[], bool], *, bridge: MetricsBridge, timeout_s: float = 30) -> None:
    def why_not() -> str | None:
        bridge.check()
        return None if holds() else "not yet"

    wait_until(why_not, name="CloudWatch", log=bridge.log, timeout_s=timeout_s)


def states(cloudwatch: Any) -> dict[str, str]:
    answer = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], AlarmNamePrefix=KEYSPACE)
    return {
        alarm["AlarmName"]: alarm["StateValue"]
        for kind in ("MetricAlarms", "CompositeAlarms")
        for alarm in answer[kind]
    }


def test_units_and_requests_read_back_are_those_that_the_node_counted(
    session: Session, admin: LocalKeyspacesAdmin, cloudwatch: Any, bridge: MetricsBridge
) -> None:
    began = datetime.now(UTC)
    for key in range(200):
        session.execute(f"INSERT INTO {KEYSPACE}.busy (p, v) VALUES ({key}, '{'x' * 3000}')")
        session.execute(f"SELECT * FROM {KEYSPACE}.busy WHERE p = {key}")
    written = admin.total("ConsumedWriteCapacityUnits", f"{KEYSPACE}.busy")
    read = admin.total("ConsumedReadCapacityUnits", f"{KEYSPACE}.busy")
    assert (written, read) == (600, 200)

    def used() -> Any:
        return capacity_use(
            cloudwatch, keyspace=KEYSPACE, tables=["busy", "idle"], since=began, until=datetime.now(UTC)
        )

    until(lambda: used().tables["busy"].writes.total == written, bridge=bridge)
    found = used()
    assert found.tables["busy"].reads.total == read
    assert found.tables["busy"].writes.peak_per_s <= written / 60
    assert found.tables["busy"].writes.peak_per_s >= found.tables["busy"].writes.mean_per_s
    assert max(found.tables["busy"].writes.peak_by_hour) == found.tables["busy"].writes.peak_per_s
    assert found.tables["idle"].writes.total == 0
    assert timedelta(minutes=1) <= found.seen <= timedelta(minutes=3)
    throttling = throttling_by_table(
        cloudwatch, keyspace=KEYSPACE, tables=["busy", "idle"], since=began, until=datetime.now(UTC)
    )
    assert (throttling["busy"].throttled, throttling["busy"].successful, throttling["busy"].share) == (0, 400, 0)
    assert (throttling["idle"].seen, throttling["idle"].share) == (False, None)


def test_an_alarm_without_data_is_ok_and_a_throttle_sets_it_and_what_stands_over_it_off(
    session: Session, cloudwatch: Any, bridge: MetricsBridge, alarms: tuple[str, ...]
) -> None:
    until(lambda: {states(cloudwatch)[name] for name in alarms} == {"OK"}, bridge=bridge)
    assert states(cloudwatch)[f"{KEYSPACE}-target"] == "OK"
    began, throttled = datetime.now(UTC), 0
    for key in range(20):
        try:
            session.execute(f"INSERT INTO {KEYSPACE}.narrow (p) VALUES ({key})")
        except WriteTimeout:
            throttled += 1
    assert throttled > 0

    def seen() -> Any:
        return read_throttling(cloudwatch, keyspace=KEYSPACE, tables=["narrow"], since=began, until=datetime.now(UTC))

    until(lambda: seen().throttled == throttled, bridge=bridge)
    assert seen().successful == 20 - throttled
    assert seen().share == throttled / 20
    until(lambda: states(cloudwatch)[f"{KEYSPACE}-target"] == "ALARM", bridge=bridge)
    fired = {name for name, state in states(cloudwatch).items() if state == "ALARM"}
    assert fired == {f"{KEYSPACE}-target", f"{KEYSPACE}-write-throttles-1"}


def test_an_alarm_is_ok_again_once_its_periods_are_over(
    cloudwatch: Any, bridge: MetricsBridge, alarms: tuple[str, ...]
) -> None:
    del alarms
    until(lambda: states(cloudwatch)[f"{KEYSPACE}-target"] == "OK", bridge=bridge, timeout_s=150)


def test_a_fault_of_the_admins_is_a_system_error_and_no_throttle(
    session: Session, admin: LocalKeyspacesAdmin, cloudwatch: Any, bridge: MetricsBridge, alarms: tuple[str, ...]
) -> None:
    began = datetime.now(UTC)
    admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=f"{KEYSPACE}.idle", operation=Operation.READ, count=3))
    for _ in range(3):
        with pytest.raises(ReadTimeout):
            session.execute(f"SELECT * FROM {KEYSPACE}.idle WHERE p = 1")
    until(lambda: states(cloudwatch)[f"{KEYSPACE}-target"] == "ALARM", bridge=bridge)
    assert f"{KEYSPACE}-system-errors-1" in alarms
    assert {states(cloudwatch)[name] for name in alarms if "errors" in name} == {"OK", "ALARM"}
    assert {states(cloudwatch)[name] for name in alarms if "throttles" in name} == {"OK"}
    found = read_throttling(cloudwatch, keyspace=KEYSPACE, tables=["idle"], since=began, until=datetime.now(UTC))
    assert not found.seen
