"""One node plays both stores, as two keyspaces: what is tested is the writer, not the network between."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import InvalidRequest, OperationTimedOut
from cassandra.concurrent import execute_concurrent_with_args

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.barrier import fix_barrier, read_source_clock
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.errors import (
    JournalFullError,
    OutcomeUnknownError,
    RecopyRefusedError,
    RecordFailedError,
    WriteRefusedError,
    WriterNotRegisteredError,
)
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.recopy import recopy_table
from keyspaces_migration.dual_write.recorded import iterate_recorded
from keyspaces_migration.dual_write.registry import list_writers, missing_writers
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, FollowerFate, FollowerPolicy, WriterSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cassandra.cluster import Session
    from cassandra.query import BoundStatement

    from keyspaces_migration.dual_write.mutation import Mutation
    from keyspaces_migration.dual_write.shadow import ShadowSettings
    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

SOURCE, TARGET = "dual_source", "dual_target"
SOURCE_ONLY = FlagState(mode=WriteMode.SOURCE_ONLY, version=1)
RECORD = FlagState(mode=WriteMode.RECORD, version=2)
DDL = """
CREATE TABLE {}.events (
  customer text, day date, n int, kind text, amount int, tags set<text>, fixed frozen<list<int>>, s text static,
  steps list<int>, labels map<text, int>,
  PRIMARY KEY ((customer, day), n)
)"""
EVENTS = TableShape(
    name="events",
    columns={
        name: parse_type(text)
        for name, text in {
            "customer": "text",
            "day": "date",
            "n": "int",
            "kind": "text",
            "amount": "int",
            "tags": "set<text>",
            "fixed": "frozen<list<int>>",
            "s": "text",
            "steps": "list<int>",
            "labels": "map<text, int>",
        }.items()
    },
    partition_keys=("customer", "day"),
    clustering_keys=("n",),
    static_columns=("s",),
    expires=True,
)
DAY = dt.date(2013, 1, 1)


def dual(barrier_us: int, *, percent: int = 0, target_leads: bool = False) -> FlagState:
    mode = WriteMode.DUAL_TARGET_LEADS if target_leads else WriteMode.DUAL_SOURCE_LEADS
    return FlagState(mode=mode, barrier_us=barrier_us, target_read_percent=percent, version=3)


@dataclass
class Flag:
    state: FlagState
    refreshed: int = 0

    def current(self) -> FlagState:
        return self.state

    def refresh(self) -> None:
        self.refreshed += 1


class FaultyStore(Store):
    """A store whose next writes to the data fail, before or after they took place."""

    def __init__(self, *, name: StoreName, session: Session, keyspace: str) -> None:
        super().__init__(name=name, session=session, keyspace=keyspace, now_us=lambda: system_now_us() + self.late_us)
        self.late_us = 0
        self.fail: Callable[[], bool] = lambda: False
        self.error: Exception = OperationTimedOut("no answer")
        self.takes_place = False
        self.unreadable = False
        self.unbindable: str | None = None

    def bind(self, mutation: Mutation) -> BoundStatement:
        if self.unbindable is not None and self.unbindable in mutation.columns.values():
            raise TypeError("the store's column is of another type")
        return super().bind(mutation)

    def apply(self, mutation: Mutation, *, bound: BoundStatement | None = None) -> None:
        if not self.fail():
            super().apply(mutation, bound=bound)
            return
        if self.takes_place:
            super().apply(mutation, bound=bound)
        raise self.error

    def read_row(self, shape: TableShape, key: Mapping[str, Any]) -> dict[str, Any] | None:
        if self.unreadable:
            raise self.error
        return super().read_row(shape, key)


class World:
    def __init__(self, session: Session, folder: Path, migration: str) -> None:
        self.session = session
        self.migration = migration
        self.flag = Flag(SOURCE_ONLY)
        self.source = FaultyStore(name=StoreName.SOURCE, session=session, keyspace=SOURCE)
        self.target = FaultyStore(name=StoreName.TARGET, session=session, keyspace=TARGET)
        self.stores = Stores(source=self.source, target=self.target)
        self.settings = WriterSettings(
            migration=migration,
            writer_id="test/0",
            journal_folder=folder / "journal",
            heartbeat_interval_s=0.05,
            resolve_timeout_s=0.5,
            follower=FollowerPolicy.ACKNOWLEDGED,
            close_wait_s=0.1,
        )

    @contextmanager
    def writer(self, *, shadow: ShadowSettings | None = None, **changes: Any) -> Iterator[DualWriter]:
        settings = replace(self.settings, **changes)
        made = DualWriter(settings, stores=self.stores, tables=[EVENTS], flag=self.flag, shadow=shadow)
        with made as writer:
            yield writer

    def row(self, store: Store, n: int, customer: str = "c") -> dict[str, Any] | None:
        row = store.read_row(EVENTS, {"customer": customer, "day": DAY, "n": n})
        unset = {name for name in ("steps", "labels") if row and row[name] is None}
        left_out = {*EVENTS.primary_key, *unset}
        return row and {name: _plain(value) for name, value in row.items() if name not in left_out}

    def agree(self, n: int, customer: str = "c") -> dict[str, Any] | None:
        source, target = (self.row(store, n, customer) for store in (self.source, self.target))
        assert source == target
        return source

    def recorded(self) -> list[tuple[str, int, tuple[str, ...]]]:
        found = iterate_recorded(self.session, self.migration, EVENTS, keyspace="dual_control")
        ordered = sorted(found, key=lambda each: each.timestamp_us)
        return [(each.kind.value, each.key.get("n", -1), each.deleted_columns) for each in ordered]

    def recopy(self, barrier_us: int) -> Any:
        return recopy_table(
            self.stores,
            EVENTS,
            migration=self.migration,
            barrier_us=barrier_us,
            now_us=system_now_us(),
            keyspace="dual_control",
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return set(value) if value is not None and not isinstance(value, str | int | list) else value


def backfill(world: World, n: int, kind: str, *, at_us: int) -> None:
    world.session.execute(
        f"INSERT INTO {TARGET}.events (customer, day, n, kind, amount) VALUES ('c', %s, %s, %s, 1) "
        f"USING TIMESTAMP {at_us}",
        (DAY, n, kind),
    )


def writetime(world: World, keyspace: str) -> int:
    row = world.session.execute(f"SELECT WRITETIME(kind) AS w FROM {keyspace}.events LIMIT 1").one()
    found: int = row.w
    return found


def registered_for_s(world: World) -> int:
    cql = "SELECT TTL(mode) AS ttl FROM dual_control.writers WHERE migration = %s"
    found: int = world.session.execute(cql, (world.migration,)).one().ttl
    return found


def left_s(world: World, keyspace: str, n: int) -> int | None:
    row = world.session.execute(
        f"SELECT TTL(kind) AS ttl FROM {keyspace}.events WHERE customer='c' AND day=%s AND n=%s", (DAY, n)
    ).one()
    found: int | None = row and row.ttl
    return found


def arrived(world: World, wanted: FlagState) -> bool:
    return not missing_writers(list_writers(world.session, world.migration, keyspace="dual_control"), wanted)


def key(n: int, customer: str = "c") -> dict[str, Any]:
    return {"customer": customer, "day": DAY, "n": n}


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true within 20 s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    settings = SessionSettings(
        hosts=(cassandra_node.host,), port=cassandra_node.port, consistency=Consistency.LOCAL_QUORUM
    )
    replication: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
    with open_session(settings) as opened:
        for keyspace in (SOURCE, TARGET):
            opened.execute(
                f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            )
            opened.execute(DDL.format(keyspace))
        create_control_tables(opened, replication=replication, keyspace="dual_control")
        yield opened
        for keyspace in (SOURCE, TARGET, "dual_control"):
            opened.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture
def world(session: Session, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    for keyspace in (SOURCE, TARGET):
        session.execute(f"TRUNCATE {keyspace}.events")
    made = World(session, tmp_path, request.node.name)
    made.settings = replace(made.settings, control_keyspace="dual_control")
    return made


def test_before_dual_writes_only_the_source_is_written_and_read(world: World) -> None:
    with world.writer() as writer:
        result = writer.insert("events", {**key(1), "kind": "a", "amount": 5})
        assert result.follower is FollowerFate.NONE
        assert writer.read("events", key(1)).store is StoreName.SOURCE
    assert world.row(world.source, 1) == {
        "kind": "a",
        "amount": 5,
        "tags": None,
        "fixed": None,
        "s": None,
    }
    assert world.row(world.target, 1) is None
    assert world.recorded() == []


def test_in_record_every_touched_key_and_delete_is_recorded(world: World) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        writer.update("events", key(1), {"amount": 1, "kind": None})
        writer.update("events", key(2), {"tags": set()})
        writer.delete_row("events", key(1))
        writer.update("events", {"customer": "c", "day": DAY}, {"s": "x"})
    assert world.recorded() == [
        ("INSERT", 1, ()),
        ("UPDATE", 1, ("kind",)),
        ("UPDATE", 2, ("tags",)),
        ("DELETE_ROW", 1, ()),
        ("UPDATE", -1, ()),
    ]
    assert world.row(world.target, 1) is None


def test_what_can_t_be_recorded_is_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        execute = world.source.execute

        def refuse(statement: Any) -> Any:
            if "recorded_keys" in statement.cql:
                raise OperationTimedOut
            return execute(statement)

        monkeypatch.setattr(world.source, "execute", refuse)
        with pytest.raises(RecordFailedError, match="so nothing was written"):
            writer.insert("events", {**key(1), "kind": "a"})
        monkeypatch.undo()
        assert writer.report().journal_depth == 0
    assert world.row(world.source, 1) is None


def test_in_dual_both_stores_get_the_same_cells_at_the_same_time(world: World) -> None:
    barrier_us = system_now_us() - 60_000_000
    world.flag.state = dual(barrier_us)
    with world.writer() as writer:
        result = writer.insert("events", {**key(1), "kind": "a", "amount": 5, "tags": {"x", "y"}, "fixed": [1, 2]})
        assert result.follower is FollowerFate.ACKNOWLEDGED
        writer.update("events", key(1), {"amount": None, "tags": {"z"}})
        writer.insert("events", {**key(2), "kind": "gone"})
        writer.delete_row("events", key(2))
        writer.update("events", {"customer": "c", "day": DAY}, {"s": "shared"})
        assert writer.report().journal_depth == 0
    assert world.agree(1) == {"kind": "a", "amount": None, "tags": {"z"}, "fixed": [1, 2], "s": "shared"}
    assert world.agree(2) is None
    for keyspace in (SOURCE, TARGET):
        assert writetime(world, keyspace) == result.timestamp_us
    # Deletes are recorded for the backfill, the rest is not.
    assert world.recorded() == [("UPDATE", 1, ("amount",)), ("DELETE_ROW", 2, ())]


def test_no_dual_write_is_stamped_at_or_below_the_barrier(world: World) -> None:
    barrier_us = system_now_us() + 3_600_000_000
    world.flag.state = dual(barrier_us)
    with world.writer() as writer:
        assert writer.insert("events", {**key(1), "kind": "a"}).timestamp_us > barrier_us


def test_the_full_way_from_the_source_to_both_stores(world: World) -> None:
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "old", "amount": 1, "tags": {"t"}})
        writer.insert("events", {**key(2), "kind": "untouched", "amount": 1})
        writer.insert("events", {**key(3), "kind": "to be deleted"})
        world.flag.state = RECORD
        wait_for(lambda: arrived(world, RECORD))
        writer.update("events", key(1), {"amount": 2})
        writer.delete_row("events", key(3))
        writer.insert("events", {**key(4), "kind": "back", "amount": 4})
        writer.delete_row("events", key(4))
        writer.update("events", key(4), {"kind": "back again", "tags": {"u"}})
        writer.insert("events", key(5))
        writer.update("events", {"customer": "c", "day": DAY}, {"s": "static"})

        writers = list_writers(world.session, world.migration, keyspace="dual_control")
        barrier_us = fix_barrier(writers, RECORD, read_source_clock(world.session))
        world.flag.state = dual(barrier_us)
        wait_for(lambda: arrived(world, world.flag.state))
        writer.update("events", key(1), {"kind": "new"})

        # The backfill, from a history that is as old as the start of RECORD, comes at any time.
        for n, kind in ((1, "old"), (2, "untouched"), (3, "to be deleted"), (4, "history")):
            backfill(world, n, kind, at_us=barrier_us)
        first = world.recopy(barrier_us)
        assert (first.keys, first.rows_copied) == (5, 4)
        assert world.recopy(barrier_us) == first
    assert world.agree(1) == {"kind": "new", "amount": 2, "tags": {"t"}, "fixed": None, "s": "static"}
    assert world.agree(2)
    assert world.agree(3) is None
    assert world.agree(4) == {"kind": "back again", "amount": None, "tags": {"u"}, "fixed": None, "s": "static"}
    assert world.agree(5) == {"kind": None, "amount": None, "tags": None, "fixed": None, "s": "static"}


def test_writers_that_switch_at_different_moments_leave_both_stores_alike(world: World) -> None:
    """One writer is in DUAL already while another is still in RECORD, and they write the same row in turn."""
    barrier_us = system_now_us() - 60_000_000
    early, late = Flag(dual(barrier_us)), Flag(RECORD)
    settings = replace(world.settings, writer_id="test/late", journal_folder=world.settings.journal_folder / "late")
    first = DualWriter(world.settings, stores=world.stores, tables=[EVENTS], flag=early)
    second = DualWriter(settings, stores=world.stores, tables=[EVENTS], flag=late)
    with first, second:
        for n in (1, 2, 3):
            first.insert("events", {**key(n), "kind": "first", "amount": 1, "tags": {"first"}, "fixed": [1]})
        second.update("events", key(1), {"kind": "second", "amount": None, "tags": {"second"}, "fixed": [2]})
        second.delete_row("events", key(2))
        second.update("events", key(3), {"tags": set()})
        first.update("events", key(3), {"amount": 3})
        late.state = early.state
        second.update("events", key(1), {"amount": 4})
    assert world.row(world.source, 1) != world.row(world.target, 1)
    world.recopy(barrier_us)
    assert world.agree(1) == {"kind": "second", "amount": 4, "tags": {"second"}, "fixed": [2], "s": None}
    assert world.agree(2) is None
    assert world.agree(3) == {"kind": "first", "amount": 3, "tags": None, "fixed": [1], "s": None}


def test_writes_recorded_long_before_the_barrier_win_over_the_backfill(world: World) -> None:
    """RECORD may last for hours: deletes and writes then carry timestamps below B."""
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "kept", "amount": 1})
        writer.delete_row("events", key(2))
        writer.delete_row("events", key(3))
        writer.insert("events", {**key(3), "kind": "reborn"})
        writer.update("events", key(4), {"kind": None})
    barrier_us = system_now_us() + 1
    for n in (1, 2, 3, 4):
        backfill(world, n, "history", at_us=barrier_us)
    world.recopy(barrier_us)
    assert world.row(world.target, 1) == {
        "kind": "kept",
        "amount": 1,
        "tags": None,
        "fixed": None,
        "s": None,
    }
    assert world.row(world.target, 2) is None
    assert world.row(world.target, 3) == {
        "kind": "reborn",
        "amount": None,
        "tags": None,
        "fixed": None,
        "s": None,
    }
    assert world.row(world.target, 4) == {
        "kind": None,
        "amount": 1,
        "tags": None,
        "fixed": None,
        "s": None,
    }


def test_ranges_and_partitions_go_whole_and_what_outlives_them_is_kept(world: World) -> None:
    """A range and a partition deleted in RECORD and in DUAL; a row is newer, or comes back, or is made by updates."""
    partition = {"customer": "c", "day": DAY}
    below_three = (Bound(column="n", comparison=Comparison.BELOW, value=3),)
    ahead_us = system_now_us() + 30_000_000
    world.session.execute(
        f"INSERT INTO {SOURCE}.events (customer, day, n, kind) VALUES ('c', %s, 2, 'fast') USING TIMESTAMP {ahead_us}",
        (DAY,),
    )
    with world.writer() as writer:
        for n in (1, 3, 4, 5):
            writer.insert("events", {**key(n), "kind": "old", "amount": 1})
        writer.update("events", partition, {"s": "static"})
        writer.insert("events", {**key(1, "gone"), "kind": "old"})
        writer.update("events", {"customer": "gone", "day": DAY}, {"s": "static"})
        world.flag.state = RECORD
        writer.insert("events", {**key(0), "kind": "to go"})
        writer.delete_range("events", partition, below_three)
        writer.update("events", key(0), {"kind": "by update"})
        writer.delete_partition("events", {"customer": "gone", "day": DAY})
        writer.insert("events", {**key(7, "gone"), "kind": "back"})
        barrier_us = system_now_us() - 60_000_000
        world.flag.state = dual(barrier_us)
        writer.delete_range("events", partition, (Bound(column="n", comparison=Comparison.FROM, value=4),))
        for n in (1, 2, 3, 4, 5):
            backfill(world, n, "old", at_us=barrier_us)
        world.session.execute(
            f"INSERT INTO {TARGET}.events (customer, day, n, kind, s) VALUES ('gone', %s, 1, 'old', 'static') "
            f"USING TIMESTAMP {barrier_us}",
            (DAY,),
        )
        world.session.execute(
            f"UPDATE {TARGET}.events USING TIMESTAMP {barrier_us} SET s = 'static' WHERE customer = 'c' AND day = %s",
            (DAY,),
        )
        assert world.recopy(barrier_us) == world.recopy(barrier_us)
        # Neither store keeps a row whose cells are all null, as neither has its marker.
        writer.update("events", key(0), {"kind": None})
    assert world.agree(0) is None
    assert world.agree(1) is None
    assert (world.agree(2) or {})["kind"] == "fast"
    assert (world.row(world.target, 3) or {})["kind"] == "old"
    assert world.agree(4) is None
    assert world.agree(1, "gone") is None
    assert world.agree(7, "gone") == {
        "kind": "back",
        "amount": None,
        "tags": None,
        "fixed": None,
        "s": None,
    }


def test_a_range_of_more_rows_than_the_target_takes_goes_row_by_row(
    world: World, local_keyspaces: LocalKeyspacesNode
) -> None:
    settings = SessionSettings(
        hosts=(local_keyspaces.host,), port=local_keyspaces.port, consistency=Consistency.LOCAL_QUORUM
    )
    with open_session(settings) as session:
        session.execute("CREATE KEYSPACE dual_many WITH replication = {'class': 'SingleRegionStrategy'}")
        session.execute(
            DDL.format("dual_many") + " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}"
        )
        world.target = FaultyStore(name=StoreName.TARGET, session=session, keyspace="dual_many")
        world.stores = Stores(source=world.source, target=world.target)
        insert = session.prepare("INSERT INTO dual_many.events (customer, day, n, kind) VALUES ('c', ?, ?, 'old')")
        execute_concurrent_with_args(session, insert, [(DAY, n) for n in range(1_200)])
        session.execute("UPDATE dual_many.events SET s = 'static' WHERE customer = 'c' AND day = %s", (DAY,))
        world.flag.state = dual(system_now_us() - 60_000_000)
        later_us = system_now_us() + 60_000_000
        session.execute(
            f"UPDATE dual_many.events USING TIMESTAMP {later_us} SET kind = 'newer' "
            "WHERE customer = 'c' AND day = %s AND n = 5",
            (DAY,),
        )
        with world.writer() as writer:
            result = writer.delete_partition("events", {"customer": "c", "day": DAY})
        left = list(session.execute("SELECT n, kind, s FROM dual_many.events"))
        session.execute("DROP KEYSPACE dual_many")
    assert result.follower is FollowerFate.ACKNOWLEDGED
    assert left == [(5, "newer", None)]


def test_the_recopy_never_overwrites_a_dual_write_and_keeps_a_time_to_live(world: World) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "recorded", "amount": 1})
        world.session.execute(
            f"UPDATE {SOURCE}.events USING TTL 1000 SET amount = 7 WHERE customer = 'c' AND day = %s AND n = 1",
            (DAY,),
        )
        barrier_us = system_now_us() - 1
        world.flag.state = dual(barrier_us)
        writer.update("events", key(1), {"kind": "dual"})
        world.source.execute = lambda statement, execute=world.source.execute: (  # type: ignore[method-assign, misc]
            _with_stale_kind(execute(statement)) if "WRITETIME" in statement.cql else execute(statement)
        )
        world.recopy(barrier_us)
    row = world.session.execute(f"SELECT kind, amount, TTL(amount) AS ttl FROM {TARGET}.events").one()
    assert (row.kind, row.amount) == ("dual", 7)
    assert 900 < row.ttl <= 1000


def _with_stale_kind(result: Any) -> Any:
    """As if the row had been read before the dual write reached the source."""
    row = result.one()
    stale = row._replace(v0="recorded", w0=row.w0 - 10_000)
    return type("Stale", (), {"one": lambda _: stale})()


def test_a_barrier_that_is_too_old_is_refused(world: World) -> None:
    with pytest.raises(RecopyRefusedError, match=r"barrier is 47\.0 h old"):
        world.recopy(system_now_us() - 47 * 3600 * 1_000_000)


def test_what_the_follower_does_not_take_is_sent_again_at_its_own_timestamp(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000, percent=100)
    world.session.execute(f"DROP TABLE {TARGET}.events")
    with world.writer() as writer:
        result = writer.insert("events", {**key(1), "kind": "a"})
        assert result.follower is FollowerFate.JOURNALLED
        writer.update("events", key(1), {"kind": "b"})
        # Its own reads go to the leader meanwhile, though the flag sends them to the target.
        read = writer.read("events", key(1))
        assert (read.store, read.row and read.row["kind"]) == (StoreName.SOURCE, "b")
        report = writer.report()
        assert (report.journal_depth, report.oldest_unsent_us) == (2, result.timestamp_us)
        wait_for(lambda: list_writers(world.session, world.migration, keyspace="dual_control")[0].journal_depth == 2)
        world.session.execute(DDL.format(TARGET))
        assert writer.drain(timeout_s=20) == 0
        assert writer.read("events", key(1)).store is StoreName.TARGET
    assert world.agree(1) == {"kind": "b", "amount": None, "tags": None, "fixed": None, "s": None}
    assert writetime(world, TARGET) == writetime(world, SOURCE) > result.timestamp_us


def test_a_full_journal_fails_the_write_and_loses_nothing(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    world.target.fail = lambda: True
    with world.writer(max_unsent=3) as writer:
        for n in range(3):
            writer.insert("events", {**key(n), "kind": "a"})
        with pytest.raises(JournalFullError, match="holds 3 writes"):
            writer.insert("events", {**key(3), "kind": "a"})
        world.target.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
        writer.insert("events", {**key(4), "kind": "a"})
    assert [bool(world.agree(n)) for n in range(5)] == [True, True, True, False, True]


@pytest.mark.parametrize("takes_place", [True, False])
def test_an_unknown_outcome_at_the_leader_is_resolved_by_the_same_write(world: World, *, takes_place: bool) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    attempts = iter([True, True])
    world.source.fail = lambda: next(attempts, False)
    world.source.takes_place = takes_place
    with world.writer() as writer:
        assert writer.insert("events", {**key(1), "kind": "a"}).follower is FollowerFate.ACKNOWLEDGED
    assert world.agree(1)


def test_an_outcome_that_stays_unknown_is_said_and_settled_in_both_stores(world: World) -> None:
    world.flag.state = RECORD
    down = threading.Event()
    down.set()
    world.source.fail = down.is_set
    with world.writer() as writer:
        with pytest.raises(OutcomeUnknownError, match="will be made in both stores"):
            writer.insert("events", {**key(1), "kind": "a"})
        barrier_us = system_now_us() - 60_000_000
        world.flag.state = dual(barrier_us)
        # Until the outcome is known the writer has not arrived, so that the recopy does not miss the row.
        assert writer.report().settled == RECORD
        down.clear()
        assert writer.drain(timeout_s=20) == 0
        assert writer.report().settled == world.flag.state
    assert world.agree(1)


def test_a_refusal_by_the_leader_is_the_caller_s_and_reaches_no_store(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    with world.writer() as writer:
        world.source.fail, world.source.error = lambda: True, InvalidRequest("no")
        with pytest.raises(InvalidRequest):
            writer.insert("events", {**key(1), "kind": "a"})
        with pytest.raises(WriteRefusedError, match=r"column amount: 'x' is no int"):
            writer.insert("events", {**key(1), "amount": "x"})
        with pytest.raises(WriteRefusedError, match="not one of the migration's"):
            writer.insert("other", {})
        assert writer.report().journal_depth == 0
    assert world.agree(1) is None


def test_what_a_dead_process_left_is_finished_by_the_next(world: World) -> None:
    barrier_us = system_now_us() - 60_000_000
    world.flag.state = dual(barrier_us)
    world.target.fail = lambda: True
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        writer.delete_row("events", key(2))
    rows = list_writers(world.session, world.migration, keyspace="dual_control")
    assert [row.journal_depth for row in rows] == [2], "a writer with unsent writes stays listed when it ends"
    assert registered_for_s(world) > 13 * 24 * 3600
    world.target.fail = lambda: False
    with world.writer() as writer:
        assert writer.drain(timeout_s=20) == 0
    assert list_writers(world.session, world.migration, keyspace="dual_control") == ()
    assert world.agree(1)


# A process that kills itself, by SIGKILL, at a chosen moment of one write.
DYING = """
import os, signal, sys
from pathlib import Path
from cassandra.cluster import Cluster
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, FollowerPolicy, WriterSettings
import datetime as dt, json
port, folder, migration, state, types, dies_at, after = sys.argv[1:]
class Flag:
    def current(self): return FlagState.from_json(json.loads(state))
    def refresh(self): pass
class Dying(Store):
    def apply(self, mutation, *, bound=None):
        if self.name == dies_at and after == "before": os.kill(os.getpid(), signal.SIGKILL)
        super().apply(mutation, bound=bound)
        if self.name == dies_at: os.kill(os.getpid(), signal.SIGKILL)
session = Cluster(["127.0.0.1"], port=int(port), protocol_version=4).connect()
stores = Stores(source=Dying(name=StoreName.SOURCE, session=session, keyspace="dual_source"),
                target=Dying(name=StoreName.TARGET, session=session, keyspace="dual_target"))
columns = {name: parse_type(text) for name, text in json.loads(types).items()}
shape = TableShape(name="events", columns=columns, partition_keys=("customer", "day"), clustering_keys=("n",),
                   static_columns=("s",))
settings = WriterSettings(migration=migration, writer_id="test/0", journal_folder=Path(folder),
                          control_keyspace="dual_control", follower=FollowerPolicy.ACKNOWLEDGED)
writer = DualWriter(settings, stores=stores, tables=[shape], flag=Flag())
writer.open()
writer.insert("events", {"customer": "c", "day": dt.date(2013, 1, 1), "n": 1, "kind": "survivor"})
"""


@pytest.mark.parametrize(
    ("store", "moment"), [("SOURCE", "before"), ("SOURCE", "after"), ("TARGET", "before"), ("TARGET", "after")]
)
def test_a_write_that_was_begun_survives_sigkill_at_any_moment(
    world: World, cassandra_node: CassandraNode, store: str, moment: str
) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    types = json.dumps({name: str(cql_type) for name, cql_type in EVENTS.columns.items()})
    state = json.dumps(world.flag.state.to_json())
    place = [str(cassandra_node.port), str(world.settings.journal_folder), world.migration]
    command = [sys.executable, "-c", DYING, *place, state, types, store, moment]
    died = subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    with world.writer() as writer:
        assert writer.drain(timeout_s=20) == 0
    found = world.agree(1)
    assert found is not None
    assert found["kind"] == "survivor"
    assert writetime(world, SOURCE) == writetime(world, TARGET)


def test_a_recorded_write_that_was_left_behind_reaches_the_target_after_the_recopy(world: World) -> None:
    world.flag.state = RECORD
    world.source.fail = lambda: True
    with world.writer() as writer, pytest.raises(OutcomeUnknownError):
        writer.insert("events", {**key(1), "kind": "late", "tags": {"x"}})
    barrier_us = system_now_us() + 5
    world.recopy(barrier_us)
    assert world.row(world.target, 1) is None
    world.flag.state = dual(barrier_us)
    world.source.fail = lambda: False
    with world.writer() as writer:
        assert writer.drain(timeout_s=20) == 0
    assert world.agree(1) == {"kind": "late", "amount": None, "tags": {"x"}, "fixed": None, "s": None}


def test_when_the_target_leads_the_source_s_failure_stops_no_write(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000, percent=100, target_leads=True)

    def refuse(_: Any) -> Any:
        raise OperationTimedOut

    writer = DualWriter(replace(world.settings, lease_s=0.0), stores=world.stores, tables=[EVENTS], flag=world.flag)
    with closing(writer):
        with monkeypatch.context() as patch:
            patch.setattr(world.source, "execute", refuse)
            world.source.fail = lambda: True
            writer.open()
            result = writer.insert("events", {**key(1), "kind": "a"})
            writer.delete_row("events", key(2))
            assert result.follower is FollowerFate.JOURNALLED
            assert writer.read("events", key(1)).store is StoreName.TARGET
        world.source.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
    assert world.agree(1)


def test_writes_too_old_for_the_target_are_parked_and_said(world: World) -> None:
    now = [system_now_us()]
    world.flag.state = dual(now[0] - 60_000_000)
    world.target.fail = lambda: True
    made = DualWriter(world.settings, stores=world.stores, tables=[EVENTS], flag=world.flag, now_us=lambda: now[0])
    with made as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        now[0] += 48 * 3600 * 1_000_000
        world.target.fail = lambda: False
        assert writer.report().parked == 1
        assert writer.drain(timeout_s=0.5) == 1
    assert world.row(world.target, 1) is None


def test_a_writer_that_stages_no_longer_see_does_not_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with world.writer(lease_s=0.3, heartbeat_interval_s=60) as writer:
        assert 50 < registered_for_s(world) <= 60
        assert world.flag.refreshed == 1, "the flag is read anew once stages can see the writer"
        execute = world.source.execute

        def refuse(statement: Any) -> Any:
            if "writers" in statement.cql:
                raise OperationTimedOut
            return execute(statement)

        monkeypatch.setattr(world.source, "execute", refuse)
        time.sleep(0.3)
        with pytest.raises(WriterNotRegisteredError, match="must not write"):
            writer.insert("events", {**key(1), "kind": "a"})
        monkeypatch.undo()
        writer.insert("events", {**key(1), "kind": "a"})
        assert world.flag.refreshed == 2


def test_several_threads_write_at_once_while_the_follower_comes_and_goes(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    stop = threading.Event()
    world.target.fail = lambda: int(time.monotonic() * 5) % 2 == 0
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(40):
                writer.insert("events", {**key(turn % 7, customer=f"c{number % 2}"), "kind": f"{number}-{turn}"})
                if turn % 5 == 0:
                    writer.delete_row("events", key(turn % 7, customer=f"c{number % 2}"))
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    with world.writer() as writer:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        world.target.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
    assert errors == []
    for customer in ("c0", "c1"):
        for n in range(7):
            world.agree(n, customer=customer)


def test_what_is_written_with_a_time_to_live_dies_at_once_in_both_stores(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"}, ttl_s=1_000)
        writer.insert("events", {**key(2), "kind": "a"})
        writer.update("events", key(2), {"kind": "b"}, ttl_s=1_000)
    for keyspace in (SOURCE, TARGET):
        for n in (1, 2):
            assert 990 <= (left_s(world, keyspace, n) or 0) <= 1_000


@pytest.mark.parametrize(("late_s", "left"), [(600, (390, 400)), (5_000, (0, 1))])
def test_what_reaches_a_store_late_lives_for_what_is_left(world: World, late_s: int, left: tuple[int, int]) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    world.target.fail = lambda: True
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"}, ttl_s=1_000)
        assert world.row(world.target, 1) is None
        world.target.late_us = late_s * 1_000_000
        world.target.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
    assert left[0] <= (left_s(world, TARGET, 1) or 0) <= left[1]


def test_what_dies_before_it_reaches_a_store_still_takes_the_place_of_what_was_there(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "old", "amount": 1})
        world.target.fail = lambda: True
        writer.update("events", key(1), {"kind": "new"}, ttl_s=1)
        world.target.late_us = 60_000_000
        world.target.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
    stores = (world.source, world.target)
    wait_for(lambda: all((world.row(store, 1) or {})["kind"] is None for store in stores))
    assert world.agree(1) == {"kind": None, "amount": 1, "tags": None, "fixed": None, "s": None}


def test_a_table_s_own_time_to_live_runs_from_the_write_on(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    shape = replace(EVENTS, default_ttl_s=1_000)
    world.target.fail = lambda: True
    with DualWriter(world.settings, stores=world.stores, tables=[shape], flag=world.flag) as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        writer.delete_row("events", key(2))
        world.target.late_us = 600_000_000
        world.target.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
    assert 990 <= (left_s(world, SOURCE, 1) or 0) <= 1_000
    assert 390 <= (left_s(world, TARGET, 1) or 0) <= 400


def test_what_was_recorded_with_a_time_to_live_dies_whole_on_the_target_too(world: World) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a", "tags": {"x"}}, ttl_s=6)
        writer.insert("events", {**key(2), "kind": "a"})
        writer.update("events", key(2), {"tags": {"x"}, "amount": 1}, ttl_s=6)
        writer.update("events", key(2), {"fixed": [1]})
    barrier_us = system_now_us() - 60_000_000
    world.flag.state = dual(barrier_us)
    world.recopy(barrier_us)
    whole = {"kind": "a", "amount": None, "tags": {"x"}, "fixed": None, "s": None}
    assert world.agree(1) == whole
    assert world.agree(2) == whole | {"amount": 1, "fixed": [1]}
    stores = (world.source, world.target)
    wait_for(lambda: all(world.row(store, 1) is None for store in stores))
    # The second row was written a moment later.
    wait_for(lambda: all((world.row(store, 2) or {}).get("amount") is None for store in stores))
    assert world.agree(2) == whole | {"tags": None, "fixed": [1]}


def test_a_row_without_cells_does_not_live_as_long_as_an_insert_that_was_deleted_before_it(world: World) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", key(1), ttl_s=1)
        deleted = writer.delete_row("events", key(1))
    later_us = deleted.timestamp_us + 1
    world.session.execute(
        f"INSERT INTO {SOURCE}.events (customer, day, n) VALUES ('c', %s, 1) USING TIMESTAMP {later_us}", (DAY,)
    )
    barrier_us = system_now_us() - 60_000_000
    world.flag.state = dual(barrier_us)
    world.recopy(barrier_us)
    # A row that was written after the recopy and lives as long as the deleted one should have: when it is gone, ...
    world.session.execute(f"INSERT INTO {TARGET}.events (customer, day, n) VALUES ('c', %s, 2) USING TTL 1", (DAY,))
    wait_for(lambda: world.row(world.target, 2) is None)
    assert world.row(world.target, 1) is not None
    assert world.agree(1) is not None


def test_what_was_recorded_by_a_clock_behind_lives_as_long_on_the_target(world: World) -> None:
    world.flag.state = RECORD
    world.source.late_us = world.target.late_us = ahead_us = -15_000_000
    with DualWriter(
        world.settings,
        stores=world.stores,
        tables=[EVENTS],
        flag=world.flag,
        now_us=lambda: system_now_us() + ahead_us,
    ) as writer:
        writer.insert("events", {**key(1), "kind": "a", "tags": {"x", "y"}, "steps": [1]}, ttl_s=600)
    world.source.late_us = world.target.late_us = 0
    barrier_us = system_now_us() - 60_000_000
    world.flag.state = dual(barrier_us)
    world.recopy(barrier_us)
    lives = {
        keyspace: world.session.execute(
            f"SELECT TTL(kind) AS kind, TTL(tags) AS tags, TTL(steps) AS steps FROM {keyspace}.events"
        ).one()
        for keyspace in (SOURCE, TARGET)
    }
    source, target = lives[SOURCE], lives[TARGET]
    for lived in (target.kind, *target.tags, *target.steps):
        assert abs(lived - source.kind) <= 2


def test_a_list_of_a_dual_write_is_there_once_although_the_recopy_finds_it_by_a_clock_behind(world: World) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a", "steps": [0]})
        barrier_us = system_now_us() - 60_000_000
        world.flag.state = dual(barrier_us)
        writer.update("events", key(1), {"steps": [1, 2], "kind": None})
        world.target.late_us = -15_000_000
        world.recopy(barrier_us)
        world.target.late_us = 0
        assert (world.agree(1) or {})["steps"] == [1, 2]


def test_a_list_that_is_sent_many_times_is_there_once(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    for store in (world.source, world.target):
        store.takes_place = True
    lost = iter([True, True, True, False])
    world.source.fail = lambda: next(lost, False)
    lost_again = iter([True, True, True, True, True, False])
    world.target.fail = lambda: next(lost_again, False)
    with world.writer(resolve_timeout_s=10) as writer:
        writer.insert("events", {**key(1), "kind": "a", "steps": [1, 2], "tags": {"x"}})
        assert writer.drain(timeout_s=20) == 0
        found = world.agree(1)
        assert found is not None
        assert (found["kind"], found["steps"], found["tags"]) == ("a", [1, 2], {"x"})
        writer.update("events", key(1), {"steps": [3]})
        assert writer.drain(timeout_s=20) == 0
    found = world.agree(1)
    assert found is not None
    assert found["steps"] == [3]


def test_a_recorded_list_is_there_once_however_often_it_is_recopied(world: World) -> None:
    world.flag.state = RECORD
    with world.writer() as writer:
        writer.insert("events", {**key(1), "steps": [1, 2]})
    barrier_us = system_now_us() - 60_000_000
    world.flag.state = dual(barrier_us)
    for _ in range(3):
        world.recopy(barrier_us)
        time.sleep(1.1)  # as tasks that are run again are apart
    found = world.agree(1)
    assert found is not None
    assert found["steps"] == [1, 2]
