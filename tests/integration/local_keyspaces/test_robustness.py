from __future__ import annotations

import contextlib
import random
import socket
import struct
from typing import TYPE_CHECKING, Any, Self

import pytest
from cassandra import DriverException, InvalidRequest
from cassandra.protocol import ErrorMessage, SyntaxException
from cassandra.query import UNSET_VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

HEADER = struct.Struct(">BBhBi")
STARTUP, QUERY, RESULT, PREPARE, EXECUTE, BATCH, ERROR = 1, 7, 8, 9, 10, 13, 0
LOCAL_QUORUM = 6
PROTOCOL_ERROR = 0x000A


@pytest.fixture(scope="module")
def odd(session: Session) -> Iterator[Session]:
    session.execute("CREATE KEYSPACE odd WITH replication = {'class': 'SingleRegionStrategy'}")
    session.execute(
        """CREATE TABLE odd.t (k int, c text, v text, l list<int>, m map<text, int>, s text static, PRIMARY KEY (k, c))
        WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"""
    )
    session.execute("CREATE TABLE odd.counters (k int PRIMARY KEY, n counter)")
    yield session
    session.execute("DROP KEYSPACE odd")


class Raw:
    """A connection that sends what no driver sends."""

    def __init__(self, node: LocalKeyspacesNode) -> None:
        self.socket = socket.create_connection((node.host, node.port), 30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, request: int, body: bytes, *, version: int = 4) -> tuple[int, bytes]:
        self.socket.sendall(HEADER.pack(version, 0, 1, request, len(body)) + body)
        *_, answer, length = HEADER.unpack(self.read(HEADER.size))
        return answer, self.read(length)

    def start(self) -> None:
        self.ask(STARTUP, struct.pack(">H", 1) + short(b"CQL_VERSION") + short(b"3.0.0"))

    def read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            part = self.socket.recv(size - len(read))
            if not part:
                raise ConnectionResetError
            read += part
        return read


def short(content: bytes) -> bytes:
    return struct.pack(">H", len(content)) + content


def text(content: str) -> bytes:
    return struct.pack(">i", len(content.encode())) + content.encode()


def still_serves(session: Session, node: LocalKeyspacesNode) -> bool:
    node.check()
    row = session.execute("SELECT release_version FROM system.local").one()
    return bool(row)


@pytest.mark.parametrize(
    ("cql", "values"),
    [
        ("INSERT INTO odd.t (k, c, v) VALUES (?, ?, ?)", (None, "c", "v")),
        ("INSERT INTO odd.t (k, c, v) VALUES (?, ?, ?)", (1, None, "v")),
        ("INSERT INTO odd.t (k, c, v) VALUES (?, ?, ?)", (1, UNSET_VALUE, "v")),
        ("INSERT INTO odd.t (k, c, v) VALUES (?, ?, ?) USING TTL ?", (1, "c", "v", -1)),
        ("UPDATE odd.t SET v = ? WHERE k = ? AND c IN ?", ("v", 1, None)),
        ("SELECT * FROM odd.t WHERE k IN ?", ([None],)),
        ("SELECT * FROM odd.t WHERE k IN ?", (None,)),
        ("SELECT * FROM odd.t WHERE k = 1 AND c = ?", (UNSET_VALUE,)),
        ("DELETE FROM odd.t WHERE k = ? AND c > ?", (1, None)),
        ("DELETE FROM odd.t WHERE k = ?", (None,)),
        ("INSERT INTO odd.t JSON ?", ("{",)),
        ("INSERT INTO odd.t JSON ?", (None,)),
        ("INSERT INTO odd.t JSON ?", ('{"k": 1, "c": "c", "no_such": 1}',)),
        ("SELECT * FROM odd.t WHERE k = 1 LIMIT ?", (-1,)),
    ],
)
def test_values_that_make_no_sense_are_invalid_and_nothing_worse(
    odd: Session, local_keyspaces: LocalKeyspacesNode, cql: str, values: tuple[Any, ...]
) -> None:
    with pytest.raises((InvalidRequest, SyntaxException)) as refusal:
        odd.execute(odd.prepare(cql), values)
    assert "\tat " not in str(refusal.value)
    assert still_serves(odd, local_keyspaces)


@pytest.mark.parametrize(
    ("cql", "values"),
    [
        ("INSERT INTO odd.t (k, c, v, l, m) VALUES (?, ?, ?, ?, ?)", (2, "c", None, None, {})),
        ("INSERT INTO odd.t (k, c, v, l, m) VALUES (?, ?, ?, ?, ?)", (2, "", UNSET_VALUE, [1, 2], {"a": 1})),
        ("INSERT INTO odd.t (k, c, v) VALUES (?, ?, ?) USING TIMESTAMP ?", (2, "c", "v", UNSET_VALUE)),
        ("INSERT INTO odd.t (k, c, v) VALUES (?, ?, ?) USING TTL ?", (2, "c", "v", UNSET_VALUE)),
        ("INSERT INTO odd.t JSON ?", ('{"k": 2, "c": "d", "l": [1], "m": {"x": 2}}',)),
        ("UPDATE odd.t SET l = l + ?, m[?] = ?, s = ? WHERE k = 2 AND c = ?", ([3], "b", 2, "s", "c")),
        ("UPDATE odd.t SET l[0] = ? WHERE k = 2 AND c = 'd'", (9,)),
        ("DELETE m[?] FROM odd.t WHERE k = 2 AND c = ?", ("b", "c")),
        ("UPDATE odd.t SET v = ? WHERE k = ? AND c = ? IF v = ?", ("w", 2, "c", "v")),
        ("SELECT * FROM odd.t WHERE k IN ? AND c IN ?", ([1, 2], ["c", "d"])),
        ("SELECT k, c AS d, ttl(v), writetime(v) FROM odd.t WHERE (c) > (?) ALLOW FILTERING", ("a",)),
        ("DELETE FROM odd.t WHERE k = ? AND c >= ? AND c < ?", (2, "x", "z")),
    ],
)
def test_unusual_statements_that_are_allowed_pass(odd: Session, cql: str, values: tuple[Any, ...]) -> None:
    odd.execute(odd.prepare(cql), values)
    if UNSET_VALUE not in values and "IN" not in cql:
        odd.execute(cql.replace("?", "%s"), values)


@pytest.mark.parametrize(
    "cql",
    [
        "INSERT INTO odd.living (k, v) VALUES (1, 'a')",
        "SELECT * FROM no_such.t",
        "ALTER TABLE odd.no_such WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}",
        "DROP TABLE odd.no_such",
        "DROP KEYSPACE no_such",
        "CREATE TABLE no_such.t (k int PRIMARY KEY)",
        "CREATE TABLE odd.t (k int PRIMARY KEY)",
    ],
)
def test_what_is_not_there_or_there_already_is_said_so(odd: Session, cql: str) -> None:
    with pytest.raises((DriverException, ErrorMessage)) as refusal:
        odd.execute(cql)
    assert "code=0000" not in str(refusal.value), "a server error is our failure, not the client's"


def test_rules_that_cassandra_has_too(odd: Session) -> None:
    odd.execute("INSERT INTO odd.t (k, c) VALUES (1, 'a') USING TTL 630720000")
    with pytest.raises(InvalidRequest, match="ttl is too large"):
        odd.execute("INSERT INTO odd.t (k, c) VALUES (1, 'a') USING TTL 630720001")
    with pytest.raises(SyntaxException):
        odd.execute("BEGIN UNLOGGED BATCH SELECT * FROM odd.t; APPLY BATCH")
    with pytest.raises(InvalidRequest, match="counter"):
        odd.execute("CREATE TABLE odd.mixed (k int PRIMARY KEY, n counter, v text)")
    with pytest.raises(InvalidRequest, match="counter"):
        odd.execute("CREATE TABLE odd.keyed (k counter PRIMARY KEY)")


@pytest.mark.parametrize("values", [[], [b"\0\0\0\1"], [b"\0\0\0\1"] * 9, [b"too long for an int", b"c"]])
def test_a_wrong_number_or_size_of_bound_values_is_refused(
    odd: Session, local_keyspaces: LocalKeyspacesNode, values: list[bytes]
) -> None:
    with Raw(local_keyspaces) as raw:
        raw.start()
        _, prepared = raw.ask(PREPARE, text("INSERT INTO odd.t (k, c) VALUES (?, ?)"))
        (length,) = struct.unpack_from(">H", prepared, 4)
        content = b"".join(struct.pack(">i", len(value)) + value for value in values)
        body = short(prepared[6 : 6 + length]) + struct.pack(">HBH", LOCAL_QUORUM, 1, len(values)) + content
        answer, content = raw.ask(EXECUTE, body)
    (code,) = struct.unpack_from(">i", content)
    assert (answer, code) in {(ERROR, 0x2200), (ERROR, PROTOCOL_ERROR)}, content
    assert still_serves(odd, local_keyspaces)


def test_newer_protocol_versions_are_refused_as_a_driver_expects(local_keyspaces: LocalKeyspacesNode) -> None:
    with Raw(local_keyspaces) as raw:
        answer, content = raw.ask(STARTUP, struct.pack(">H", 0), version=5)
    (code,) = struct.unpack_from(">i", content)
    assert (answer, code) == (ERROR, PROTOCOL_ERROR)
    assert b"protocol version" in content
    assert b"5/v5" not in content.split(b"supported")[-1]


def test_frames_of_noise_end_at_most_their_own_connection(odd: Session, local_keyspaces: LocalKeyspacesNode) -> None:
    noise = random.Random(5)
    for _ in range(100):
        request = noise.choice([QUERY, PREPARE, EXECUTE, BATCH, 11, 200])
        send(local_keyspaces, request, noise.randbytes(noise.randrange(60)))
    assert still_serves(odd, local_keyspaces)


def test_a_value_that_claims_two_gigabytes_ends_at_most_its_own_connection(
    odd: Session, local_keyspaces: LocalKeyspacesNode
) -> None:
    claimed = struct.pack(">HBH", LOCAL_QUORUM, 1, 1) + struct.pack(">i", 2**31 - 1)
    for _ in range(3):
        send(local_keyspaces, QUERY, text("SELECT * FROM odd.t WHERE k = ?") + claimed)
        assert still_serves(odd, local_keyspaces)
    odd.execute("INSERT INTO odd.t (k, c, v) VALUES (9, 'after', 'it')")
    assert odd.execute("SELECT v FROM odd.t WHERE k = 9 AND c = 'after'").one().v == "it"


def test_frames_cut_short_end_at_most_their_own_connection(odd: Session, local_keyspaces: LocalKeyspacesNode) -> None:
    insert = text("INSERT INTO odd.t (k, c) VALUES (1, 'a')")
    batch = struct.pack(">BHB", 1, 1, 0) + insert + struct.pack(">HHB", 0, LOCAL_QUORUM, 0)
    query = insert + struct.pack(">HB", LOCAL_QUORUM, 0)
    for request, whole in ((BATCH, batch), (QUERY, query)):
        for length in range(len(whole)):
            send(local_keyspaces, request, whole[:length])
    assert still_serves(odd, local_keyspaces)


def test_an_empty_batch_is_carried_out(odd: Session, local_keyspaces: LocalKeyspacesNode) -> None:
    with Raw(local_keyspaces) as raw:
        raw.start()
        answer, content = raw.ask(BATCH, struct.pack(">BHHB", 1, 0, LOCAL_QUORUM, 0))
    assert answer == RESULT, content
    assert still_serves(odd, local_keyspaces)


def send(node: LocalKeyspacesNode, request: int, body: bytes) -> None:
    """A frame on a connection of its own, which the node may answer or close."""
    with Raw(node) as raw:
        raw.start()
        with contextlib.suppress(ConnectionResetError):
            answer, content = raw.ask(request, body)
            assert answer != ERROR or b"\tat " not in content


def test_the_log_has_no_failure_of_the_plug_in(odd: Session, local_keyspaces: LocalKeyspacesNode) -> None:
    assert still_serves(odd, local_keyspaces)
    lines = local_keyspaces.log.read_text(encoding="utf-8").splitlines()
    ours = [at for at, line in enumerate(lines) if line.startswith(("java.", "Caused by:")) and ours_follows(lines, at)]
    assert [lines[at : at + 6] for at in ours] == []


def ours_follows(lines: list[str], at: int) -> bool:
    """Whether the plug-in is what threw."""
    return at + 1 < len(lines) and lines[at + 1].startswith("\tat keyspaces.local")
