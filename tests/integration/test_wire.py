"""Frames of ours on real nodes: what they write is what the driver reads, and logins are the driver's."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.util import Date, SortedSet, Time
from pydantic import SecretStr

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    PasswordAuth,
    SessionSettings,
    TlsRefusedError,
    TlsSettings,
    UnknownKeyspaceError,
    open_session,
)
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.wire import Pump, PumpSettings, Requests, connect, encode_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from tests.conftest import SecureNode

UUID = uuid.UUID("12345678-1234-4234-8234-123456789abc")
TIME_UUID = uuid.uuid1()
# By CQL type: a column of the history, null last, and what the driver reads.
VALUES: dict[str, tuple[pa.Array, list[Any]]] = {
    "tinyint": (pa.array([-128, 127, None], pa.int64()), [-128, 127]),
    "smallint": (pa.array([-32768, 32767, None], pa.int64()), [-32768, 32767]),
    "int": (pa.array([-(2**31), 7, None], pa.int64()), [-(2**31), 7]),
    "bigint": (pa.array([Decimal(2**63 - 1), Decimal(-1), None], pa.decimal128(38, 0)), [2**63 - 1, -1]),
    "varint": (pa.array([Decimal(10**37), Decimal(-129), None], pa.decimal128(38, 0)), [10**37, -129]),
    "decimal": (
        pa.array([Decimal("1.50"), Decimal("-0.01"), None], pa.decimal128(9, 2)),
        [Decimal("1.50"), Decimal("-0.01")],
    ),
    "float": (pa.array([1.5, float("inf"), None]), [1.5, float("inf")]),
    "double": (pa.array([0.1, -1e300, None]), [0.1, -1e300]),
    "boolean": (pa.array([True, False, None]), [True, False]),
    "text": (pa.array(["", "naïve ☃", None]), ["", "naïve ☃"]),
    "ascii": (pa.array(["a", "", None]), ["a", ""]),
    "blob": (pa.array([b"\0\xff", b"", None]), [b"\0\xff", b""]),
    "date": (pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31), None]), [Date("0001-01-01"), Date("9999-12-31")]),
    "time": (pa.array([0, 86_399_999_999_999, None], pa.time64("ns")), [Time(0), Time(86_399_999_999_999)]),
    "timestamp": (
        pa.array([-1, 1_700_000_000_123, None], pa.timestamp("ms", tz="UTC")),
        [dt.datetime(1969, 12, 31, 23, 59, 59, 999_000), dt.datetime(2023, 11, 14, 22, 13, 20, 123_000)],  # noqa: DTZ001 # the driver's
    ),
    "uuid": (pa.array([str(UUID), str(UUID).upper(), None]), [UUID, UUID]),
    "timeuuid": (pa.array([str(TIME_UUID)] * 2 + [None]), [TIME_UUID] * 2),
    "inet": (pa.array(["127.0.0.1", "::1", None]), ["127.0.0.1", "::1"]),
    "list<int>": (pa.array(["[3, 1, 3]", "[]", None]), [[3, 1, 3], None]),
    "set<text>": (pa.array(['["b", "a"]', '["é"]', None]), [SortedSet(["a", "b"]), SortedSet(["é"])]),
    "map<text, int>": (pa.array(['{"a": 1}', '{"é": -2}', None]), [{"a": 1}, {"é": -2}]),
    "frozen<tuple<int, text>>": (pa.array(['[1, "a"]', '[2, "b"]', None]), [(1, "a"), (2, "b")]),
}


@pytest.fixture(scope="module")
def node(local_keyspaces: LocalKeyspacesNode) -> Iterator[SessionSettings]:
    settings = SessionSettings(hosts=(local_keyspaces.host,), port=local_keyspaces.port)
    with open_session(settings) as session:
        session.execute("CREATE KEYSPACE wire WITH replication = {'class': 'SingleRegionStrategy'}")
    yield settings
    with open_session(settings) as session:
        session.execute("DROP KEYSPACE wire")


def send(settings: SessionSettings, requests: Requests) -> list[Any]:
    """Send requests, and return the failures and what was told, once all are answered."""
    pump = Pump(
        PumpSettings(hosts=list(settings.hosts) * 2),
        connect=lambda host: connect(settings, host=host, statements=[requests.statement]),
        clock=time.monotonic,
    )
    with pump:
        pump.submit(requests)
        while not (finished := pump.turn(5.0)):
            pass
    (one,) = finished
    return [*one.failures, *one.told]


@pytest.mark.parametrize("batched", [False, True])
def test_every_type_is_read_back_by_the_driver(node: SessionSettings, *, batched: bool) -> None:
    names = {f"c{number}": text for number, text in enumerate(VALUES)}
    columns = ", ".join(f"{name} {text}" for name, text in names.items())
    table = f"wire.types_{'batched' if batched else 'single'}"
    with open_session(node) as session:
        session.execute(f"CREATE TABLE {table} (k text, n int, {columns}, PRIMARY KEY (k, n))")
        requests = Requests(
            statement=f"INSERT INTO {table} (k, n, {', '.join(names)}) VALUES ({', '.join('?' * (len(names) + 2))})",
            columns=(
                encode_column(pa.array(["one"] * 3), parse_type("text")),
                encode_column(pa.array(range(3)), parse_type("int")),
                *(encode_column(column, parse_type(text)) for text, (column, _) in VALUES.items()),
            ),
            consistency=ConsistencyLevel.LOCAL_QUORUM,
            starts=np.array([0, 3]) if batched else None,
        )
        assert send(node, requests) == []
        first, second, third = session.execute(f"SELECT {', '.join(names)} FROM {table} WHERE k = 'one'")
    assert list(first) == [values[0] for _, values in VALUES.values()]
    assert list(second) == [values[1] for _, values in VALUES.values()]
    assert list(third) == [None] * len(VALUES)


def test_a_conditional_write_tells_whether_it_was_applied(node: SessionSettings) -> None:
    with open_session(node) as session:
        session.execute("CREATE TABLE wire.once (k int PRIMARY KEY)")
    requests = Requests(
        statement="INSERT INTO wire.once (k) VALUES (?) IF NOT EXISTS",
        columns=(encode_column(pa.array([1, 1]), parse_type("int")),),
        consistency=ConsistencyLevel.LOCAL_QUORUM,
    )
    told = dict(send(node, requests))
    assert sorted(message.parsed_rows[0][0] for message in told.values()) == [False, True]


def test_a_row_that_keyspaces_refuses_is_a_failure_with_its_words(node: SessionSettings) -> None:
    with open_session(node) as session:
        session.execute("CREATE TABLE wire.large (k int PRIMARY KEY, v text)")
    requests = Requests(
        statement="INSERT INTO wire.large (k, v) VALUES (?, ?)",
        columns=(
            encode_column(pa.array([1, 2]), parse_type("int")),
            encode_column(pa.array(["small", "x" * 1_100_000]), parse_type("text")),
        ),
        consistency=ConsistencyLevel.LOCAL_QUORUM,
    )
    (failure,) = send(node, requests)
    assert failure.request == 1
    assert isinstance(failure.error, InvalidRequest)
    with open_session(node) as session:
        assert [row.k for row in session.execute("SELECT k FROM wire.large")] == [1]


def test_tls_and_password(secure_cassandra_node: SecureNode) -> None:
    secure = secure_cassandra_node
    settings = SessionSettings(
        hosts=(secure.host,),
        port=secure.port,
        tls=TlsSettings(ca_file=secure.ca_file),
        auth=PasswordAuth(username=secure.user, password=SecretStr(secure.password)),
    )
    with open_session(settings) as session:
        session.execute("CREATE KEYSPACE wire WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        session.execute("CREATE TABLE wire.t (k int PRIMARY KEY, v text)")
        rows = 20_000
        requests = Requests(
            statement="INSERT INTO wire.t (k, v) VALUES (?, ?)",
            columns=(
                encode_column(pa.array(range(rows)), parse_type("int")),
                encode_column(pa.array(["v" * (number % 90) for number in range(rows)]), parse_type("text")),
            ),
            consistency=ConsistencyLevel.LOCAL_QUORUM,
        )
        assert send(settings, requests) == []
        assert session.execute("SELECT COUNT(*) FROM wire.t").one()[0] == rows
        session.execute("DROP KEYSPACE wire")
    wrong = replace(settings, auth=PasswordAuth(username=secure.user, password=SecretStr("wrong")))
    with pytest.raises(AuthenticationRefusedError, match="incorrect"):
        connect(wrong, host=secure.host, statements=[])
    untrusted = replace(settings, tls=TlsSettings())
    with pytest.raises(TlsRefusedError, match="certificate verify failed"):
        connect(untrusted, host=secure.host, statements=[])


def test_a_node_that_wants_a_login_refuses_who_has_none(secure_cassandra_node: SecureNode) -> None:
    secure = secure_cassandra_node
    settings = SessionSettings(hosts=(secure.host,), port=secure.port, tls=TlsSettings(ca_file=secure.ca_file))
    with pytest.raises(AuthenticationRefusedError, match="the settings name none"):
        connect(settings, host=secure.host, statements=[])


def test_a_statement_that_can_not_be_prepared_is_refused_in_the_stores_words(cassandra_node: CassandraNode) -> None:
    settings = SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)
    with pytest.raises(UnknownKeyspaceError, match="no_such"):
        connect(settings, host=cassandra_node.host, statements=["INSERT INTO no_such.t (k) VALUES (?)"])
