"""Lines of a load's log, in a time of its own: the numbers are worked out by hand."""

import datetime as dt
from dataclasses import replace

import pytest

from keyspaces_migration.backfill.money import spent_usd
from keyspaces_migration.backfill.progress import EVERY, Progress, Seen
from keyspaces_migration.capacity.wording import usd
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger.backfill_records import LoadMode
from keyspaces_migration.ledger.plan_records import PlannedTable

BEGAN = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
ON_DEMAND = PlannedTable(
    table="flights",
    order=LoadOrder.HISTORY_FIRST,
    mode=LoadMode.FULL,
    barrier_us=None,
    snapshot="S",
    watermark=None,
    rows=1_000_000,
    deleted=0,
    splits=50,
    row_bytes=100,
    write_units=1_000_000,
    units_per_s=4_000,
    capacity_units_per_s=4_000,
    is_on_demand=True,
    cost_usd=0.625,
)


def seen(after_s: float, *, rows: int, throttled: float = 0) -> Seen:
    """One worker of two: half of the rows are its own, at one unit each."""
    return Seen(
        at=BEGAN + after_s * SECOND,
        rows=rows,
        units=rows,
        own_units=rows / 2,
        own_throttled=throttled,
        allowed_units_per_s=2_000,
        took=after_s * SECOND,
    )


def progress(planned: PlannedTable | None = ON_DEMAND) -> Progress:
    return Progress("flights", planned_rows=1_000_000, planned=planned)


def test_a_line_tells_rows_rates_throttles_the_end_and_money() -> None:
    log = progress()
    log.line(seen(0, rows=0))
    assert log.line(seen(15, rows=60_000, throttled=300)) == (
        "flights: 60,000 of 1,000,000 rows (6%); 4,000 rows/s; this worker 2,000 of 2,000 write units/s allowed; "
        "0.99% throttled; ends in 4 min; 0.0375 USD of 0.6250 USD expected"
    )


def test_rates_are_those_of_the_last_minute_and_not_of_the_whole_load() -> None:
    log = progress()
    for minute in range(5):
        log.line(seen(60 * minute, rows=600 * minute))
    assert "10 rows/s" in log.line(seen(300, rows=3_000))
    assert "1,000 rows/s" in log.line(seen(360, rows=63_000))


def test_a_load_that_stands_still_has_no_end_in_sight() -> None:
    log = progress()
    log.line(seen(0, rows=100))
    line = log.line(seen(60, rows=100))
    assert "0 rows/s" in line
    assert "no end in sight" in line
    assert "ends in 0 s" in log.line(seen(75, rows=1_000_000))


@pytest.mark.parametrize(
    ("barrier_hours_ago", "says"),
    [(40, "ends in 60 min, 3.0 h before it must"), (44, "ends in 60 min, 60 min TOO LATE")],
    ids=["in time", "late"],
)
def test_beside_a_barrier_the_end_is_held_against_the_deadline(barrier_hours_ago: int, says: str) -> None:
    moment = BEGAN + 60 * SECOND - barrier_hours_ago * dt.timedelta(hours=1)
    log = progress(replace(ON_DEMAND, barrier_us=int(moment.timestamp()) * 1_000_000))
    log.line(seen(0, rows=100_000))
    assert says in log.line(seen(60, rows=100_000 + 900_000 // 61))


def test_the_first_line_has_no_rate_and_a_load_without_a_plan_no_money() -> None:
    assert progress(planned=None).line(seen(15, rows=10)) == "flights: 10 of 1,000,000 rows (0%)"


def test_a_line_is_due_every_fifteen_seconds_and_no_sooner() -> None:
    log, due = progress(), []
    for second in range(61):
        now = BEGAN + second * SECOND
        if log.is_due(now):
            due.append(second)
            log.line(seen(second, rows=second))
    assert due == [15, 30, 45, 60]
    assert EVERY.total_seconds() == 15


def test_provisioned_capacity_costs_by_the_hour_and_writes_on_demand_by_the_unit() -> None:
    hour = dt.timedelta(hours=1)
    assert spent_usd(ON_DEMAND, units=2_000_000, took=hour) == pytest.approx(1.25)
    provisioned = replace(ON_DEMAND, is_on_demand=False)
    assert spent_usd(provisioned, units=2_000_000, took=hour) == pytest.approx(4_000 * 0.00065)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.0000 USD"), (0.00002, "<0.0001 USD"), (0.0375, "0.0375 USD"), (1234.5, "1,234.50 USD")],
    ids=["nothing", "tiny", "small", "large"],
)
def test_a_little_money_is_not_nothing(amount: float, text: str) -> None:
    assert usd(amount) == text
