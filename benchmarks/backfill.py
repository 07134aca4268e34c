"""How fast the backfill's writer is: against a raw ceiling, and against what others offer.

    make bench NAME=backfill            ROWS=1000000 ROUNDS=3 PEERS=ours,ceiling,…

One Cassandra node with both of Java's compilers takes the same rows from each, one after another, round by round;
before the first round it takes some million rows, as a cold node is several times slower. Each client is a process of
its own.

- `ceiling`, `ceiling_batched`: frames that were encoded beforehand, sent by a loop that does nothing else;
- `ours`, `ours_batched`: from Arrow in memory, by the backfill's writer, with an outcome for each row;
- `ours_from_snowflake`: a whole load, by `load_splits`: claimed splits, each read from the Snowflake stand-in, written,
  recorded; `read_from_snowflake` reads the same splits and does nothing with them. The stand-in is a process of its
  own, on the same two cores; its work is not in the client's processor time;
- `driver_concurrent`, `driver_batch`: cassandra-driver from the same Arrow, 500 in flight, or UNLOGGED batches;
- `dsbulk`: DSBulk 1.10.0 from CSV, its defaults; `cqlsh_copy`: cqlsh's COPY FROM, its defaults.

`driver_concurrent` takes a tenth of the rows, as it would take minutes. The last line is one JSON object: medians of
rows a second and of the client's processor time for a million rows, and medians of the rounds' ratios.
`end_to_end_to_expected` is the whole load against one that would read all first and then write all.
"""

import json
import os
import random
import resource
import selectors
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc_csv
from cassandra.cluster import Cluster, Session
from cassandra.concurrent import execute_concurrent, execute_concurrent_with_args
from cassandra.query import BatchStatement, BatchType, PreparedStatement
from pyarrow import feather

from benchmarks.support.snowflake_load import HISTORY_TABLE, SnowflakeLoad, stand_in
from keyspaces_migration.backfill.encoding import Encoder
from keyspaces_migration.backfill.rows import CHUNK_ROWS
from keyspaces_migration.backfill.snapshot import DELETED
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.write import Pacing, Writer, statement_texts
from keyspaces_migration.clients import SessionSettings
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.wire import UNSET, Budget, Connection, Pump, PumpSettings, Requests, connect, encode_column
from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.ports import free_ports

ROWS = int(os.environ.get("ROWS", "1000000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
WARM_UP_ROUNDS = 3
ROWS_A_PARTITION = 10
CUSTOMERS = 2_000
CONNECTIONS = 4
CEILING_IN_FLIGHT = {"ceiling": 256, "ceiling_batched": 64}
VOID_BYTES = 13
SHARE = {"driver_concurrent": 10}
LOCAL_QUORUM = 6
COLUMNS = {
    "customer_id": "text",
    "event_date": "date",
    "event_id": "bigint",
    "c1": "text",
    "c2": "int",
    "c3": "double",
    "c4": "timestamp",
    "c5": "text",
}
KEYSPACE = "CREATE KEYSPACE bench WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
TABLE = (
    f"CREATE TABLE bench.events ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())}, "
    "PRIMARY KEY ((customer_id, event_date), event_id))"
)
INSERT = f"INSERT INTO bench.events ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


def data(rows: int) -> pa.Table:
    """Rows of about 250 bytes in partitions of ten, from a fixed seed."""
    drawn = np.random.default_rng(42)
    partition = np.arange(rows) // ROWS_A_PARTITION
    digits = [f"{value:016x}" for value in drawn.integers(0, 2**62, rows)]
    return pa.table(
        {
            "customer_id": pa.array([f"customer-{each:08d}" for each in partition % CUSTOMERS]),
            "event_date": pa.array((19_700 + partition // CUSTOMERS).astype(np.int32)).cast(pa.date32()),
            "event_id": pa.array(10**9 + np.arange(rows)),
            "c1": pa.array([digit * 6 + digit[:8] for digit in digits]),
            "c2": pa.array(drawn.integers(-(10**9), 10**9, rows)),
            "c3": pa.array(drawn.uniform(-1e6, 1e6, rows)),
            "c4": pa.array(1_704_067_200_000 + drawn.integers(0, 10**10, rows)).cast(pa.timestamp("ms", tz="UTC")),
            "c5": pa.array([digit * 3 for digit in digits]),
        }
    )


def migration() -> Migration:
    """The table as a migration file has it, with a budget beyond what the node takes."""
    content = json.loads(load_migration(Path("dags/migrations/flights.yaml")).canonical_json())
    table = content["tables"]["weather"]
    table["schema"] |= {
        "columns": [{name: kind} for name, kind in COLUMNS.items()],
        "partition_keys": ["customer_id", "event_date"],
        "clustering_keys": [{"event_id": "ASC"}],
        "static_columns": [],
    }
    table["history"] = {"table": HISTORY_TABLE}
    content["target"]["keyspace"] = "bench"
    content["tables"] = {"events": table}
    content["backfill"]["budget"] |= {"max_write_units_per_s": 1_000_000, "max_cost_usd": 1_000_000}
    return Migration.from_canonical_json(json.dumps(content))


def target() -> Target:
    """The table of that file."""
    return Target.of(migration(), "events")


@contextmanager
def writing(
    port: int, *, connections: int = CONNECTIONS, batches: bool = True, budget: Budget | None = None
) -> Iterator[Writer]:
    """The backfill's writer to the table, over connections of its own."""
    to, settings = target(), SessionSettings(hosts=("127.0.0.1",), port=port)
    texts = tuple(statement_texts(to).values())
    pacing = Pacing(wait=time.sleep, chance=random.SystemRandom().random)
    pump = Pump(
        PumpSettings(hosts=["127.0.0.1"] * connections, in_flight=pacing.in_flight),
        connect=lambda host: connect(settings, host=host, statements=texts),
        clock=time.monotonic,
        budget=budget,
    )
    with pump:
        yield Writer(
            pump=pump,
            target=to,
            barrier_us=None,
            clock=lambda: datetime.now(UTC),
            pacing=pacing,
            batches=batches,
        )


@dataclass(frozen=True)
class Files:
    """Where the same rows lie, for each who reads them in another form."""

    home: Path

    @property
    def arrow(self) -> Path:
        """For ours and the driver."""
        return self.home / "events.arrow"

    @property
    def csv(self) -> Path:
        """For DSBulk and cqlsh."""
        return self.home / "events.csv"

    def frames(self, peer: str) -> Path:
        """For a ceiling."""
        return self.home / f"{peer}.npz"

    def write(self, rows: int) -> None:
        """Write all of them."""
        table = data(rows)
        feather.write_feather(table, str(self.arrow), compression="uncompressed")
        text = table.set_column(6, "c4", table["c4"].cast(pa.timestamp("ms")).cast(pa.string()))
        pc_csv.write_csv(text.set_column(6, "c4", pa.array([f"{at}+0000" for at in text["c4"].to_pylist()])), self.csv)


# --- the clients: each runs in a process of its own -------------------------------------------------------------------


def run_ours(files: Files, port: int, *, batched: bool) -> None:
    """Ours, as the backfill uses it; rows as singles where `batched` is off."""
    table = feather.read_table(str(files.arrow))
    table = table.append_column(DELETED, pa.array(np.zeros(table.num_rows, np.bool_)))
    encoder = Encoder(target(), null=UNSET)
    with timed(table.num_rows), writing(port, batches=batched) as writer:
        parts = (table.slice(start, CHUNK_ROWS) for start in range(0, table.num_rows, CHUNK_ROWS))
        encoded = (writes for part in parts for writes in encoder.rows(part).writes)
        written = sum(outcome.written for outcome in writer.write(encoded))
    if written != table.num_rows:
        raise RuntimeError(f"{written} rows of {table.num_rows} were written")


def encode_ceiling(files: Files, port: int, peer: str) -> None:
    """Write the frames that a ceiling sends; streams count up within each connection's share."""
    table = feather.read_table(str(files.arrow))
    settings = SessionSettings(hosts=("127.0.0.1",), port=port)
    opened = connect(settings, host="127.0.0.1", statements=[INSERT])
    opened.close()
    buffers, offsets, at = [], [np.zeros(1, np.int64)], 0
    for start in range(0, table.num_rows, CHUNK_ROWS - CHUNK_ROWS % ROWS_A_PARTITION):
        part = table.slice(start, CHUNK_ROWS - CHUNK_ROWS % ROWS_A_PARTITION)
        types = target().table.schema_.column_types
        requests = Requests(
            statement=INSERT,
            columns=[encode_column(part[name], types[name]) for name in COLUMNS],
            consistency=LOCAL_QUORUM,
            starts=np.arange(0, part.num_rows + 1, ROWS_A_PARTITION) if peer == "ceiling_batched" else None,
        )
        frames = requests.frames(statement_id=opened.ids[INSERT], first_stream=len(offsets) % 32_000)
        buffers.append(bytes(frames.data))
        offsets.append(frames.offsets[1:] + at)
        at += len(frames.data)
    np.savez(files.frames(peer), data=np.frombuffer(b"".join(buffers), np.uint8), offsets=np.concatenate(offsets))


def run_ceiling(files: Files, port: int, peer: str) -> None:
    """Send frames that are there already: what a client that costs nothing would reach."""
    stored = np.load(files.frames(peer))
    frames, offsets = memoryview(stored["data"]), stored["offsets"].tolist()
    count, in_flight = len(offsets) - 1, CEILING_IN_FLIGHT[peer]
    rows = count * (ROWS_A_PARTITION if peer == "ceiling_batched" else 1)
    settings = SessionSettings(hosts=("127.0.0.1",), port=port)
    with timed(rows), selectors.DefaultSelector() as selector:
        senders = []
        for number in range(CONNECTIONS):
            opened = connect(settings, host="127.0.0.1", statements=[INSERT])
            share = (count * number // CONNECTIONS, count * (number + 1) // CONNECTIONS)
            senders.append(_Sender(opened, frames, offsets, *share, in_flight))
            selector.register(opened.socket, selectors.EVENT_READ, senders[-1])
            senders[-1].send()
        while any(sender.waiting for sender in senders):
            for key, _ in selector.select(10):
                key.data.receive()
                key.data.send()
                selector.modify(key.fileobj, key.data.events, key.data)


@dataclass
class _Sender:
    connection: Connection
    frames: memoryview
    offsets: list[int]
    next: int
    end: int
    in_flight: int
    waiting: int = 0
    unread: int = 0
    out: memoryview = field(default_factory=lambda: memoryview(b""))

    @property
    def events(self) -> int:
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.out else 0)

    def send(self) -> None:
        while True:
            if not self.out:
                more = min(self.in_flight - self.waiting, self.end - self.next)
                if more <= 0 or self.waiting > self.in_flight // 2:
                    return
                self.out = self.frames[self.offsets[self.next] : self.offsets[self.next + more]]
                self.next += more
                self.waiting += more
            try:
                self.out = self.out[self.connection.socket.send(self.out) :]
            except BlockingIOError:
                return

    def receive(self) -> None:
        try:
            self.unread += len(self.connection.socket.recv(1 << 18))
        except BlockingIOError:
            return
        self.waiting -= self.unread // VOID_BYTES
        self.unread %= VOID_BYTES


def run_driver(files: Files, port: int, *, batched: bool) -> None:
    """The driver, from the same Arrow."""
    table = feather.read_table(str(files.arrow))
    table = table.slice(0, table.num_rows // (1 if batched else SHARE["driver_concurrent"]))
    with timed(table.num_rows), Cluster(["127.0.0.1"], port=port) as cluster:
        session = cluster.connect()
        insert = session.prepare(INSERT)
        rows = (tuple(row.values()) for part in table.to_batches(CHUNK_ROWS) for row in part.to_pylist())
        if not batched:
            _exhaust(
                execute_concurrent_with_args(
                    session, insert, rows, concurrency=500, raise_on_first_error=True, results_generator=True
                )
            )
            return
        _exhaust(execute_concurrent(session, _batches(insert, rows), concurrency=100, results_generator=True))


def _batches(insert: PreparedStatement, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[BatchStatement, tuple[()]]]:
    batch, size = BatchStatement(BatchType.UNLOGGED), 0
    for row in rows:
        batch.add(insert, row)
        size += 1
        if size == ROWS_A_PARTITION:
            yield batch, ()
            batch, size = BatchStatement(BatchType.UNLOGGED), 0


def _exhaust(results: Iterator[tuple[bool, Any]]) -> None:
    for succeeded, answer in results:
        if not succeeded:
            raise answer


@contextmanager
def timed(rows: int) -> Iterator[None]:
    """Print what the block took, as the line that the parent reads."""
    began, used = time.monotonic(), time.process_time()
    yield
    print(json.dumps({"rows": rows, "wall_s": time.monotonic() - began, "cpu_s": time.process_time() - used}))


def run_from_snowflake(files: Files, port: int) -> None:
    """The whole load of a planned run."""
    stored = SnowflakeLoad.stored(files.home, migration())
    with timed(ROWS):
        written = stored.load(port)
    if written != ROWS:
        raise RuntimeError(f"{written} rows of {ROWS} were written")


def read_from_snowflake(files: Files, _: int) -> None:
    """The reading alone."""
    stored = SnowflakeLoad.stored(files.home, migration())
    with timed(ROWS):
        read = stored.read()
    if read != ROWS:
        raise RuntimeError(f"{read} rows of {ROWS} were read")


CLIENTS: dict[str, Callable[[Files, int], None]] = {
    # What is compared stands side by side, as the machine's speed drifts.
    "ceiling": lambda files, port: run_ceiling(files, port, "ceiling"),
    "ours": lambda files, port: run_ours(files, port, batched=False),
    "ours_batched": lambda files, port: run_ours(files, port, batched=True),
    "ceiling_batched": lambda files, port: run_ceiling(files, port, "ceiling_batched"),
    "ours_from_snowflake": run_from_snowflake,
    "read_from_snowflake": read_from_snowflake,
    "driver_concurrent": lambda files, port: run_driver(files, port, batched=False),
    "driver_batch": lambda files, port: run_driver(files, port, batched=True),
}


# --- programs of others -----------------------------------------------------------------------------------------------


def dsbulk_command(files: Files, port: int) -> list[str]:
    """DSBulk from Maven Central's artifacts: the archive of its distribution is not to be had everywhere."""
    jars = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keyspaces-migration/dsbulk-1.10.0"
    if not jars.exists():
        made = jars.with_suffix(".new")
        pom = Path(__file__).parent / "dsbulk-pom.xml"
        fetch = ["mvn", "--batch-mode", "--quiet", "--file", str(pom), "dependency:copy-dependencies"]
        subprocess.run([*fetch, f"-DoutputDirectory={made}"], check=True)
        made.rename(jars)
    runner = ["java", "-cp", f"{jars}/*", "com.datastax.oss.dsbulk.runner.DataStaxBulkLoader", "load"]
    what = ["-url", str(files.csv), "-k", "bench", "-t", "events", "-header", "true"]
    return [*runner, *what, "-h", "127.0.0.1", "-port", str(port), "-dc", "datacenter1", "-logDir", str(files.home)]


def cqlsh_command(files: Files, port: int) -> list[str]:
    """Cqlsh from PyPI, in an environment of its own."""
    copy = f"COPY bench.events ({', '.join(COLUMNS)}) FROM '{files.csv}' WITH HEADER = true"
    return [".venv/bin/uv", "tool", "run", "--quiet", "cqlsh==6.2.2", "127.0.0.1", str(port), "-e", copy]


PROGRAMS: dict[str, Callable[[Files, int], list[str]]] = {"dsbulk": dsbulk_command, "cqlsh_copy": cqlsh_command}


# --- the rounds -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """One client's turn."""

    rows_per_s: float
    cpu_s_per_million: float


def measure(peer: str, files: Files, port: int) -> Measured:
    """Run one client."""
    if peer in CLIENTS:
        command = [sys.executable, __file__, "client", peer, str(files.home), str(port)]
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        found = json.loads(printed.strip().splitlines()[-1])
        return Measured(found["rows"] / found["wall_s"], found["cpu_s"] * 1e6 / found["rows"])
    command = PROGRAMS[peer](files, port)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{peer} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Measured(ROWS / wall_s, cpu_s * 1e6 / ROWS)


def main() -> None:
    """Run the rounds and print the result."""
    peers = os.environ.get("PEERS", ",".join([*CLIENTS, *PROGRAMS])).split(",")
    home = Path(tempfile.mkdtemp(prefix="bench-backfill-"))
    native, storage = free_ports(2)
    settings = NodeSettings(
        home=home / "node", native_port=native, storage_port=storage, compiler=Compiler.FULL, heap_mb=2048
    )
    files = Files(home)
    try:
        files.write(ROWS)
        with (
            CassandraNode(settings) as node,
            Cluster([node.host], port=node.port) as cluster,
            stand_in(home, migration()) as snowflake,
        ):
            session = cluster.connect()
            session.default_timeout = 120
            session.execute(KEYSPACE)
            session.execute(TABLE)
            for peer in CEILING_IN_FLIGHT:
                encode_ceiling(files, node.port, peer)
            if "ours_from_snowflake" in peers:
                snowflake.fill(feather.read_table(str(files.arrow)))
            rounds = list(run_rounds(peers, files, node.port, session, snowflake))
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(result(rounds)))


def run_rounds(
    peers: list[str], files: Files, port: int, session: Session, snowflake: SnowflakeLoad
) -> Iterator[dict[str, Measured]]:
    """Warm the node, then yield round after round, each in another order."""
    for _ in range(WARM_UP_ROUNDS):
        for peer in CEILING_IN_FLIGHT:
            print(f"warm-up, {peer}: {measure(peer, files, port).rows_per_s:,.0f} rows/s", flush=True)
    for number in range(ROUNDS):
        found = {}
        for peer in peers if number % 2 == 0 else reversed(peers):
            session.execute("TRUNCATE bench.events")
            if peer == "ours_from_snowflake":
                snowflake.plan(f"round-{number}")
            found[peer] = measure(peer, files, port)
            print(
                f"round {number + 1}, {peer}: {found[peer].rows_per_s:,.0f} rows/s, "
                f"{found[peer].cpu_s_per_million:.1f} s of the client's processor for a million",
                flush=True,
            )
        yield found


def result(rounds: list[dict[str, Measured]]) -> dict[str, Any]:
    """The medians."""
    pairs = {
        "ours_to_ceiling": ("ours", "ceiling"),
        "ours_batched_to_ceiling_batched": ("ours_batched", "ceiling_batched"),
        "ours_to_dsbulk": ("ours", "dsbulk"),
        "ours_batched_to_dsbulk": ("ours_batched", "dsbulk"),
    }
    peers = rounds[0]
    ratios = {
        name: [each[one].rows_per_s / each[other].rows_per_s for each in rounds]
        for name, (one, other) in pairs.items()
        if one in peers and other in peers
    }
    if {"ours_from_snowflake", "read_from_snowflake", "ours_batched"} <= set(peers):
        ratios["end_to_end_to_expected"] = [
            each["ours_from_snowflake"].rows_per_s
            * (1 / each["read_from_snowflake"].rows_per_s + 1 / each["ours_batched"].rows_per_s)
            for each in rounds
        ]
    return {
        "bench": "backfill",
        "rows": ROWS,
        "rounds": len(rounds),
        "rows_per_s": {peer: round(statistics.median(each[peer].rows_per_s for each in rounds)) for peer in peers},
        "client_cpu_s": {
            peer: round(statistics.median(each[peer].cpu_s_per_million for each in rounds), 2) for peer in peers
        },
        "paired_ratio": {name: round(statistics.median(found), 3) for name, found in ratios.items()},
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["client"]:
        CLIENTS[sys.argv[2]](Files(Path(sys.argv[3])), int(sys.argv[4]))
    else:
        main()
