"""How often a check finds damage on real stores, against theory: what `detection` counts in memory, on two nodes.

    make bench NAME=detection-real        PATTERNS=20

A Cassandra node, a local Keyspaces and the Snowflake stand-in hold the rows of `detection`. Each of PATTERNS patterns
of each kind damages the target in one way, is checked once with a seed of its own, and mended. Over the patterns of a
kind, how often the draw by key, the windows, and either found it must lie in the band of theory (a sum of unlike
coins: Poisson-binomial), with all bands together at 99.9 % (Bonferroni). Every mismatch must bear the right name.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fakesnow
import numpy as np
import snowflake.connector
from cassandra import ConsistencyLevel
from cassandra.concurrent import execute_concurrent_with_args
from snowflake.connector.errors import Error

from benchmarks.detection import FAMILY_WISE, OTHER_SIZES, PLAN, RATES, SIZES, is_named_right
from benchmarks.support.detection_patterns import Damage, Pattern, all_of, pattern
from benchmarks.support.detection_stores import LIVES, ROWS, SHAPE
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.consistency.check import TableCheck, run_check
from keyspaces_migration.consistency.history import HistoryReader
from keyspaces_migration.consistency.kinds import Draw, Store
from keyspaces_migration.consistency.reading import StoreReader
from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cassandra.cluster import Session

    from benchmarks.support.detection_stores import Key, Row
    from keyspaces_migration.consistency.results import Mismatch

PATTERNS = int(os.environ.get("PATTERNS", "20"))
KEYSPACE = "bench"
ON_SOURCE = f"CREATE KEYSPACE {KEYSPACE} WITH REPLICATION = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
ON_TARGET = f"CREATE KEYSPACE {KEYSPACE} WITH REPLICATION = {{'class': 'SingleRegionStrategy'}}"
TABLE = f"CREATE TABLE {KEYSPACE}.events (p int, c int, v text, w text, t timestamp, n int, PRIMARY KEY (p, c))"
PROPERTIES = " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"
REAL = replace(SHAPE, expires=True, history=replace(SHAPE.history, table="ANALYTICS.PUBLIC.EVENTS"))
DAY_S = LIVES[0]


@dataclass
class RealStore:
    """The table on a node. Every row dies a day after the first was written, however late it is written itself."""

    session: Session
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        """Prepare what is written."""
        lasting = (
            f"INSERT INTO {KEYSPACE}.events (p, c, v, w, t, n) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"  # constants
        )
        self._insert = self.session.prepare(lasting)
        self._insert_for = self.session.prepare(f"{lasting} AND TTL ?")
        delete = f"DELETE FROM {KEYSPACE}.events USING TIMESTAMP ? WHERE p = ? AND c = ?"  # constants
        self._delete = self.session.prepare(delete)
        for statement in (self._insert, self._insert_for, self._delete):
            statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM

    def write(self, rows: Mapping[Key, Row | None]) -> None:
        """Make the rows so; None is no row."""
        now_us = time.time_ns() // 1_000
        left = DAY_S - int(time.monotonic() - self.began)
        self._all(self._delete, [(now_us, *key) for key, row in rows.items() if row is None])
        there = [row for row in rows.values() if row is not None]
        dated = [(*row[:6], now_us, left) for row in there if any(life is not None for life in row[6:])]
        self._all(self._insert_for, dated)
        self._all(self._insert, [(*row[:6], now_us) for row in there if not any(row[6:])])

    def _all(self, statement: Any, values: list[tuple[Any, ...]]) -> None:  # noqa: ANN401 # the driver has no types
        execute_concurrent_with_args(self.session, statement, values)


def main() -> None:
    """Measure, and print one JSON object."""
    began = time.monotonic()
    ports = free_ports(4)
    with tempfile.TemporaryDirectory(prefix="bench-detection-") as folder, fakesnow.patch():
        home = Path(folder)
        source = NodeSettings(home=home / "source", native_port=ports[0], storage_port=ports[1], compiler=Compiler.FULL)
        target = LocalKeyspacesSettings(
            home=home / "target", native_port=ports[2], storage_port=ports[3], compiler=Compiler.FULL, capacity=False
        )
        with (
            CassandraNode(source),
            LocalKeyspacesNode(target),
            open_session(SessionSettings(hosts=("127.0.0.1",), port=ports[0])) as one,
            open_session(SessionSettings(hosts=("127.0.0.1",), port=ports[2])) as other,
            closing(snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC")) as connection,
            connection.cursor() as cursor,
        ):
            found = Trials(one, other, cursor).run()
    print(json.dumps({"bench": "detection-real", **found, "took_s": round(time.monotonic() - began)}))


class Trials:
    """Damages, checks and mends."""

    def __init__(self, source: Session, target: Session, cursor: Any) -> None:  # noqa: ANN401 # a driver's
        rows = {key: (*row, *LIVES) for key, row in ROWS.items()}
        for session, statements in ((source, (ON_SOURCE, TABLE)), (target, (ON_TARGET, TABLE + PROPERTIES))):
            for statement in statements:
                session.execute(statement)
            RealStore(session).write(rows)
        self._rows, self._sessions, self._cursor = rows, (source, target), cursor
        self._target = RealStore(target)
        cursor.execute("CREATE TABLE EVENTS (P INT, C INT, V VARCHAR, W VARCHAR, T TIMESTAMP_NTZ, N INT)")
        cursor.executemany("INSERT INTO EVENTS VALUES (%s, %s, %s, %s, %s, %s)", [row[:6] for row in rows.values()])

    def run(self) -> dict[str, Any]:
        """Try each pattern once."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        theory: dict[str, dict[str, list[float]]] = defaultdict(lambda: {name: [] for name in RATES})
        misnamed = 0
        for number, (damage, place) in enumerate((damage, place) for damage in Damage for place in range(PATTERNS)):
            sizes = SIZES.get(damage, OTHER_SIZES)
            damaged = pattern(damage, size=sizes[place % len(sizes)], seed=place)
            mismatches = self._try(damaged, seed=number)
            keys = any(each.draw is Draw.HISTORY_KEYS for each in mismatches)
            windows = any(each.draw is not Draw.HISTORY_KEYS for each in mismatches)
            found[damage].update({"keys": keys, "windows": windows, "any": keys or windows})
            misnamed += sum(not is_named_right(each, damaged) for each in mismatches)
            by_keys, by_windows = damaged.by_keys(PLAN), damaged.by_windows(PLAN)
            for name, chance in zip(RATES, (by_keys, by_windows, all_of(by_keys, by_windows)), strict=True):
                theory[damage][name].append(chance)
            print(f"{damage} of {len(damaged.keys)} rows: keys {keys}, windows {windows}", flush=True)
        clean = self._check(seed=1)
        tail = FAMILY_WISE / len(Damage) / len(RATES) / 2
        within = {
            damage: all(
                low <= found[damage][name] <= high for name in RATES for low, high in [band(theory[damage][name], tail)]
            )
            for damage in Damage
        }
        return {
            "patterns": len(Damage) * PATTERNS,
            "kinds_within_band": sum(within.values()),
            "kinds": len(Damage),
            "misnamed": misnamed,
            "mismatches_once_mended": len(clean),
            "by_kind": {
                damage: {
                    "patterns": PATTERNS,
                    "found": found[damage]["any"],
                    "theory": round(sum(theory[damage]["any"]), 2),
                    "band": band(theory[damage]["any"], tail),
                }
                for damage in Damage
            },
        }

    def _try(self, damaged: Pattern, *, seed: int) -> tuple[Mismatch, ...]:
        spoilt = damaged.target(self._rows)
        self._target.write({key: spoilt.get(key) for key in damaged.keys})
        try:
            return self._check(seed=seed)
        finally:
            self._target.write({key: self._rows.get(key) for key in damaged.keys})

    def _check(self, *, seed: int) -> tuple[Mismatch, ...]:
        plan = replace(PLAN, seed=seed, settle_time_s=0)

        def now() -> datetime:
            return datetime.now(UTC)

        source, target = (
            StoreReader(session, store=store, keyspace=KEYSPACE, shape=REAL)
            for session, store in zip(self._sessions, (Store.SOURCE, Store.TARGET), strict=True)
        )
        history = HistoryReader(self._cursor, shape=REAL, errors=(Error,))
        check = TableCheck(
            shape=REAL, plan=plan, source=source, target=target, history=history, settle=time.sleep, now=now
        )
        (table,) = run_check([check], plan=plan, now=now).tables
        if table.problems:
            raise RuntimeError(f"the check could not look: {dict(table.problems)}")
        return table.mismatches


def band(chances: list[float], tail: float) -> tuple[int, int]:
    """The least and the most that so many coins, each with a chance of its own, show but for `tail` at either side."""
    pmf = np.ones(1)
    for chance in chances:
        pmf = np.convolve(pmf, [1 - chance, chance])
    below = np.cumsum(pmf)
    return int(np.searchsorted(below, tail)), int(np.searchsorted(below, 1 - tail))


if __name__ == "__main__":
    main()
