"""Backfills of real flights from the Snowflake stand-in into a real Cassandra: killed, beside dual writes, bad rows."""

from __future__ import annotations

import datetime as dt
import json
import random
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
import sqlalchemy as sa
from fakesnow import server as snowflake_stand_in  # the first call puts a module of that name in its place

from keyspaces_migration.backfill import (
    DeadlineError,
    DeletesNotAppliedError,
    History,
    Loading,
    LoggedDeletes,
    Pacing,
    PlanChangedError,
    PlanRefusedError,
    RefusalReason,
    SnapshotChangedError,
    StampChangedError,
    Target,
    TooManyDeadLettersError,
    apply_deletes,
    load_report,
    load_splits,
    plan_backfill,
    plan_report,
    require_planned,
    verify_counts,
)
from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.recorded import RecordedKey, RecordKind, RecordPlace, record
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import mutation_statement
from keyspaces_migration.dual_write.store import Store, StoreName
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.ledger.backfill_records import LoadMode
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.errors import LeaseLostError, PlanNotRecordedError
from keyspaces_migration.ledger.schema import backfill_splits
from keyspaces_migration.lifecycle import Stage
from rehearsal.data import history as sample_history
from rehearsal.data.schema import MIGRATED
from rehearsal.data.tables import Sample
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from keyspaces_migration.ledger.plan_records import LoadPlan
    from rehearsal.cassandra.node import CassandraNode

MIGRATION_FILE = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
DAG = "flights.historical_backfill"
NOW = dt.datetime.now(dt.UTC)
BARRIER_US = int(NOW.timestamp() - 60) * 1_000_000
PACING = Pacing(wait=lambda _: None, chance=lambda: 0.5)
ONE_REPLICA = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
SAMPLE = Sample(days=1)


@pytest.fixture(scope="module")
def snowflake_address() -> Iterator[dict[str, Any]]:
    with snowflake_stand_in() as address:
        yield address


@contextmanager
def connected(address: dict[str, Any]) -> Iterator[SnowflakeCursor]:
    """The real connector, on the stand-in."""
    with (
        closing(snowflake.connector.connect(**address, database="ANALYTICS", schema="PUBLIC")) as connection,
        connection.cursor() as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def cursor(snowflake_address: dict[str, Any]) -> Iterator[SnowflakeCursor]:
    """A cursor on a day of the sample."""
    with connected(snowflake_address) as opened:
        sample_history.load(opened, SAMPLE, progress=lambda _: None)
        yield opened


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with open_session(SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)) as opened:
        opened.execute(f"CREATE KEYSPACE flights WITH {ONE_REPLICA}")
        for statement in MIGRATED:
            opened.execute(statement)
        create_control_tables(opened, replication={"class": "SimpleStrategy", "replication_factor": 1})
        yield opened
        opened.execute("DROP KEYSPACE flights")
        opened.execute("DROP KEYSPACE keyspaces_migration")


@pytest.fixture
def migration() -> Migration:
    return load_migration(MIGRATION_FILE)


def only(migration: Migration, *tables: str, **changes: Mapping[str, Any]) -> Migration:
    """The migration with these tables, and with `changes` to their history."""
    content = json.loads(migration.canonical_json())
    content["tables"] = {name: content["tables"][name] for name in tables}
    for name, change in changes.items():
        content["tables"][name] |= change
    return Migration.from_canonical_json(json.dumps(content))


def named(migration: Migration, name: str) -> Migration:
    """The migration with the flights alone, under a name of its own, so that its log of deletes is its own too."""
    content = json.loads(only(migration, "flights_unarchived").canonical_json())
    return Migration.from_canonical_json(json.dumps(content | {"migration": name.replace("-", "_")}))


@dataclass
class World:
    """What a backfill touches."""

    cursor: SnowflakeCursor
    settings: SessionSettings
    session: Session
    ledger: BackfillLedger
    record_run: Callable[[str], None]

    @property
    def history(self) -> History:
        return History(self.cursor, snowflake.connector.Error)

    def plan(
        self,
        migration: Migration,
        run_id: str,
        *,
        barrier_us: int | None = None,
        rows_a_split: int = 200,
        dry_run: bool = False,
    ) -> Any:
        self.record_run(run_id)
        return plan_backfill(
            self.history,
            self.ledger,
            migration,
            dag_id=DAG,
            run_id=run_id,
            barrier_us=barrier_us,
            now=NOW,
            rows_a_split=rows_a_split,
            dry_run=dry_run,
        )

    def recorded(self, run_id: str) -> LoadPlan:
        return self.ledger.plan(dag_id=DAG, run_id=run_id)

    def loading(self, migration: Migration, worker: str = "slot-0", **changes: Any) -> Loading:
        return Loading(
            history=self.history,
            settings=self.settings,
            session=self.session,
            ledger=self.ledger,
            migration=migration,
            worker=worker,
            pacing=PACING,
            **{"clock": lambda: dt.datetime.now(dt.UTC), **changes},
        )

    def logged_deletes(
        self,
        migration: Migration,
        *,
        barrier_us: int = BARRIER_US,
        source_keyspace: str = "flights",
        now: dt.datetime | None = None,
    ) -> LoggedDeletes:
        content = json.loads(migration.canonical_json())
        content["source"]["keyspace"] = source_keyspace
        return LoggedDeletes(
            source=self.session,
            target=self.session,
            migration=Migration.from_canonical_json(json.dumps(content)),
            barrier_us=barrier_us,
            pacing=PACING,
            clock=lambda: now or dt.datetime.now(dt.UTC),
        )

    def load(self, migration: Migration, run_id: str, *, barrier_us: int | None = None) -> Any:
        return load_splits(self.loading(migration), dag_id=DAG, run_id=run_id, barrier_us=barrier_us)


@pytest.fixture
def world(
    cursor: SnowflakeCursor, cassandra_node: CassandraNode, session: Session, migration: Migration, tmp_path: Path
) -> World:
    for name in migration.tables:
        session.execute(f"TRUNCATE flights.{name}")
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    text = migration.canonical_json()

    def record(run_id: str) -> None:
        ledger.record_run(
            RunConfiguration(
                migration="flights",
                stage=Stage.HISTORICAL_BACKFILL,
                dag_id=DAG,
                run_id=run_id,
                digest=sha256(text.encode()).hexdigest(),
                canonical_json=text,
                recorded_at=NOW,
            )
        )

    settings = SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)
    return World(cursor=cursor, settings=settings, session=session, ledger=BackfillLedger(ledger), record_run=record)


def unique(name: str) -> str:
    """A run id that no other test's snapshot has."""
    return f"{name}-{random.SystemRandom().randrange(10**9)}"


def found(session: Session, table: Any) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """A table of the target, by key, as the sample's values are."""
    columns = ", ".join(table.all_columns)
    rows = (
        tuple(map(as_sample, row)) for row in session.execute(f"SELECT {columns} FROM flights.{table.name}")
    )  # our names
    return {row[: len(table.key)]: row for row in rows}


def as_sample(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC)
    if hasattr(value, "days_from_epoch"):
        return value.date()
    if type(value).__name__ == "SortedSet":
        return set(value)
    if type(value).__name__ == "OrderedMapSerializedKey":
        return dict(value)
    return value


def test_every_living_row_of_the_history_arrives_as_the_source_has_it(world: World, migration: Migration) -> None:
    run = unique("full")
    plan = world.plan(migration, run)
    summary = world.load(migration, run)
    for table in SAMPLE.tables():
        assert found(world.session, table) == {row[: len(table.key)]: row for row in table.rows}, table.name
    verified = verify_counts(world.session, world.ledger, migration, dag_id=DAG, run_id=run)
    rows = sum(len(table.rows) for table in SAMPLE.tables())
    assert verified.agrees, verified.summary()
    assert (plan.rows, summary.counts.written, verified.summary()["rows_backfilled"]) == (rows, rows, rows)
    assert sum(each.snapshot.deleted for each in plan.tables) > 0
    assert plan.summary()["needs_approval"] is True
    assert "flights_unarchived" in plan_report(plan)
    assert "The counts agree." in load_report(verified, {}, plan=world.recorded(run), finished_at=NOW)


def test_a_dry_run_shows_the_plan_and_leaves_neither_records_nor_snapshots(world: World, migration: Migration) -> None:
    run, weather = unique("dry"), only(migration, "weather")
    plan = world.plan(weather, run, dry_run=True)
    assert plan.rows == len(SAMPLE.weather.rows)
    assert world.ledger.tables(dag_id=DAG, run_id=run) == ()
    with pytest.raises(PlanNotRecordedError, match="dry_run off"):
        world.recorded(run)
    with pytest.raises(snowflake.connector.errors.ProgrammingError, match="does not exist"):
        world.cursor.execute(f"SELECT 1 FROM {plan.tables[0].snapshot.address}")
    again = world.plan(weather, unique("real"))
    assert (again.rows, again.cost_usd) == (plan.rows, plan.cost_usd)
    assert again.tables[0].mode is LoadMode.FULL


def test_a_plan_is_recorded_with_what_approvers_are_shown(world: World, migration: Migration) -> None:
    run, weather = unique("recorded"), only(migration, "weather")
    plan = world.plan(weather, run)
    recorded = require_planned(world.ledger, dag_id=DAG, run_id=run)
    assert recorded.cost_usd == plan.cost_usd > 0
    assert recorded.needs_approval is plan.needs_approval is (plan.cost_usd > 0.001)
    assert recorded.configuration == weather.digest
    (table,) = recorded.tables
    assert (table.rows, table.splits) == (plan.rows, len(plan.tables[0].splits))
    assert table.write_units == plan.rows  # each row takes less than 1 KB


def test_a_plan_made_again_over_a_snapshot_that_somebody_changed_is_refused(world: World, migration: Migration) -> None:
    run, weather = unique("replan"), only(migration, "weather")
    snapshot = world.plan(weather, run).tables[0].snapshot.address
    world.cursor.execute(f"DELETE FROM {snapshot} WHERE \"origin\" = 'EWR'")  # ours
    with pytest.raises(PlanChangedError, match="another plan for weather"):
        world.plan(weather, run)


@dataclass
class Ticking:
    """A clock that goes on by five seconds whenever it is looked at."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        self.now += dt.timedelta(seconds=5)
        return self.now


def test_the_log_says_how_it_goes_and_the_ledger_what_each_split_consumed(world: World, migration: Migration) -> None:
    run, flights, lines = unique("log"), only(migration, "flights_unarchived"), list[str]()
    rows = world.plan(flights, run, rows_a_split=100).rows
    loading = world.loading(flights, clock=Ticking(NOW), progress=lines.append, plan=world.recorded(run))
    done = load_splits(loading, dag_id=DAG, run_id=run, barrier_us=None)
    splits = [line for line in lines if "done in" in line]
    looks = [line for line in lines if "USD expected" in line]
    assert len(splits) == done.splits > 1
    assert f"flights_unarchived: {rows:,} of {rows:,} rows (100%)" in looks[-1]
    assert [line for line in looks[1:] if "of 4,000 write units/s allowed; 0.00% throttled; " not in line] == []
    assert [line for line in looks if "ends in" in line] != []
    (progress,) = world.ledger.progress(dag_id=DAG, run_id=run)
    assert (progress.usage.write_units, progress.usage.throttled_units) == (rows, 0)


def test_whoever_watches_is_told_of_each_split_before_it_and_after_it(world: World, migration: Migration) -> None:
    run, flights, told = unique("told"), only(migration, "flights_unarchived"), list[tuple[str, Any]]()
    rows = world.plan(flights, run, rows_a_split=100).rows
    loading = world.loading(
        flights,
        begun=lambda split: told.append(("begun", split)),
        finished=lambda loaded: told.append(("finished", loaded)),
    )
    done = load_splits(loading, dag_id=DAG, run_id=run, barrier_us=None)
    assert [word for word, _ in told] == ["begun", "finished"] * done.splits
    begun, finished = [each for _, each in told[::2]], [each for _, each in told[1::2]]
    assert [each.claimed.split.number for each in finished] == [each.split.number for each in begun]
    assert sum(each.counts.written for each in finished) == rows
    assert (
        sum(each.usage.write_units for each in finished),
        sum(each.usage.throttled_units for each in finished),
    ) == (rows, 0)


def test_two_slots_of_one_table_share_its_splits_and_repeat_none(
    world: World, migration: Migration, snowflake_address: dict[str, Any]
) -> None:
    run, flights = unique("slots"), only(migration, "flights_unarchived")
    plan = world.plan(flights, run, rows_a_split=50)
    others = {"slot-1": threading.Event(), "slot-2": threading.Event()}

    def load(slot: str) -> int:
        """Load with a connection of its own; after a split, wait until the other slot has done one too."""

        def after_split(_split: object) -> None:
            others[slot].set()
            assert all(event.wait(timeout=60) for event in others.values())

        with connected(snowflake_address) as cursor:
            history = History(cursor, snowflake.connector.Error)
            loading = replace(world.loading(flights, slot, after_split=after_split), history=history)
            return load_splits(loading, dag_id=DAG, run_id=run, barrier_us=None, table="flights_unarchived").splits

    with ThreadPoolExecutor(max_workers=2) as slots:
        done = list(slots.map(load, others))
    assert min(done) > 0
    assert sum(done) == len(plan.tables[0].splits)
    assert {attempt for _, attempt in attempts(world.ledger)} == {1}
    assert verify_counts(world.session, world.ledger, flights, dag_id=DAG, run_id=run).agrees


class Killed(BaseException):
    """Ends a worker where no `except Exception` can tidy up after it."""


@dataclass
class KilledAfter:
    """Lets so many splits end."""

    splits: int

    def __call__(self, _split: object) -> None:
        if self.splits == 0:
            raise Killed
        self.splits -= 1


def attempts(ledger: BackfillLedger) -> list[tuple[str, int]]:
    with ledger._ledger.reading() as connection:
        columns = (backfill_splits.c.state, backfill_splits.c.attempt)
        return [
            (row[0].value, row[1]) for row in connection.execute(sa.select(*columns).order_by(backfill_splits.c.id))
        ]


def test_a_load_killed_in_a_split_goes_on_there_and_repeats_no_finished_one(world: World, migration: Migration) -> None:
    run, flights = unique("killed"), only(migration, "flights_unarchived")
    plan = world.plan(flights, run, barrier_us=BARRIER_US)
    assert len(plan.tables[0].splits) > 3
    killed = world.loading(flights, after_split=KilledAfter(splits=2))
    with pytest.raises(Killed):
        load_splits(killed, dag_id=DAG, run_id=run, barrier_us=BARRIER_US)
    # The third split is written, but nobody recorded that.
    assert attempts(world.ledger)[:4] == [("done", 1), ("done", 1), ("claimed", 1), ("pending", 0)]
    again = world.load(flights, run, barrier_us=BARRIER_US)
    assert again.splits == len(plan.tables[0].splits) - 2
    assert attempts(world.ledger)[:4] == [("done", 1), ("done", 1), ("done", 2), ("done", 1)]
    assert all(state == "done" for state, _ in attempts(world.ledger))
    table = SAMPLE.flights_unarchived
    assert found(world.session, table) == {row[: len(table.key)]: row for row in table.rows}
    stamps = {row[0] for row in world.session.execute("SELECT WRITETIME(origin) FROM flights.flights_unarchived")}
    assert stamps == {BARRIER_US}
    unproven = verify_counts(world.session, world.ledger, flights, dag_id=DAG, run_id=run)
    assert "were not applied after its last split" in unproven.summary()["problems"][0]
    deletes = world.logged_deletes(flights)
    assert verify_counts(world.session, world.ledger, flights, dag_id=DAG, run_id=run, deletes=deletes).agrees


def test_a_plan_made_again_changes_nothing_and_another_barrier_is_refused(world: World, migration: Migration) -> None:
    run, weather = unique("again"), only(migration, "weather")
    first = world.plan(weather, run)
    second = world.plan(weather, run)
    assert first == second
    assert len(world.ledger.tables(dag_id=DAG, run_id=run)) == 1
    with pytest.raises(StampChangedError, match="Start a new run"):
        world.plan(weather, run, barrier_us=BARRIER_US)
    with pytest.raises(StampChangedError, match="Start a new run"):
        world.load(weather, run, barrier_us=BARRIER_US)
    assert world.session.execute("SELECT origin FROM flights.weather LIMIT 1").one() is None


def logged_delete(key: Mapping[str, Any], timestamp_us: int, *columns: str, kind: str = "DELETE_ROW") -> RecordedKey:
    return RecordedKey(
        table="flights_unarchived",
        kind=RecordKind("UPDATE" if columns else kind),
        mode=WriteMode.DUAL_SOURCE_LEADS,
        key=key,
        deleted_columns=columns,
        timestamp_us=timestamp_us,
        seq=uuid.uuid1(),
    )


def test_what_was_dual_written_wins_and_what_was_deleted_stays_deleted(world: World, migration: Migration) -> None:
    run, flights, table = unique("conflict"), only(migration, "flights_unarchived"), SAMPLE.flights_unarchived
    width = len(table.key)
    rows = {row[:width]: row for row in table.rows}
    updated, deleted, cleared, kept = list(rows)[:4]
    where = " AND ".join(f"{name} = %s" for name in table.key)
    later = BARRIER_US + 1_000_000
    update = f"UPDATE flights.flights_unarchived USING TIMESTAMP {later} SET dest = 'NEW' WHERE {where}"  # ours
    world.session.execute(update, updated)
    world.plan(flights, run, barrier_us=BARRIER_US)
    world.load(flights, run, barrier_us=BARRIER_US)
    logged = [
        logged_delete(dict(zip(table.key, deleted, strict=True)), later),
        logged_delete(dict(zip(table.key, cleared, strict=True)), BARRIER_US - 5, "tailnum"),
        logged_delete(dict(zip(table.key, kept, strict=True)), later, kind="INSERT"),
    ]
    target = Target(keyspace="flights", name=table.name, table=flights.tables[table.name])
    applied = apply_deletes(world.session, target, logged, barrier_us=BARRIER_US, pacing=PACING)
    assert applied.deletes == 2
    dest, tailnum = table.places(("dest", "tailnum"))
    expected = dict(rows)
    del expected[deleted]
    expected[updated] = tuple("NEW" if place == dest else value for place, value in enumerate(rows[updated]))
    expected[cleared] = tuple(None if place == tailnum else value for place, value in enumerate(rows[cleared]))
    assert found(world.session, table) == expected


def test_a_split_is_done_only_with_the_deletes_of_its_partitions(world: World, migration: Migration) -> None:
    run, flights, table = unique("logged"), named(migration, unique("m")), SAMPLE.flights_unarchived
    deleted, cleared, never, other = (dict(zip(table.key, row, strict=False)) for row in table.rows[:4])
    later = BARRIER_US + 1_000_000
    shape = TableShape.from_migration(table.name, flights.tables[table.name])
    store = Store(name=StoreName.SOURCE, session=world.session, keyspace="elsewhere")
    place = RecordPlace(migration=flights.name, writer_id="test")
    world.session.execute(f"CREATE KEYSPACE elsewhere WITH {ONE_REPLICA}")
    world.session.execute(MIGRATED[0].replace("flights.", "elsewhere."))

    def log(kind: MutationKind, key: Mapping[str, Any], **columns: None) -> None:
        mutation = Mutation(table=table.name, kind=kind, key=key, columns=columns, timestamp_us=later)
        record(store, mutation, shape=shape, mode=WriteMode.DUAL_SOURCE_LEADS, place=place)

    log(MutationKind.DELETE_ROW, deleted)
    # All its cells are null on the source, where only updates made it: there is no such row any more.
    log(MutationKind.UPDATE, cleared, tailnum=None)
    # Logged, but its writer was told that it failed: the source has the row.
    log(MutationKind.DELETE_ROW, never)
    log(MutationKind.UPDATE, other, tailnum=None)
    for row, tailnum in ((never, "N1"), (other, None)):
        insert = mutation_statement(
            "elsewhere",
            Mutation(
                table=table.name,
                kind=MutationKind.INSERT,
                key=row,
                columns={"tailnum": tailnum, "dest": "X"},
                timestamp_us=later - 5,
            ),
        )
        store.execute(insert)
    logged = world.logged_deletes(flights, source_keyspace="elsewhere")
    world.plan(flights, run, barrier_us=BARRIER_US)
    load_splits(world.loading(flights, deletes=logged), dag_id=DAG, run_id=run, barrier_us=BARRIER_US)
    expected = {row[: len(table.key)]: row for row in table.rows}
    del expected[tuple(deleted.values())], expected[tuple(cleared.values())]
    (place_of,) = table.places(("tailnum",))
    kept = expected[tuple(other.values())]
    expected[tuple(other.values())] = tuple(None if at == place_of else value for at, value in enumerate(kept))
    assert found(world.session, table) == expected
    # What is logged after the last split is applied at the end.
    log(MutationKind.DELETE_ROW, other)
    world.session.execute("DROP TABLE elsewhere.flights_unarchived")
    world.session.execute(MIGRATED[0].replace("flights.", "elsewhere."))
    verified = verify_counts(world.session, world.ledger, flights, dag_id=DAG, run_id=run, deletes=logged)
    world.session.execute("DROP KEYSPACE elsewhere")
    assert verified.agrees, verified.summary()
    assert verified.summary()["deletes_applied"] == 6
    assert tuple(other.values()) not in found(world.session, table)


def test_a_delete_that_the_target_refuses_gives_the_split_back(world: World, migration: Migration) -> None:
    run, flights = unique("refused"), named(migration, unique("m"))
    world.plan(flights, run, barrier_us=BARRIER_US)
    long_ago = world.logged_deletes(flights, now=NOW + dt.timedelta(hours=48))
    with pytest.raises(DeletesNotAppliedError, match=r"the barrier is 48\.0 h old"):
        load_splits(world.loading(flights, deletes=long_ago), dag_id=DAG, run_id=run, barrier_us=BARRIER_US)
    assert attempts(world.ledger)[0] == ("failed", 1)
    key = {"carrier": "x" * 70_000, "flight_date": dt.date(2013, 1, 1), "sched_dep_time": 1, "flight": 1}
    target = Target(keyspace="flights", name="flights_unarchived", table=flights.tables["flights_unarchived"])
    with pytest.raises(DeletesNotAppliedError, match="refuses a logged DELETE_ROW"):
        apply_deletes(world.session, target, [logged_delete(key, 5)], barrier_us=BARRIER_US, pacing=PACING)


def test_a_load_without_a_barrier_stays_below_any_and_ends_when_there_is_one(
    world: World, migration: Migration
) -> None:
    run, weather = unique("below"), only(migration, "weather")
    world.plan(weather, run, rows_a_split=30)
    began_us = int(dt.datetime.now(dt.UTC).timestamp() * 1e6)
    asked = iter([None, BARRIER_US])
    loading = world.loading(weather, barrier_now=lambda: next(asked))
    with pytest.raises(StampChangedError, match="Start a new run"):
        load_splits(loading, dag_id=DAG, run_id=run, barrier_us=None)
    assert [state for state, _ in attempts(world.ledger)][:2] == ["done", "pending"]
    stamps = [row[0] for row in world.session.execute("SELECT WRITETIME(temp) FROM flights.weather") if row[0]]
    # A barrier that is fixed while the split is written lies at most 60 s back, and clocks are up to 60 s apart.
    assert began_us - 121_000_000 < min(stamps) <= max(stamps) < began_us - 115_000_000


def test_rows_that_cannot_be_written_become_dead_letters_and_the_rest_is_loaded(
    world: World, migration: Migration
) -> None:
    run = unique("dead")
    world.cursor.execute("CREATE OR REPLACE TABLE WEATHER_BAD AS SELECT * FROM WEATHER")
    world.cursor.execute("INSERT INTO WEATHER_BAD (ORIGIN, TIME_HOUR, VERSION) VALUES (NULL, '2013-01-01', 1)")
    world.cursor.execute(
        "INSERT INTO WEATHER_BAD (ORIGIN, TIME_HOUR, WIND_DIR, VERSION) VALUES ('EWR', '2012-01-01', 3000000000, 1)"
    )
    long = "x" * 70_000  # the target itself refuses a key part of more than 65,535 bytes
    world.cursor.execute("INSERT INTO WEATHER_BAD (ORIGIN, TIME_HOUR, VERSION) VALUES (%s, '2013-01-01', 1)", (long,))
    history = {"table": "ANALYTICS.PUBLIC.WEATHER_BAD", "version_column": "VERSION", "deleted_column": "IS_DELETED"}
    weather = only(migration, "weather", weather={"history": history})
    world.plan(weather, run, rows_a_split=20)
    summary = world.load(weather, run)
    assert (summary.counts.written, summary.counts.dead) == (len(SAMPLE.weather.rows), 3)
    letters = world.ledger.dead_letters(dag_id=DAG, run_id=run)
    reasons = sorted((letter.reason, letter.key_json, letter.row_json) for letter in letters)
    assert "column origin: part of the key, and null" in reasons[0][0]
    assert "column wind_dir" in reasons[1][0]
    assert "32 bits" in reasons[1][0]
    assert '"origin": "EWR"' in reasons[1][1]
    assert '"wind_dir": 3000000000' in reasons[1][2]
    assert "the target refuses it" in reasons[2][0]
    assert len(reasons[2][2]) == 1024
    verified = verify_counts(world.session, world.ledger, weather, dag_id=DAG, run_id=run)
    assert verified.agrees, verified.summary()
    assert verified.summary()["dead"] == 3
    assert "32 bits" in load_report(verified, {"weather": letters}, plan=world.recorded(run), finished_at=NOW)


@pytest.mark.parametrize("mode", [LoadMode.DELTA, LoadMode.RELOAD])
def test_a_second_load_brings_what_changed_and_takes_away_what_is_gone(
    world: World, migration: Migration, *, mode: LoadMode
) -> None:
    """After the barrier only what changed is written; before it, as with no versions, everything again."""
    world.cursor.execute("CREATE OR REPLACE TABLE WEATHER_LIVE AS SELECT * FROM WEATHER")
    history = {"table": "ANALYTICS.PUBLIC.WEATHER_LIVE", "version_column": "VERSION", "deleted_column": "IS_DELETED"}
    weather = only(migration, "weather", weather={"history": history})
    first, second = unique("first"), unique("second")
    world.plan(weather, first)
    world.load(weather, first)
    table = SAMPLE.weather
    rows = {row[:2]: row for row in table.rows}
    changed, gone, *_ = rows
    values = ", ".join(f"'{moment.replace(tzinfo=None)}'::TIMESTAMP_NTZ" for _, moment in (changed, gone)).split(", ")
    insert = "INSERT INTO WEATHER_LIVE (ORIGIN, TIME_HOUR, TEMP, VERSION, IS_DELETED) "
    world.cursor.execute(f"{insert} SELECT '{changed[0]}', {values[0]}, 99.5, 3, FALSE")
    world.cursor.execute(f"{insert} SELECT '{gone[0]}', {values[1]}, NULL, 3, TRUE")
    # The barrier comes after the first load, whose writes it must beat.
    barrier_us = int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000) if mode is LoadMode.DELTA else None
    plan = world.plan(weather, second, barrier_us=barrier_us)
    assert plan.tables[0].mode is mode
    assert plan.tables[0].snapshot.deleted >= 1
    assert plan.rows == (2 if mode is LoadMode.DELTA else len(rows) + plan.tables[0].snapshot.deleted - 1)
    assert world.load(weather, second, barrier_us=barrier_us).counts.written == plan.rows
    expected = dict(rows)
    del expected[gone]
    expected[changed] = (*changed, 99.5, *(None for _ in table.columns[1:]))
    assert found(world.session, table) == expected
    deletes = None if barrier_us is None else world.logged_deletes(weather, barrier_us=barrier_us)
    verified = verify_counts(world.session, world.ledger, weather, dag_id=DAG, run_id=second, deletes=deletes)
    assert verified.agrees
    assert verified.tables[0].target_rows is None


def test_rows_get_their_remaining_time_to_live_and_expired_ones_are_skipped(world: World, migration: Migration) -> None:
    now = dt.datetime.now(dt.UTC)
    moments = {"dead": now - dt.timedelta(days=1), "living": now + dt.timedelta(hours=10), "late": None}
    world.cursor.execute(
        "CREATE OR REPLACE TABLE PLANES_TTL AS SELECT *, NULL::TIMESTAMP_NTZ AS EXPIRES_AT, "
        "NULL::TIMESTAMP_NTZ AS WRITTEN_AT FROM PLANES LIMIT 0"
    )
    for name, moment in moments.items():
        expiry = "NULL" if moment is None else f"'{moment.replace(tzinfo=None)}'"
        written = now.replace(tzinfo=None) - dt.timedelta(days=1)
        world.cursor.execute(
            f"INSERT INTO PLANES_TTL (TAILNUM, SEATS, VERSION, EXPIRES_AT, WRITTEN_AT) "
            f"SELECT '{name}', 4, 1, {expiry}, '{written}'"
        )
    history = {"table": "ANALYTICS.PUBLIC.PLANES_TTL", "version_column": "VERSION", "expiry_column": "EXPIRES_AT"}
    history["write_time_column"] = "WRITTEN_AT"
    planes = only(migration, "planes", planes={"history": history, "default_ttl": "P2D"})
    run = unique("ttl")
    world.plan(planes, run)
    counts = world.load(planes, run).counts
    assert (counts.rows_read, counts.written, counts.expired, counts.dead) == (3, 2, 1, 0)
    left = {row[0]: row[1] for row in world.session.execute("SELECT tailnum, TTL(seats) FROM flights.planes")}
    assert left.keys() == {"living", "late"}
    assert 10 * 3600 - 600 < left["living"] <= 10 * 3600
    assert 24 * 3600 - 600 < left["late"] <= 24 * 3600


@pytest.mark.parametrize("versioned", [True, False])
def test_keys_without_one_newest_row_refuse_the_table_until_it_is_put_right(
    world: World, migration: Migration, *, versioned: bool
) -> None:
    world.cursor.execute("CREATE OR REPLACE TABLE WEATHER_TIES AS SELECT * FROM WEATHER WHERE ORIGIN = 'EWR'")
    world.cursor.execute("INSERT INTO WEATHER_TIES SELECT * FROM WEATHER_TIES LIMIT 1")
    history = {"table": "ANALYTICS.PUBLIC.WEATHER_TIES"} | ({"version_column": "VERSION"} if versioned else {})
    weather, run = only(migration, "weather", weather={"history": history}), unique("ties")
    with pytest.raises(PlanRefusedError) as refused:
        world.plan(weather, run)
    reasons = [refusal.reason for refusal in refused.value.refusals]
    assert reasons == [RefusalReason.VERSIONS_TIE if versioned else RefusalReason.KEYS_REPEAT]
    assert world.ledger.tables(dag_id=DAG, run_id=run) == ()
    world.cursor.execute("CREATE OR REPLACE TABLE WEATHER_TIES AS SELECT * FROM WEATHER LIMIT 1")
    assert world.plan(weather, run).rows == 1


@dataclass
class Time:
    """A clock that only waiting moves."""

    now: dt.datetime
    waited: list[float] = field(default_factory=list)

    def __call__(self) -> dt.datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += dt.timedelta(seconds=seconds)


def test_a_dead_workers_split_is_loaded_by_another_once_its_lease_has_ended(world: World, migration: Migration) -> None:
    run, weather, time = unique("lease"), only(migration, "weather"), Time(NOW)
    world.plan(weather, run)
    lease = dt.timedelta(minutes=1)
    dead = world.ledger.claim(dag_id=DAG, run_id=run, worker="dead", now=NOW, lease=lease)
    assert dead is not None
    loading = replace(world.loading(weather), clock=time, pacing=replace(PACING, wait=time.wait), lease=lease)
    summary = load_splits(loading, dag_id=DAG, run_id=run, barrier_us=None)
    assert summary.counts.written == len(SAMPLE.weather.rows)
    assert sum(time.waited) > 60
    with pytest.raises(LeaseLostError):
        world.ledger.fail(dead, reason="back from the dead")


def test_a_load_that_would_end_too_late_writes_nothing_and_says_what_to_do(world: World, migration: Migration) -> None:
    run, weather = unique("late"), only(migration, "weather")
    long_ago_us = int((NOW - dt.timedelta(hours=43)).timestamp()) * 1_000_000
    world.plan(weather, run, barrier_us=long_ago_us)
    late = replace(world.loading(weather), clock=Time(NOW + dt.timedelta(hours=2)))
    with pytest.raises(DeadlineError, match="HISTORY_FIRST"):
        load_splits(late, dag_id=DAG, run_id=run, barrier_us=long_ago_us)
    assert attempts(world.ledger)[0] == ("pending", 0)
    assert world.session.execute("SELECT origin FROM flights.weather LIMIT 1").one() is None
    longer_ago_us = long_ago_us - 2 * 3600 * 1_000_000
    with pytest.raises(PlanRefusedError) as refused:
        world.plan(weather, unique("late"), barrier_us=longer_ago_us)
    assert [refusal.reason for refusal in refused.value.refusals] == [RefusalReason.BEYOND_DEADLINE]


def test_a_snapshot_that_somebody_changed_stops_the_load(world: World, migration: Migration) -> None:
    run, weather = unique("changed"), only(migration, "weather")
    snapshot = world.plan(weather, run).tables[0].snapshot.address
    world.cursor.execute(
        f'DELETE FROM {snapshot} WHERE "time_hour" = (SELECT MIN("time_hour") FROM {snapshot})'
    )  # ours
    with pytest.raises(SnapshotChangedError, match="Start a new run"):
        world.load(weather, run)
    assert "failed" in {state for state, _ in attempts(world.ledger)}
    verified = verify_counts(world.session, world.ledger, weather, dag_id=DAG, run_id=run)
    assert not verified.agrees
    assert "splits are not done" in verified.summary()["problems"][0]


def test_a_split_of_which_too_much_is_bad_is_no_success(world: World, migration: Migration) -> None:
    world.cursor.execute("CREATE OR REPLACE TABLE WEATHER_WRONG AS SELECT * FROM WEATHER")
    exchanged = {"wind_dir": "TEMP", "temp": "WIND_DIR"}
    history = {"table": "ANALYTICS.PUBLIC.WEATHER_WRONG", "columns": exchanged, "version_column": "VERSION"}
    weather, run = only(migration, "weather", weather={"history": history}), unique("wrong")
    world.plan(weather, run)
    loading = replace(world.loading(weather), max_dead_letters=10)
    with pytest.raises(TooManyDeadLettersError, match=r"column wind_dir.*is no int"):
        load_splits(loading, dag_id=DAG, run_id=run, barrier_us=None)
    assert world.ledger.dead_letters(dag_id=DAG, run_id=run) == ()


def test_one_row_that_the_target_refuses_costs_the_others_of_its_batch_nothing(
    world: World, migration: Migration
) -> None:
    """Cassandra refuses a time to live of more than 20 years, and with it all of a batch."""
    world.cursor.execute(
        "CREATE OR REPLACE TABLE WEATHER_EXPIRING AS SELECT *, "
        "CASE WHEN TIME_HOUR = (SELECT MIN(TIME_HOUR) FROM WEATHER) AND ORIGIN = 'EWR' "
        "THEN '2056-01-01'::TIMESTAMP_NTZ END AS EXPIRES_AT FROM WEATHER"
    )
    history = {"table": "ANALYTICS.PUBLIC.WEATHER_EXPIRING", "version_column": "VERSION", "expiry_column": "EXPIRES_AT"}
    weather, run = only(migration, "weather", weather={"history": history}), unique("batch")
    rows = world.plan(weather, run).rows
    counts = world.load(weather, run).counts
    assert (counts.rows_read, counts.written, counts.dead) == (rows, rows - 1, 1)
    (letter,) = world.ledger.dead_letters(dag_id=DAG, run_id=run)
    assert '"origin": "EWR"' in letter.key_json
    assert "ttl is too large" in letter.reason
    lasting = world.session.execute("SELECT TTL(temp) FROM flights.weather")
    assert {row[0] for row in lasting} == {None}
