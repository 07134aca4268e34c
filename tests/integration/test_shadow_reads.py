"""Reads compared in both stores beside the application, on a real node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import OperationTimedOut

from keyspaces_migration.dual_write.errors import WriterSettingsError
from keyspaces_migration.dual_write.shadow import (
    ShadowExample,
    ShadowOutcome,
    ShadowReads,
    ShadowReport,
    ShadowSettings,
)
from keyspaces_migration.dual_write.store import StoreName, Stores
from tests.integration.test_dual_write import DAY, EVENTS, SOURCE, TARGET, World, key, session, wait_for, world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["session", "world"]


def put(world: World, keyspace: str, n: int, kind: str) -> None:
    insert = f"INSERT INTO {keyspace}.events (customer, day, n, kind) VALUES ('c', %s, %s, %s)"
    world.session.execute(insert, (DAY, n, kind))


@contextmanager
def shadow(stores: Stores, *, leader: StoreName = StoreName.SOURCE, **settings: Any) -> Iterator[ShadowReads]:
    wanted = {"share": 1, "settle_s": 0.1} | settings
    made = ShadowReads(ShadowSettings(**wanted), stores=stores, leader=lambda: leader)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def compare(shadow: ShadowReads, *keys: Mapping[str, Any]) -> ShadowReport:
    for each in keys:
        shadow.offer(EVENTS, each)
    wait_for(lambda: sum(shadow.report().counts.values()) == len(keys))
    return shadow.report()


def test_each_row_is_counted_by_what_it_is_in_both_stores(world: World) -> None:
    for keyspace, n, kind in [
        (SOURCE, 1, "a"), (TARGET, 1, "a"), (SOURCE, 2, "a"), (TARGET, 3, "a"), (SOURCE, 4, "a"), (TARGET, 4, "b"),
    ]:  # fmt: skip
        put(world, keyspace, n, kind)
    with shadow(world.stores) as compared:
        report = compare(compared, *(key(n) for n in range(1, 6)))
    assert report.counts == {
        ShadowOutcome.SAME: 2,
        ShadowOutcome.MISSING_IN_TARGET: 1,
        ShadowOutcome.MISSING_IN_SOURCE: 1,
        ShadowOutcome.VALUE_DIFFERS: 1,
    }
    assert (report.compared, report.differing, report.waiting) == (5, 3, 0)
    differs = next(each for each in report.examples if each.outcome is ShadowOutcome.VALUE_DIFFERS)
    expected = ShadowExample(
        table="events",
        key={"customer": "c", "day": "2013-01-01", "n": 4},
        outcome=ShadowOutcome.VALUE_DIFFERS,
        columns=("kind",),
    )
    assert differs == expected


def changing(world: World, change: Callable[[], None]) -> None:
    """Change something each time that the source has been read."""
    read = world.source.read_row

    def reads(*args: Any) -> Any:
        found = read(*args)
        change()
        return found

    world.source.read_row = reads  # type: ignore[assignment, method-assign]


def test_a_write_that_reaches_the_follower_in_time_is_no_difference(world: World) -> None:
    put(world, SOURCE, 1, "a")
    changing(world, lambda: put(world, TARGET, 1, "a"))
    with shadow(world.stores) as compared:
        assert compare(compared, key(1)).counts == {ShadowOutcome.HEALED: 1}


def test_a_row_whose_leader_changes_at_every_look_is_no_difference(world: World) -> None:
    numbers = iter(range(100))
    changing(world, lambda: put(world, SOURCE, 1, f"v{next(numbers)}"))
    put(world, SOURCE, 1, "first")
    with shadow(world.stores, settle_s=0.01, looks=2) as compared:
        assert compare(compared, key(1)).counts == {ShadowOutcome.UNSETTLED: 1}


def test_a_store_that_does_not_answer_is_no_difference(world: World) -> None:
    def gone() -> None:
        raise OperationTimedOut("no answer")

    changing(world, gone)
    put(world, SOURCE, 1, "a")
    with shadow(world.stores) as compared:
        report = compare(compared, key(1))
    assert report.counts == {ShadowOutcome.COULD_NOT_LOOK: 1}
    assert report.compared == 0


def test_what_waits_is_bounded_and_the_rest_is_counted(world: World) -> None:
    unstarted = ShadowReads(
        ShadowSettings(share=1, max_waiting=5), stores=world.stores, leader=lambda: StoreName.SOURCE
    )
    for n in range(8):
        unstarted.offer(EVENTS, key(n))
    report = unstarted.report()
    assert report.waiting == 5
    assert report.counts == {ShadowOutcome.NOT_TAKEN: 3}


def test_about_the_share_asked_for_is_compared(world: World) -> None:
    unstarted = ShadowReads(
        ShadowSettings(share=0.2, max_waiting=10_000), stores=world.stores, leader=lambda: StoreName.SOURCE
    )
    for n in range(5_000):
        unstarted.offer(EVENTS, key(n))
    # Ten standard deviations of a binomial of 5,000 at 0.2.
    assert 717 <= unstarted.report().waiting <= 1_283


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"share": 1.5}, "share is 1.5; allowed: 0 to 1"),
        ({"settle_s": -1}, "settle_s is -1; allowed: 0 or more"),
        ({"looks": 0}, "looks is 0; allowed: 1 or more"),
    ],
)
def test_a_setting_out_of_bounds_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(WriterSettingsError, match=message):
        ShadowSettings(**setting)
