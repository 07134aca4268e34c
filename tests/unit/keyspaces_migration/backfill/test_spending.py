"""What a load may spend, over a real ledger; money is worked out by hand from us-east-1's prices."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from keyspaces_migration.backfill.errors import OverBudgetError
from keyspaces_migration.backfill.spending import Spending
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger import ApprovalRecord, Ledger, RunConfiguration, open_ledger
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, PlannedSplit, SplitCounts, SplitUsage
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.plan_records import LoadPlan, PlannedTable
from keyspaces_migration.lifecycle import Stage
from tests.keyring import KEYRING

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RUN = {"dag_id": "flights.historical_backfill", "run_id": "one"}
SPLITS, ROWS = 4, 100
MILLION_USD, WCU_HOUR_USD = 0.625, 0.00065


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    made.record_run(
        RunConfiguration(
            migration="flights",
            stage=Stage.HISTORICAL_BACKFILL,
            **RUN,
            digest=sha256(b"{}").hexdigest(),
            canonical_json="{}",
            recorded_at=NOW,
        )
    )
    return made


def plan(ledger: Ledger, *tables: tuple[str, bool, float], max_cost_usd: float = 1.0) -> LoadPlan:
    """Record a plan of tables: name, whether it is on demand, and planned cost."""
    made = LoadPlan(
        migration="flights",
        configuration=sha256(b"{}").hexdigest(),
        **RUN,
        max_write_units_per_s=1_000,
        max_cost_usd=max_cost_usd,
        tables=tuple(planned(name, is_on_demand=od, cost_usd=usd) for name, od, usd in tables),
        planned_at=NOW,
    )
    backfills = BackfillLedger(ledger)
    splits = [
        PlannedSplit(number=number, of=SPLITS, first_bucket=number, end_bucket=number + 1, planned_rows=ROWS // SPLITS)
        for number in range(SPLITS)
    ]
    for each in made.tables:
        backfills.record_table(
            BackfillTable(
                **RUN,
                table_name=each.table,
                snapshot=each.snapshot,
                mode=each.mode,
                barrier_us=None,
                rows=ROWS,
                deleted=0,
                watermark=None,
                snapshot_at=NOW,
                planned_at=NOW,
            ),
            splits,
        )
    return backfills.record_plan(made)


def planned(table: str, *, is_on_demand: bool, cost_usd: float) -> PlannedTable:
    return PlannedTable(
        table=table,
        order=LoadOrder.HISTORY_FIRST,
        mode=LoadMode.FULL,
        barrier_us=None,
        snapshot=f'"{table}"',
        watermark=None,
        rows=ROWS,
        deleted=0,
        splits=SPLITS,
        row_bytes=100,
        write_units=1,
        units_per_s=1,
        capacity_units_per_s=1_000,
        is_on_demand=is_on_demand,
        cost_usd=cost_usd,
    )


def load_split(ledger: Ledger, table: str, *, units: int = 0, began: datetime, ended: datetime) -> None:
    backfills = BackfillLedger(ledger)
    claimed = backfills.claim(**RUN, worker="w", now=began, lease=HOUR, table=table)
    assert claimed is not None
    counts = SplitCounts(rows_read=ROWS // SPLITS, written=ROWS // SPLITS)
    backfills.finish(claimed, counts, dead_letters=(), now=ended, usage=SplitUsage(write_units=units))


def approve(ledger: Ledger, made: LoadPlan, *, at: datetime, digest: str = "") -> None:
    ledger.record_approval(
        ApprovalRecord(
            **RUN,
            task_id="load",
            evidence_digest=digest or made.digest,
            approved_by=("admin",),
            approved_at=at,
            verified_at=at,
        )
    )


def test_on_demand_a_load_has_spent_the_units_of_its_finished_splits(ledger: Ledger) -> None:
    spending = Spending(BackfillLedger(ledger), plan(ledger, ("a", True, 0.5), ("b", True, 0.5)))
    assert spending.spent_usd(now=NOW) == 0
    load_split(ledger, "a", units=600_000, began=NOW, ended=NOW + HOUR)
    load_split(ledger, "b", units=400_000, began=NOW, ended=NOW + HOUR)
    assert spending.spent_usd(now=NOW + 9 * HOUR) == pytest.approx(MILLION_USD)


def test_provisioned_a_load_has_spent_its_tables_capacity_while_they_were_loaded(ledger: Ledger) -> None:
    spending = Spending(BackfillLedger(ledger), plan(ledger, ("a", False, 0.5), ("b", False, 0.5)))
    for _ in range(SPLITS):
        load_split(ledger, "a", began=NOW, ended=NOW + 2 * HOUR)
    load_split(ledger, "b", began=NOW + HOUR, ended=NOW + 2 * HOUR)
    # a has ended after two hours, and b goes on since three.
    assert spending.spent_usd(now=NOW + 4 * HOUR) == pytest.approx((2 + 3) * 1_000 * WCU_HOUR_USD)


def test_without_an_approval_it_may_spend_what_the_file_says(ledger: Ledger) -> None:
    made = plan(ledger, ("a", True, 0.5))
    spending = Spending(BackfillLedger(ledger), made)
    approve(ledger, made, at=NOW, digest="e" * 64)
    assert spending.allowed_usd() == 1.0
    load_split(ledger, "a", units=1_600_000, began=NOW, ended=NOW)
    spending.check(now=NOW)
    load_split(ledger, "a", units=1, began=NOW, ended=NOW)
    assert spending.is_over(now=NOW)
    with pytest.raises(
        OverBudgetError, match=r"about 1\.00 USD so far, more than the 1\.00 USD .* clear approval_need"
    ):
        spending.check(now=NOW)


def test_an_approval_allows_the_planned_cost_and_a_fifth_more(ledger: Ledger) -> None:
    made = plan(ledger, ("a", True, 10.0))
    approve(ledger, made, at=NOW)
    assert Spending(BackfillLedger(ledger), made).allowed_usd() == pytest.approx(12)


def test_a_later_approval_allows_what_is_left_beside_what_was_spent(ledger: Ledger) -> None:
    made = plan(ledger, ("a", True, 10.0))
    spending = Spending(BackfillLedger(ledger), made)
    approve(ledger, made, at=NOW)
    load_split(ledger, "a", units=20_000_000, began=NOW, ended=NOW + HOUR)
    assert spending.is_over(now=NOW + HOUR)
    approve(ledger, made, at=NOW + 2 * HOUR)
    # What was spent by then, and three of four splits.
    assert spending.allowed_usd() == pytest.approx(12.5 + 1.2 * 7.5)
    load_split(ledger, "a", units=14_000_000, began=NOW + 3 * HOUR, ended=NOW + 4 * HOUR)
    spending.check(now=NOW + 4 * HOUR)
    load_split(ledger, "a", units=1_000_000, began=NOW + 4 * HOUR, ended=NOW + 5 * HOUR)
    assert spending.is_over(now=NOW + 5 * HOUR)


def test_provisioned_a_short_load_may_take_an_hour_longer_than_planned(ledger: Ledger) -> None:
    made = plan(ledger, ("a", False, 0.05), max_cost_usd=0.01)
    approve(ledger, made, at=NOW)
    spending = Spending(BackfillLedger(ledger), made)
    assert spending.allowed_usd() == pytest.approx(0.05 + 1_000 * WCU_HOUR_USD)
    load_split(ledger, "a", began=NOW, ended=NOW + HOUR)
    spending.check(now=NOW + HOUR)
    assert spending.is_over(now=NOW + 2 * HOUR)


def test_without_an_approval_provisioned_capacity_may_take_an_hour_longer_too(ledger: Ledger) -> None:
    """It is paid by the hour, used or not; a load of seconds must not stop for its first split."""
    spending = Spending(BackfillLedger(ledger), plan(ledger, ("a", False, 0.0005), max_cost_usd=0.001))
    load_split(ledger, "a", began=NOW, ended=NOW + HOUR / 2)
    spending.check(now=NOW + HOUR / 2)
    with pytest.raises(OverBudgetError):
        spending.check(now=NOW + 2 * HOUR)


def test_a_load_that_has_ended_is_never_over(ledger: Ledger) -> None:
    spending = Spending(BackfillLedger(ledger), plan(ledger, ("a", True, 0.5)))
    for _ in range(SPLITS):
        spending.check(now=NOW)
        load_split(ledger, "a", units=500_000, began=NOW, ended=NOW)
    assert spending.spent_usd(now=NOW) > spending.allowed_usd()
    spending.check(now=NOW)
    assert not spending.is_over(now=NOW)
