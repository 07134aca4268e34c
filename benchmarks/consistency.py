"""How fast a consistency check compares rows three ways, how gently, and in how much memory.

    make bench NAME=consistency            ROWS=200000 ROUNDS=3

A Cassandra node and a local Keyspaces hold the same rows of 250 bytes, the Snowflake stand-in has their history; all of
it and the check share the machine. Each check is a process of its own:

- `check`: one table, as the product checks it by default but as fast as it goes: 46,050 keys drawn from the history, 20
  windows of each kind, the strata, and no sweep;
- `small`: the same with a tenth of the keys, for what memory depends on;
- `limited`: those keys alone at RATE read units a second; what is asked for against what was read of the target, by the
  check's own count, over the time it took;
- `draw` and `small_draw`: the history's rows for `check` and `small` alone, through Snowflake's connector and dropped
  as they come: the memory that is the connector's. The stand-in answers in one piece, which it holds to the end;
- `ceiling`: the driver reads the same number of keys from each of the two stores, and nothing else.

The last line is one JSON object: medians of the rounds.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import snowflake.connector
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from snowflake.connector.errors import Error

from benchmarks.backfill import COLUMNS, KEYSPACE, data, migration, writing
from benchmarks.backfill import TABLE as CREATE
from benchmarks.support.snowflake_load import stand_in
from keyspaces_migration.backfill.encoding import Encoder
from keyspaces_migration.backfill.rows import CHUNK_ROWS
from keyspaces_migration.backfill.snapshot import DELETED
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.assembly import OpenStores, batch_rows, check_plan, table_checks
from keyspaces_migration.consistency.check import run_check
from keyspaces_migration.consistency.history import HistoryReader
from keyspaces_migration.consistency.kinds import Store, Verdict
from keyspaces_migration.consistency.shape import TableShape
from keyspaces_migration.wire import UNSET
from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

ROWS = int(os.environ.get("ROWS", "200000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
RATE = int(os.environ.get("RATE", "300"))
KEYS = 46_050
IN_FLIGHT = 512
TENTH = 1e-3
"""The rate to rule out that takes a tenth of the keys."""
ON_TARGET = "CREATE KEYSPACE bench WITH REPLICATION = {'class': 'SingleRegionStrategy'}"
WITH_TIMESTAMPS = " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"


def main() -> None:
    """Run the rounds and print the result."""
    home = Path(tempfile.mkdtemp(prefix="bench-consistency-"))
    ports = free_ports(4)
    source = NodeSettings(home=home / "source", native_port=ports[0], storage_port=ports[1], compiler=Compiler.FULL)
    target = LocalKeyspacesSettings(
        home=home / "target", native_port=ports[2], storage_port=ports[3], compiler=Compiler.FULL, capacity=False
    )
    try:
        with (
            CassandraNode(source),
            LocalKeyspacesNode(target),
            stand_in(home, migration()) as history,
        ):
            rows = data(ROWS)
            history.fill(rows)
            fill(ports[0], KEYSPACE, CREATE, rows)
            fill(ports[2], ON_TARGET, CREATE + WITH_TIMESTAMPS, rows)
            where = home / "where.json"
            where.write_text(json.dumps({"source": ports[0], "target": ports[2], "history": history.address}))
            run("check", where)  # warms the nodes
            rounds = [{name: run(name, where) for name in CLIENTS} for _ in range(ROUNDS)]
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(result(rounds)))


def fill(port: int, keyspace: str, table: str, rows: pa.Table) -> None:
    """Write the rows."""
    settings = SessionSettings(hosts=("127.0.0.1",), port=port)
    with open_session(settings) as session:
        session.execute(keyspace)
        session.execute(table)
    encoder = Encoder(Target.of(migration(), "events"), null=UNSET)
    living = rows.append_column(DELETED, pa.array(np.zeros(rows.num_rows, np.bool_)))
    with writing(port) as writer:
        parts = (living.slice(start, CHUNK_ROWS) for start in range(0, living.num_rows, CHUNK_ROWS))
        writes = (each for part in parts for each in encoder.rows(part).writes)
        written = sum(outcome.written for outcome in writer.write(writes))
    if written != ROWS:
        raise RuntimeError(f"{written} rows of {ROWS} were written")


def checked() -> Migration:
    """The backfill's migration; the source's rows lie in a keyspace of the same name as the target's."""
    content = json.loads(migration().canonical_json())
    content["source"]["keyspace"] = content["target"]["keyspace"]
    return Migration.from_canonical_json(json.dumps(content))


def run(name: str, where: Path) -> dict[str, Any]:
    """Run a client as a process of its own; return what it measured."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, __file__, name, str(where)], check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    found["cpu_s"] = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(f"{name}: {found}", flush=True)
    return found


@contextmanager
def opened(where: Path) -> Iterator[tuple[Session, Session, Any]]:
    """Both stores, and a cursor on the history."""
    said = json.loads(where.read_text())
    address = said["history"] | {"database": "ANALYTICS", "schema": "PUBLIC"}
    with (
        open_session(SessionSettings(hosts=("127.0.0.1",), port=said["source"])) as source,
        open_session(SessionSettings(hosts=("127.0.0.1",), port=said["target"])) as target,
        closing(snowflake.connector.connect(**address)) as connection,
        connection.cursor() as cursor,
    ):
        yield source, target, cursor


def check(where: Path, *, wait: Callable[[float], None] = time.sleep, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 # fields of the plan
    """Check once; return what was compared and how long it took."""

    def now() -> datetime:
        return datetime.now(UTC)

    file = checked()
    plan = replace(check_plan(file, seed=1, now=now()), **{"sweep_rows": 0, "max_read_units_per_s": None} | changes)
    with opened(where) as (source, target, cursor):
        stores = OpenStores(source=source, target=target, history=cursor)
        checks = table_checks(file, tables=["events"], plan=plan, stores=stores, settle=wait, now=now)
        began = time.monotonic()
        found = run_check(checks, plan=plan, now=now)
        wall_s = time.monotonic() - began
    (table,) = found.tables
    others = table.counts.others.values()
    if found.verdict is not Verdict.PASS:
        raise RuntimeError(table.verdict.sentence)
    return {
        "keys": table.counts.keys.compared,
        "rows": table.counts.keys.compared + table.counts.windows.rows + sum(each.rows for each in others),
        "wall_s": wall_s,
        "units": {store.value: read.units for store, read in table.read.items()},
        "peak_rss_mb": peak_rss_mb(),
    }


def peak_rss_mb() -> float:
    """The most memory that this program has held. `ru_maxrss` would count what the process held that started it."""
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 1024


def limited(where: Path) -> dict[str, Any]:
    """A check at a rate, and how fast the target was read from the first time it had to wait to the last.

    Raises:
        RuntimeError: The check had to wait for less than half of its batches, so that the rate did not slow it.
    """
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(time.monotonic())
        time.sleep(seconds)

    only_keys = dict.fromkeys(("windows", "target_windows", "widest_partitions", "newest_writes"), 0)
    size = batch_rows(RATE)
    found = check(where, wait=wait, max_mismatch_rate=TENTH, max_read_units_per_s=RATE, batch_rows=size, **only_keys)
    if len(waits) < found["keys"] / size / 2:
        raise RuntimeError(f"this machine reads no faster than RATE={RATE} units/s: ask for less")
    return found | {"seen": found["units"][Store.TARGET.value] / (waits[-1] - waits[0])}


def draw(where: Path, *, rate: float | None = None) -> dict[str, Any]:
    """The draw alone."""
    plan = check_plan(checked(), seed=1, now=datetime.now(UTC))
    wanted = (plan if rate is None else replace(plan, max_mismatch_rate=rate)).rows_wanted
    with opened(where) as (_, _, cursor):
        reader = HistoryReader(cursor, shape=TableShape.of("events", checked().tables["events"]), errors=(Error,))
        rows = sum(len(batch.rows) for batch in reader.draw(size=wanted, seed=1))
    return {"rows": rows, "peak_rss_mb": peak_rss_mb()}


def ceiling(where: Path) -> dict[str, Any]:
    """The driver alone: the same number of keys from each store."""
    keys = data(KEYS).select(["customer_id", "event_date", "event_id"]).to_pylist()
    select = f"SELECT {', '.join(COLUMNS)} FROM bench.events WHERE customer_id = ? AND event_date = ? AND event_id = ?"
    with opened(where) as (source, target, _):
        began = time.monotonic()
        for session in (target, source):
            statement = session.prepare(select)
            values = [tuple(key.values()) for key in keys]
            for succeeded, answer in execute_concurrent_with_args(
                session, statement, values, concurrency=IN_FLIGHT, results_generator=True
            ):
                if not succeeded or answer.one() is None:
                    raise RuntimeError(f"a key could not be read: {answer}")
        wall_s = time.monotonic() - began
    return {"reads": 2 * KEYS, "wall_s": wall_s}


CLIENTS = {
    "check": check,
    "small": lambda where: check(where, max_mismatch_rate=TENTH),
    "draw": draw,
    "small_draw": lambda where: draw(where, rate=TENTH),
    "limited": limited,
    "ceiling": ceiling,
}


def result(rounds: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """The medians."""

    def median(name: str, field: str) -> float:
        return float(statistics.median(each[name][field] for each in rounds))

    ceilings = [each["ceiling"]["reads"] / each["ceiling"]["wall_s"] for each in rounds]
    rows, wall_s = median("check", "rows"), median("check", "wall_s")
    return {
        "bench": "consistency",
        "rows_compared": rows,
        "keys_compared": median("check", "keys"),
        "wall_s": round(wall_s, 1),
        "rows_per_s": round(rows / wall_s),
        "client_cpu_s": round(median("check", "cpu_s"), 1),
        "peak_rss_mb": round(median("check", "peak_rss_mb"), 1),
        "peak_rss_mb_of_a_tenth": round(median("small", "peak_rss_mb"), 1),
        "peak_rss_mb_of_the_draw": round(median("draw", "peak_rss_mb"), 1),
        "peak_rss_mb_of_a_tenth_of_the_draw": round(median("small_draw", "peak_rss_mb"), 1),
        "point_read_ceiling_per_s": round(statistics.median(ceilings)),
        "units_per_s_asked": RATE,
        "units_per_s_seen": round(median("limited", "seen"), 1),
        "rounds": len(rounds),
    }


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(CLIENTS[sys.argv[1]](Path(sys.argv[2]))))
    else:
        main()
