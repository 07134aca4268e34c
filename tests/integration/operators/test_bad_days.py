"""Every operator and sensor of general use on a bad day: a stopped store, a throttled table, refused credentials."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import signal
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TriggerEvent

from keyspaces_migration.clients import AuthenticationRefusedError, StoreTimeoutError, StoreUnreachableError
from keyspaces_migration.cql_access import Backoff
from keyspaces_migration.keyspaces_api import (
    AwsAccessRefusedError,
    AwsQuotaError,
    AwsUnreachableError,
    TablesNotActiveError,
)
from keyspaces_provider.operators.cql import CassandraOperator, KeyspacesOperator
from keyspaces_provider.operators.export_table import ExportTableOperator
from keyspaces_provider.operators.keyspaces_table import (
    KeyspacesAddColumnsOperator,
    KeyspacesCapacityOperator,
    KeyspacesCreateTableOperator,
    KeyspacesWarmThroughputOperator,
)
from keyspaces_provider.sensors.cql import CqlRowsSensor
from keyspaces_provider.sensors.keyspaces import KeyspacesTableActiveSensor
from keyspaces_provider.transfers.snowflake_to_table import SnowflakeToCassandraOperator, SnowflakeToKeyspacesOperator
from rehearsal.keyspaces_control_plane.faults import ApiFault
from rehearsal.local_keyspaces.admin import Fault, FaultKind
from rehearsal.local_keyspaces.contact import DATA_CENTER
from rehearsal.ports import free_ports
from tests.general_use import of_general_use
from tests.integration.operators.conftest import AWS, SNOWFLAKE, connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow.sdk import BaseOperator
    from cassandra.cluster import Session

    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane
    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from tests.conftest import SecureNode

STORE = "bad_day_store"
BAD_AWS = "bad_day_aws"
CHANGES = ("CreateTable", "UpdateTable")


@dataclass(frozen=True)
class Place:
    """What a task is to work on."""

    keyspace: str
    table: str
    folder: Path


def select(place: Place) -> str:
    return f"SELECT k, v FROM {place.keyspace}.{place.table}"


# By class: a task that reaches the store over CQL.
OVER_CQL: dict[type[BaseOperator], Callable[[Place], Any]] = {
    CassandraOperator: lambda place: CassandraOperator(task_id="t", cassandra_conn_id=STORE, cql=select(place)),
    KeyspacesOperator: lambda place: KeyspacesOperator(task_id="t", keyspaces_conn_id=STORE, cql=select(place)),
    ExportTableOperator: lambda place: ExportTableOperator(
        task_id="t", conn_id=STORE, keyspace=place.keyspace, table=place.table, output_path=f"file://{place.folder}"
    ),
    CqlRowsSensor: lambda place: CqlRowsSensor(task_id="t", mode="poke", conn_id=STORE, cql=select(place)),
    SnowflakeToCassandraOperator: lambda place: SnowflakeToCassandraOperator(
        task_id="t",
        snowflake_conn_id=SNOWFLAKE,
        cassandra_conn_id=STORE,
        keyspace=place.keyspace,
        table=place.table,
        sql="SELECT 1 AS K, 'v' AS V",
    ),
    SnowflakeToKeyspacesOperator: lambda place: SnowflakeToKeyspacesOperator(
        task_id="t",
        snowflake_conn_id=SNOWFLAKE,
        keyspaces_conn_id=STORE,
        keyspace=place.keyspace,
        table=place.table,
        sql="SELECT 1 AS K, 'v' AS V",
    ),
}
TO_CASSANDRA: set[type[BaseOperator]] = {CassandraOperator, SnowflakeToCassandraOperator}


def named(place: Place) -> dict[str, Any]:
    return {"keyspace": place.keyspace, "table": place.table, "aws_conn_id": BAD_AWS, "region": "us-east-1"}


# By class: a task that asks the AWS API.
OVER_AWS: dict[type[BaseOperator], Callable[[Place], Any]] = {
    KeyspacesCreateTableOperator: lambda place: KeyspacesCreateTableOperator(
        task_id="t", columns={"k": "int"}, partition_keys=["k"], **named(place)
    ),
    KeyspacesAddColumnsOperator: lambda place: KeyspacesAddColumnsOperator(
        task_id="t", columns={"w": "text"}, **named(place)
    ),
    KeyspacesCapacityOperator: lambda place: KeyspacesCapacityOperator(
        task_id="t", mode="PROVISIONED", read_units=2, write_units=1, **named(place)
    ),
    KeyspacesWarmThroughputOperator: lambda place: KeyspacesWarmThroughputOperator(
        task_id="t", read_units_per_s=20_000, **named(place)
    ),
    KeyspacesTableActiveSensor: lambda place: KeyspacesTableActiveSensor(
        task_id="t", keyspace=place.keyspace, tables=[place.table], aws_conn_id=BAD_AWS, region="us-east-1"
    ),
}


def run(task: Any) -> None:
    """Do what Airflow does with a task: execute it, and its trigger where it defers."""
    try:
        task.execute({})
    except TaskDeferred as deferred:
        resume(task, deferred)


def resume(task: Any, deferred: TaskDeferred) -> None:
    event = first_event(deferred.trigger)
    getattr(task, deferred.method_name)({}, event=event.payload)


def first_event(trigger: Any) -> TriggerEvent:
    async def first() -> TriggerEvent:
        async for event in trigger.run():
            assert isinstance(event, TriggerEvent)
            return event
        raise AssertionError("the trigger ended without an event")

    return asyncio.run(first())


@pytest.fixture(autouse=True)
def trusted(snowflake_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in snowflake_environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def place(session: Session, keyspace: str, tmp_path: Path) -> Place:
    table = f"t{uuid.uuid4().hex[:8]}"
    session.execute(f"CREATE TABLE {keyspace}.{table} (k int PRIMARY KEY, v text)")
    return Place(keyspace=keyspace, table=table, folder=tmp_path)


@pytest.fixture
def frozen(local_keyspaces: LocalKeyspacesNode, place: Place) -> Iterator[LocalKeyspacesNode]:
    """The node, taking connections and answering nothing, once the table is there."""
    assert place
    local_keyspaces.signal(signal.SIGSTOP)
    yield local_keyspaces
    local_keyspaces.signal(signal.SIGCONT)


@pytest.fixture
def faulty(control_plane: KeyspacesControlPlane) -> Iterator[KeyspacesControlPlane]:
    yield control_plane
    control_plane.fail()


def test_every_operator_and_sensor_of_general_use_has_its_bad_days() -> None:
    assert {*OVER_CQL, *OVER_AWS} == of_general_use()


@pytest.mark.parametrize("kind", OVER_CQL, ids=lambda kind: kind.__name__)
class TestOverCql:
    def store(self, monkeypatch: pytest.MonkeyPatch, kind: type[BaseOperator], **fields: Any) -> None:
        conn_type = "apache_cassandra" if kind in TO_CASSANDRA else "amazon_keyspaces"
        monkeypatch.setenv(*connection(STORE, conn_type=conn_type, **fields))

    def test_a_node_that_has_ended(
        self, kind: type[BaseOperator], place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        extra = {"tls": False, "local_data_center": DATA_CENTER, "connect_timeout_s": 2}
        self.store(monkeypatch, kind, host="127.0.0.1", port=free_ports(1)[0], extra=extra)
        with pytest.raises(StoreUnreachableError, match="nothing listens"):
            run(OVER_CQL[kind](place))

    def test_a_node_that_is_stopped(
        self, kind: type[BaseOperator], place: Place, monkeypatch: pytest.MonkeyPatch, frozen: LocalKeyspacesNode
    ) -> None:
        extra = {"tls": False, "local_data_center": DATA_CENTER, "connect_timeout_s": 1, "request_timeout_s": 1}
        self.store(monkeypatch, kind, host=frozen.host, port=frozen.port, extra=extra)
        with pytest.raises(StoreUnreachableError):
            run(OVER_CQL[kind](place))

    def test_a_throttled_table(
        self,
        kind: type[BaseOperator],
        place: Place,
        monkeypatch: pytest.MonkeyPatch,
        local_keyspaces: LocalKeyspacesNode,
        admin: LocalKeyspacesAdmin,
    ) -> None:
        extra = {"tls": False, "local_data_center": DATA_CENTER, "consistency": "LOCAL_QUORUM"}
        self.store(monkeypatch, kind, host=local_keyspaces.host, port=local_keyspaces.port, extra=extra)
        admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=f"{place.keyspace}.{place.table}"))
        # As many tries as ever, in less time.
        defaults = Backoff.__init__.__kwdefaults__
        assert defaults is not None
        monkeypatch.setitem(defaults, "first_s", 0.005)
        with pytest.raises(StoreTimeoutError):
            run(OVER_CQL[kind](place))

    def test_a_wrong_password(
        self, kind: type[BaseOperator], place: Place, monkeypatch: pytest.MonkeyPatch, secure_cassandra_node: SecureNode
    ) -> None:
        node = secure_cassandra_node
        extra = {"tls": True, "ca_certificate_file": str(node.ca_file), "local_data_center": "datacenter1"}
        where = {"host": node.host, "port": node.port, "login": node.user, "password": "wrong"}
        self.store(monkeypatch, kind, extra=extra, **where)
        with pytest.raises(AuthenticationRefusedError, match="refuses user") as caught:
            run(OVER_CQL[kind](place))
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("kind", OVER_AWS, ids=lambda kind: kind.__name__)
class TestOverTheAwsApi:
    @pytest.fixture(autouse=True)
    def once(self, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        """The connection of the others, without boto's own retries: they are not the subject."""
        self.aws(monkeypatch, environment[f"AIRFLOW_CONN_{AWS.upper()}"])

    def aws(self, monkeypatch: pytest.MonkeyPatch, known: str, *, url: str | None = None) -> None:
        fields = json.loads(known)
        fields["extra"]["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
        if url:
            fields["extra"]["service_config"]["keyspaces"]["endpoint_url"] = url
        monkeypatch.setenv(*connection(BAD_AWS, **fields))

    def test_an_api_that_is_not_there(
        self, kind: type[BaseOperator], place: Place, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known, url = environment[f"AIRFLOW_CONN_{AWS.upper()}"], f"http://127.0.0.1:{free_ports(1)[0]}"
        self.aws(monkeypatch, known, url=url)
        with pytest.raises(AwsUnreachableError):
            run(OVER_AWS[kind](place))

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("ThrottlingException", AwsUnreachableError),
            ("AccessDeniedException", AwsAccessRefusedError),
            ("ExpiredTokenException", AwsAccessRefusedError),
        ],
    )
    def test_what_aws_says_is_told_apart(
        self, kind: type[BaseOperator], place: Place, faulty: KeyspacesControlPlane, code: str, error: type[Exception]
    ) -> None:
        faulty.fail(ApiFault(operation="*", error=code, message="not today"))
        with pytest.raises(error, match="not today"):
            run(OVER_AWS[kind](place))

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("ThrottlingException", AwsUnreachableError),
            ("AccessDeniedException", AwsAccessRefusedError),
            ("ServiceQuotaExceededException", AwsQuotaError),
        ],
    )
    def test_what_aws_says_of_the_change_itself(
        self, kind: type[BaseOperator], place: Place, faulty: KeyspacesControlPlane, code: str, error: type[Exception]
    ) -> None:
        if kind is KeyspacesTableActiveSensor:
            pytest.skip("it changes nothing")
        if kind is KeyspacesCreateTableOperator:
            place = dataclasses.replace(place, table=f"new_{place.table}")
        faulty.fail(*(ApiFault(operation=name, error=code, message="not today") for name in CHANGES))
        with pytest.raises(error, match="not today"):
            run(OVER_AWS[kind](place))

    def test_an_api_that_throttles_while_the_task_waits(
        self,
        kind: type[BaseOperator],
        place: Place,
        client: Any,
        admin: LocalKeyspacesAdmin,
        faulty: KeyspacesControlPlane,
    ) -> None:
        admin.change_settings(ddl_delay_ms=1_500)
        column = [{"name": "underway", "type": "int"}]
        client.update_table(keyspaceName=place.keyspace, tableName=place.table, addColumns=column)
        task = OVER_AWS[kind](place)
        with pytest.raises(TaskDeferred) as deferred:
            task.execute({})
        faulty.fail(ApiFault(operation="GetTable", error="ThrottlingException", message="not today"))
        with pytest.raises(TablesNotActiveError, match=r"could not be looked at: .*not today"):
            resume(task, deferred.value)
