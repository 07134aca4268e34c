"""An application's own CQL through the dual session, on a real node."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import InvalidRequest
from cassandra.query import UNSET_VALUE

from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.errors import PartlyWrittenError, WriteRefusedError
from keyspaces_migration.dual_write.session import DualSession
from keyspaces_migration.dual_write.shadow import ShadowOutcome, ShadowSettings
from keyspaces_migration.dual_write.store import Store, StoreName
from tests.integration.test_dual_write import (
    DAY,
    SOURCE,
    SOURCE_ONLY,
    TARGET,
    World,
    dual,
    key,
    left_s,
    session,
    wait_for,
    world,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["session", "world"]

INSERT = "INSERT INTO shop.events (customer, day, n, kind, amount, s) VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"
SELECT = "SELECT n, kind FROM shop.events WHERE customer = ? AND day = ?"


@contextmanager
def opened(world: World) -> Iterator[DualSession]:
    with world.writer() as writer, DualSession(writer, keyspaces={"shop"}) as made:
        yield made


@pytest.fixture
def dual_world(world: World) -> World:
    world.flag.state = dual(system_now_us() - 60_000_000)
    return world


def whole(**columns: Any) -> dict[str, Any]:
    return {"kind": None, "amount": None, "tags": None, "fixed": None, "s": None} | columns


def test_an_application_s_statements_reach_both_stores(dual_world: World) -> None:
    with opened(dual_world) as application:
        insert = application.prepare(INSERT)
        application.execute(insert, ("c", DAY, 1, "a", 5, "shared", 1_000))
        application.execute(insert, {**key(2), "kind": "b", "amount": UNSET_VALUE, "s": UNSET_VALUE, "[ttl]": 0})
        application.execute("UPDATE events SET amount = 7 WHERE customer = ? AND day = ? AND n = 2", ("c", DAY))
        application.execute("DELETE kind FROM events WHERE customer = ? AND day = ? AND n = 1", ("c", DAY))
    assert dual_world.agree(1) == whole(amount=5, s="shared")
    assert dual_world.agree(2) == whole(kind="b", amount=7, s="shared")
    assert left_s(dual_world, TARGET, 2) is None


def test_a_batch_ends_as_its_statements_say_in_their_order(dual_world: World) -> None:
    batch = """BEGIN BATCH
      INSERT INTO events (customer, day, n, kind) VALUES (?, ?, 1, 'old');
      DELETE FROM events WHERE customer = ? AND day = ?;
      INSERT INTO events (customer, day, n, kind) VALUES (?, ?, 2, 'new');
    APPLY BATCH"""
    with opened(dual_world) as application:
        results = application.execute(batch, ("c", DAY) * 3)
    assert len({result.timestamp_us for result in results}) == 3
    assert dual_world.agree(1) is None
    assert dual_world.agree(2) == whole(kind="new")


def test_a_delete_of_a_range_takes_its_rows_from_both(dual_world: World) -> None:
    with opened(dual_world) as application:
        for n in range(5):
            application.execute("INSERT INTO events (customer, day, n) VALUES (?, ?, ?)", ("c", DAY, n))
        application.execute("DELETE FROM events WHERE customer = ? AND day = ? AND n >= ? AND n < ?", ("c", DAY, 1, 4))
    assert [dual_world.agree(n) is not None for n in range(5)] == [True, False, False, False, True]


def test_reads_go_where_the_flag_says(world: World) -> None:
    at_us = system_now_us()
    for keyspace in (SOURCE, TARGET):
        world.session.execute(
            f"INSERT INTO {keyspace}.events (customer, day, n, kind) VALUES ('c', %s, 1, %s)", (DAY, keyspace)
        )
    everything = "SELECT kind FROM events"
    for state, expected in (
        (SOURCE_ONLY, [SOURCE, SOURCE]),
        (dual(at_us), [SOURCE, SOURCE]),
        (dual(at_us, percent=99), [TARGET, SOURCE]),
        (dual(at_us, percent=100), [TARGET, TARGET]),
    ):
        world.flag.state = state
        with opened(world) as application:
            found = [application.execute(SELECT, ("c", DAY)).one().kind, application.execute(everything).one().kind]
        assert found == expected


def test_a_read_after_a_write_that_the_target_has_not_taken_shows_the_write(dual_world: World) -> None:
    dual_world.flag.state = dual(system_now_us() - 60_000_000, percent=100)
    dual_world.target.fail = lambda: True
    with opened(dual_world) as application:
        application.execute("INSERT INTO events (customer, day, n, kind) VALUES (?, ?, 1, 'new')", ("c", DAY))
        assert application.execute(SELECT, ("c", DAY)).one().kind == "new"
        assert application.execute("SELECT kind FROM events").one().kind == "new"
        dual_world.target.fail = lambda: False


def test_rows_that_statements_read_are_compared_in_both_stores(dual_world: World) -> None:
    row = "SELECT kind FROM events WHERE customer = ? AND day = ? AND n = ?"
    with dual_world.writer(shadow=ShadowSettings(share=1, settle_s=0.05)) as writer, DualSession(writer) as application:
        application.execute("INSERT INTO events (customer, day, n, kind) VALUES (?, ?, 1, 'a')", ("c", DAY))
        assert writer.drain(timeout_s=20) == 0
        application.execute(row, ("c", DAY, 1))
        application.execute("SELECT kind FROM events WHERE customer = ? AND day = ?", ("c", DAY))
        dual_world.session.execute(
            f"UPDATE {TARGET}.events SET kind = 'other' WHERE customer = 'c' AND day = %s AND n = 1", (DAY,)
        )
        application.execute(row, ("c", DAY, 1))
        wait_for(lambda: sum(writer.shadow_reads.counts.values()) == 2)  # type: ignore[union-attr] # there is one
        assert writer.shadow_reads is not None
        assert writer.shadow_reads.counts[ShadowOutcome.VALUE_DIFFERS] >= 1
        assert writer.shadow_reads.compared == 2


def test_statements_run_side_by_side_from_asyncio(dual_world: World) -> None:
    async def work(application: DualSession) -> list[Any]:
        insert = application.prepare("INSERT INTO events (customer, day, n, kind) VALUES (?, ?, ?, 'a')")
        await asyncio.gather(*(application.execute_async(insert, ("c", DAY, n)) for n in range(50)))
        return list(await application.execute_async(SELECT, ("c", DAY)))

    with opened(dual_world) as application:
        rows = asyncio.run(work(application))
    assert [row.n for row in rows] == list(range(50))
    assert all(dual_world.agree(n) for n in range(50))


@pytest.mark.parametrize(
    "second",
    [
        "INSERT INTO events (customer, day, n) VALUES (?, ?, 2) IF NOT EXISTS",
        "INSERT INTO events (customer, day, n, amount) VALUES (?, ?, 2, 'x')",
        "INSERT INTO events (customer, day, n, kind) VALUES (?, ?, 2, 'a') USING TTL 999999999",
        "INSERT INTO events (customer, day, n, kind) VALUES (?, ?, null, 'a')",
        "DELETE FROM events WHERE customer = ? AND day = ? AND n > null",
    ],
)
def test_what_is_refused_in_a_later_statement_is_refused_before_the_first_is_made(
    dual_world: World, second: str
) -> None:
    with dual_world.writer() as writer, DualSession(writer) as application:
        batch = f"BEGIN BATCH INSERT INTO events (customer, day, n, s) VALUES (?, ?, 1, 's'); {second}; APPLY BATCH"
        with pytest.raises(WriteRefusedError):
            application.execute(batch, ("c", DAY) * 2)
        assert writer.accounts().unaccounted == 0
        assert writer.accounts().pending == 0
    assert dual_world.agree(1) is None


def test_what_only_the_driver_can_not_bind_is_refused_before_the_first_is_made(dual_world: World) -> None:
    dual_world.source.unbindable = "b"
    both = "BEGIN BATCH INSERT INTO events (customer, day, n, kind) VALUES (?, ?, ?, ?); {} APPLY BATCH"
    batch = both.format("INSERT INTO events (customer, day, n, kind) VALUES (?, ?, ?, ?);")
    with opened(dual_world) as application:
        with pytest.raises(WriteRefusedError, match="the driver can't bind the values"):
            application.execute(batch, ("c", DAY, 1, "a", "c", DAY, 2, "b"))
        assert dual_world.agree(1) is None
        application.execute(batch, ("c", DAY, 1, "a", "c", DAY, 2, "c"))
    assert dual_world.agree(2) == whole(kind="c")


def test_a_statement_that_a_store_fails_half_way_says_how_far_it_came(dual_world: World) -> None:
    dual_world.source.error = InvalidRequest("too large")
    dual_world.source.fail = iter([False, True]).__next__
    insert = "INSERT INTO events (customer, day, n, kind, s) VALUES (?, ?, 1, 'a', 's')"
    with (
        opened(dual_world) as application,
        pytest.raises(PartlyWrittenError, match="1 of 2 writes of one statement were made; then that of table events"),
    ):
        application.execute(insert, ("c", DAY))
    assert dual_world.agree(1) is None


def test_statements_with_values_in_their_text_take_no_memory_for_ever_and_are_warned_of_once(
    dual_world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("keyspaces_migration.dual_write.session.STATEMENTS_MOST", 4)
    with opened(dual_world) as application:
        insert = application.prepare("INSERT INTO events (customer, day, n, kind) VALUES (?, ?, ?, 'a')")
        for n in range(10):
            application.execute(f"INSERT INTO events (customer, day, n, amount) VALUES (?, ?, {n}, {n})", ("c", DAY))
            assert application.prepare(insert.cql) is insert, "what is used stays"
            application.execute(insert, ("c", DAY, n))
    assert all(dual_world.agree(n) == whole(kind="a", amount=n) for n in range(10))
    (warning,) = [record for record in caplog.records if "Bind values to markers" in record.getMessage()]
    assert "more than 4 statements with different texts were executed" in warning.getMessage()


def test_a_store_keeps_the_prepared_statements_that_were_used_last_and_warns_once(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("keyspaces_migration.dual_write.store.PREPARED_MOST", 3)
    store = Store(name=StoreName.SOURCE, session=world.session, keyspace=SOURCE)
    kept = store.prepare(f"SELECT n FROM {SOURCE}.events")
    for n in range(6):
        store.prepare(f"SELECT n FROM {SOURCE}.events WHERE customer = 'c{n}' AND day = ?")
        assert store.prepare(f"SELECT n FROM {SOURCE}.events") is kept
    (warning,) = [record for record in caplog.records if "Bind values to markers" in record.getMessage()]
    assert f"keyspace {SOURCE} of the source: more than 3 different statements" in warning.getMessage()


def test_the_store_of_a_partition_is_the_same_for_both_ways_to_read(dual_world: World) -> None:
    dual_world.flag.state = dual(system_now_us() - 60_000_000, percent=50)
    with dual_world.writer() as writer:
        stores = {writer.route("events", {"customer": str(n), "day": DAY}) for n in range(50)}
        assert stores == {StoreName.SOURCE, StoreName.TARGET}
        for n in range(20):
            where = key(1, customer=str(n))
            assert writer.read("events", where).store is writer.route("events", where)
