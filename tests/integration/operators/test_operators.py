"""Operators and sensors of general use, called as Airflow calls them, where things go wrong or at their limits."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import TaskDeferred
from cassandra import WriteTimeout

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    StoreError,
    StoreTimeoutError,
    StoreUnreachableError,
    UnknownTableError,
)
from keyspaces_migration.cql_access import (
    AccessCancelledError,
    TokenRangeError,
    TooManyRowsError,
)
from keyspaces_migration.keyspaces_api import (
    AwsAccessRefusedError,
    AwsRequestRefusedError,
    AwsUnreachableError,
    TableDiffersError,
    TableMissingError,
    TablesNotActiveError,
)
from keyspaces_provider.hooks.extras import ConnectionFieldsError
from keyspaces_provider.object_files import OutputNotWrittenError
from keyspaces_provider.operators.cql import CassandraOperator, KeyspacesOperator, OperatorArgumentsError
from keyspaces_provider.operators.export_table import ExportTableOperator
from keyspaces_provider.operators.keyspaces_table import (
    KeyspacesAddColumnsOperator,
    KeyspacesCapacityOperator,
    KeyspacesCreateTableOperator,
    KeyspacesWarmThroughputOperator,
)
from keyspaces_provider.sensors.cql import CqlRowsSensor
from keyspaces_provider.sensors.keyspaces import KeyspacesTableActiveSensor
from rehearsal.keyspaces_control_plane.faults import ApiFault
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.ports import free_ports
from tests.integration.operators.conftest import AWS, KEYSPACES, connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.keyspaces_control_plane.process import KeyspacesControlPlane
    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from tests.conftest import SecureNode

ROWS = 40
BAD = "my_bad_store"


@pytest.fixture(scope="module")
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.t (p int, c int, v text, PRIMARY KEY (p, c))")
    for n in range(ROWS):
        session.execute(f"INSERT INTO {keyspace}.t (p, c, v) VALUES ({n % 4}, {n}, 'v{n}')")
    return f"{keyspace}.t"


def read(table: str, **arguments: Any) -> KeyspacesOperator:
    return KeyspacesOperator(
        **{"task_id": "read", "keyspaces_conn_id": KEYSPACES, "cql": f"SELECT p, c, v FROM {table}", **arguments}
    )


def export(table: str, folder: Path, **arguments: Any) -> ExportTableOperator:
    keyspace, name = table.split(".")
    names = {"task_id": "export", "conn_id": KEYSPACES, "keyspace": keyspace, "table": name}
    return ExportTableOperator(**{**names, "output_path": f"file://{folder}", **arguments})


def sensor(table: str, **arguments: Any) -> CqlRowsSensor:
    return CqlRowsSensor(**{"task_id": "rows", "conn_id": KEYSPACES, "cql": f"SELECT p, c FROM {table}", **arguments})


class TestWhereRowsGo:
    def test_few_rows_to_xcom(self, table: str) -> None:
        found = read(table, max_xcom_rows=ROWS).execute({})
        assert (found["row_count"], found["path"]) == (ROWS, None)
        assert {"p": 3, "c": 7, "v": "v7"} in found["rows"]
        json.dumps(found)

    def test_more_to_the_path(self, table: str, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "down" / "rows.parquet"
        found = read(table, max_xcom_rows=ROWS - 1, page_rows=7, output_path=f"file://{path}").execute({})
        assert (found["row_count"], found["rows"]) == (ROWS, None)
        assert sorted(pq.read_table(path)["c"].to_pylist()) == list(range(ROWS))

    def test_few_large_rows_too(self, session: Session, keyspace: str, tmp_path: Path) -> None:
        session.execute(f"CREATE TABLE {keyspace}.large (k int PRIMARY KEY, v text)")
        session.execute(f"INSERT INTO {keyspace}.large (k, v) VALUES (1, '{'x' * 60_000}')")
        operator = read("", cql=f"SELECT k, v FROM {keyspace}.large", output_path=f"file://{tmp_path}/x.parquet")
        assert operator.execute({})["rows"] is None

    def test_more_without_a_path_are_refused(self, table: str) -> None:
        with pytest.raises(TooManyRowsError):
            read(table, max_xcom_rows=ROWS - 1).execute({})

    def test_no_file_is_left_of_an_answer_that_broke_off(
        self, table: str, admin: LocalKeyspacesAdmin, tmp_path: Path
    ) -> None:
        path = tmp_path / "rows.parquet"
        operator = read(table, max_xcom_rows=5, page_rows=5, output_path=f"file://{path}")
        answered = threading.Event()

        def strike() -> None:
            while not path.exists():
                answered.wait(0.001)
            admin.add_fault(Fault(kind=FaultKind.SERVER_ERROR, table=table, operation=Operation.READ))

        admin.add_fault(Fault(kind=FaultKind.LATENCY, table=table, operation=Operation.READ, latency_ms=150))
        striker = threading.Thread(target=strike)
        striker.start()
        with pytest.raises(StoreError):
            operator.execute({})
        striker.join(timeout=10)
        assert not path.exists()

    def test_a_path_that_cannot_be_written_is_named(self, table: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(OutputNotWrittenError, match=r"rows\.parquet"):
            read(table, max_xcom_rows=0, output_path=f"file://{tmp_path}/file/rows.parquet").execute({})


class TestArguments:
    def test_values_and_rows_contradict_each_other(self, table: str) -> None:
        with pytest.raises(OperatorArgumentsError):
            read(table, values=[1], rows=[[1]]).execute({})
        with pytest.raises(OperatorArgumentsError):
            read(table, batch="LOGGED").execute({})

    def test_values_are_bound_and_never_become_part_of_the_statement(self, table: str, session: Session) -> None:
        evil = f"x'); DROP TABLE {table}; --"
        insert = f"INSERT INTO {table} (p, c, v) VALUES (?, ?, ?)"
        assert "cql" not in KeyspacesOperator.template_fields
        read(table, cql=insert, values=[100, 100, evil]).execute({})
        assert session.execute(f"SELECT v FROM {table} WHERE p = 100").one().v == evil
        session.execute(f"DELETE FROM {table} WHERE p = 100")

    def test_an_export_of_no_range_is_refused(self, table: str, tmp_path: Path) -> None:
        for wrong in ({"first_token": 1, "last_token": 0}, {"first_token": "one"}, {"splits": 0}):
            with pytest.raises(TokenRangeError):
                export(table, tmp_path, **wrong).execute({})

    def test_a_connection_of_another_type_is_refused(self, table: str) -> None:
        with pytest.raises(ConnectionFieldsError, match="apache_cassandra, amazon_keyspaces"):
            sensor(table, conn_id=AWS).poke({})


class TestExport:
    def test_the_whole_table_is_one_file(self, table: str, tmp_path: Path) -> None:
        found = export(table, tmp_path, columns=["c"]).execute({})
        assert found == {"row_count": ROWS, "files": [{"path": f"file://{tmp_path}/t.parquet", "row_count": ROWS}]}
        assert sorted(pq.read_table(tmp_path / "t.parquet").to_pydict()["c"]) == list(range(ROWS))

    def test_splits_are_files_that_together_are_the_table(self, table: str, tmp_path: Path) -> None:
        for _ in range(2):
            found = export(table, tmp_path, splits=3).execute({})
        assert found["row_count"] == ROWS
        files = list(tmp_path.glob("t.*.parquet"))
        assert len(files) == 3
        assert sorted(c for file in files for c in pq.read_table(file)["c"].to_pylist()) == list(range(ROWS))


class TestSensor:
    @pytest.mark.parametrize(
        ("at_least", "at_most", "done"),
        [
            (1, None, True),
            (ROWS, None, True),
            (ROWS + 1, None, False),
            (0, 0, False),
            (0, ROWS - 1, False),
            (0, ROWS, True),
        ],
    )
    def test_it_knows_enough_too_few_and_too_many(
        self, table: str, at_least: int, at_most: int | None, *, done: bool
    ) -> None:
        assert bool(sensor(table, at_least=at_least, at_most=at_most, page_rows=6).poke({})) is done

    def test_none_is_a_count_too(self, table: str) -> None:
        looked = sensor(table, cql=f"SELECT c FROM {table} WHERE p = ?", values=["77"], at_least=0, at_most=0).poke({})
        assert (looked.is_done, looked.xcom_value) == (True, 0)

    def test_it_gives_its_worker_back_between_looks(self, table: str) -> None:
        assert sensor(table).reschedule


class TestWhatCannotBeReached:
    """A closed port, a stopped store, a wrong password, a missing table, a throttled one: the core's own errors."""

    @pytest.fixture
    def closed(self, monkeypatch: pytest.MonkeyPatch) -> str:
        extra = {"tls": False, "connect_timeout_s": 2}
        name, value = connection(
            BAD,
            conn_type="amazon_keyspaces",
            host="127.0.0.1",
            port=free_ports(1)[0],
            extra={**extra, "region": "us-east-1"},
        )
        monkeypatch.setenv(name, value)
        return BAD

    def test_a_closed_port(self, table: str, closed: str, tmp_path: Path) -> None:
        for task in (read(table, keyspaces_conn_id=closed), export(table, tmp_path, conn_id=closed)):
            with pytest.raises(StoreUnreachableError, match="nothing listens"):
                task.execute({})
        with pytest.raises(StoreUnreachableError):
            sensor(table, conn_id=closed).poke({})

    def test_a_node_that_hangs(
        self, table: str, local_keyspaces: LocalKeyspacesNode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        extra = {"tls": False, "local_data_center": "datacenter1", "connect_timeout_s": 1, "request_timeout_s": 1}
        node = {"host": local_keyspaces.host, "port": local_keyspaces.port}
        monkeypatch.setenv(*connection(BAD, conn_type="amazon_keyspaces", extra=extra, **node))
        local_keyspaces.signal(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnreachableError):
                read(table, keyspaces_conn_id=BAD).execute({})
        finally:
            local_keyspaces.signal(signal.SIGCONT)

    def test_a_wrong_password(
        self, secure_cassandra_node: SecureNode, monkeypatch: pytest.MonkeyPatch, table: str
    ) -> None:
        node = secure_cassandra_node
        extra = {"tls": True, "ca_certificate_file": str(node.ca_file)}
        fields = {"host": node.host, "port": node.port, "login": node.user, "password": "wrong"}
        monkeypatch.setenv(*connection(BAD, conn_type="apache_cassandra", extra=extra, **fields))
        with pytest.raises(AuthenticationRefusedError, match="refuses user"):
            CassandraOperator(task_id="t", cassandra_conn_id=BAD, cql=f"SELECT * FROM {table}").execute({})
        with pytest.raises(AuthenticationRefusedError):
            sensor(table, conn_id=BAD).poke({})

    def test_a_missing_table(self, keyspace: str, tmp_path: Path) -> None:
        with pytest.raises(UnknownTableError, match="no_such"):
            read(f"{keyspace}.no_such").execute({})
        with pytest.raises(UnknownTableError, match="no_such"):
            export(f"{keyspace}.no_such", tmp_path).execute({})
        with pytest.raises(UnknownTableError, match="no_such"):
            sensor(f"{keyspace}.no_such").poke({})
        assert list(tmp_path.iterdir()) == []

    def test_a_throttled_table(self, session: Session, keyspace: str, admin: LocalKeyspacesAdmin) -> None:
        name = f"{keyspace}.t{uuid.uuid4().hex[:8]}"
        session.execute(
            f"CREATE TABLE {name} (k int PRIMARY KEY, v text) WITH CUSTOM_PROPERTIES = {{'capacity_mode': "
            "{'throughput_mode': 'PROVISIONED', 'read_capacity_units': 1, 'write_capacity_units': 1}}"
        )
        admin.change_settings(capacity=True, burst_s=0)
        rows = [[n, "x" * 2_000] for n in range(40)]
        write = read(name, cql=f"INSERT INTO {name} (k, v) VALUES (?, ?)", rows=rows)
        with pytest.raises(StoreTimeoutError) as caught:
            write.execute({})
        assert isinstance(caught.value.__cause__, WriteTimeout)
        assert caught.value.__cause__.received_responses == 0


class TestKilling:
    def test_a_signal_ends_the_task_at_once(self, table: str, admin: LocalKeyspacesAdmin) -> None:
        admin.add_fault(Fault(kind=FaultKind.LATENCY, table=table, operation=Operation.READ, latency_ms=20_000))
        operator = read(table)
        before = signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
        sender = threading.Thread(target=send_when, args=(lambda: operator._access is not None,))
        try:
            sender.start()
            began = time.monotonic()
            with pytest.raises(AccessCancelledError):
                operator.execute({})
            # Well before the request's own time-out of 10 s.
            assert time.monotonic() - began < 6
        finally:
            signal.signal(signal.SIGTERM, before)
        sender.join(timeout=5)

    def test_one_that_comes_before_the_session_is_open_is_not_forgotten(self, table: str) -> None:
        operator = read(table)
        operator.on_kill()
        with pytest.raises(AccessCancelledError):
            operator.execute({})


def send_when(ready: Any) -> None:
    never = threading.Event()
    while not ready():
        never.wait(0.01)
    never.wait(0.3)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def aws_table(client: Any, keyspace: str) -> str:
    name = f"t{uuid.uuid4().hex[:8]}"
    schema = {"allColumns": [{"name": "k", "type": "int"}], "partitionKeys": [{"name": "k"}]}
    client.create_table(keyspaceName=keyspace, tableName=name, schemaDefinition=schema)
    return name


@pytest.fixture
def place(keyspace: str, aws_table: str) -> dict[str, Any]:
    return {"keyspace": keyspace, "table": aws_table, "aws_conn_id": AWS, "region": "us-east-1"}


@pytest.fixture
def faulty(control_plane: KeyspacesControlPlane) -> Iterator[KeyspacesControlPlane]:
    yield control_plane
    control_plane.fail()


class TestTables:
    def test_a_change_under_way_is_waited_for_first(
        self, place: dict[str, Any], client: Any, admin: LocalKeyspacesAdmin
    ) -> None:
        admin.change_settings(ddl_delay_ms=1_500)
        change = [{"name": "v", "type": "text"}]
        client.update_table(keyspaceName=place["keyspace"], tableName=place["table"], addColumns=change)
        operator = KeyspacesAddColumnsOperator(task_id="t", columns={"w": "text"}, **place)
        with pytest.raises(TaskDeferred) as deferred:
            operator.execute({})
        assert deferred.value.method_name == "go_on"

    @pytest.mark.usefixtures("admin")
    def test_what_is_there_with_another_definition_is_refused(self, place: dict[str, Any]) -> None:
        make = {"task_id": "t", "partition_keys": ["k"], **place}
        with pytest.raises(TableDiffersError, match="column k is int, not text"):
            KeyspacesCreateTableOperator(columns={"k": "text"}, **make).execute({})
        with pytest.raises(TableDiffersError, match="other types"):
            KeyspacesAddColumnsOperator(task_id="t", columns={"k": "text"}, **place).execute({})
        same = KeyspacesCreateTableOperator(columns={"k": "int"}, **make).execute({})
        assert same["changed"] is False

    @pytest.mark.parametrize(
        "make",
        [
            lambda place: KeyspacesAddColumnsOperator(task_id="t", columns={"v": "text"}, **place),
            lambda place: KeyspacesCapacityOperator(task_id="t", mode="PAY_PER_REQUEST", **place),
            lambda place: KeyspacesWarmThroughputOperator(task_id="t", read_units_per_s=1, **place),
        ],
    )
    def test_a_missing_table_is_named(self, place: dict[str, Any], make: Any) -> None:
        with pytest.raises(TableMissingError, match="no_such"):
            make({**place, "table": "no_such"}).execute({})

    def test_a_missing_keyspace_is_not_made(self, place: dict[str, Any]) -> None:
        lost = {**place, "keyspace": "nowhere"}
        with pytest.raises(TableMissingError, match="nowhere"):
            KeyspacesCreateTableOperator(task_id="t", columns={"k": "int"}, partition_keys=["k"], **lost).execute({})

    def test_units_and_mode_must_fit(self, place: dict[str, Any]) -> None:
        for mode in ("PROVISIONED", "PAY_PER_REQUEST"):
            wrong: dict[str, Any] = {"mode": mode, "read_units": 5, **place}
            with pytest.raises(AwsRequestRefusedError):
                KeyspacesCapacityOperator(task_id="t", **wrong).execute({})
        with pytest.raises(AwsRequestRefusedError, match="many"):
            KeyspacesCapacityOperator(
                task_id="t", mode="PROVISIONED", read_units="many", write_units=1, **place
            ).execute({})

    def test_what_aws_refuses_is_told_apart(self, place: dict[str, Any], faulty: KeyspacesControlPlane) -> None:
        operator = KeyspacesCapacityOperator(task_id="t", mode="PAY_PER_REQUEST", **place)
        faulty.fail(ApiFault(operation="GetTable", error="AccessDeniedException", message="not yours"))
        with pytest.raises(AwsAccessRefusedError, match="not yours"):
            operator.execute({})

    def test_an_api_that_is_not_there(self, place: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        url = f"http://127.0.0.1:{free_ports(1)[0]}"
        retries = {"config_kwargs": {"retries": {"total_max_attempts": 1}}}
        extra = {"service_config": {"keyspaces": {"endpoint_url": url}}, **retries}
        monkeypatch.setenv(*connection(BAD, conn_type="aws", login="test", password="test", extra=extra))
        lost = {**place, "aws_conn_id": BAD}
        with pytest.raises(AwsUnreachableError):
            KeyspacesCapacityOperator(task_id="t", mode="PAY_PER_REQUEST", **lost).execute({})

    def test_an_aws_connection_that_is_not_there_never_falls_back(self, place: dict[str, Any]) -> None:
        with pytest.raises(ConnectionFieldsError, match="nobody"):
            KeyspacesCapacityOperator(
                task_id="t", mode="PAY_PER_REQUEST", **{**place, "aws_conn_id": "nobody"}
            ).execute({})

    def test_the_sensor_names_a_missing_table(self, place: dict[str, Any]) -> None:
        where = {"keyspace": place["keyspace"], "aws_conn_id": AWS, "region": "us-east-1"}
        KeyspacesTableActiveSensor(task_id="t", tables=[place["table"]], **where).execute({})
        with pytest.raises(TableMissingError, match="no_such"):
            KeyspacesTableActiveSensor(task_id="t", tables=["no_such"], **where).execute({})

    def test_a_table_that_will_not_become_active_fails_the_sensor(self, place: dict[str, Any]) -> None:
        where = {"keyspace": place["keyspace"], "aws_conn_id": AWS, "region": "us-east-1"}
        sensor = KeyspacesTableActiveSensor(
            task_id="t", tables=[place["table"]], look_every=timedelta(seconds=1), **where
        )
        event = {"keyspace": "k", "found": {"t": "INACCESSIBLE_ENCRYPTION_CREDENTIALS"}}
        with pytest.raises(TablesNotActiveError, match="will not become ACTIVE"):
            sensor.execute_complete({}, event)
        with pytest.raises(TablesNotActiveError, match="gone"):
            sensor.execute_complete({}, {"error": "gone"})
