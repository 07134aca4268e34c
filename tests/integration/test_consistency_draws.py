"""The draws that start from the target, from the history's counts and versions, and the sweep: on real stores."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector

from keyspaces_migration.consistency.check import TableCheck, run_check
from keyspaces_migration.consistency.history import HistoryReader, HistoryRow
from keyspaces_migration.consistency.kinds import Draw, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.reading import StoreReader
from keyspaces_migration.consistency.recording import record_check, sweeps_go_on
from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.sweeps import SweepLedger
from keyspaces_migration.lifecycle import Stage
from tests.integration import test_consistency as whole
from tests.integration.test_consistency import EVERYTHING, FLIGHTS, KEY, ROWS, SHAPE
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.results import CheckResult
    from keyspaces_migration.consistency.units import SweepStart
    from keyspaces_migration.ledger import Ledger

session, stores, history = whole.session, whole.stores, whole.history

# The draw by key can't be left out: it looks at rows that the history knows, and sees nothing of what is planted here.
NOTHING = replace(EVERYTHING, windows=0, target_windows=0, widest_partitions=0, newest_writes=0)
ONLY_IN_TARGET = FLIGHTS[0] | {"origin": "ZRH"}
DELETED = FLIGHTS[0] | {"flight": 9_999}


def check(session: Session, history: Any, *, plan: CheckPlan, sweep: SweepStart | None = None) -> CheckResult:
    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    table = TableCheck(
        shape=SHAPE,
        plan=plan,
        source=StoreReader(session, store=Store.SOURCE, keyspace="ks_source", shape=SHAPE),
        target=StoreReader(session, store=Store.TARGET, keyspace="ks_target", shape=SHAPE),
        history=reader(history),
        settle=lambda _seconds: None,
        now=now,
        sweep=sweep,
    )
    return run_check([table], plan=plan, now=now)


def reader(history: Any) -> HistoryReader:
    return HistoryReader(history, shape=SHAPE, errors=(snowflake.connector.errors.Error,))


def put(session: Session, keyspace: str, row: dict[str, Any]) -> None:
    session.execute(
        f"INSERT INTO {keyspace}.departures ({', '.join(KEY)}, dest) VALUES (%s, %s, %s, %s, %s, 'XXX')",
        tuple(row[name] for name in KEY),
    )


def found(result: CheckResult) -> set[tuple[Draw, Store, MismatchKind, Any, Any]]:
    return {(m.draw, m.store, m.kind, m.key["origin"], m.key.get("flight")) for m in result.tables[0].mismatches}


def test_a_partition_that_only_the_target_has_is_seen_from_the_target_alone(stores: Session, history: Any) -> None:
    put(stores, "ks_target", ONLY_IN_TARGET)
    unseen = check(stores, history, plan=replace(EVERYTHING, target_windows=0))
    assert unseen.verdict is Verdict.PASS, unseen.sentence
    # One window as wide as the ring: 600 rows are few, and the planted partition may lie anywhere.
    seen = check(stores, history, plan=replace(NOTHING, target_windows=1))
    assert seen.verdict is Verdict.FAIL
    unexpected = (Draw.TARGET_WINDOWS, Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, "ZRH", FLIGHTS[0]["flight"])
    assert found(seen) == {unexpected}
    counts = seen.tables[0].counts.others[Draw.TARGET_WINDOWS]
    assert (counts.wanted, counts.compared, counts.mismatched, counts.rows) == (1, 1, 1, ROWS + 1)


def test_the_widest_partitions_are_those_with_the_most_living_rows(history: Any) -> None:
    living = Counter((row["origin"], row["flight_date"]) for row in FLIGHTS)
    widest = reader(history).widest(len(living) + 1)
    assert [(partition.key, partition.rows) for partition in widest] == living.most_common()
    assert reader(history).widest(1) == widest[:1]


def test_a_row_too_many_in_the_widest_partition_is_seen_whatever_the_seed(stores: Session, history: Any) -> None:
    (origin, day), rows = Counter((row["origin"], row["flight_date"]) for row in FLIGHTS).most_common(1)[0]
    put(stores, "ks_target", FLIGHTS[0] | {"origin": origin, "flight_date": day, "flight": 9_998})
    for seed in (1, 2):
        result = check(stores, history, plan=replace(NOTHING, seed=seed, widest_partitions=1))
        unexpected = (Draw.WIDEST_PARTITIONS, Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, origin, 9_998)
        assert found(result) == {unexpected}
        assert result.tables[0].counts.others[Draw.WIDEST_PARTITIONS].rows == rows + 1


@pytest.fixture
def deleted_last(history: Any) -> Iterator[Any]:
    """The history's newest version of all is the deletion of a row."""
    history.execute("UPDATE DEPARTURES SET VERSION = 9 WHERE FLIGHT = 9999 AND IS_DELETED")
    yield history
    history.execute("UPDATE DEPARTURES SET VERSION = 2 WHERE FLIGHT = 9999 AND IS_DELETED")


def test_the_newest_write_is_the_greatest_version_be_it_a_deletion(deleted_last: Any) -> None:
    newest = list(reader(deleted_last).newest(3))
    keys = [SHAPE.key_of(each.row) for each in newest if isinstance(each, HistoryRow)]
    by_key = sorted(tuple(row[name] for name in KEY) for row in FLIGHTS)
    assert keys == [tuple(DELETED[name] for name in KEY), *by_key[:2]]


def test_a_deleted_row_that_came_back_is_seen_among_the_newest_writes(stores: Session, deleted_last: Any) -> None:
    plan = replace(NOTHING, newest_writes=1)
    gone = check(stores, deleted_last, plan=plan)
    assert gone.verdict is Verdict.PASS, gone.sentence
    assert gone.tables[0].counts.others[Draw.NEWEST_WRITES].compared == 1
    put(stores, "ks_target", DELETED)
    back = check(stores, deleted_last, plan=plan)
    unexpected = (Draw.NEWEST_WRITES, Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, DELETED["origin"], 9_999)
    assert found(back) == {unexpected}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)


def swept(ledger: Ledger, session: Session, history: Any, *, run_id: str) -> CheckResult:
    """Sweep on from where the ledger says, and record it."""
    sweep = sweeps_go_on(ledger, "flights").get(SHAPE.name)
    result = check(session, history, plan=replace(NOTHING, sweep_rows=100, rows_of_range=20), sweep=sweep)
    dag_id = "flights.consistency_check"
    ledger.record_run(
        RunConfiguration(
            migration="flights",
            stage=Stage.CONSISTENCY_CHECK,
            dag_id=dag_id,
            run_id=run_id,
            digest="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            canonical_json="{}",
            recorded_at=result.started_at,
        )
    )
    record_check(ledger, result, dag_id=dag_id, run_id=run_id, attempt=1)
    return result


def test_sweeps_of_several_checks_see_each_row_once_and_what_only_the_target_has(
    ledger: Ledger, stores: Session, history: Any
) -> None:
    put(stores, "ks_target", ONLY_IN_TARGET)
    results: list[CheckResult] = []
    while not SweepLedger(ledger).completed("flights"):
        results.append(swept(ledger, stores, history, run_id=str(len(results))))
        assert len(results) < 30
    slices = [result.tables[0].sweep for result in results]
    assert all(slices)
    places = [(each.from_token, each.to_token) for each in slices if each]
    assert len(places) > 1
    assert [first for first, _ in places] == [FIRST_TOKEN, *(last for _, last in places[:-1])]
    assert places[-1][1] == LAST_TOKEN
    assert len({each.began_at for each in slices if each}) == 1
    assert sum(each.rows for each in slices if each) == ROWS + 1
    finds = [each for result in results for each in found(result)]
    unexpected = (Draw.SWEEP, Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, "ZRH", FLIGHTS[0]["flight"])
    assert finds == [unexpected]
    assert sweeps_go_on(ledger, "flights") == {}


def test_a_target_that_cannot_be_read_holds_the_sweep_at_its_place(
    ledger: Ledger, stores: Session, history: Any
) -> None:
    first = swept(ledger, stores, history, run_id="first").tables[0].sweep
    assert first is not None
    stores.execute("ALTER TABLE ks_target.departures RENAME flight TO flight_number")
    try:
        held = swept(ledger, stores, history, run_id="held")
    finally:
        stores.execute("ALTER TABLE ks_target.departures RENAME flight_number TO flight")
    assert held.verdict is Verdict.INCONCLUSIVE
    assert any(reason.startswith("target: InvalidRequest") for reason in held.tables[0].problems)
    assert sweeps_go_on(ledger, "flights")[SHAPE.name].place == first.to_token
    on = swept(ledger, stores, history, run_id="on").tables[0].sweep
    assert on is not None
    assert (on.from_token, on.began_at) == (first.to_token, first.began_at)
    assert on.to_token > first.to_token
