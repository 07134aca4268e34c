"""More claimants than the database has connections, leases that end, and readers beside writers."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import Ledger, LedgerUnreachableError, database, open_ledger, schema
from keyspaces_migration.ledger.backfill_records import SplitCounts
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.chains import Chain, Chains
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.stacks import StackLease, StackLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from tests.keyring import KEYRING
from tests.postgresql import Postgresql, running
from tests.unit.keyspaces_migration.ledger.test_backfills import MINUTE, NOW, RUN, SPLITS, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.keyspaces_migration.ledger.conftest import NewRun

T = TypeVar("T")
COUNTS = SplitCounts(rows_read=10, written=10)


@dataclass(frozen=True)
class Crowd:
    """How many want a split at once: on PostgreSQL twice as many as its default of connections allows."""

    claimants: int
    splits: int


@pytest.fixture
def crowd(ledger: Ledger, new_run: NewRun) -> Crowd:
    is_sqlite = ledger.database.address.is_sqlite
    found = Crowd(claimants=24, splits=40) if is_sqlite else Crowd(claimants=200, splits=300)
    ledger.record_run(new_run(run_id="one", stage=Stage.HISTORICAL_BACKFILL))
    many = [replace(SPLITS[0], number=number, of=found.splits) for number in range(found.splits)]
    BackfillLedger(ledger).record_table(table(), many)
    return found


def of_all_at_once(claimants: int, act: Callable[[str], T]) -> list[T]:
    """What each of them got, all let loose together."""
    start = threading.Barrier(claimants)

    def wait_and_act(number: int) -> T:
        start.wait(60)
        return act(f"worker-{number}")

    with ThreadPoolExecutor(claimants) as pool:
        return list(pool.map(wait_and_act, range(claimants)))


def test_of_many_more_claimants_than_connections_none_fails_and_none_gets_anothers_split(
    ledger: Ledger, crowd: Crowd
) -> None:
    url = ledger.database.address.url

    def work(worker: str) -> list[int]:
        mine, taken = BackfillLedger(Ledger(url, keyring=KEYRING)), []
        while (split := mine.claim(**RUN, worker=worker, now=NOW, lease=MINUTE)) is not None:
            taken.append(split.split.number)
            mine.finish(split, COUNTS, dead_letters=(), now=NOW)
        return taken

    taken = of_all_at_once(crowd.claimants, work)
    assert Counter(number for each in taken for number in each) == Counter(range(crowd.splits))
    (progress,) = BackfillLedger(ledger).progress(**RUN)
    assert (progress.done, progress.counts.written) == (crowd.splits, 10 * crowd.splits)
    with ledger.database.reading() as connection:
        assert set(connection.scalars(sa.select(schema.backfill_splits.c.attempt))) == {1}


def test_what_the_dead_held_is_taken_over_once_each(ledger: Ledger, crowd: Crowd) -> None:
    backfills = BackfillLedger(ledger)
    held = 10
    for number in range(held):
        assert backfills.claim(**RUN, worker=f"dead-{number}", now=NOW, lease=MINUTE) is not None
    url, late = ledger.database.address.url, NOW + 2 * MINUTE

    def take_over(worker: str) -> tuple[int, int]:
        split = BackfillLedger(Ledger(url, keyring=KEYRING)).claim(**RUN, worker=worker, now=late, lease=MINUTE)
        assert split is not None
        return split.split.number, split.attempt

    claimants = min(crowd.claimants, crowd.splits)
    taken = of_all_at_once(claimants, take_over)
    assert Counter(number for number, _ in taken) == Counter({number: 1 for number, _ in taken})
    assert Counter(attempt for _, attempt in taken) == {2: held, 1: claimants - held}


@pytest.fixture
def small() -> Iterator[Postgresql]:
    with running("max_connections=5", "superuser_reserved_connections=0") as server:
        yield server


def test_whoever_finds_no_connection_waits_for_one(small: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(small.new_database(), keyring=KEYRING)
    engine = sa.create_engine(small.url, poolclass=sa.NullPool)
    others = [engine.connect() for _ in range(5)]
    refused = threading.Event()

    def wait(_low: float, _high: float) -> float:
        refused.set()
        return 0.01

    monkeypatch.setattr("keyspaces_migration.ledger.database.random.uniform", wait)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(ledger.milestones, "flights")
        assert refused.wait(30)
        assert not reading.done()
        others.pop().close()
        assert reading.result(timeout=30) == ()
    for other in others:
        other.close()


def test_a_server_that_stays_full_is_unreachable(small: Postgresql, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = open_ledger(small.new_database(), keyring=KEYRING)
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.3)
    engine = sa.create_engine(small.url, poolclass=sa.NullPool)
    others = [engine.connect() for _ in range(5)]
    with pytest.raises(LedgerUnreachableError, match=r"too many clients already.*max_connections"):
        ledger.milestones("flights")
    for other in others:
        other.close()


@pytest.fixture
def given_back(ledger: Ledger, new_run: NewRun) -> StackLease:
    """A lease that "a" holds."""
    run = ledger.record_run(new_run(stage=Stage.PROVISION))
    lease = StackLease(stack="s", holder="a", dag_id=run.dag_id, run_id=run.run_id, host="h")
    StackLedger(ledger).take(lease, now=NOW, term=MINUTE)
    return lease


def test_a_stack_that_is_being_given_back_is_waited_for_and_taken(ledger: Ledger, given_back: StackLease) -> None:
    """The holder's transaction is open while another asks."""
    lease = replace(given_back, holder="b")
    with ThreadPoolExecutor(1) as pool:
        with Ledger(ledger.database.address.url, keyring=KEYRING).database.writing() as connection:
            connection.execute(sa.delete(schema.stack_leases))
            taking = pool.submit(StackLedger(ledger).take, lease, now=NOW, term=MINUTE)
            assert not _ends_within(taking, seconds=1)
        assert taking.result(timeout=30) is None
    StackLedger(ledger).renew(lease, now=NOW, term=MINUTE)


def test_a_stack_that_was_given_back_since_it_was_found_taken_is_taken(
    ledger: Ledger, given_back: StackLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL alone: on SQLite a writer is alone."""
    lease, other = replace(given_back, holder="b"), StackLedger(Ledger(ledger.database.address.url, keyring=KEYRING))

    def insert_once_then_release(*given: Any, **named: Any) -> bool:
        inserted = insert_once(*given, **named)
        if not ledger.database.address.is_sqlite:
            monkeypatch.undo()
            other.release(given_back)
        return inserted

    if ledger.database.address.is_sqlite:
        other.release(given_back)
    monkeypatch.setattr("keyspaces_migration.ledger.stacks.insert_once", insert_once_then_release)
    assert StackLedger(ledger).take(lease, now=NOW, term=MINUTE) is None
    StackLedger(ledger).renew(lease, now=NOW, term=MINUTE)


def _ends_within(future: Future[Any], *, seconds: float) -> bool:
    try:
        future.result(timeout=seconds)
    except TimeoutError:
        return False
    return True


def test_a_reader_sees_records_and_their_count_of_one_moment(
    ledger: Ledger, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is added between its two looks must not seem to be missing."""
    run = ledger.record_run(new_run())
    other = Ledger(ledger.database.address.url, keyring=KEYRING)
    original = Chains._require_counted

    def add_first(self: Chains, connection: sa.Connection, chain: Chain, migration: str, found: int) -> None:
        monkeypatch.undo()
        other.add_milestone(Milestone.ASSESSED, dag_id=run.dag_id, run_id=run.run_id, reached_at=NOW)
        original(self, connection, chain, migration, found)

    monkeypatch.setattr(Chains, "_require_counted", add_first)
    assert ledger.milestones("flights") == ()
    assert len(ledger.milestones("flights")) == 1


def test_nothing_is_reached_between_a_starts_look_at_its_turn_and_its_record(
    ledger: Ledger, new_run: NewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ledger.record_run(new_run())
    other, original = Ledger(ledger.database.address.url, keyring=KEYRING), Chains._require_counted
    adding: list[Future[None]] = []

    def add_meanwhile(self: Chains, connection: sa.Connection, chain: Chain, migration: str, found: int) -> None:
        monkeypatch.undo()
        reached = {"dag_id": run.dag_id, "run_id": run.run_id}
        adding.append(pool.submit(other.add_milestone, Milestone.ASSESSED, **reached, reached_at=NOW))
        assert not _ends_within(adding[0], seconds=1)
        original(self, connection, chain, migration, found)

    monkeypatch.setattr(Chains, "_require_counted", add_meanwhile)
    with ThreadPoolExecutor(1) as pool:
        ledger.start_run(new_run(run_id="second"))
        adding[0].result(timeout=30)
    assert len(ledger.milestones("flights")) == 1


def test_a_judgement_of_several_reads_is_of_one_state(ledger: Ledger, new_run: NewRun) -> None:
    run = ledger.record_run(new_run())
    other = Ledger(ledger.database.address.url, keyring=KEYRING)
    with ledger.one_state():
        assert ledger.milestones("flights") == ()
        other.add_milestone(Milestone.ASSESSED, dag_id=run.dag_id, run_id=run.run_id, reached_at=NOW)
        assert ledger.milestones("flights") == ()
        assert BackfillLedger(ledger).tables(dag_id=run.dag_id, run_id=run.run_id) == ()
        assert len(other.milestones("flights")) == 1
    assert len(ledger.milestones("flights")) == 1


def test_those_who_append_to_one_migration_at_once_get_numbers_without_a_gap(ledger: Ledger, new_run: NewRun) -> None:
    url = ledger.database.address.url
    ledger.record_run(new_run(run_id="one", stage=Stage.HISTORICAL_BACKFILL))

    def append(worker: str) -> None:
        mine = Ledger(url, keyring=KEYRING)
        for milestone in (Milestone.ASSESSED, Milestone.PROVISIONED):
            run = mine.record_run(new_run(run_id=worker))
            mine.add_milestone(milestone, dag_id=run.dag_id, run_id=run.run_id, reached_at=NOW)

    of_all_at_once(12, append)
    assert len(ledger.milestones("flights")) == 24
