"""Pages of a plan and of a load, on figures that are worked out by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from keyspaces_migration.backfill.errors import Refusal, RefusalReason
from keyspaces_migration.backfill.letter_classes import letter_classes, shape_of
from keyspaces_migration.backfill.order_advice import order_advice
from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan, make_splits
from keyspaces_migration.backfill.plan_page import plan_report, refusal_report
from keyspaces_migration.backfill.recorded_plan import load_plan_of
from keyspaces_migration.backfill.report import load_facts, load_report
from keyspaces_migration.backfill.snapshot import Snapshot
from keyspaces_migration.backfill.verify import TableCounts, Verification
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger.backfill_records import (
    BackfillTable,
    DeadLetter,
    LoadMode,
    SplitCounts,
    SplitUsage,
    TableProgress,
)

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
BARRIER_US = int((NOW - 2 * HOUR).timestamp()) * 1_000_000
UNITS_AN_HOUR = 3_600_000


def a_table(name: str = "flights", *, hours: float = 1, **changes: Any) -> TablePlan:
    """A table that loads in so many hours, at 1,000 units a second."""
    units = int(hours * UNITS_AN_HOUR)
    snapshot = Snapshot(
        table=name,
        address=f'"A"."B"."{name}"',
        taken_at=NOW,
        deleted=7,
        repeated_keys=0,
        watermark="42",
        bucket_rows={0: units},
    )
    made = TablePlan(
        table=name,
        order=LoadOrder.HISTORY_FIRST,
        mode=LoadMode.FULL,
        barrier_us=None,
        snapshot=snapshot,
        splits=make_splits({0: units}, rows_a_split=units),
        tells_deleted=True,
        row_bytes=250,
        write_units=units,
        units_per_s=1_000,
        capacity_units_per_s=4_000,
        is_on_demand=True,
        has_unfrozen_lists=False,
        cost_usd=units / 1e6 * 0.625,
    )
    return replace(made, **changes)


def a_plan(*tables: TablePlan, max_cost_usd: float = 5) -> BackfillPlan:
    return BackfillPlan(
        migration="flights",
        dag_id="flights.historical_backfill",
        run_id="run-1",
        planned_at=NOW,
        budget_units_per_s=2_000,
        max_cost_usd=max_cost_usd,
        tables=tables or (a_table(),),
    )


def test_the_page_shows_rows_order_mode_capacity_time_and_money_of_each_table() -> None:
    page = plan_report(a_plan())
    assert "3,600,000 rows in 1 splits; 60 min at 2,000 write units a second; 2.25 USD for the writes" in page
    row = "| `flights` | HISTORY_FIRST | all | 3,600,000 | 7 | 250 | 1 | 3,600,000 | 1,000 of 4,000 on demand | 60 min "
    assert f"{row}| 2.25 USD |" in page
    assert "every living key of the snapshot" in page
    assert "newest version `42`" in page
    assert "There is none: dual writes have not begun" in page


@pytest.mark.parametrize(
    ("max_cost_usd", "says"),
    [(2.25, "so nobody has to approve it"), (2.24, "so it is loaded only with an approval")],
    ids=["within", "above"],
)
def test_the_page_says_whether_somebody_has_to_approve_it(max_cost_usd: float, says: str) -> None:
    assert says in plan_report(a_plan(max_cost_usd=max_cost_usd))


def test_a_dry_run_says_that_nothing_will_follow() -> None:
    assert "This was a dry run" in plan_report(a_plan(), dry_run=True)
    assert "dry run" not in plan_report(a_plan())


def test_beside_a_barrier_the_page_has_its_clock_with_forecast_and_margin() -> None:
    page = plan_report(a_plan(a_table(hours=22, barrier_us=BARRIER_US)))
    assert "| barrier | 2026-11-26 10:00:00 |" in page
    assert "| forecast end | 2026-11-27 10:00:00 | at the planned rate; **20.0 h of margin** |" in page
    assert "| at half the rate | 2026-11-28 08:00:00 | **too late** |" in page
    assert "| must end by | 2026-11-28 06:00:00 |" in page
    in_time = plan_report(a_plan(a_table(hours=2, barrier_us=BARRIER_US)))
    assert "| at half the rate | 2026-11-26 16:00:00 | in time |" in in_time


def test_a_history_that_names_no_deleted_rows_is_pointed_out() -> None:
    assert "its history has no deleted_column" in plan_report(a_plan(a_table(tells_deleted=False)))


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        ((a_table(hours=1),), "DUAL_WRITES_FIRST (the file says HISTORY_FIRST): with all tables it takes 60 min"),
        ((a_table(hours=23),), "HISTORY_FIRST (as the file says): all of it takes 23.0 h of the 44.0 h"),
        ((a_table(hours=45),), "HISTORY_FIRST (as the file says): all of it takes 45.0 h, and 44.0 h are allowed"),
        (
            (a_table(hours=20), a_table("b", hours=20), a_table("c", hours=20)),
            "HISTORY_FIRST (as the file says): alone it takes 20.0 h, but with the other tables under one budget 30.0",
        ),
        ((a_table(has_unfrozen_lists=True),), "HISTORY_FIRST (as the file says): it has lists that aren't frozen"),
        ((a_table(mode=LoadMode.DELTA, barrier_us=BARRIER_US),), "it was loaded before, so HISTORY_FIRST is decided"),
    ],
    ids=["in time", "thin", "late", "together", "lists", "delta"],
)
def test_an_order_is_recommended_with_the_reason(tables: tuple[TablePlan, ...], says: str) -> None:
    assert order_advice(a_plan(*tables))["flights"].startswith(says)


def test_tables_of_which_the_same_is_recommended_share_a_line() -> None:
    page = plan_report(a_plan(a_table(), a_table("b"), a_table("c", has_unfrozen_lists=True)))
    assert "- `flights`, `b`: DUAL_WRITES_FIRST" in page
    assert "- `c`: HISTORY_FIRST" in page


def test_every_refusal_of_every_table_is_on_one_page() -> None:
    refusals = [
        Refusal(table="planes", reason=RefusalReason.LIST_STAMPED_ALIKE, found="lists", advice="freeze them"),
        Refusal(table="weather", reason=RefusalReason.KEYS_REPEAT, found="5 keys", advice="name a version"),
    ]
    page = refusal_report(refusals, migration="flights", refused_at=NOW)
    assert "| `planes` | list_stamped_alike | lists | freeze them |" in page.replace("\\_", "_")
    assert "| `weather` | keys_repeat | 5 keys | name a version |" in page.replace("\\_", "_")
    assert "nothing was written" in page


def loaded(plan: BackfillPlan, *, target_rows: int | None = None, dead: int = 0) -> Verification:
    """The plan's one table, loaded in two hours, with a tenth of what was sent throttled."""
    (table,) = plan.tables
    rows = table.snapshot.rows
    recorded = BackfillTable(
        dag_id=plan.dag_id,
        run_id=plan.run_id,
        table_name=table.table,
        snapshot=table.snapshot.address,
        mode=table.mode,
        barrier_us=table.barrier_us,
        rows=rows,
        deleted=7,
        watermark="42",
        snapshot_at=NOW,
        planned_at=NOW,
    )
    progress = TableProgress(
        table=recorded,
        splits=1,
        done=1,
        failed=0,
        counts=SplitCounts(rows_read=rows, written=rows - dead, dead=dead),
        first_claimed_at=NOW,
        last_finished_at=NOW + 2 * HOUR,
        usage=SplitUsage(write_units=7_200_000, throttled_units=800_000),
    )
    # Beside dual writes, a load whose logged deletes were not applied does not agree.
    deletes = None if table.barrier_us is None else 0
    counts = TableCounts(progress=progress, target_rows=target_rows, deletes=deletes)
    return Verification(run_id=plan.run_id, tables=(counts,))


def test_the_load_report_holds_what_was_reached_against_what_was_planned() -> None:
    plan = a_plan()
    page = load_report(loaded(plan), {}, plan=load_plan_of(plan, configuration="c"), finished_at=NOW)
    assert "The counts agree." in page
    assert "| `flights` | 2.0 h | 60 min | 500 | 1,000 of 1,000 | 10.00% | 4.50 USD | 2.25 USD |" in page
    assert "could not be written" not in page


def test_the_load_report_has_dead_letters_by_kind_with_examples() -> None:
    plan = a_plan()
    letters = [
        DeadLetter(key_json=f'{{"k": {n}}}', reason=f"column temp: {n} does not fit in 32 bits", row_json="{}")
        for n in range(5)
    ]
    letters.append(DeadLetter(key_json='{"k": 9}', reason="column k: part of the key, and null", row_json="{}"))
    verification, recorded = loaded(plan, dead=6), load_plan_of(plan, configuration="c")
    page = load_report(verification, {"flights": letters}, plan=recorded, finished_at=NOW)
    assert "column temp: … does not fit in … bits | 5 |" in page
    assert "column k: part of the key, and null | 1 |" in page
    assert page.count("does not fit in 32 bits") == 3


def test_counts_that_differ_are_named() -> None:
    plan = a_plan()
    page = load_report(loaded(plan, target_rows=1), {}, plan=load_plan_of(plan, configuration="c"), finished_at=NOW)
    assert "**The counts do not agree.**" in page
    assert "3600000 rows were written, and the target has 1" in page


def test_a_table_none_of_whose_rows_could_be_written_does_not_agree() -> None:
    plan = a_plan()
    rows = plan.tables[0].snapshot.rows
    assert loaded(plan, dead=rows - 1).agrees
    nothing = loaded(plan, dead=rows)
    assert not nothing.agrees
    assert nothing.tables[0].problems == (f"none of its {rows} rows could be written; the dead letters say why",)


def test_the_assets_event_says_what_was_loaded_for_how_much() -> None:
    plan = a_plan(a_table(mode=LoadMode.RELOAD, barrier_us=BARRIER_US))
    facts = load_facts(loaded(plan), load_plan_of(plan, configuration="c"), finished_at=NOW)
    assert facts["agrees"] is True
    assert facts["modes"] == {"flights": "reload"}
    assert facts["barrier_us"] == BARRIER_US
    assert (facts["planned_usd"], facts["spent_usd"]) == (2.25, 4.5)
    assert facts["finished_at"] == "2026-11-26T12:00:00+00:00"
    before = a_plan()
    assert load_facts(loaded(before), load_plan_of(before, configuration="c"), finished_at=NOW)["barrier_us"] is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("column a: 3000000000 does not fit in 32 bits", "column a: -4.5e9 does not fit in 32 bits"),
        ("the target refuses it: 'x' (code 2200)", "the target refuses it: 'y' (code 17)"),
        (f"column a: {'x' * 50} is no date", f"column a: {'y' * 60} is no date"),
    ],
    ids=["numbers", "quoted", "long"],
)
def test_reasons_that_differ_in_values_alone_are_of_one_kind(one: str, other: str) -> None:
    assert shape_of(one) == shape_of(other)


def test_reasons_of_different_columns_are_of_different_kinds() -> None:
    letters = [
        DeadLetter(key_json="{}", reason=f"column {name}: 5 is no text", row_json="{}") for name in ("a1", "a2", "a2")
    ]
    assert [(each.shape, each.count) for each in letter_classes(letters)] == [
        ("column a2: … is no text", 2),
        ("column a1: … is no text", 1),
    ]
