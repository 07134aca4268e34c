"""What a writer tells stages of itself: what became of its writes, and what its shadow reads found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cassandra import InvalidRequest, OperationTimedOut

from keyspaces_migration.dual_write.accounts import Accounts, Fate
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.read_accounts import StoreReads
from keyspaces_migration.dual_write.registry import list_writers
from keyspaces_migration.dual_write.session import DualSession
from keyspaces_migration.dual_write.shadow import ShadowSettings
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.dual_write.writer import DualWriter
from tests.integration.test_dual_write import (
    DAY,
    EVENTS,
    SOURCE_ONLY,
    TARGET,
    World,
    dual,
    key,
    session,
    wait_for,
    world,
)

if TYPE_CHECKING:
    from keyspaces_migration.dual_write.registry import WriterRecord

__all__ = ["session", "world"]

SELECT = "SELECT kind FROM events WHERE customer = ? AND day = ?"


def listed(world: World) -> WriterRecord:
    (found,) = list_writers(world.session, world.migration, keyspace="dual_control")
    return found


def opened(world: World, **settings: Any) -> DualWriter:
    shadow = ShadowSettings(**{"share": 1, "settle_s": 0.05, **settings})
    return DualWriter(world.settings, stores=world.stores, tables=[EVENTS], flag=world.flag, shadow=shadow)


def test_the_rows_that_are_read_are_compared_in_both_stores_and_stages_are_told(world: World) -> None:
    with opened(world) as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        writer.read("events", key(1))
        shadow = writer.shadow_reads
        assert shadow is not None
        assert (shadow.counts, shadow.waiting) == ({}, 0), "before dual writes there is nothing to compare"
        world.flag.state = dual(system_now_us() - 60_000_000)
        for n in (2, 3):
            writer.insert("events", {**key(n), "kind": "a"})
        world.session.execute(
            f"UPDATE {TARGET}.events SET kind = 'wrong' WHERE customer = 'c' AND day = %s AND n = 3", (key(3)["day"],)
        )
        for n in (2, 3):
            assert (writer.read("events", key(n)).row or {})["kind"] == "a"
        wait_for(lambda: listed(world).reads_compared == 2)
        assert listed(world).reads_differing == 1


def test_a_writer_without_shadow_reads_says_that_none_were_compared(world: World) -> None:
    with world.writer() as writer:
        assert writer.shadow_reads is None
        wait_for(lambda: listed(world).heartbeat_age.total_seconds() >= 0)
        assert (listed(world).reads_compared, listed(world).reads_differing) == (0, 0)


def test_stages_see_the_application_s_reads_by_store_and_those_that_failed(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000, percent=50)
    with world.writer() as writer, DualSession(writer) as application:
        keys = [{**key(1), "customer": f"c{n}"} for n in range(20)]
        on_target = sum(writer.route("events", each) is StoreName.TARGET for each in keys)
        assert 0 < on_target < 20
        for each in keys:
            writer.read("events", each)
            application.execute(SELECT, (each["customer"], DAY))
        world.target.unreadable = True
        failing = next(each for each in keys if writer.route("events", each) is StoreName.TARGET)
        with pytest.raises(OperationTimedOut):
            writer.read("events", failing)
        with pytest.raises(InvalidRequest):
            application.execute(f"{SELECT} ORDER BY kind", (failing["customer"], DAY))
        wait_for(lambda: sum(each.count for each in listed(world).reads.values()) == 42)
        reads = listed(world).reads
    source, target = reads[StoreName.SOURCE], reads[StoreName.TARGET]
    assert (source.count, source.failed) == (2 * (20 - on_target), 0)
    assert (target.count, target.failed) == (2 * on_target + 2, 2)
    for of_store in (source, target):
        assert of_store.recent == of_store.count
        assert of_store.p99_us is not None
        assert 50 < of_store.p99_us < 60_000_000


def test_a_writer_that_has_not_read_says_so_and_one_that_starts_anew_says_when(world: World) -> None:
    with world.writer() as writer:
        wait_for(lambda: listed(world).started_at is not None)
        nothing = StoreReads(count=0, failed=0, recent=0, p99_us=None)
        assert listed(world).reads == dict.fromkeys(StoreName, nothing)
        writer.read("events", key(1))
        wait_for(lambda: listed(world).reads[StoreName.SOURCE].count == 1)
        first = listed(world).started_at
    with world.writer():
        assert listed(world).reads[StoreName.SOURCE].count == 0
        second = listed(world).started_at
    assert first is not None
    assert second is not None
    assert first < second


def test_a_writer_of_an_earlier_release_says_nothing_of_its_reads(world: World) -> None:
    world.session.execute(
        "INSERT INTO dual_control.writers (migration, writer_id, mode, flag_version, target_read_percent, "
        "heartbeat_at, server_at, host, pid, journal_depth, parked, follower_lag_ms, flag_age_ms) "
        "VALUES (%s, 'old', 'RECORD', 1, 0, toTimestamp(now()), toTimestamp(now()), 'h', 1, 0, 0, 0, 0) USING TTL 60",
        (world.migration,),
    )
    record = listed(world)
    assert (record.reads, record.reads_not_looked_at, record.started_at) == ({}, 0, None)


def test_shadow_reads_that_could_not_look_are_told_apart_from_those_that_found_no_difference(world: World) -> None:
    world.flag.state = dual(system_now_us() - 60_000_000)
    with opened(world) as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        world.target.unreadable = True
        writer.read("events", key(1))
        wait_for(lambda: listed(world).reads_not_looked_at == 1)
        assert (listed(world).reads_compared, listed(world).reads_differing) == (0, 0)


def test_stages_see_what_became_of_a_writer_s_writes(world: World) -> None:
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        world.flag.state = dual(system_now_us() - 60_000_000)
        writer.insert("events", {**key(2), "kind": "a"})
        world.target.fail = lambda: True
        writer.insert("events", {**key(3), "kind": "a"})
        wait_for(lambda: listed(world).accounts.get("PENDING") == 1)
        expected = {"CALLS": 3, "TAKEN_UP": 0, "SINGLE_STORE": 1, "BOTH": 1, "PENDING": 1}
        nothing: dict[str, int] = {fate.value: 0 for fate in Fate}
        assert listed(world).accounts == nothing | expected
        assert listed(world).journal_depth == 1
        wait_for(lambda: listed(world).follower_lag.total_seconds() > 0)
        world.target.fail = lambda: False


def test_the_table_of_an_earlier_release_is_given_what_it_lacks(world: World) -> None:
    lacking = ("accounts", "reads_compared", "reads_differing", "reads_not_looked_at", "reads", "started_at")
    for column in lacking:
        world.session.execute(f"ALTER TABLE dual_control.writers DROP {column}")
    create_control_tables(
        world.session, replication={"class": "SimpleStrategy", "replication_factor": 1}, keyspace="dual_control"
    )
    world.flag.state = SOURCE_ONLY
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        wait_for(lambda: listed(world).accounts.get("CALLS") == 1)


def test_books_that_do_not_add_up_say_so() -> None:
    books = Accounts(calls=9, taken_up=1, fates={Fate.BOTH: 4, Fate.LETTER: 1}, pending=2, under_way=1)
    assert books.unaccounted == 2
    assert sum(books.counters().values()) - 10 == 7
