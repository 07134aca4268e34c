"""Plans and splits in the ledger: recorded once, claimed by one, done once."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import RunNotRecordedError, schema
from keyspaces_migration.ledger.alerts import AlertLedger, RoughLoad
from keyspaces_migration.ledger.backfill_records import BackfillTable, DeadLetter, LoadMode, PlannedSplit, SplitCounts
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.errors import LeaseLostError
from keyspaces_migration.lifecycle import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_migration.ledger import Ledger

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
DAG = "flights.historical_backfill"
COUNTS = SplitCounts(rows_read=10, written=7, expired=2, dead=1)
RUN = {"dag_id": DAG, "run_id": "one"}


def table(name: str = "weather", *, run_id: str = "one", **changes: Any) -> BackfillTable:
    made = BackfillTable(
        dag_id=DAG,
        run_id=run_id,
        table_name=name,
        snapshot='"A"."B"."S"',
        mode=LoadMode.FULL,
        barrier_us=None,
        rows=20,
        deleted=1,
        watermark="2",
        snapshot_at=NOW,
        planned_at=NOW,
    )
    return replace(made, **changes)


SPLITS = tuple(
    PlannedSplit(number=number, of=2, first_bucket=number * 2048, end_bucket=(number + 1) * 2048, planned_rows=10)
    for number in range(2)
)


@pytest.fixture
def backfills(ledger: Ledger, new_run: Callable[..., Any]) -> BackfillLedger:
    for run_id in ("one", "two"):
        ledger.record_run(new_run(run_id=run_id, stage=Stage.HISTORICAL_BACKFILL))
    return BackfillLedger(ledger)


def claim(backfills: BackfillLedger, worker: str, *, now: dt.datetime = NOW) -> Any:
    return backfills.claim(**RUN, worker=worker, now=now, lease=MINUTE)


def test_a_plan_is_recorded_once_and_a_retry_finds_the_first(backfills: BackfillLedger) -> None:
    assert backfills.record_table(table(), SPLITS) == table()
    assert backfills.record_table(table(rows=99), SPLITS[:1]) == table()
    assert backfills.tables(**RUN) == (table(),)
    assert backfills.splits(**RUN, table="weather") == SPLITS


def test_a_plan_of_a_run_that_nobody_recorded_is_refused(backfills: BackfillLedger) -> None:
    with pytest.raises(RunNotRecordedError):
        backfills.record_table(table(run_id="nobody"), SPLITS)


def test_a_split_has_one_worker_until_its_lease_ends(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS)
    first, second = claim(backfills, "a"), claim(backfills, "b")
    assert (first.split, second.split) == SPLITS
    assert claim(backfills, "c", now=NOW + MINUTE) is None
    backfills.renew(second, now=NOW + MINUTE, lease=MINUTE)
    late = NOW + MINUTE + dt.timedelta(seconds=1)
    taken = claim(backfills, "c", now=late)
    assert (taken.split, taken.attempt) == (SPLITS[0], 2)
    acts: list[Callable[[], None]] = [
        lambda: backfills.finish(first, COUNTS, dead_letters=(), now=late),
        lambda: backfills.renew(first, now=late, lease=MINUTE),
        lambda: backfills.fail(first, reason="slow"),
    ]
    for act in acts:
        with pytest.raises(LeaseLostError, match=r"Split 0 of 2 of weather is no longer a's \(attempt 1\)"):
            act()
    backfills.finish(taken, COUNTS, dead_letters=(), now=late)
    backfills.finish(second, COUNTS, dead_letters=(), now=late)
    assert claim(backfills, "c", now=NOW + 99 * MINUTE) is None
    assert backfills.unfinished(**RUN) == 0


def test_a_worker_that_is_started_again_gets_its_split_back_at_once(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS)
    before, after = claim(backfills, "a"), claim(backfills, "a")
    assert (after.split, after.attempt) == (before.split, 2)
    with pytest.raises(LeaseLostError):
        backfills.finish(before, COUNTS, dead_letters=(), now=NOW)


def test_a_failed_split_may_be_claimed_again(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS[:1])
    backfills.fail(claim(backfills, "a"), reason="TargetOverloadedError: throttled")
    assert backfills.progress(**RUN)[0].failed == 1
    assert claim(backfills, "b").attempt == 2


def test_why_a_split_failed_stays_to_be_read_until_it_is_done(backfills: BackfillLedger, ledger: Ledger) -> None:
    def reason() -> str | None:
        with ledger.reading() as connection:
            found: str | None = connection.scalar(sa.select(schema.backfill_splits.c.reason))
            return found

    backfills.record_table(table(), SPLITS[:1])
    backfills.fail(claim(backfills, "a"), reason="HistoryUnusableError: gone")
    again = claim(backfills, "b")
    assert reason() == "HistoryUnusableError: gone"
    backfills.finish(again, COUNTS, dead_letters=(), now=NOW)
    assert reason() is None


def test_many_that_claim_at_once_get_each_split_once(backfills: BackfillLedger) -> None:
    many = tuple(replace(SPLITS[0], number=number, of=12) for number in range(12))
    backfills.record_table(table(), many)

    def work(worker: str) -> list[int]:
        taken = []
        while (split := claim(backfills, worker)) is not None:
            taken.append(split.split.number)
            backfills.finish(split, COUNTS, dead_letters=(), now=NOW)
        return taken

    with ThreadPoolExecutor(4) as pool:
        taken = [number for each in pool.map(work, "abcd") for number in each]
    assert sorted(taken) == list(range(12))


def test_progress_sums_what_is_done_table_by_table(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS)
    backfills.record_table(table("planes", barrier_us=2**60), SPLITS[:1])
    letter = DeadLetter(key_json='{"origin": "ŌSA"}', reason="column temp: 1 is no text", row_json="{}")
    backfills.finish(claim(backfills, "a"), COUNTS, dead_letters=[letter], now=NOW)
    weather, planes = backfills.progress(**RUN)
    assert (weather.table, weather.splits, weather.done, weather.counts) == (table(), 2, 1, COUNTS)
    assert weather.first_claimed_at == NOW
    assert not weather.is_complete
    assert (planes.table.barrier_us, planes.done, planes.first_claimed_at) == (2**60, 0, None)
    assert backfills.dead_letters(**RUN) == (letter,)
    assert backfills.dead_letters(**RUN, table="planes") == ()
    assert backfills.unfinished(**RUN) == 2


def test_counts_that_lose_a_row_are_refused_by_the_database(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS)
    claimed = claim(backfills, "a")
    with pytest.raises(sa.exc.IntegrityError):
        backfills.finish(claimed, SplitCounts(rows_read=10, written=9), dead_letters=(), now=NOW)


def test_only_a_finished_full_load_before_the_barrier_is_a_base_for_a_delta(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS[:1])
    assert backfills.latest_whole("flights", "weather") is None
    backfills.finish(claim(backfills, "a"), COUNTS, dead_letters=(), now=NOW)
    assert backfills.latest_whole("flights", "weather") == table()
    backfills.record_table(table(run_id="two", barrier_us=1, mode=LoadMode.DELTA), SPLITS[:1])
    found = backfills.claim(dag_id=DAG, run_id="two", worker="a", now=NOW, lease=MINUTE)
    assert found is not None
    backfills.finish(found, COUNTS, dead_letters=(), now=NOW)
    assert backfills.latest_whole("flights", "weather") == table()
    assert backfills.latest_whole("flights", "planes") is None
    assert backfills.latest_whole("other", "weather") is None


def test_a_table_is_loaded_before_once_another_run_began_to(backfills: BackfillLedger) -> None:
    backfills.record_table(table(), SPLITS)
    assert not backfills.is_loaded_before("flights", "weather", run_id="two")
    claim(backfills, "a")
    assert backfills.is_loaded_before("flights", "weather", run_id="two")
    assert not backfills.is_loaded_before("flights", "weather", run_id="one")
    assert not backfills.is_loaded_before("flights", "planes", run_id="two")
    assert not backfills.is_loaded_before("other", "weather", run_id="two")


def test_the_newest_load_under_a_barrier_is_summed_with_its_times_and_letters(
    ledger: Ledger, backfills: BackfillLedger
) -> None:
    alerts = AlertLedger(ledger)
    backfills.record_table(table(barrier_us=17), SPLITS)
    backfills.record_table(table("planes", barrier_us=17, rows=5), ())
    assert alerts.load_under(17, migration="flights") == RoughLoad(
        planned_rows=25, done_rows=0, began_at=None, last_finished_at=None
    )
    letter = DeadLetter(key_json="{}", reason="too large", row_json="{}")
    backfills.finish(claim(backfills, "a"), COUNTS, dead_letters=[letter, letter], now=NOW + MINUTE)
    assert alerts.load_under(17, migration="flights") == RoughLoad(
        planned_rows=25, done_rows=10, began_at=NOW, last_finished_at=NOW + MINUTE
    )
    assert alerts.load_under(18, migration="flights") is None
    assert alerts.load_under(17, migration="trains") is None
    assert alerts.letters_since(NOW + MINUTE, migration="flights") == 2
    assert alerts.letters_since(NOW + 2 * MINUTE, migration="flights") == 0
    assert alerts.letters_since(NOW, migration="trains") == 0
    backfills.record_table(table(run_id="two", barrier_us=17, rows=7), ())
    newest = alerts.load_under(17, migration="flights")
    assert newest is not None
    assert newest.planned_rows == 7
