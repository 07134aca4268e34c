"""The progress map of a load, its rate, forecast and money."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.backfill.deadline import end_by
from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, RoughProgress, SplitState, SplitUsage
from keyspaces_migration.status.loads import MOST_CELLS, cells_of, load_of
from tests.unit.keyspaces_migration.ledger.full_ledger import plan_of
from tests.unit.keyspaces_migration.status.a_ledger import BARRIER_US, NOW

DONE, PENDING, CLAIMED, FAILED = SplitState.DONE, SplitState.PENDING, SplitState.CLAIMED, SplitState.FAILED
TABLE = BackfillTable(
    dag_id="flights.historical_backfill",
    run_id="one",
    table_name="weather",
    snapshot="s",
    mode=LoadMode.FULL,
    barrier_us=BARRIER_US,
    rows=1000,
    deleted=0,
    watermark=None,
    snapshot_at=NOW,
    planned_at=NOW,
)
PLAN = plan_of(TABLE)


@given(st.lists(st.sampled_from(SplitState), max_size=3 * MOST_CELLS))
def test_the_map_covers_every_split_once_and_hides_no_failure(states: list[SplitState]) -> None:
    cells = cells_of(states)
    assert len(cells) <= MOST_CELLS
    covered = [number for cell in cells for number in range(cell.first, cell.last + 1)]
    assert covered == list(range(1, len(states) + 1))
    for cell in cells:
        within = states[cell.first - 1 : cell.last]
        assert (cell.state is FAILED) == (FAILED in within)
        assert (cell.state is DONE) == all(state is DONE for state in within)


def test_rate_end_and_money_follow_from_what_is_finished() -> None:
    began = NOW - timedelta(seconds=100)
    usage = SplitUsage(write_units=1_000_000)
    progress = RoughProgress(planned_rows=1000, rows_read=250, usage=usage, began_at=began, ended_at=NOW)
    load = load_of(PLAN, states={"weather": [DONE, CLAIMED]}, progress={"weather": progress}, approved_at=None, now=NOW)
    (table,) = load.tables
    assert table.rows_per_s == pytest.approx(2.5)
    assert table.ends_at == NOW + timedelta(seconds=300)
    assert table.cost_usd == pytest.approx(US_EAST_1.write_usd_per_million)
    assert table.splits == {PENDING: 0, CLAIMED: 1, DONE: 1, FAILED: 0}
    assert (load.must_end_by, table.finished_at) == (end_by(BARRIER_US), None)


def test_of_a_load_that_is_over_the_rate_stands_and_nothing_is_forecast() -> None:
    began, ended = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    progress = RoughProgress(planned_rows=1000, rows_read=1000, began_at=began, ended_at=ended)
    load = load_of(PLAN, states={"weather": [DONE]}, progress={"weather": progress}, approved_at=NOW, now=NOW)
    (table,) = load.tables
    assert table.rows_per_s == pytest.approx(1000 / 3600)
    assert (table.ends_at, table.finished_at) == (None, ended)


def test_before_anything_is_claimed_nothing_is_claimed_to_be_known() -> None:
    load = load_of(replace(PLAN, max_cost_usd=1), states={}, progress={}, approved_at=None, now=NOW)
    (table,) = load.tables
    assert (table.rows_per_s, table.ends_at, table.rows_done, table.cells) == (None, None, 0, ())
    assert load.needs_approval
