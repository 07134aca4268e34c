"""The asynchronous follower on a real node: the caller does not wait for it, and it gets everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.dual_write.accounts import Fate
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.errors import JournalFullError, WriterSettingsError
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.registry import list_writers
from keyspaces_migration.dual_write.store import StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, FollowerFate, FollowerPolicy
from rehearsal.doubts.relay import Relay
from tests.integration.test_dual_write import (
    EVENTS,
    SOURCE,
    TARGET,
    FaultyStore,
    World,
    dual,
    key,
    session,
    wait_for,
    world,
    writetime,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.query import BoundStatement

    from keyspaces_migration.dual_write.mutation import Mutation
    from rehearsal.cassandra.node import CassandraNode

__all__ = ["session", "world"]
ASYNCHRONOUS = FollowerPolicy.ASYNCHRONOUS


class WatchedStore(FaultyStore):
    """A store that says how many writes are under way at a time, and can be held."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.open = threading.Event()
        self.open.set()
        self.lock = threading.Lock()
        self.there = self.most = self.attempts = 0

    def apply(self, mutation: Mutation, *, bound: BoundStatement | None = None) -> None:
        with self.lock:
            self.attempts += 1
            self.there += 1
            self.most = max(self.most, self.there)
        try:
            assert self.open.wait(30)
            super().apply(mutation, bound=bound)
        finally:
            with self.lock:
                self.there -= 1


@pytest.fixture
def watched(world: World) -> WatchedStore:
    made = WatchedStore(name=StoreName.TARGET, session=world.session, keyspace=TARGET)
    world.target = made
    world.stores = Stores(source=world.source, target=made)
    world.flag.state = dual(system_now_us() - 60_000_000)
    return made


@contextmanager
def asynchronous(world: World, **changes: Any) -> Iterator[DualWriter]:
    with world.writer(follower=ASYNCHRONOUS, **changes) as writer:
        yield writer


def test_a_write_is_answered_while_the_follower_has_none_and_reaches_it_at_its_own_timestamp(
    world: World, watched: WatchedStore
) -> None:
    watched.open.clear()
    with asynchronous(world) as writer:
        results = [writer.insert("events", {**key(n), "kind": "a"}) for n in range(5)]
        assert {result.follower for result in results} == {FollowerFate.QUEUED}
        assert world.row(world.source, 1) is not None
        assert world.row(world.target, 1) is None
        accounts = writer.accounts()
        assert (accounts.calls, accounts.pending, accounts.fates, accounts.unaccounted) == (5, 5, {}, 0)
        watched.open.set()
        assert writer.drain(timeout_s=20) == 0
        assert writer.accounts().fates == {Fate.BOTH: 5}
    assert all(world.agree(n) for n in range(5))
    assert writetime(world, SOURCE) == writetime(world, TARGET)


def test_so_many_are_under_way_at_a_time(world: World, watched: WatchedStore) -> None:
    watched.open.clear()
    with asynchronous(world, follower_in_flight=6) as writer:
        for n in range(40):
            # Partitions of their own: those of a table with static columns are sent one write after the other.
            writer.insert("events", {**key(n, customer=f"c{n}"), "kind": "a"})
        wait_for(lambda: watched.there == 6)
        watched.open.set()
        assert writer.drain(timeout_s=20) == 0
    assert watched.most == 6
    assert all(world.agree(n, customer=f"c{n}") for n in range(40))


def test_writes_of_one_partition_go_one_by_one_where_there_are_static_columns(
    world: World, watched: WatchedStore
) -> None:
    """Keyspaces lets a write of static columns time out that meets another of its partition."""
    watched.open.clear()
    with asynchronous(world) as writer:
        for n in range(10):
            writer.insert("events", {**key(n), "kind": "a"})
            writer.update("events", {"customer": "c", "day": key(n)["day"]}, {"s": str(n)})
        wait_for(lambda: watched.there == 1)
        watched.open.set()
        assert writer.drain(timeout_s=20) == 0
    assert watched.most == 1
    assert (world.agree(9) or {})["s"] == "9"


@pytest.mark.parametrize(("percent", "target_leads"), [(1, False), (0, True)])
def test_once_the_target_is_read_every_write_waits_for_both(
    world: World, watched: WatchedStore, percent: int, *, target_leads: bool
) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000, percent=percent, target_leads=target_leads)
    with asynchronous(world) as writer:
        assert writer.insert("events", {**key(1), "kind": "a"}).follower is FollowerFate.ACKNOWLEDGED
        assert world.agree(1)
        if not target_leads:
            watched.fail = lambda: True
            assert writer.insert("events", {**key(2), "kind": "a"}).follower is FollowerFate.JOURNALLED
            watched.fail = lambda: False
            assert writer.drain(timeout_s=20) == 0
    assert watched.attempts


def test_a_follower_that_is_down_costs_callers_nothing_until_the_journal_is_full(
    world: World, cassandra_node: CassandraNode
) -> None:
    """The on-call's bar: no error, bounded memory, readiness knows; and it is left alone while it is away."""
    with Relay(to_port=cassandra_node.port) as relay:
        settings = SessionSettings(
            hosts=("127.0.0.1",), port=relay.port, consistency=Consistency.LOCAL_QUORUM, request_timeout_s=1.0
        )
        with open_session(settings) as opened:
            world.target = WatchedStore(name=StoreName.TARGET, session=opened, keyspace=TARGET)
            world.stores = Stores(source=world.source, target=world.target)
            world.flag.state = dual(system_now_us() - 60_000_000)
            with asynchronous(world, max_unsent=200, follower_in_flight=4) as writer:
                writer.insert("events", {**key(0), "kind": "prepared"})
                assert writer.drain(timeout_s=20) == 0
                relay.fall_silent()
                began = time.monotonic()
                for n in range(200):
                    result = writer.insert("events", {**key(n, customer=f"c{n}"), "kind": "a"})
                    assert result.follower is FollowerFate.QUEUED
                # Two hundred of the follower's time-outs, one after the other, would be more than three minutes.
                assert time.monotonic() - began < 20
                with pytest.raises(JournalFullError, match="holds 200 writes"):
                    writer.insert("events", {**key(201), "kind": "a"})
                accounts = writer.accounts()
                assert (accounts.pending, accounts.fates, accounts.unaccounted) == (
                    200,
                    {Fate.BOTH: 1, Fate.REFUSED: 1},
                    0,
                )
                # The lag is what readiness reads.
                listed = list_writers(world.session, world.migration, keyspace="dual_control")
                assert [each.journal_depth > 0 for each in listed] == [True]
                wait_for(lambda: writer.problems)
                assert world.target.attempts < 30
                relay.resume()
                assert writer.drain(timeout_s=40) == 0
                assert writer.problems == ()
                assert all(world.agree(n, customer=f"c{n}") for n in range(200))


# A process that is killed after its caller was answered, before the follower had the write.
DYING = """
import datetime as dt, json, os, signal, sys, time
from pathlib import Path
from cassandra.cluster import Cluster
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, WriterSettings
port, folder, migration, state, types = sys.argv[1:]
class Flag:
    def current(self): return FlagState.from_json(json.loads(state))
    def refresh(self): pass
class Held(Store):
    def apply(self, mutation, *, bound=None): time.sleep(600)
session = Cluster(["127.0.0.1"], port=int(port), protocol_version=4).connect()
stores = Stores(source=Store(name=StoreName.SOURCE, session=session, keyspace="dual_source"),
                target=Held(name=StoreName.TARGET, session=session, keyspace="dual_target"))
columns = {name: parse_type(text) for name, text in json.loads(types).items()}
shape = TableShape(name="events", columns=columns, partition_keys=("customer", "day"), clustering_keys=("n",),
                   static_columns=("s",))
settings = WriterSettings(migration=migration, writer_id="test/0", journal_folder=Path(folder),
                          control_keyspace="dual_control")
writer = DualWriter(settings, stores=stores, tables=[shape], flag=Flag())
writer.open()
for n in range(20):
    result = writer.insert("events", {"customer": "c", "day": dt.date(2013, 1, 1), "n": n, "kind": "survivor"})
    assert result.follower == "QUEUED"
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_answered_survives_sigkill_before_the_follower_had_it(
    world: World, cassandra_node: CassandraNode
) -> None:
    state = dual(system_now_us() - 60_000_000)
    types = json.dumps({name: str(cql_type) for name, cql_type in EVENTS.columns.items()})
    place = [str(cassandra_node.port), str(world.settings.journal_folder), world.migration]
    died = subprocess.run(
        [sys.executable, "-c", DYING, *place, json.dumps(state.to_json()), types],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert [world.row(world.target, n) for n in range(20)] == [None] * 20
    world.flag.state = state
    with asynchronous(world) as writer:
        assert writer.drain(timeout_s=20) == 0
        accounts = writer.accounts()
        assert (accounts.taken_up, accounts.fates, accounts.unaccounted) == (20, {Fate.BOTH: 20}, 0)
    assert all(world.agree(n) for n in range(20))


def test_closing_waits_for_what_is_on_its_way(world: World, watched: WatchedStore) -> None:
    watched.open.clear()
    opener = threading.Timer(0.3, watched.open.set)
    with asynchronous(world, close_wait_s=20) as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        opener.start()
    assert world.agree(1)
    assert list_writers(world.session, world.migration, keyspace="dual_control") == ()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"follower_in_flight": 0}, "follower_in_flight is 0; allowed: 1 or more"),
        ({"letters_after_s": 0}, "letters_after_s is 0; allowed: above 0, up to 169200"),
        ({"letters_after_s": 169_201}, "letters_after_s is 169201"),
        ({"letters_after_attempts": 0}, "letters_after_attempts is 0; allowed: 1 or more"),
    ],
)
def test_settings_that_can_t_be_are_refused(world: World, setting: dict[str, Any], message: str) -> None:
    with pytest.raises(WriterSettingsError, match=message), world.writer(**setting):
        pass


def test_what_waits_for_the_follower_by_the_flag() -> None:
    assert not ASYNCHRONOUS.waits(dual(1))
    assert ASYNCHRONOUS.waits(dual(1, percent=1))
    assert ASYNCHRONOUS.waits(dual(1, target_leads=True))
    assert FollowerPolicy.ACKNOWLEDGED.waits(FlagState(mode=dual(1).mode, barrier_us=1))
