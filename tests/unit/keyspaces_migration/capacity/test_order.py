"""Hours and money of the load by hand, and the order that follows from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.capacity.load_cost import (
    BARRIER_HOURS,
    LoadBudget,
    LoadEstimate,
    TableWork,
    dual_writes_first,
    history_first,
    hours_together,
)
from keyspaces_migration.capacity.order import COMFORTABLE_HOURS, Recommendation, recommend
from keyspaces_migration.capacity.order_reason import OrderReason
from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.config.throughput import ThroughputMode

HOUR_UNITS = 3_600 * 1_000  # what an hour loads at 1,000 units a second
BUDGET = LoadBudget(write_units_per_s=1_000, hours_to_barrier=0)


def work(**changes: Any) -> TableWork:
    plain = TableWork(
        rows=10 * HOUR_UNITS,
        write_units_per_row=1,
        changed_rows_per_s=1,
        mode=ThroughputMode.PAY_PER_REQUEST,
        capacity_units_per_s=4_000,
        has_versions=True,
        has_unfrozen_lists=False,
    )
    return TableWork(**{**{name: getattr(plain, name) for name in plain.__dataclass_fields__}, **changes})


def of_hours(hours: float, **changes: Any) -> TableWork:
    return work(rows=int(hours * HOUR_UNITS), **changes)


def full(table: TableWork, budget: LoadBudget = BUDGET) -> LoadEstimate:
    return dual_writes_first(table, budget=budget, prices=US_EAST_1).at_barrier


def alone(table: TableWork, budget: LoadBudget = BUDGET) -> Recommendation:
    return recommend({"t": table}, budget=budget, prices=US_EAST_1).tables["t"]


def test_the_window_is_that_of_the_backfills_own_deadline() -> None:
    assert (BARRIER_HOURS, COMFORTABLE_HOURS) == (44, 22)


def test_a_load_on_demand_by_hand() -> None:
    found = full(work(rows=7_200_000, write_units_per_row=1.5, static_write_units=1_000_000))
    # 10.8 million and a million units, at 1,000 a second and 0.625 USD a million
    assert found.write_units == 11_800_000
    assert found.hours == pytest.approx(11_800 / 3_600)
    assert found.cost_usd == pytest.approx(11.8 * 0.625)


def test_a_load_of_provisioned_capacity_pays_for_all_of_it_while_it_lasts() -> None:
    found = full(of_hours(10, mode=ThroughputMode.PROVISIONED, capacity_units_per_s=2_000))
    assert found.hours == pytest.approx(10)
    assert found.cost_usd == pytest.approx(2_000 * 10 * 0.00065)


@pytest.mark.parametrize(
    ("table", "budget", "hours"),
    [
        (of_hours(10), BUDGET, 10),
        (of_hours(10), LoadBudget(write_units_per_s=2_000), 5),
        (of_hours(10, capacity_units_per_s=500), BUDGET, 20),
        (of_hours(10), LoadBudget(write_units_per_s=1_000, rows_per_s=250), 40),
        (of_hours(10, largest_partition_units=12 * HOUR_UNITS), LoadBudget(write_units_per_s=4_000), 12),
    ],
    ids=["budget", "twice the budget", "capacity", "workers", "largest partition"],
)
def test_the_slowest_part_says_how_long_a_load_takes(table: TableWork, budget: LoadBudget, hours: float) -> None:
    assert full(table, budget).hours == pytest.approx(hours)


def test_history_first_loads_all_and_at_the_barrier_what_changed_until_then() -> None:
    # 10 h of loading and 14 until the barrier, 100 rows changed a second: 8,640,000 rows, 2.4 h
    budget = LoadBudget(write_units_per_s=1_000, hours_to_barrier=14)
    found = history_first(of_hours(10, changed_rows_per_s=100), budget=budget, prices=US_EAST_1)
    assert found.before_barrier is not None
    assert found.before_barrier.hours == pytest.approx(10)
    assert found.at_barrier.rows == pytest.approx(8_640_000)
    assert found.at_barrier.hours == pytest.approx(2.4)
    assert found.hours == pytest.approx(12.4)
    assert found.cost_usd == pytest.approx((36 + 8.64) * 0.625)


def test_what_changes_while_other_tables_load_is_in_the_second_load_too() -> None:
    found = history_first(of_hours(10, changed_rows_per_s=100), budget=BUDGET, prices=US_EAST_1, full_hours=24)
    assert found.at_barrier.rows == pytest.approx(8_640_000)


def test_changed_rows_bring_static_data_of_at_most_their_partitions() -> None:
    few = history_first(of_hours(10, static_write_units=1_000), budget=BUDGET, prices=US_EAST_1).at_barrier
    assert few.write_units - few.rows == 1_000
    many = history_first(of_hours(10, static_write_units=1e9), budget=BUDGET, prices=US_EAST_1).at_barrier
    assert many.write_units == pytest.approx(2 * many.rows)


def test_the_largest_partition_has_its_share_of_what_changed() -> None:
    table = of_hours(4, largest_partition_units=2 * HOUR_UNITS, changed_rows_per_s=500)
    budget = LoadBudget(write_units_per_s=4_000, hours_to_barrier=0)
    found = history_first(table, budget=budget, prices=US_EAST_1)
    assert found.before_barrier is not None
    assert found.before_barrier.hours == pytest.approx(2)  # 1 h by the budget
    # 1 h of units changed, a quarter of the table: a quarter of the partition is 0.5 h, and by the budget 0.25 h
    assert found.at_barrier.hours == pytest.approx(0.5)


def test_without_versions_the_second_load_is_a_whole_one() -> None:
    found = history_first(of_hours(10, has_versions=False), budget=BUDGET, prices=US_EAST_1)
    assert found.at_barrier.rows == 10 * HOUR_UNITS + 10 * 3_600
    assert found.at_barrier.hours > 10


@pytest.mark.parametrize(
    ("table", "order", "reason"),
    [
        (of_hours(22), LoadOrder.DUAL_WRITES_FIRST, OrderReason.ONE_LOAD_IN_TIME),
        (of_hours(22.1), LoadOrder.HISTORY_FIRST, OrderReason.THIN_MARGIN),
        (of_hours(44), LoadOrder.HISTORY_FIRST, OrderReason.THIN_MARGIN),
        (of_hours(44.1), LoadOrder.HISTORY_FIRST, OrderReason.BEYOND_DEADLINE),
        (of_hours(400), LoadOrder.HISTORY_FIRST, OrderReason.BEYOND_DEADLINE),
        (of_hours(1, has_unfrozen_lists=True), LoadOrder.HISTORY_FIRST, OrderReason.UNFROZEN_LISTS),
        (of_hours(40, has_versions=False), LoadOrder.DUAL_WRITES_FIRST, OrderReason.SECOND_LOAD_NO_SMALLER),
        (of_hours(40, changed_rows_per_s=1_100), LoadOrder.DUAL_WRITES_FIRST, OrderReason.SECOND_LOAD_NO_SMALLER),
        (of_hours(45, has_versions=False), None, OrderReason.NEITHER_FITS),
        (of_hours(400, changed_rows_per_s=200), None, OrderReason.NEITHER_FITS),
        (of_hours(400, has_unfrozen_lists=True, changed_rows_per_s=200), None, OrderReason.UNFROZEN_LISTS_LATE),
    ],
)
def test_the_order_of_a_table_alone(table: TableWork, order: LoadOrder | None, reason: OrderReason) -> None:
    found = alone(table)
    assert (found.order, found.reason) == (order, reason)
    assert found.chosen is None if order is None else found.chosen is not None and found.chosen.order is order


def test_the_text_says_the_hours_it_rests_on() -> None:
    assert alone(of_hours(30, changed_rows_per_s=100)).text == (
        "all of it would take 30.0 h of the 44 h allowed at the barrier: too little room for a slower rate; "
        "what changed since loads in 3.0 h"
    )


@pytest.mark.parametrize("reason", OrderReason)
def test_every_reason_has_an_order_or_none_and_words(reason: OrderReason) -> None:
    text = reason.text(all_hours=1, second_hours=2, limit_hours=44)
    assert "{" not in text
    assert reason.order in {*LoadOrder, None}


def test_a_larger_budget_changes_the_order() -> None:
    table = of_hours(60)
    assert alone(table).order is LoadOrder.HISTORY_FIRST
    assert alone(table, LoadBudget(write_units_per_s=3_000)).order is LoadOrder.DUAL_WRITES_FIRST


def test_tables_share_the_window_and_the_smallest_are_moved_into_it_first() -> None:
    works = {"large": of_hours(15), "middle": of_hours(10), "small": of_hours(5)}
    found = recommend(works, budget=BUDGET, prices=US_EAST_1)
    assert {name: each.reason for name, each in found.tables.items()} == {
        "small": OrderReason.ONE_LOAD_IN_TIME,
        "middle": OrderReason.ONE_LOAD_IN_TIME,
        "large": OrderReason.SHARED_BUDGET,
    }
    # 5 h and 10 h, and of the large one what changed in the 30 h that all take before: 108,000 rows, 0.03 h
    assert found.hours_at_barrier == pytest.approx(15.03)
    assert found.ends_in_time


def test_tables_that_fit_alone_and_not_together_do_not_end_in_time() -> None:
    works = {name: of_hours(40, has_versions=False) for name in ("one", "other")}
    found = recommend(works, budget=BUDGET, prices=US_EAST_1)
    assert found.hours_at_barrier == pytest.approx(80)
    assert not found.ends_in_time


def test_a_table_with_unfrozen_lists_counts_with_its_second_load_even_where_that_is_larger() -> None:
    found = recommend({"t": of_hours(10, has_unfrozen_lists=True, has_versions=False)}, budget=BUDGET, prices=US_EAST_1)
    assert found.tables["t"].order is LoadOrder.HISTORY_FIRST
    assert found.hours_at_barrier == found.tables["t"].history_first.at_barrier.hours > 10


def test_a_table_without_an_order_keeps_the_migration_from_ending_in_time() -> None:
    found = recommend({"t": of_hours(45, has_versions=False)}, budget=BUDGET, prices=US_EAST_1)
    assert not found.ends_in_time


def test_loads_side_by_side_take_their_sum_under_the_budget_or_as_the_slowest() -> None:
    loads = {"a": full(of_hours(3)), "b": full(of_hours(4))}
    assert hours_together(loads, budget=BUDGET) == pytest.approx(7)
    assert hours_together({**loads, "c": full(of_hours(4, capacity_units_per_s=200))}, budget=BUDGET) == pytest.approx(
        20
    )
    few_workers = LoadBudget(write_units_per_s=1_000, rows_per_s=500)
    assert hours_together(loads, budget=few_workers) == pytest.approx(14)
    assert hours_together({}, budget=BUDGET) == 0


@given(
    hours=st.lists(st.floats(0.1, 100), min_size=1, max_size=6),
    changed=st.floats(0, 300),
    has_versions=st.booleans(),
)
def test_dual_writes_first_is_never_recommended_beyond_the_window(
    hours: list[float],
    changed: float,
    has_versions: bool,  # noqa: FBT001 # drawn
) -> None:
    works = {
        str(number): of_hours(each, changed_rows_per_s=changed, has_versions=has_versions)
        for number, each in enumerate(hours)
    }
    found = recommend(works, budget=BUDGET, prices=US_EAST_1)
    assert set(found.tables) == set(works)
    for each in found.tables.values():
        if each.order is not None:
            assert each.chosen is not None
            assert each.chosen.ends_in_time
        in_time = [name for name, one in found.tables.items() if one.reason is OrderReason.ONE_LOAD_IN_TIME]
    assert not in_time or found.hours_at_barrier <= COMFORTABLE_HOURS + 1e-9


@pytest.mark.parametrize("wrong", [{"write_units_per_s": 0}, {"rows_per_s": 0}, {"hours_to_barrier": -1}])
def test_an_impossible_budget_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        LoadBudget(**{"write_units_per_s": 1, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"rows": -1}, {"write_units_per_row": 0.9}, {"write_units_per_row": float("inf")}, {"capacity_units_per_s": 0}],
)
def test_impossible_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least 1 unit"):
        work(**wrong)
