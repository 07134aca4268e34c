"""Elements added to sets and maps, and taken from them, in both stores: a real node plays the two."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from keyspaces_migration.backfill import Pacing
from keyspaces_migration.backfill.deletes import apply_deletes
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.config import load_migration
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.elements import ElementChange, ElementSign
from keyspaces_migration.dual_write.recorded import iterate_recorded
from keyspaces_migration.dual_write.session import DualSession
from tests.integration.test_dual_write import (
    DAY,
    EVENTS,
    RECORD,
    TARGET,
    World,
    dual,
    key,
    session,
    world,
)

if TYPE_CHECKING:
    from keyspaces_migration.dual_write.writer import DualWriter

__all__ = ["session", "world"]

HOUR_US = 3_600_000_000
WHERE = "WHERE customer = 'c' AND day = ? AND n = ?"
FLIGHTS = Path(__file__).parents[2] / "dags" / "migrations" / "flights.yaml"
PACING = Pacing(wait=lambda _: None, chance=lambda: 0.5)


def execute(writer: DualWriter, cql: str, *values: object) -> None:
    with DualSession(writer, keyspaces={"app"}) as dual_session:
        dual_session.execute(cql, (*values, DAY, 1))


def test_each_store_has_what_was_added_and_not_what_was_taken_away(world: World) -> None:
    world.flag.state = dual(system_now_us() - HOUR_US)
    with world.writer() as writer:
        writer.insert("events", {**key(1), "kind": "k", "tags": {"a", "b"}, "labels": {"x": 1, "y": 2}})
        execute(writer, f"UPDATE app.events SET tags = tags + ?, labels['z'] = ? {WHERE}", {"c"}, 3)
        execute(writer, f"UPDATE app.events SET tags = tags - {{'a'}}, labels -= ? {WHERE}", {"x"})
        execute(writer, f"DELETE labels[?] FROM app.events {WHERE}", "y")
    row = world.agree(1)
    assert row is not None
    assert (row["tags"], row["labels"]) == ({"b", "c"}, {"z": 3})


def test_what_the_follower_takes_late_is_no_newer_than_what_came_after_it(world: World) -> None:
    world.flag.state = dual(system_now_us() - HOUR_US)
    with world.writer() as writer:
        world.target.fail = lambda: True
        writer.update("events", key(1), {}, elements={"tags": ElementChange(ElementSign.ADD, {"a", "b"})})
        writer.update("events", key(1), {}, elements={"tags": ElementChange(ElementSign.REMOVE, {"a"})})
        assert world.row(world.target, 1) is None
        world.target.fail = lambda: False
        assert writer.drain(timeout_s=20) == 0
    row = world.agree(1)
    assert row is not None
    assert row["tags"] == {"b"}


def test_changes_of_record_reach_the_target_whole_and_an_emptied_set_is_empty_there(world: World) -> None:
    barrier_us = system_now_us() - HOUR_US
    for n in (1, 2):
        world.session.execute(
            f"INSERT INTO {TARGET}.events (customer, day, n, kind, tags) VALUES ('c', %s, %s, 'k', {{'old', 'both'}}) "
            f"USING TIMESTAMP {barrier_us}",
            (DAY, n),
        )
    with world.writer() as writer:
        for n in (1, 2):
            writer.insert("events", {**key(n), "kind": "k", "tags": {"old", "both"}})
        world.flag.state = RECORD
        writer.update("events", key(1), {}, elements={"tags": ElementChange(ElementSign.REMOVE, {"old"})})
        writer.update("events", key(1), {}, elements={"tags": ElementChange(ElementSign.ADD, {"new"})})
        writer.update("events", key(2), {}, elements={"tags": ElementChange(ElementSign.REMOVE, {"old", "both"})})
        world.flag.state = dual(barrier_us)
        for _ in range(2):
            world.recopy(barrier_us)
        first, second = world.agree(1), world.agree(2)
        assert first is not None
        assert first["tags"] == {"new", "both"}
        assert second is not None
        assert second["tags"] is None
        # A dual write after it is not undone by another recopy.
        writer.update("events", key(2), {}, elements={"tags": ElementChange(ElementSign.ADD, {"newest"})})
        world.recopy(barrier_us)
    again = world.agree(2)
    assert again is not None
    assert again["tags"] == {"newest"}


def test_elements_that_dual_writes_took_away_are_logged_and_applied_after_a_load(world: World) -> None:
    barrier_us = system_now_us() - HOUR_US
    world.flag.state = dual(barrier_us)
    taken = ElementChange(ElementSign.REMOVE, {"a"})
    with world.writer() as writer:
        writer.update("events", key(1), {"kind": None}, elements={"tags": taken})
    logged = list(iterate_recorded(world.session, world.migration, EVENTS, keyspace="dual_control"))
    assert [(each.removed, each.deleted_columns) for each in logged] == [({"tags": taken}, ("kind",))]
    for apply in (world.recopy, lambda barrier: backfill_applies(world, barrier)):
        # A store that kept no tombstone of a row that it did not have, and then got the row from the history.
        world.session.execute(f"TRUNCATE {TARGET}.events")
        world.session.execute(
            f"INSERT INTO {TARGET}.events (customer, day, n, kind, tags) VALUES ('c', %s, 1, 'k', {{'a', 'b'}}) "
            f"USING TIMESTAMP {barrier_us}",
            (DAY,),
        )
        apply(barrier_us)
        row = world.row(world.target, 1)
        assert row is not None
        assert (row["tags"], row["kind"]) == ({"b"}, None)


def backfill_applies(world: World, barrier_us: int) -> None:
    logged = iterate_recorded(world.session, world.migration, EVENTS, keyspace="dual_control")
    any_table = load_migration(FLIGHTS).tables["planes"]  # the address alone is used
    target = Target(keyspace=TARGET, name="events", table=any_table)
    assert apply_deletes(world.session, target, logged, barrier_us=barrier_us, pacing=PACING).deletes == 1
