"""Whether the backfill's writer needs more memory for more rows.

    make bench NAME=backfill-memory         ROWS=1000000

One Cassandra node; a process of its own writes `ROWS` rows, and another ten times as many, made chunk by chunk as a
history's batches arrive. The last line is one JSON object: the peaks of the processes' resident memory, and their
ratio.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from cassandra.cluster import Cluster

from benchmarks.backfill import KEYSPACE, TABLE, data, target, writing
from keyspaces_migration.backfill.encoding import Encoder, Writes
from keyspaces_migration.backfill.rows import CHUNK_ROWS
from keyspaces_migration.backfill.snapshot import DELETED
from keyspaces_migration.wire import UNSET
from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.ports import free_ports

ROWS = int(os.environ.get("ROWS", "1000000"))
KIB_A_MIB = 1024


def chunks(rows: int) -> Iterator[Writes]:
    """Yield so many rows, each chunk in partitions of its own."""
    encoder, part = Encoder(target(), null=UNSET), data(CHUNK_ROWS)
    part = part.append_column(DELETED, pa.array(np.zeros(CHUNK_ROWS, np.bool_)))
    for number in range(-(-rows // CHUNK_ROWS)):
        ids = pa.array(np.arange(CHUNK_ROWS) + number * CHUNK_ROWS)
        customers = pa.array([f"customer-{number}-{row // 10}" for row in range(CHUNK_ROWS)])
        fresh = part.set_column(2, "event_id", ids).set_column(0, "customer_id", customers)
        yield from encoder.rows(fresh.slice(0, min(CHUNK_ROWS, rows - number * CHUNK_ROWS))).writes


def write(rows: int, port: int) -> None:
    """Write, and print the peak of this process' memory."""
    with writing(port) as writer:
        written = sum(outcome.written for outcome in writer.write(chunks(rows)))
    if written != rows:
        raise RuntimeError(f"{written} rows of {rows} were written")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_A_MIB)


def main() -> None:
    """Run both and print the result."""
    native, storage = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as home:
        settings = NodeSettings(
            home=Path(home), native_port=native, storage_port=storage, compiler=Compiler.FULL, heap_mb=2048
        )
        with CassandraNode(settings) as node, Cluster([node.host], port=node.port) as cluster:
            session = cluster.connect()
            session.default_timeout = 120
            session.execute(KEYSPACE)
            session.execute(TABLE)
            peaks = []
            for rows in (ROWS, 10 * ROWS):
                command = [sys.executable, __file__, "write", str(rows), str(node.port)]
                began = time.monotonic()
                printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                peaks.append(float(printed.strip().splitlines()[-1]))
                print(f"{rows:,} rows in {time.monotonic() - began:.0f} s, at most {peaks[-1]:.1f} MiB", flush=True)
                session.execute("TRUNCATE bench.events")
    least, most = peaks
    result = {
        "bench": "backfill-memory",
        "rows": ROWS,
        "peak_rss_mb": round(least, 1),
        "peak_rss_mb_of_ten_times": round(most, 1),
        "ratio": round(most / least, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
