from __future__ import annotations

import http.client
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import InvalidRequest, OperationTimedOut, ReadTimeout, Unavailable, WriteTimeout
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import OverloadedErrorMessage, ServerError
from cassandra.query import SimpleStatement

from rehearsal.local_keyspaces.admin import AdminError, Fault, FaultKind, Operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

DAY_US = 86_400_000_000
WAIT_S = 60.0


@pytest.fixture(scope="module")
def table(session: Session) -> Iterator[str]:
    session.execute("CREATE KEYSPACE faulty WITH REPLICATION = {'class': 'SingleRegionStrategy'}")
    for name in ("t", "other"):
        session.execute(
            f"CREATE TABLE faulty.{name} (p int PRIMARY KEY, v int)"
            " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
        )
    yield "faulty.t"
    session.execute("DROP KEYSPACE faulty")


def write(session: Session, table: str, key: int) -> None:
    session.execute(f"INSERT INTO {table} (p, v) VALUES ({key}, 1)")


def is_there(session: Session, table: str, key: int) -> bool:
    return session.execute(f"SELECT v FROM {table} WHERE p = {key}").one() is not None


def strike(admin: LocalKeyspacesAdmin, kind: FaultKind) -> int:
    """Let the next write fail so; a key for it that no other test writes."""
    admin.add_fault(Fault(kind=kind, table="faulty.t", operation=Operation.WRITE, count=1))
    return 1000 + list(FaultKind).index(kind)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.TIMEOUT_BEFORE, WriteTimeout),
        (FaultKind.TIMEOUT_AFTER, WriteTimeout),
        (FaultKind.SERVER_ERROR, ServerError),
        (FaultKind.OVERLOADED, OverloadedErrorMessage),
        (FaultKind.UNAVAILABLE, Unavailable),
    ],
)
def test_a_fault_fails_a_write_before_or_after_its_effect(
    session: Session, admin: LocalKeyspacesAdmin, kind: FaultKind, error: type[Exception]
) -> None:
    key = strike(admin, kind)
    # The driver tells of some errors by the host that gave them.
    with pytest.raises((error, NoHostAvailable)) as failure:
        write(session, "faulty.t", key)
    if isinstance(failure.value, NoHostAvailable):
        assert {type(one) for one in failure.value.errors.values()} == {error}
    assert is_there(session, "faulty.t", key) is (kind is FaultKind.TIMEOUT_AFTER)
    write(session, "faulty.t", key)
    assert admin.faults()[0]["struck"] == 1


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("kind", [FaultKind.DROP_CONNECTION_BEFORE, FaultKind.DROP_CONNECTION_AFTER])
def test_a_dropped_connection_gives_no_answer(session: Session, admin: LocalKeyspacesAdmin, kind: FaultKind) -> None:
    key = strike(admin, kind)
    with pytest.raises((NoHostAvailable, ConnectionException, OperationTimedOut)):
        write(session, "faulty.t", key)
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            assert is_there(session, "faulty.t", key) is (kind is FaultKind.DROP_CONNECTION_AFTER)
        except NoHostAvailable:
            assert time.monotonic() < deadline, "the driver did not come back"
            continue
        break
    assert admin.faults()[0]["struck"] == 1


def test_a_fault_strikes_its_table_and_operation_only(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=table, operation=Operation.READ))
    write(session, table, 1)
    assert is_there(session, "faulty.other", 1) is False
    with pytest.raises(ReadTimeout):
        is_there(session, table, 1)
    [fault] = admin.faults()
    admin.remove_fault(fault["id"])
    assert is_there(session, table, 1)


def test_a_part_of_the_ring_can_be_unreachable(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    for key in range(20):
        write(session, table, key)
    tokens = {row.p: row.place for row in session.execute(f"SELECT p, token(p) AS place FROM {table}")}
    admin.add_fault(Fault(kind=FaultKind.UNAVAILABLE, table=table, operation=Operation.READ, above_token=0))
    assert {key for key in tokens if not is_read(session, table, key)} == {key for key in tokens if tokens[key] > 0}
    for bounds, reaches_up in [("<= 0", False), ("<= 1", True), ("> 0", True), ("> -5 AND token(p) <= 0", False)]:
        statement = f"SELECT p FROM {table} WHERE token(p) {bounds}"
        if reaches_up:
            with pytest.raises(Unavailable):
                session.execute(statement)
        else:
            session.execute(statement)
    # Writes go on.
    write(session, table, max(tokens, key=tokens.__getitem__))


def is_read(session: Session, table: str, key: int) -> bool:
    try:
        return is_there(session, table, key)
    except Unavailable:
        return False


@pytest.mark.usefixtures("table")
def test_a_fault_of_the_schema_strikes_statements_on_it(session: Session, admin: LocalKeyspacesAdmin) -> None:
    admin.add_fault(Fault(kind=FaultKind.TIMEOUT_AFTER, operation=Operation.DDL, count=1))
    with pytest.raises(WriteTimeout):
        session.execute("CREATE TABLE faulty.made (p int PRIMARY KEY)")
    assert (
        session.execute(
            "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'faulty' AND table_name = 'made'"
        )
        .one()
        .status
        == "ACTIVE"
    )


def test_a_percentage_strikes_some(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=table, percentage=50))
    failed = 0
    for key in range(200):
        try:
            write(session, table, key)
        except WriteTimeout:
            failed += 1
    assert failed == admin.faults()[0]["struck"]
    # Outside of this once in 10^12 runs.
    assert 50 < failed < 150


def test_latency_holds_a_request_back(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    admin.add_fault(Fault(kind=FaultKind.LATENCY, table=table, latency_ms=300, count=1))
    began = time.monotonic()
    write(session, table, 1)
    assert time.monotonic() - began >= 0.3


def test_a_fault_expires(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=table, expires_s=1))
    with pytest.raises(WriteTimeout):
        write(session, table, 1)
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            write(session, table, 1)
        except WriteTimeout:
            assert time.monotonic() < deadline, "it strikes still"
            continue
        break


@pytest.mark.usefixtures("table")
def test_frozen_changes_of_the_schema_end_when_thawed(session: Session, admin: LocalKeyspacesAdmin) -> None:
    status = "SELECT status FROM system_schema_mcs.tables WHERE keyspace_name = 'faulty' AND table_name = 'frozen'"
    admin.change_settings(ddl_frozen=True)
    session.execute("CREATE TABLE faulty.frozen (p int PRIMARY KEY)")
    assert session.execute(status).one().status == "CREATING"
    with pytest.raises(InvalidRequest, match="CREATING"):
        session.execute("SELECT p FROM faulty.frozen")
    admin.change_settings(ddl_frozen=False)
    assert session.execute(status).one().status == "ACTIVE"


def test_a_skewed_clock_moves_the_window_of_timestamps(
    session: Session, admin: LocalKeyspacesAdmin, table: str
) -> None:
    insert = f"INSERT INTO {table} (p, v) VALUES (1, 1) USING TIMESTAMP {time.time_ns() // 1000}"
    session.execute(insert)
    admin.change_settings(clock_skew_us=3 * DAY_US)
    with pytest.raises(InvalidRequest, match="timestamp-window"):
        session.execute(insert)


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("PUT", "/settings", '{"page_byte": 1}', "page_bytes"),
        ("PUT", "/settings", '{"page_bytes": "1"}', "an integer"),
        ("PUT", "/settings", '{"page_bytes": 0}', "from 1 to"),
        ("PUT", "/settings", '{"burst_s": 7, "capacity": true, "page_bytes": 0}', "from 1 to"),
        ("PUT", "/settings", '{"ddl_frozen": true, "ddl_delay_ms": -1}', "0 or more"),
        ("PUT", "/settings", '{"capacity": 1}', "true or false"),
        ("PUT", "/settings", '{"capacity": tru', "no JSON"),
        ("PUT", "/settings", "[]", "a JSON object"),
        ("PUT", "/settings", "", "a JSON object"),
        ("PUT", "/rules", '{"row-sizes": false}', "row-size"),
        ("PUT", "/rules", '{"row-size": "off"}', "true or false"),
        ("POST", "/faults", '{"kind": "fire"}', "timeout_before"),
        ("POST", "/faults", "{}", "timeout_before"),
        ("POST", "/faults", '{"kind": "overloaded", "percentage": 0}', "up to 100"),
        ("POST", "/faults", '{"kind": "overloaded", "latency_ms": 5}', "kind latency"),
        ("POST", "/faults", '{"kind": "latency"}', "kind latency"),
        ("POST", "/faults", '{"kind": "overloaded", "above_token": 5}', "operation read"),
        ("POST", "/faults", '{"kind": "timeout_after", "operation": "read", "above_token": 5}', "operation read"),
        ("POST", "/faults", '{"kind": "overloaded", "table": "t"}', "keyspace.table"),
        ("POST", "/faults", '{"kind": "overloaded", "operation": "none"}', "ddl"),
        ("POST", "/faults", '{"kind": "overloaded", "colour": "red"}', "percentage"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is_allowed(
    admin: LocalKeyspacesAdmin, method: str, path: str, body: str, words: str
) -> None:
    before = admin.settings(), admin.rules(), admin.faults()
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=30)
    connection.request(method, path, body=body)
    response = connection.getresponse()
    assert response.status == 400
    assert words in response.read().decode()
    connection.close()
    assert (admin.settings(), admin.rules(), admin.faults()) == before


def test_a_refusal_reaches_the_caller(admin: LocalKeyspacesAdmin) -> None:
    with pytest.raises(AdminError, match="burst_s is -1; it must be from 0 to 3600"):
        admin.change_settings(burst_s=-1)
    with pytest.raises(AdminError, match="there is no fault 123456"):
        admin.remove_fault(123456)


def test_a_stopped_process_answers_when_it_goes_on(
    local_keyspaces: LocalKeyspacesNode, session: Session, table: str
) -> None:
    local_keyspaces.signal(signal.SIGSTOP)
    try:
        statement = SimpleStatement(f"SELECT v FROM {table} WHERE p = 1")
        with pytest.raises(OperationTimedOut):
            session.execute(statement, timeout=1)
    finally:
        local_keyspaces.signal(signal.SIGCONT)
    answered: Any = session.execute(f"SELECT v FROM {table} WHERE p = 1")
    assert answered is not None
