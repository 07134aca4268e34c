"""What a writer does with doubt: about what is recorded, who sees it, which clock stamps, and whether it is open."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import ConsistencyLevel, OperationTimedOut, Unauthorized
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster

from keyspaces_migration.dual_write.barrier import fix_barrier, read_source_clock
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.errors import (
    BarrierRefusedError,
    OutcomeUnknownError,
    WriterClosedError,
    WriterNotRegisteredError,
)
from keyspaces_migration.dual_write.registry import ROW_TTL_S, list_writers
from keyspaces_migration.dual_write.session import DualSession
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.dual_write.writer import DualWriter, FollowerPolicy
from tests.integration.test_dual_write import (
    DAY,
    EVENTS,
    RECORD,
    SOURCE_ONLY,
    World,
    arrived,
    backfill,
    dual,
    key,
    registered_for_s,
    session,
    wait_for,
    world,
)

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from rehearsal.cassandra.node import CassandraNode

__all__ = ["session", "world"]


def barrier() -> int:
    return system_now_us() - 60_000_000


def let_records_fail_after_they_are_taken(world: World, patch: pytest.MonkeyPatch) -> None:
    execute = world.source.execute

    def take_and_say_nothing(statement: Any) -> Any:
        found = execute(statement)
        if "recorded_keys" in statement.cql:
            raise OperationTimedOut("no answer")
        return found

    patch.setattr(world.source, "execute", take_and_say_nothing)


def test_a_delete_that_may_be_recorded_is_made_in_both_stores(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    barrier_us = barrier()
    world.flag.state = dual(barrier_us)
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        with monkeypatch.context() as patch:
            let_records_fail_after_they_are_taken(world, patch)
            with pytest.raises(OutcomeUnknownError, match="recorded on the source is unknown"):
                writer.delete_row("events", key(1))
        wait_for(lambda: writer.report().journal_depth == 0)
        world.recopy(barrier_us)
        assert world.agree(1) is None


@pytest.mark.parametrize("recording", [True, False])
def test_a_delete_that_the_leader_refuses_after_it_was_recorded_takes_nothing_from_the_target(
    world: World, *, recording: bool
) -> None:
    barrier_us = barrier()
    world.flag.state = RECORD if recording else dual(barrier_us)
    with world.writer() as writer:
        for number in (1, 2, 3):
            writer.insert("events", {**key(number, "d"), "kind": "a", "amount": 1})
        world.source.fail, world.source.error = lambda: True, Unauthorized("not now")
        with pytest.raises(Unauthorized):
            writer.delete_row("events", key(1, "d"))
        with pytest.raises(Unauthorized):
            writer.update("events", key(2, "d"), {"amount": None})
        with pytest.raises(Unauthorized):
            writer.delete_partition("events", {"customer": "d", "day": key(1)["day"]})
        world.source.fail = lambda: False
        world.flag.state = dual(barrier_us)
        world.recopy(barrier_us)
        for number in (1, 2, 3):
            found = world.agree(number, "d")
            assert found is not None
            assert (found["kind"], found["amount"]) == ("a", 1)


def test_a_delete_that_was_made_still_takes_what_the_backfill_brought(world: World) -> None:
    barrier_us = barrier()
    world.flag.state = dual(barrier_us)
    with world.writer() as writer:
        backfill(world, 1, "old", at_us=barrier_us)
        writer.delete_row("events", key(1))
        backfill(world, 1, "old", at_us=barrier_us)
        world.recopy(barrier_us)
    assert world.agree(1) is None


def test_a_writer_that_dies_before_its_heartbeat_says_so_stays_listed(world: World) -> None:
    world.flag.state = dual(barrier())
    world.target.fail = lambda: True
    settings = replace(world.settings, heartbeat_interval_s=3600, follower=FollowerPolicy.ASYNCHRONOUS)
    writer = DualWriter(settings, stores=world.stores, tables=[EVENTS], flag=world.flag)
    with writer:
        assert registered_for_s(world) <= ROW_TTL_S
        writer.insert("events", {**key(1), "kind": "a"})
        # From here on it may die at any moment.
        assert registered_for_s(world) > ROW_TTL_S


def test_a_writer_that_has_nothing_to_lose_is_forgotten_in_a_minute(world: World) -> None:
    world.flag.state = dual(barrier())
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "a"})
        wait_for(lambda: registered_for_s(world) <= ROW_TTL_S)


def test_a_writer_whose_row_is_hidden_by_a_newer_removal_does_not_begin(world: World, session: Session) -> None:
    later_us = system_now_us() + 30_000_000
    session.execute(
        f"DELETE FROM dual_control.writers USING TIMESTAMP {later_us} WHERE migration = %s AND writer_id = %s",
        (world.migration, world.settings.writer_id),
    )
    with pytest.raises(WriterNotRegisteredError, match="its row was written, and it is not there"), world.writer():
        pass


def test_stages_see_the_clock_that_stamps_though_it_was_put_back(world: World, session: Session) -> None:
    ahead_us = [600_000_000]
    settings = replace(world.settings, control_keyspace="dual_control")
    writer = DualWriter(
        settings,
        stores=world.stores,
        tables=[EVENTS],
        flag=world.flag,
        now_us=lambda: system_now_us() + ahead_us[0],
    )
    world.flag.state = SOURCE_ONLY
    with writer:
        writer.insert("events", {**key(1), "kind": "a"})
        ahead_us[0] = 0
        world.flag.state = RECORD
        wait_for(lambda: arrived(world, RECORD))
        writers = list_writers(session, world.migration, keyspace="dual_control")
        assert writers[0].clock_skew.total_seconds() > 500
        with pytest.raises(BarrierRefusedError, match="s apart"):
            fix_barrier(writers, RECORD, read_source_clock(session))


def test_a_writer_is_opened_once(world: World) -> None:
    world.flag.state = dual(barrier())
    with world.writer() as writer:
        with pytest.raises(WriterClosedError, match="make a new one"):
            writer.open()
        writer.insert("events", {**key(1), "kind": "a"})
    with pytest.raises(WriterClosedError, match="nothing was written"):
        writer.insert("events", {**key(2), "kind": "b"})
    with pytest.raises(WriterClosedError):
        writer.open()
    assert world.row(world.source, 2) is None
    with world.writer() as another:
        another.insert("events", {**key(2), "kind": "b"})
    assert world.agree(2) is not None


def test_consistency_is_not_left_to_the_driver(world: World, cassandra_node: CassandraNode) -> None:
    world.flag.state = dual(barrier())
    traced: list[int] = []
    with Cluster([cassandra_node.host], port=cassandra_node.port, protocol_version=4) as cluster:
        own = cluster.connect()
        assert own.get_execution_profile(EXEC_PROFILE_DEFAULT).consistency_level == ConsistencyLevel.LOCAL_ONE
        own.add_request_init_listener(lambda future: traced.append(future.message.consistency_level))
        stores = Stores(
            source=Store(name=StoreName.SOURCE, session=own, keyspace=world.source.keyspace),
            target=Store(name=StoreName.TARGET, session=own, keyspace=world.target.keyspace),
        )
        with (
            DualWriter(world.settings, stores=stores, tables=[EVENTS], flag=world.flag) as writer,
            DualSession(writer) as application,
        ):
            writer.insert("events", {**key(1), "kind": "a"})
            writer.delete_row("events", key(1))
            assert {*traced} == {ConsistencyLevel.LOCAL_QUORUM}
            traced.clear()
            application.execute(
                f"SELECT kind FROM {world.source.keyspace}.events WHERE customer = ? AND day = ?", ["c", DAY]
            )
            assert ConsistencyLevel.LOCAL_ONE in traced  # beside heartbeats


def test_closing_waits_for_calls_under_way(world: World) -> None:
    world.flag.state = dual(barrier())
    inside, go_on = threading.Event(), threading.Event()

    def hold() -> bool:
        inside.set()
        go_on.wait(10)
        return False

    with world.writer() as writer:
        world.source.fail = hold
        call = threading.Thread(target=writer.insert, args=("events", {**key(1), "kind": "a"}))
        call.start()
        assert inside.wait(10)
        closing = threading.Thread(target=writer.close)
        closing.start()
        time.sleep(0.2)
        assert closing.is_alive()
        go_on.set()
        closing.join(10)
        call.join(10)
    assert world.agree(1) is not None
    assert list_writers(world.session, world.migration, keyspace="dual_control") == ()


def test_an_error_that_nobody_foresaw_costs_no_write_and_no_heartbeat(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.flag.state = dual(barrier())
    world.source.fail = lambda: True
    with world.writer() as writer:
        with pytest.raises(OutcomeUnknownError):
            writer.insert("events", {**key(1), "kind": "a"})
        failures = [RuntimeError("can't start new thread")]

        def fail_once() -> bool:
            if failures:
                world.target.error = failures.pop()
                return True
            return False

        world.target.fail, world.source.fail = fail_once, lambda: False
        wait_for(lambda: writer.report().journal_depth == 0)
        assert not failures
        assert world.agree(1) is not None
        assert arrived(world, world.flag.state)

        execute, broken = world.source.execute, [RuntimeError("nobody foresaw this")]

        def break_once(statement: Any) -> Any:
            if broken:
                raise broken.pop()
            return execute(statement)

        monkeypatch.setattr(world.source, "execute", break_once)
        wait_for(lambda: not broken)
        seen = world.flag.state = replace(world.flag.state, version=9)
        wait_for(lambda: arrived(world, seen))


def test_of_many_calls_that_find_the_source_silent_one_asks_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.flag.state = dual(barrier())
    with world.writer(lease_s=0, heartbeat_interval_s=3600) as writer:
        asked: list[float] = []

        def be_silent(_: Any) -> Any:
            asked.append(time.monotonic())
            time.sleep(0.3)
            raise OperationTimedOut("no answer")

        with monkeypatch.context() as patch:
            patch.setattr(world.source, "execute", be_silent)
            refused: list[Exception] = []

            def write(number: int) -> None:
                try:
                    writer.insert("events", {**key(number), "kind": "a"})
                except WriterNotRegisteredError as error:
                    refused.append(error)

            calls = [threading.Thread(target=write, args=(number,)) for number in range(20)]
            for call in calls:
                call.start()
            for call in calls:
                call.join()
        assert len(refused) == 20
        assert len(asked) <= 3
