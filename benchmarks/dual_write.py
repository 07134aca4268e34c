"""What dual writes cost the caller: a write by the library beside one by a plain session of the driver.

    make bench NAME=dual-write        ROUNDS=7 CALLS=2000 RATE=200

A Cassandra node and a local Keyspaces share the machine with the client. In each round blocks of CALLS calls at RATE a
second follow one another, the order turning with the round: one INSERT of eight columns by a prepared statement of the
driver's session on the source (`plain`); the same, and when it is answered the same row to the target by a plain
session too, not waited for (`plain_both`: what a second store on the same cores costs without this library); the same
row by `DualWriter`, the follower asynchronous (`async`) and waited for (`sync`); and what an asynchronous write does
with the local journal, alone (`journal`). The journal survives the death of the process, not of the host
(`SyncPolicy.PROCESS`); `journal_disk` is with every append synced to disk.

`p99_ratio_async` is the p99 of `async` less that of `journal`, by that of `plain`; `p99_ratio_async_to_both` the same
by that of `plain_both`; `p99_ratio_sync` that of `sync` by that of `plain`; medians of the rounds. The bar for the
first is 1.1. `calls_per_s` is how many asynchronous writes one thread makes when it does not wait between them, and the
follower takes them all.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.journal import LocalJournal, SyncPolicy
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, FollowerPolicy, WriterSettings
from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from cassandra.cluster import Session

ROUNDS = int(os.environ.get("ROUNDS", "7"))
CALLS = int(os.environ.get("CALLS", "2000"))
RATE = float(os.environ.get("RATE", "200"))
WARM_UP = 1_000
FLAT_OUT = 5_000
TYPES = {"p": "int", "c": "int", "a": "text", "b": "text", "n": "bigint", "x": "double", "t": "boolean", "m": "text"}
SHAPE = TableShape(
    name="t",
    columns={name: parse_type(text) for name, text in TYPES.items()},
    partition_keys=("p",),
    clustering_keys=("c",),
)
TABLE = f"CREATE TABLE bench.t ({', '.join(f'{n} {t}' for n, t in TYPES.items())}, PRIMARY KEY (p, c))"
ON_SOURCE = "CREATE KEYSPACE bench WITH REPLICATION = {'class': 'SimpleStrategy', 'replication_factor': 1}"
ON_TARGET = "CREATE KEYSPACE bench WITH REPLICATION = {'class': 'SingleRegionStrategy'}"
PROPERTIES = " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
DRAIN_S = 60.0


class Flag:
    """Dual writes are on, the source leads, and all is read there."""

    def __init__(self) -> None:
        barrier_us = system_now_us() - 3_600_000_000
        self._state = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=barrier_us, version=3)

    def current(self) -> FlagState:
        """The state."""
        return self._state

    def refresh(self) -> None:
        """It does not change."""


def row(number: int) -> dict[str, Any]:
    """A row of some 120 bytes."""
    return {
        "p": number % 1_000,
        "c": number,
        "a": f"customer {number}",
        "b": "x" * 40,
        "n": number * 7,
        "x": number / 3,
        "t": number % 2 == 0,
        "m": "Zürich",
    }


def timed(call: Callable[[int], object], *, rate: float | None, calls: int = CALLS) -> list[float]:
    """Make the calls, each not before its turn; return what each took, in milliseconds."""
    took = []
    due = time.perf_counter()
    for number in range(calls):
        if rate is not None:
            due += 1 / rate
            time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        call(number)
        took.append((time.perf_counter() - began) * 1000)
    return took


def p99(took: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(took, n=100)[98]


def main() -> None:
    """Measure, and print one JSON object."""
    ports = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="bench-dual-write-") as folder:
        home = Path(folder)
        nodes = (
            CassandraNode(
                NodeSettings(home=home / "source", native_port=ports[0], storage_port=ports[1], compiler=Compiler.FULL)
            ),
            LocalKeyspacesNode(
                LocalKeyspacesSettings(
                    home=home / "target",
                    native_port=ports[2],
                    storage_port=ports[3],
                    compiler=Compiler.FULL,
                    capacity=False,
                )
            ),
        )
        reached = SessionSettings(hosts=("127.0.0.1",), port=ports[0], consistency=Consistency.LOCAL_QUORUM)
        with (
            nodes[0],
            nodes[1],
            open_session(reached) as source,
            open_session(replace(reached, port=ports[2])) as target,
        ):
            print(json.dumps(measure(source, target, home)))


def measure(source: Session, target: Session, home: Path) -> dict[str, Any]:
    """The rounds over two open sessions."""
    for session, statements in ((source, (ON_SOURCE, TABLE)), (target, (ON_TARGET, TABLE + PROPERTIES))):
        for statement in statements:
            session.execute(statement)
    create_control_tables(source, replication={"class": "SimpleStrategy", "replication_factor": 1})
    stores = Stores(
        source=Store(name=StoreName.SOURCE, session=source, keyspace="bench"),
        target=Store(name=StoreName.TARGET, session=target, keyspace="bench"),
    )
    marks = ", ".join("?" * len(TYPES))
    insert, insert_too = (
        session.prepare(f"INSERT INTO bench.t ({', '.join(TYPES)}) VALUES ({marks})") for session in (source, target)
    )

    def both(number: int) -> None:
        source.execute(insert.bind(tuple(row(number).values())))
        target.execute_async(insert_too.bind(tuple(row(number).values())))

    settings = WriterSettings(migration="bench", writer_id="bench/0", journal_folder=home / "async")
    waiting = replace(settings, writer_id="bench/1", journal_folder=home / "sync", follower=FollowerPolicy.ACKNOWLEDGED)
    writers = [DualWriter(each, stores=stores, tables=[SHAPE], flag=Flag()) for each in (settings, waiting)]
    journals = {policy: LocalJournal(home / policy.value, sync=policy) for policy in SyncPolicy}
    opened: list[DualWriter | LocalJournal] = [*writers, *journals.values()]
    for each in opened:
        each.open()
    calls: dict[str, Callable[[int], object]] = {
        "plain": lambda number: source.execute(insert.bind(tuple(row(number).values()))),
        "plain_both": both,
        "async": lambda number: writers[0].insert("t", row(number)),
        "sync": lambda number: writers[1].insert("t", row(number)),
        "journal": lambda number: append(journals[SyncPolicy.PROCESS], number),
        "journal_disk": lambda number: append(journals[SyncPolicy.DISK], number),
    }
    for call in calls.values():
        timed(call, rate=None, calls=WARM_UP)
    rounds = []
    for number in range(ROUNDS):
        names = list(calls)
        turned = names[number % len(names) :] + names[: number % len(names)]
        found = {name: timed(calls[name], rate=RATE) for name in turned}
        if left := writers[0].drain(timeout_s=DRAIN_S):
            raise RuntimeError(f"the follower lacks {left} writes")
        rounds.append(found)
        print({name: round(p99(found[name]), 2) for name in names}, flush=True)
    began = time.perf_counter()
    timed(calls["async"], rate=None, calls=FLAT_OUT)
    writers[0].drain(timeout_s=DRAIN_S)
    calls_per_s = FLAT_OUT / (time.perf_counter() - began)
    for each in opened:
        each.close()
    return result(rounds, calls_per_s)


def append(journal: LocalJournal, number: int) -> None:
    """What a write has in the journal: the entry, the leader's mark, the end."""
    values = row(number)
    key = {name: values.pop(name) for name in SHAPE.primary_key}
    mutation = Mutation(table="t", kind=MutationKind.INSERT, key=key, columns=values, timestamp_us=system_now_us())
    entry = journal.append(mutation.to_json(SHAPE), timestamp_us=mutation.timestamp_us)
    journal.mark_leader_done(entry)
    journal.mark_done(entry)


def result(rounds: list[dict[str, list[float]]], calls_per_s: float) -> dict[str, Any]:
    """Medians of the rounds."""
    p99s: defaultdict[str, list[float]] = defaultdict(list)
    for each in rounds:
        for name, took in each.items():
            p99s[name].append(p99(took))
    ratios = {
        "async": [(a - j) / p for a, j, p in zip(p99s["async"], p99s["journal"], p99s["plain"], strict=True)],
        "async_to_both": [
            (a - j) / p for a, j, p in zip(p99s["async"], p99s["journal"], p99s["plain_both"], strict=True)
        ],
        "sync": [s / p for s, p in zip(p99s["sync"], p99s["plain"], strict=True)],
    }
    return {
        "bench": "dual-write",
        "p99_ratio_async": round(statistics.median(ratios["async"]), 3),
        "p99_ratio_async_to_both": round(statistics.median(ratios["async_to_both"]), 3),
        "p99_ratio_sync": round(statistics.median(ratios["sync"]), 3),
        "calls_per_s": round(calls_per_s),
        "p99_ms": {name: round(statistics.median(found), 2) for name, found in p99s.items()},
        "p50_ms": {
            name: round(statistics.median(statistics.median(each[name]) for each in rounds), 2) for name in rounds[0]
        },
        "rounds": len(rounds),
        "calls": CALLS,
        "rate_per_s": RATE,
    }


if __name__ == "__main__":
    main()
