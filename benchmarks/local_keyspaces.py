"""What the rules of a local Keyspaces cost a writer: a plain node against one with the plug-in, capacity off.

    make bench NAME=local-keyspaces

Both nodes run at the same time with both of Java's compilers, and take the same frames, prepared INSERTs at
LOCAL_QUORUM with the driver's timestamp, encoded beforehand so that the client is not what is measured. After a warm-up
of some million rows each, rounds are paired, and the order within a pair alternates. The last line is one JSON object;
`ratio` is the median of the pairs' ratios, local to plain. Bar: at least 0.90.
`cpu_ratio` is the same of the processor time that each node took for a row, which other work on the machine disturbs
less than it disturbs rows a second. Takes about five minutes.
"""

import json
import selectors
import socket
import statistics
import struct
import tempfile
import time
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import psutil

from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

WARM_UP_S = 15.0
WARM_UPS = 3
ROUNDS = 9
ROWS_A_ROUND = 800_000
DISTINCT_ROWS = 60_000
CONNECTIONS = 4
CHUNK = 128
HEAP_MB = 1024

HEADER = struct.Struct(">BBhBi")
TIMESTAMP = struct.Struct(">q")
REQUEST_V4, STARTUP, QUERY, PREPARE, EXECUTE, RESULT, ERROR = 4, 1, 7, 9, 10, 8, 0
LOCAL_QUORUM = 6
WITH_VALUES, WITH_TIMESTAMP = 0x01, 0x20
VOID_ANSWER = HEADER.size + 4

KEYSPACE = "CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
TABLE = (
    "CREATE TABLE bench.t (customer text, day int, id bigint, a text, b int, c double, "
    "PRIMARY KEY ((customer, day), id))"
)
INSERT = b"INSERT INTO bench.t (customer, day, id, a, b, c) VALUES (?, ?, ?, ?, ?, ?)"


class Connection:
    """A socket that speaks protocol version 4."""

    def __init__(self, node: CassandraNode) -> None:
        self.socket = socket.create_connection((node.host, node.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ask(STARTUP, struct.pack(">H", 1) + _short(b"CQL_VERSION") + _short(b"3.0.0"))

    def ask(self, request: int, body: bytes) -> bytes:
        """One request and its answer's body."""
        self.socket.sendall(HEADER.pack(REQUEST_V4, 0, 0, request, len(body)) + body)
        *_, answer, length = HEADER.unpack(self._read(HEADER.size))
        content = self._read(length)
        if answer == ERROR:
            raise RuntimeError(f"request {request} was refused: {content!r}")
        return content

    def query(self, cql: str) -> None:
        """Execute a statement."""
        text = cql.encode()
        self.ask(QUERY, struct.pack(">i", len(text)) + text + struct.pack(">HB", LOCAL_QUORUM, 0))

    def prepare(self) -> bytes:
        """The id of the INSERT."""
        content = self.ask(PREPARE, struct.pack(">i", len(INSERT)) + INSERT)
        (length,) = struct.unpack_from(">H", content, 4)
        return content[6 : 6 + length]

    def _read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            part = self.socket.recv(size - len(read))
            if not part:
                raise ConnectionResetError("the node closed the connection")
            read += part
        return read


def _short(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def _value(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


class Chunk:
    """Frames that are sent at once, stamped anew each time: a write with an old timestamp would be no work."""

    def __init__(self, frames: list[bytes]) -> None:
        self.frames = bytearray(b"".join(frames))
        self.timestamps = [end - TIMESTAMP.size for end in accumulate(map(len, frames))]

    def stamp(self) -> bytearray:
        """The frames with the time as it is now."""
        now_us = time.time_ns() // 1000
        for at in self.timestamps:
            TIMESTAMP.pack_into(self.frames, at, now_us)
        return self.frames


def encode(prepared: bytes) -> list[Chunk]:
    """Chunks of frames, the same for both nodes."""
    frames = []
    for number in range(DISTINCT_ROWS):
        values = (
            f"customer-{number % 5000}".encode(),
            struct.pack(">i", number % 30),
            struct.pack(">q", number),
            f"some text of a usual length {number}".encode() * 2,
            struct.pack(">i", number),
            struct.pack(">d", number / 7),
        )
        body = b"".join(
            [
                _short(prepared),
                struct.pack(">HBH", LOCAL_QUORUM, WITH_VALUES | WITH_TIMESTAMP, len(values)),
                *map(_value, values),
                bytes(TIMESTAMP.size),
            ]
        )
        frames.append(HEADER.pack(REQUEST_V4, 0, number % 2**15, EXECUTE, len(body)) + body)
    return [Chunk(frames[at : at + CHUNK]) for at in range(0, len(frames) - CHUNK + 1, CHUNK)]


@dataclass
class Lane:
    """A connection with the requests that it has under way."""

    connection: Connection
    under_way: int = 0
    rest: bytes = b""

    def send(self, chunk: Chunk) -> None:
        """Put a chunk of frames under way."""
        self.connection.socket.sendall(chunk.stamp())
        self.under_way += CHUNK

    def receive(self) -> int:
        """How many rows were answered, all of them as written."""
        content = self.rest + self.connection.socket.recv(1 << 18)
        answers = len(content) // VOID_ANSWER
        whole = answers * VOID_ANSWER
        if content[4:whole:VOID_ANSWER] != bytes([RESULT]) * answers:
            raise RuntimeError(f"a write was refused: {content[:300]!r}")
        self.rest = content[whole:]
        self.under_way -= answers
        return answers


@dataclass
class Writer:
    """Writes to one node as fast as it takes it."""

    node: CassandraNode
    lanes: list[Lane] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    at: int = 0

    def prepare(self) -> None:
        """Make the table and the connections."""
        first = Connection(self.node)
        first.query(KEYSPACE)
        first.query(TABLE)
        self.chunks = encode(first.prepare())
        self.lanes = [Lane(Connection(self.node)) for _ in range(CONNECTIONS)]

    def cpu_s(self) -> float:
        """Processor time that the node has taken since its start."""
        taken = psutil.Process(self.node.pid).cpu_times()
        return float(taken.user + taken.system)

    def write(self, rows: int) -> float:
        """Rows a second."""
        left, done = rows // CHUNK, 0
        began = time.perf_counter()
        with selectors.DefaultSelector() as selector:
            for lane in self.lanes:
                selector.register(lane.connection.socket, selectors.EVENT_READ, lane)
            while done < rows // CHUNK * CHUNK:
                for lane in self.lanes:
                    while left and lane.under_way <= CHUNK:
                        lane.send(self.chunks[self.at % len(self.chunks)])
                        self.at += 1
                        left -= 1
                for key, _ in selector.select(30):
                    done += key.data.receive()
        return done / (time.perf_counter() - began)

    def warm_up(self) -> int:
        """Write for a while, so that Java compiles what matters; returns the rows."""
        ends, rows = time.monotonic() + WARM_UP_S, 0
        while time.monotonic() < ends:
            self.write(DISTINCT_ROWS)
            rows += DISTINCT_ROWS
        return rows


def main() -> None:
    """Print each pair, then the result as one JSON object."""
    plain_native, plain_storage, local_native, local_storage = free_ports(4)
    with tempfile.TemporaryDirectory() as scratch:
        plain = CassandraNode(
            NodeSettings(
                home=Path(scratch) / "plain",
                native_port=plain_native,
                storage_port=plain_storage,
                heap_mb=HEAP_MB,
                compiler=Compiler.FULL,
            )
        )
        local = LocalKeyspacesNode(
            LocalKeyspacesSettings(
                home=Path(scratch) / "local",
                native_port=local_native,
                storage_port=local_storage,
                capacity=False,
                heap_mb=HEAP_MB,
                compiler=Compiler.FULL,
            )
        )
        with plain, local:
            compare(Writer(plain), Writer(local))


def compare(plain: Writer, local: Writer) -> None:
    """Warm both up, write in pairs."""
    for writer in (plain, local):
        writer.prepare()
    for _ in range(WARM_UPS):
        print(f"warm-up: plain {plain.warm_up():,} rows, local {local.warm_up():,} rows", flush=True)
    rates: dict[str, list[float]] = {"plain": [], "local": []}
    cpu_us: dict[str, list[float]] = {"plain": [], "local": []}
    for number in range(ROUNDS):
        pair = [("plain", plain), ("local", local)]
        for name, writer in pair if number % 2 == 0 else reversed(pair):
            before_s = writer.cpu_s()
            rates[name].append(writer.write(ROWS_A_ROUND))
            cpu_us[name].append((writer.cpu_s() - before_s) / ROWS_A_ROUND * 1e6)
        print(f"pair {number + 1}: plain {rates['plain'][-1]:,.0f} rows/s, local {rates['local'][-1]:,.0f}", flush=True)
    ratios = [ours / theirs for ours, theirs in zip(rates["local"], rates["plain"], strict=True)]
    print(
        json.dumps(
            {
                "bench": "local-keyspaces",
                **{f"{name}_rows_per_s": [round(rate) for rate in rates[name]] for name in rates},
                "ratios": [round(ratio, 3) for ratio in ratios],
                "ratio": round(statistics.median(ratios), 3),
                **{f"{name}_cpu_us_per_row": [round(us, 2) for us in cpu_us[name]] for name in cpu_us},
                "cpu_ratio": round(
                    statistics.median(t / o for o, t in zip(cpu_us["local"], cpu_us["plain"], strict=True)), 3
                ),
            }
        )
    )


if __name__ == "__main__":
    main()
