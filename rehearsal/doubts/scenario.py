"""One table in two keyspaces of a local Keyspaces, its history, and whole checks while a store can't be looked at."""

from __future__ import annotations

import csv
import datetime as dt
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cassandra.concurrent import execute_concurrent_with_args
from snowflake.connector.errors import Error

from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.consistency.check import TableCheck, run_check
from keyspaces_migration.consistency.history import HistoryReader
from keyspaces_migration.consistency.kinds import Store
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.reading import StoreReader
from keyspaces_migration.consistency.shape import HistoryShape, TableShape
from keyspaces_migration.cql.types import parse_type
from rehearsal.doubts.relay import Relay
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from keyspaces_migration.consistency.results import CheckResult
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

TABLE, PARTITIONS, ROWS_A_PARTITION = "readings", 60, 3
KEYSPACES = {Store.SOURCE: "doubt_source", Store.TARGET: "doubt_target"}
_TYPES = {"sensor": "int", "n": "int", "v": "text"}
_SHAPE = TableShape(
    name=TABLE,
    types={name: parse_type(text) for name, text in _TYPES.items()},
    partition_key=("sensor",),
    clustering_key=("n",),
    history=HistoryShape(table="ANALYTICS.PUBLIC.READINGS", columns={name: name.upper() for name in _TYPES}),
)
_HALF_OF_THE_RING = 0
_PATIENT_S, _SHORT_S = 10.0, 0.5


class Trouble(StrEnum):
    """What is wrong with a store.

    Attributes:
        STOPPED: Its connections end, and new ones are refused.
        SILENT: It takes bytes and answers nothing.
        SLOW: It answers after the client has given up.
        THROTTLED: It times out at once, as Amazon Keyspaces does where a table's capacity is used up.
        OVERLOADED: It says so.
        FAILING: It answers with server errors.
        HALF_UNREACHABLE: Replicas of the upper half of the token ring are down.
    """

    STOPPED = "stopped"
    SILENT = "silent"
    SLOW = "slow"
    THROTTLED = "throttled"
    OVERLOADED = "overloaded"
    FAILING = "failing"
    HALF_UNREACHABLE = "half_unreachable"


_FAULTS: dict[Trouble, dict[str, Any]] = {
    Trouble.SLOW: {"kind": FaultKind.LATENCY, "latency_ms": int(2 * _SHORT_S * 1_000)},
    Trouble.THROTTLED: {"kind": FaultKind.TIMEOUT_BEFORE},
    Trouble.OVERLOADED: {"kind": FaultKind.OVERLOADED},
    Trouble.FAILING: {"kind": FaultKind.SERVER_ERROR},
    Trouble.HALF_UNREACHABLE: {"kind": FaultKind.UNAVAILABLE, "above_token": _HALF_OF_THE_RING},
}


class Since(StrEnum):
    """When the trouble begins: before the check, or while a difference settles that would have healed."""

    START = "start"
    SETTLING = "settling"


@dataclass(frozen=True, kw_only=True)
class Doubts:
    """The stores, filled alike, and their history.

    Attributes:
        node: A local Keyspaces with an admin server, on which both keyspaces are; reads at QUORUM are allowed on it.
        session: Of it, for what the checks do not do.
    """

    node: LocalKeyspacesNode
    session: Session
    history: SnowflakeCursor

    def check(
        self,
        *,
        seed: int,
        trouble: Trouble | None,
        store: Store,
        since: Since = Since.START,
        settle_s: float = 0,
    ) -> CheckResult:
        """Check the pair while `store` has `trouble`; without any the verdict is PASS.

        A settle time is needed only where something changes by itself meanwhile.
        """
        plan = CheckPlan(seed=seed, max_mismatch_rate=0.05, settle_time_s=settle_s, windows=4, rows_per_window=40)
        now = lambda: dt.datetime.now(dt.UTC)  # noqa: E731 # a clock
        with ExitStack() as stack:
            relay = stack.enter_context(Relay(to_port=self.node.local.native_port, host=self.node.local.address))
            timeout_s = _SHORT_S if trouble in {Trouble.SILENT, Trouble.SLOW} else _PATIENT_S
            troubled = stack.enter_context(_session(relay.port, self.node, timeout_s=timeout_s))
            readers = {
                each: StoreReader(
                    troubled if each is store else self.session, store=each, keyspace=KEYSPACES[each], shape=_SHAPE
                )
                for each in KEYSPACES
            }
            stack.callback(self.node.admin.clear_faults)
            begin = self._beginning(trouble, store, relay)
            settle = self._lagging(begin, stack) if since is Since.SETTLING else time.sleep
            if since is Since.START:
                # Statements that were prepared before: to prepare one, the driver waits longer than to run it.
                readers[store].read_rows([(0, 0)])
                readers[store].read_partitions([(0,)])
                begin()
            check = TableCheck(
                shape=_SHAPE,
                plan=plan,
                source=readers[Store.SOURCE],
                target=readers[Store.TARGET],
                history=HistoryReader(self.history, shape=_SHAPE, errors=(Error,)),
                settle=settle,
                now=now,
            )
            return run_check([check], plan=plan, now=now)

    def _beginning(self, trouble: Trouble | None, store: Store, relay: Relay) -> Callable[[], object]:
        if trouble is None:
            return lambda: None
        if trouble is Trouble.STOPPED:
            return relay.vanish
        if trouble is Trouble.SILENT:
            return relay.fall_silent
        fault = Fault(table=f"{KEYSPACES[store]}.{TABLE}", operation=Operation.READ, **_FAULTS[trouble])
        return lambda: self.node.admin.add_fault(fault)

    def _lagging(self, begin: Callable[[], object], stack: ExitStack) -> Callable[[float], None]:
        """Let the target lag behind by every row; it catches up while the differences settle, and trouble begins."""
        table = f"{KEYSPACES[Store.TARGET]}.{TABLE}"
        for sensor in range(PARTITIONS):
            self.session.execute(f"UPDATE {table} SET v = 'late' WHERE sensor = {sensor} AND n = 0")  # noqa: S608 # ours
        stack.callback(fill, self.session, Store.TARGET)

        def settle(_seconds: float) -> None:
            if self.node.admin.faults():
                return
            fill(self.session, Store.TARGET)
            begin()

        return settle


@contextmanager
def doubts(node: LocalKeyspacesNode, history: SnowflakeCursor, *, folder: Path) -> Iterator[Doubts]:
    """Make the pair and the history; the node is as it was afterwards."""
    allowed = node.admin.rules()
    node.admin.turn_rules({"read-consistency": False})
    try:
        with _session(node.local.native_port, node, timeout_s=_PATIENT_S) as session:
            for store, keyspace in KEYSPACES.items():
                session.execute(f"CREATE KEYSPACE {keyspace} WITH REPLICATION = {{'class': 'SingleRegionStrategy'}}")
                session.execute(
                    f"CREATE TABLE {keyspace}.{TABLE} (sensor int, n int, v text, PRIMARY KEY (sensor, n))"
                    " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
                )
                fill(session, store)
            _fill_history(history, folder)
            yield Doubts(node=node, session=session, history=history)
            for keyspace in KEYSPACES.values():
                session.execute(f"DROP KEYSPACE {keyspace}")
    finally:
        node.admin.turn_rules({"read-consistency": allowed["read-consistency"]})


def rows() -> list[tuple[int, int, str]]:
    """The rows of the pair."""
    return [(sensor, n, f"v{sensor}-{n}") for sensor in range(PARTITIONS) for n in range(ROWS_A_PARTITION)]


def fill(session: Session, store: Store) -> None:
    """Write the rows."""
    insert = session.prepare(f"INSERT INTO {KEYSPACES[store]}.{TABLE} (sensor, n, v) VALUES (?, ?, ?)")  # noqa: S608 # ours
    execute_concurrent_with_args(session, insert, rows())


def _fill_history(history: SnowflakeCursor, folder: Path) -> None:
    file = folder / "readings.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows(rows())
    history.execute("CREATE OR REPLACE TABLE ANALYTICS.PUBLIC.READINGS (SENSOR NUMBER(38,0), N NUMBER(38,0), V TEXT)")
    history.execute("CREATE OR REPLACE STAGE READINGS_FILES")
    history.execute(f"PUT 'file://{file}' @READINGS_FILES")
    history.execute("COPY INTO ANALYTICS.PUBLIC.READINGS FROM @READINGS_FILES FILE_FORMAT=(TYPE=CSV)")


@contextmanager
def _session(port: int, node: LocalKeyspacesNode, *, timeout_s: float) -> Iterator[Session]:
    settings = SessionSettings(hosts=(node.local.address,), port=port, request_timeout_s=timeout_s)
    with open_session(settings) as session:
        yield session
