"""A check in parts comes to what the whole check comes to, whatever is wrong and however it is divided."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.check import TableCheck
from keyspaces_migration.consistency.kinds import Draw, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.part import PartsError, TablePart, merged
from keyspaces_migration.consistency.part_json import PartUnreadableError, from_document, to_document
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.consistency.split import CallTooLongError, shares
from keyspaces_migration.consistency.units import SweepStart
from tests.unit.keyspaces_migration.consistency.test_check import (
    NOW,
    PLAN,
    ROWS,
    MemoryHistory,
    MemoryStore,
    World,
    shape,
)

if TYPE_CHECKING:
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.results import TableResult


def part_of(world: World, share: Share, *, plan: CheckPlan = PLAN) -> TablePart:
    world.source.asked = world.target.asked = 0
    return TableCheck(
        shape=shape(),
        plan=plan,
        source=world.source,
        target=world.target,
        history=world.history,
        settle=world.settles.append,
        now=lambda: NOW,
        sweep=SweepStart(began_at=NOW),
        share=share,
    ).run_part()


def in_parts(world: World, count: int, *, plan: CheckPlan = PLAN) -> TableResult:
    parts = [part_of(world, Share(part=number, parts=count), plan=plan) for number in range(count)]
    return merged([through_json(part) for part in reversed(parts)], plan=plan)


def through_json(part: TablePart) -> TablePart:
    return from_document(json.loads(json.dumps(to_document(part))))


def comparable(result: TableResult) -> TableResult:
    """Without the order of the examples."""
    examples = tuple(sorted(result.mismatches, key=lambda each: (each.draw, repr(each.key), each.kind)))
    return replace(result, mismatches=examples)


CELLS = st.sampled_from(sorted(ROWS))
DAMAGE = st.dictionaries(CELLS, st.sampled_from(["gone", "other", "static", "null", "unread"]), max_size=12)
PLANS = st.fixed_dictionaries(
    {
        "windows": st.integers(0, 2),
        "target_windows": st.integers(0, 2),
        "widest_partitions": st.integers(0, 2),
        "newest_writes": st.integers(0, 30),
        "sweep_rows": st.sampled_from([0, 100]),
        "max_mismatch_rate": st.sampled_from([0.05, 0.2]),
        "batch_rows": st.integers(1, 50),
        "tolerated_mismatch_rate": st.sampled_from([0.0, 0.04]),
    }
)


def damaged(damage: dict[Any, str]) -> World:
    world = World(source=MemoryStore(Store.SOURCE), target=MemoryStore(Store.TARGET), history=MemoryHistory())
    for (p, c), how in damage.items():
        rows = world.target.rows
        if how == "gone":
            rows.pop((p, c), None)
        elif how == "unread":
            world.target.unread.add((p, c))
        elif how == "static":
            rows.update({key: (*row[:3], "x") for key, row in rows.items() if key[0] == p})
        elif (p, c) in rows:
            rows[p, c] = (p, c, "x" if how == "other" else None, rows[p, c][3])
    return world


@given(damage=DAMAGE, count=st.integers(2, 6), changes=PLANS)
def test_parts_put_together_are_the_whole_check(damage: dict[Any, str], count: int, changes: dict[str, Any]) -> None:
    plan = replace(PLAN, **changes)
    whole = part_of(damaged(damage), Share(), plan=plan)
    assert through_json(whole) == whole
    expected = comparable(merged([whole], plan=plan))
    found = comparable(in_parts(damaged(damage), count, plan=plan))
    assert found == expected
    assert found.verdict == expected.verdict


@given(down=st.sampled_from(["source", "target"]), count=st.integers(2, 4))
def test_no_parts_of_a_store_that_does_not_answer_pass(down: str, count: int) -> None:
    world = World()
    getattr(world, down).down = True
    result = in_parts(world, count)
    assert result.verdict.verdict is Verdict.INCONCLUSIVE
    keys = result.counts.keys
    assert (keys.compared, keys.could_not_look) == (0, min(PLAN.rows_wanted, len(ROWS)))


def test_every_row_is_one_parts_and_no_part_has_nearly_all() -> None:
    keys = [(p, c, "x") for p in range(100) for c in range(10)]
    for parts in (2, 3, 7):
        owners = [[n for n in range(parts) if Share(part=n, parts=parts).owns(key)] for key in keys]
        assert all(len(each) == 1 for each in owners)
        counts = [owners.count([n]) for n in range(parts)]
        assert counts[0] == 0
        assert min(counts[1:]) > 0.8 * len(keys) / (parts - 1)
    assert all(Share().owns(key) for key in keys)


def test_a_history_that_grows_between_two_parts_makes_no_row_count_twice() -> None:
    """By their places in the draw, every row behind a new first one would be compared again, and others never."""
    world = World()
    parts = [part_of(world, Share(part=number, parts=3)) for number in (0, 1)]
    new = {(-1, 0): (-1, 0, "v", "s")}
    for store in (world.source, world.target, world.history):
        store.rows = new | store.rows
    parts.append(part_of(world, Share(part=2, parts=3)))
    compared = merged(parts, plan=PLAN).counts.keys
    assert compared.compared <= len(ROWS) + 1
    assert compared.could_not_look == 0
    assert compared.is_complete


def test_other_parts_do_not_make_up_for_a_missing_one() -> None:
    parts = [part_of(World(), Share(part=number, parts=3)) for number in range(3)]
    assert merged(parts, plan=PLAN).verdict.verdict is Verdict.PASS
    other = replace(parts[1], table="u")
    for wrong in (parts[:2], [*parts, parts[0]], [parts[0], parts[0], parts[2]], [parts[0], other, parts[2]], []):
        with pytest.raises(PartsError, match="not the parts of one"):
            merged(wrong, plan=PLAN)
    with pytest.raises(PartsError):
        merged([part_of(World(), Share(part=1, parts=2))], plan=PLAN)


def test_a_row_that_two_parts_have_found_is_out_of_line_once() -> None:
    world = World()
    world.target.rows[1, 1] = (1, 1, "x", "s1")
    counts = in_parts(world, 4, plan=replace(PLAN, windows=1)).counts
    assert counts.rows_out_of_line == {(Store.TARGET, MismatchKind.VALUE_DIFFERS): 1}
    assert counts.mismatches == {(Store.TARGET, MismatchKind.VALUE_DIFFERS): 2}


def test_examples_are_kept_up_to_the_plans_number_those_drawn_by_key_first() -> None:
    world = World()
    world.target.rows = {key: (*row[:2], "x", row[3]) for key, row in world.target.rows.items()}
    plan = replace(PLAN, max_examples=10, windows=1)
    # Part 0 has the other draws, and comes first.
    parts = [part_of(world, Share(part=number, parts=3), plan=plan) for number in range(3)]
    result = merged(parts, plan=plan)
    assert len(result.mismatches) == 10
    assert {each.draw for each in result.mismatches} == {Draw.HISTORY_KEYS}


@pytest.mark.parametrize("wrong", [{}, {"table": "t"}, [], None, "text"])
def test_what_is_no_part_is_refused(wrong: object) -> None:
    with pytest.raises(PartUnreadableError, match="can't be read"):
        from_document(wrong)


@pytest.mark.parametrize(
    ("key", "value"),
    [("share", {"part": 2, "parts": 1}), ("drawn", "60"), ("drew_all", 1), ("problems", {"why": "1"}), ("found", [[]])],
)
def test_a_part_with_a_wrong_value_is_refused_by_its_key(key: str, value: object) -> None:
    with pytest.raises(PartUnreadableError, match=f"can't be read: {key}"):
        from_document(to_document(part_of(World(), Share())) | {key: value})


def test_what_fits_into_one_call_is_not_divided() -> None:
    plan = replace(PLAN, max_mismatch_rate=1e-4, settle_time_s=30, sweep_rows=100_000, max_read_units_per_s=3_000)
    assert shares(plan, timeout_s=900) == (Share(),)
    assert shares(replace(plan, max_read_units_per_s=None), timeout_s=900) == (Share(),)


@given(rate=st.integers(1, 3_000), timeout_s=st.integers(1, 900), sweep=st.integers(0, 1_000_000))
def test_each_part_ends_in_the_functions_time_at_the_whole_rate(rate: int, timeout_s: int, sweep: int) -> None:
    plan = replace(PLAN, max_mismatch_rate=1e-4, settle_time_s=30, sweep_rows=sweep, max_read_units_per_s=rate)
    others = 2 * plan.rows_per_window + sweep
    if others > int(max(0.0, timeout_s - 90 - 90) / 2 * rate) or timeout_s <= 180:
        with pytest.raises(CallTooLongError, match=r"consistency\.engine be AIRFLOW"):
            shares(plan, timeout_s=timeout_s)
        return
    parts = len(shares(plan, timeout_s=timeout_s))
    largest = plan.rows_wanted + others if parts == 1 else max(others, -(-plan.rows_wanted // (parts - 1)))
    assert largest / rate <= (timeout_s - 90 - 90) / 2


def test_a_slow_rate_takes_more_calls() -> None:
    plan = replace(PLAN, max_mismatch_rate=1e-4, settle_time_s=30, max_read_units_per_s=100)
    assert [len(shares(replace(plan, max_read_units_per_s=rate), timeout_s=900)) for rate in (300, 100, 60)] == [
        1,
        3,
        4,
    ]


def test_moments_keep_their_zone_through_json() -> None:
    part = through_json(part_of(World(), Share()))
    assert part.started_at == NOW
    assert part.started_at.utcoffset() == dt.timedelta(0)
