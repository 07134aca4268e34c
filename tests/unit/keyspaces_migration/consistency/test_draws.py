"""The draws beside those by key and of the source's windows: each sees what the others can't."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.kinds import Draw, Leader, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN
from tests.unit.keyspaces_migration.consistency.test_check import NOW, ROWS, Key, MemoryStore, World, found

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keyspaces_migration.consistency.reading import CouldNotLook
    from keyspaces_migration.consistency.results import CheckResult
    from keyspaces_migration.consistency.windows import Window

NOTHING: dict[str, Any] = {"windows": 0, "target_windows": 0, "widest_partitions": 0, "newest_writes": 0}


@pytest.fixture
def world() -> World:
    return World()


def only(world: World, **plan: int) -> CheckResult:
    """A check that makes the draw by key, which sees nothing here, and those of `plan`."""
    return world.check(**NOTHING | plan)


def seen_by(result: CheckResult) -> set[Draw]:
    return {mismatch.draw for mismatch in result.tables[0].mismatches}


def test_a_partition_that_only_the_target_has_is_seen_from_its_side(world: World) -> None:
    world.target.rows[99, 0] = (99, 0, "x", None)
    assert only(world, windows=2).verdict is Verdict.PASS
    result = only(world, target_windows=2)
    assert result.verdict is Verdict.FAIL
    assert found(result) == {(Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (99, 0), ())}
    counts = result.tables[0].counts.others[Draw.TARGET_WINDOWS]
    assert (counts.wanted, counts.compared, counts.mismatched) == (2, 2, 2)


def test_windows_read_in_both_stores_see_what_the_target_lacks_too(world: World) -> None:
    del world.target.rows[3, 0]
    world.history.rows = {key: row for key, row in ROWS.items() if key[0] != 3}
    assert found(only(world, target_windows=1)) == {(Store.TARGET, MismatchKind.MISSING_IN_TARGET, (3, 0), ())}


def test_the_widest_partitions_are_compared_whole(world: World) -> None:
    wide = {(7, c): (7, c, f"v{c}", "s7") for c in range(50)}
    for store in (world.source, world.target, world.history):
        store.rows |= wide
    world.target.rows[7, 99] = (7, 99, "x", "s7")
    result = only(world, widest_partitions=1)
    assert found(result) == {(Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (7, 99), ())}
    assert seen_by(result) == {Draw.WIDEST_PARTITIONS}
    assert result.tables[0].counts.others[Draw.WIDEST_PARTITIONS].rows == 51


def test_a_partition_too_wide_for_memory_is_left_out_and_named(world: World) -> None:
    result = only(world, widest_partitions=2, max_partition_rows=2)
    counts = result.tables[0].counts.others[Draw.WIDEST_PARTITIONS]
    assert (counts.wanted, counts.could_not_look, counts.rows) == (0, 0, 0)
    assert result.verdict is Verdict.PASS
    assert len(result.tables[0].left_out) == 2
    assert result.tables[0].left_out[0].startswith('the partition {"p": 0} has 3 rows, more than the 2')


def test_a_deleted_row_that_came_back_is_seen_among_the_newest_writes(world: World) -> None:
    """The draw by key leaves deleted keys out, and windows may not hit it."""
    world.history.deleted = {(50, 0): (50, 0, "gone", None)}
    assert only(world, newest_writes=10).verdict is Verdict.PASS
    world.target.rows[50, 0] = (50, 0, "gone", None)
    result = only(world, newest_writes=10)
    assert found(result) == {(Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (50, 0), ())}
    assert seen_by(result) == {Draw.NEWEST_WRITES}
    assert result.tables[0].counts.others[Draw.NEWEST_WRITES].rows == 10


@pytest.mark.parametrize("draw", ["windows", "target_windows", "widest_partitions", "newest_writes", "sweep_rows"])
@pytest.mark.parametrize("store", ["source", "target"])
def test_each_draw_by_itself_says_what_it_could_not_look_at(world: World, draw: str, store: str) -> None:
    world.history.rows = {}
    getattr(world, store).down = True
    table = only(world, **{draw: 3}).tables[0]
    counts = {Draw.SOURCE_WINDOWS: table.counts.windows, **table.counts.others}
    lost = {name: units.could_not_look for name, units in counts.items() if units.could_not_look}
    if draw in {"widest_partitions", "newest_writes"}:
        # Their keys come from the history, which has none here.
        assert lost == {}
    else:
        assert len(lost) == 1
        assert any(problem.startswith(f"{store}: ") for problem in table.problems)


@pytest.mark.parametrize("draw", ["widest_partitions", "newest_writes"])
def test_strata_are_lost_where_the_history_does_not_answer(world: World, draw: str) -> None:
    world.history.fails_after = 0
    table = only(world, **{draw: 4}).tables[0]
    assert table.counts.others[Draw(draw)].could_not_look == 4
    assert table.verdict.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("draw", ["widest_partitions", "newest_writes"])
@pytest.mark.parametrize("store", ["source", "target"])
def test_strata_that_a_store_does_not_answer_for_are_lost(world: World, draw: str, store: str) -> None:
    getattr(world, store).down = True
    table = only(world, **{draw: 4}).tables[0]
    assert table.counts.others[Draw(draw)].could_not_look == 4


class RingStore(MemoryStore):
    """Partition p lies at token p * 2^58, so a window holds what belongs into it; `broken` is a token."""

    broken: int | None = None

    def read_window(self, window: Window) -> Iterator[tuple[Any, ...] | CouldNotLook]:
        for first, last in window.ranges:
            if self.broken is not None and first < self.broken <= last:
                yield self._failure()
                return
            for key in sorted(self.rows):
                if first < key[0] << 58 <= last:
                    yield self._row(key) or ()


@pytest.fixture
def ring() -> World:
    """3 of 20 partitions, those from 17 on, wrap around; so 16 of them are on the ring's upper half."""
    world = World(source=RingStore(Store.SOURCE), target=RingStore(Store.TARGET))
    world.source.rows = world.target.rows = {key: row for key, row in ROWS.items() if key[0] < 16}
    world.target.rows = dict(world.target.rows)
    return world


def test_a_sweep_goes_on_where_the_last_one_stopped_and_ends_with_the_ring(ring: World) -> None:
    passes, place = [], FIRST_TOKEN
    for _ in range(60):
        swept = ring.check(**NOTHING, sweep_rows=6, rows_of_range=2, sweep_from=place).tables[0].sweep
        assert swept is not None
        assert swept.from_token == place
        passes.append(swept)
        place = swept.to_token
        if swept.is_end:
            break
    assert place == LAST_TOKEN
    assert len(passes) > 3
    assert sum(swept.rows for swept in passes) == 48


def test_a_sweep_sees_what_lies_in_its_part_of_the_ring(ring: World) -> None:
    ring.target.rows[12, 7] = (12, 7, "x", "s12")
    low = ring.check(**NOTHING, sweep_rows=6, rows_of_range=2, sweep_from=FIRST_TOKEN)
    assert Draw.SWEEP not in seen_by(low)
    high = ring.check(**NOTHING, sweep_rows=100, rows_of_range=2, sweep_from=11 << 58)
    assert found(high) == {(Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (12, 7), ())}
    assert high.tables[0].sweep is not None
    assert high.tables[0].sweep.is_end


def test_a_range_that_could_not_be_read_is_not_passed_over(ring: World) -> None:
    assert isinstance(ring.source, RingStore)
    ring.source.broken = 5 << 58
    result = ring.check(**NOTHING, sweep_rows=100, rows_of_range=2, sweep_from=FIRST_TOKEN)
    swept = result.tables[0].sweep
    assert swept is not None
    assert not swept.is_end
    assert swept.to_token < 5 << 58
    assert result.verdict is Verdict.INCONCLUSIVE
    again = ring.check(**NOTHING, sweep_rows=100, rows_of_range=2, sweep_from=swept.to_token).tables[0].sweep
    assert again is not None
    assert again.to_token == swept.to_token
    ring.source.broken = None
    last = ring.check(**NOTHING, sweep_rows=100, rows_of_range=2, sweep_from=swept.to_token).tables[0].sweep
    assert last is not None
    assert last.is_end


def test_a_difference_in_the_sweep_that_cannot_be_looked_at_again_holds_its_place(ring: World) -> None:
    ring.target.rows[5, 0] = (5, 0, "late", "s5")
    result = ring.check(
        meanwhile=lambda: ring.target.unread.add((5, 0)),
        **NOTHING,
        sweep_rows=100,
        rows_of_range=2,
        sweep_from=FIRST_TOKEN,
    )
    swept = result.tables[0].sweep
    assert swept is not None
    assert swept.to_token < 5 << 58
    assert result.verdict is Verdict.INCONCLUSIVE


def test_a_table_that_the_history_does_not_know_is_swept_for_no_longer_than_another(world: World) -> None:
    world.history.rows, world.source.rows, world.target.rows = {}, {}, {}
    swept = world.check(**NOTHING, sweep_rows=2_000).tables[0].sweep
    assert swept is not None
    assert not swept.is_end
    assert replace(swept, rows=0) == swept


def test_a_history_that_cannot_be_looked_up_takes_no_other_draw_away(world: World) -> None:
    world.target.rows[99, 0] = (99, 0, "x", None)
    world.unopened = {Store.HISTORY}
    result = world.check(**NOTHING | {"windows": 5, "target_windows": 1}, history_as_of=NOW)
    assert result.tables[0].counts.windows.could_not_look == 5
    assert found(result) == {(Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (99, 0), ())}


def test_after_some_windows_that_a_store_does_not_answer_for_the_rest_is_not_tried(world: World) -> None:
    world.history.rows = {}
    world.source.down = True
    result = only(world, windows=50)
    assert result.tables[0].counts.windows.could_not_look == 50
    assert sum(result.tables[0].problems.values()) < 10


@pytest.mark.parametrize("draw", ["target_windows", "sweep_rows"])
def test_a_range_of_any_size_is_compared_where_both_stores_have_its_rows(world: World, draw: str) -> None:
    assert only(world, **{draw: 1, "max_range_rows": 1}).verdict is Verdict.PASS


@pytest.mark.parametrize("draw", ["target_windows", "sweep_rows"])
def test_a_range_of_which_a_store_lacks_too_many_rows_is_not_looked_at_and_says_where(world: World, draw: str) -> None:
    world.history.rows = {key: row for key, row in ROWS.items() if key[0] != 3}
    world.target.rows = dict(world.history.rows)
    result = only(world, **{draw: 1, "max_range_rows": 2})
    assert result.verdict is Verdict.INCONCLUSIVE
    (problem,) = result.tables[0].problems
    assert problem.startswith("between the tokens ")
    assert "the stores gave 1 of the source and 2 of the target rows that the other had not given so far" in problem
    whole = only(world, **{draw: 1, "max_range_rows": 8})
    assert found(whole) == {(Store.TARGET, MismatchKind.MISSING_IN_TARGET, (3, c), ()) for c in range(3)}


PARTS = st.sets(st.sampled_from(sorted(ROWS)), max_size=12)


@given(lost=PARTS, extra=PARTS, changed=PARTS, leader=st.sampled_from(Leader))
def test_ranges_read_side_by_side_find_each_row_that_differs_once(
    lost: set[Key], extra: set[Key], changed: set[Key], leader: Leader
) -> None:
    world = World()
    for key in lost:
        del world.target.rows[key]
    for key in extra - lost:
        del world.source.rows[key]
    for key in changed - lost - extra:
        world.target.rows[key] = (*key, "changed", world.target.rows[key][3])
    world.history.rows = {}
    result = world.check(**NOTHING | {"target_windows": 1}, leader=leader)
    ours, theirs = (
        (MismatchKind.MISSING_IN_TARGET, MismatchKind.UNEXPECTED_IN_TARGET)
        if leader is Leader.SOURCE
        else (MismatchKind.UNEXPECTED_IN_SOURCE, MismatchKind.MISSING_IN_SOURCE)
    )
    kinds = {(kind, key) for _, kind, key, _ in found(result)}
    assert kinds == {
        *((ours, key) for key in lost),
        *((theirs, key) for key in extra - lost),
        *((MismatchKind.VALUE_DIFFERS, key) for key in changed - lost - extra),
    }
