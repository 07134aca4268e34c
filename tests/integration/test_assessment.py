"""The assessment of a real Cassandra: a keyspace with whatever it lets one create, the sample's, none, and silence."""

from __future__ import annotations

import datetime as dt
import json
import time
from contextlib import contextmanager
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import TYPE_CHECKING, Any

import fakesnow
import pytest
import snowflake.connector
import yaml
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import RoundRobinPolicy
from cassandra.query import dict_factory, tuple_factory

from keyspaces_migration.assessment import (
    Assessment,
    EstimateRequest,
    HistoryReader,
    SampleSize,
    Severity,
    SourceKeyspaceNotFoundError,
    Verdict,
    as_json,
    assess,
    markdown,
)
from keyspaces_migration.assessment.driver import DriverQueries
from keyspaces_migration.assessment.errors import NoAnswerError, NotThereError
from keyspaces_migration.assessment.estimate.looked import shape_of_source
from keyspaces_migration.assessment.estimate.traffic import read_traffic
from keyspaces_migration.assessment.model import Column as SourceColumn
from keyspaces_migration.assessment.model import ColumnKind, Part
from keyspaces_migration.assessment.model import Table as SourceTable
from keyspaces_migration.capacity.load_cost import LoadBudget
from keyspaces_migration.capacity.sizes import row_size
from keyspaces_migration.cql.types import parse_type
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.data.history import load as load_history
from rehearsal.data.schema import KEYSPACE, MIGRATED, NOT_MIGRATED_AS_IT_STANDS, VIEW
from rehearsal.data.source import load as load_source
from rehearsal.data.tables import Sample
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import SecureNode

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
LONG_TABLE = "t" * 49
LONG_COLUMN = "c" * 49
EVERYTHING = (
    "CREATE TYPE everything.location (lat double, lon double)",
    "CREATE TYPE everything.place (name text, at frozen<location>)",
    """CREATE TABLE everything.events (
        id text, day date, at timeuuid, shared text static, note text, tags list<text>, kinds set<text>,
        nested map<text, frozen<list<frozen<map<text, int>>>>>, pair tuple<int, text>, embedding vector<float, 3>,
        took duration, place frozen<place>, open_place place, big varint,
        PRIMARY KEY ((id, day), at))
       WITH CLUSTERING ORDER BY (at DESC) AND comment = 'a | *b* `c`' AND default_time_to_live = 3600 AND cdc = true
        AND gc_grace_seconds = 60 AND speculative_retry = '50p' AND caching = {'keys': 'ALL', 'rows_per_partition': '9'}
        AND compaction = {'class': 'LeveledCompactionStrategy'}""",
    "CREATE INDEX events_note ON everything.events (note)",
    "CREATE INDEX events_tags ON everything.events (values(tags))",
    "CREATE INDEX events_embedding ON everything.events (embedding) USING 'sai'",
    """CREATE MATERIALIZED VIEW everything.by_note AS SELECT note, id, day, at, kinds FROM everything.events
        WHERE note IS NOT NULL AND id IS NOT NULL AND day IS NOT NULL AND at IS NOT NULL
        PRIMARY KEY (note, id, day, at)""",
    "CREATE TABLE everything.counts (id text PRIMARY KEY, clicks counter, views counter)",
    'CREATE TABLE everything."Quoted" ("Id" int PRIMARY KEY, "select" text, "a b" int, "pi|pe`" int)',
    f"CREATE TABLE everything.{LONG_TABLE} (id int PRIMARY KEY, {LONG_COLUMN} int)",
    "CREATE TABLE everything.compact (id int PRIMARY KEY, value int) WITH COMPACT STORAGE",
    "CREATE TABLE everything.list_key (ids frozen<list<int>> PRIMARY KEY, note text)",
    "CREATE TABLE everything.altered (id int PRIMARY KEY, kept int, gone int)",
    "ALTER TABLE everything.altered DROP gone",
    """CREATE FUNCTION everything.plus (a int, b int) RETURNS NULL ON NULL INPUT RETURNS int
        LANGUAGE java AS 'return a + b;'""",
    "CREATE AGGREGATE everything.total (int) SFUNC plus STYPE int INITCOND 0",
    "CREATE TABLE everything.plain (id int PRIMARY KEY, value int)",
)


@contextmanager
def connected(host: str, port: int, **more: Any) -> Iterator[Session]:
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.QUORUM,
        request_timeout=60,
        **({"row_factory": more.pop("row_factory")} if "row_factory" in more else {}),
    )
    cluster = Cluster(
        [host],
        port=port,
        protocol_version=5,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        **more,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with connected(cassandra_node.host, cassandra_node.port) as session:
        yield session


@contextmanager
def keyspace(session: Session, name: str, *statements: str) -> Iterator[str]:
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    session.execute(f"CREATE KEYSPACE {name} WITH {REPLICATION}")
    try:
        for statement in statements:
            session.execute(statement)
        yield name.strip('"')
    finally:
        session.execute(f"DROP KEYSPACE {name}")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Assessment:
    """Of a node of its own, as CDC and functions show only where the node has them switched on."""
    native, storage = free_ports(2)
    settings = NodeSettings(
        home=tmp_path_factory.mktemp("everything"),
        name="everything",
        native_port=native,
        storage_port=storage,
        overrides={"cdc_enabled": True, "user_defined_functions_enabled": True},
    )
    with (
        CassandraNode(settings) as node,
        connected(node.host, node.port) as session,
        keyspace(session, "everything", *EVERYTHING) as name,
    ):
        return assess(session, keyspace=name, history=None, now=NOW)


def rules_of(assessment: Assessment, table: str | None) -> set[str]:
    return {finding.rule.id for finding in assessment.findings if finding.hit.table == table}


def test_everything_that_can_be_created_is_found(everything: Assessment) -> None:
    assert rules_of(everything, "events") == {
        *("type-unsupported", "user-type", "secondary-index", "materialized-view", "default-ttl", "cdc"),
        *("list-column", "collection-column", "type-nested-for-provider", "varint-range", "tuple", "comment"),
        *("static-column", "key-of-any-length"),
    }
    assert rules_of(everything, "counts") == {"counter-table", "key-of-any-length"}
    assert rules_of(everything, "Quoted") == {"name-characters", "name-upper-case-column", "name-quoted"}
    assert rules_of(everything, LONG_TABLE) == {"name-too-long"}
    assert "compact-storage" in rules_of(everything, "compact")
    assert rules_of(everything, "list_key") == {
        "key-of-several-values",
        "frozen-collection",
        "type-nested-for-provider",
    }
    assert rules_of(everything, "altered") == {"dropped-column"}
    assert rules_of(everything, None) == {
        *("options-ignored", "replication", "user-defined-function", "user-defined-aggregate"),
    }


def test_a_table_with_nothing_against_it_has_no_finding_and_alone_is_drafted(everything: Assessment) -> None:
    assert rules_of(everything, "plain") == set()
    assert [table.name for table in everything.draft.tables] == ["altered", "plain"]
    assert everything.verdict is Verdict.BLOCKED


def test_what_was_found_names_index_view_column_and_option(everything: Assessment) -> None:
    found = {finding.rule.id: finding.hit.found for finding in everything.findings if finding.hit.table == "events"}
    indexes = [f.hit.found for f in everything.findings if f.rule.id == "secondary-index"]
    assert indexes == [
        "index events_embedding (sai) on embedding",
        "index events_note on note",
        "index events_tags on values(tags)",
    ]
    assert found["materialized-view"].startswith("materialized view by_note, PRIMARY KEY ((note), id, day, at), WHERE")
    assert found["default-ttl"] == "default_time_to_live = 3600 s"
    assert found["type-unsupported"].endswith("embedding vector<float, 3>, took duration")
    (options,) = [f.hit.found for f in everything.findings if f.rule.id == "options-ignored"]
    assert "caching = (keys ALL, rows_per_partition 9), compaction = (LeveledCompactionStrategy" in options
    assert "gc_grace_seconds = 60, speculative_retry = 50p" in options
    assert "plain" not in options


def test_the_cluster_is_described_and_everything_answered(everything: Assessment) -> None:
    cluster = everything.source.cluster
    assert cluster.version.startswith("5.0")
    assert cluster.partitioner.endswith("Murmur3Partitioner")
    assert [(node.address, node.data_center) for node in cluster.nodes] == [("127.0.0.1", "datacenter1")]
    assert everything.is_complete


def test_the_page_and_its_twin_tell_the_same(everything: Assessment) -> None:
    page, twin = markdown(everything), json.loads(as_json(everything))
    blockers = sum(finding["severity"] == "BLOCKER" for finding in twin["findings"])
    assert f"{blockers} blockers" in page
    assert twin["counts"]["BLOCKER"] == blockers == everything.counts[Severity.BLOCKER]
    for table in twin["keyspace"]["tables"]:
        assert f"### Table `{table['name']}`" in page
    (line,) = [line for line in page.splitlines() if "pi\\|pe" in line and line.startswith("| ")]
    assert line == "| pi\\|pe\\` | `int` | regular |"


def test_our_own_connections_are_told_from_another_client(session: Session, cassandra_node: CassandraNode) -> None:
    with connected(cassandra_node.host, cassandra_node.port) as other, keyspace(session, "watched"):
        other.execute("SELECT release_version FROM system.local")
        clients = assess(session, keyspace="watched", history=None, now=NOW).clients
    assert clients.unseen == ()
    (ours,) = [client for client in clients.clients if client.ours]
    assert ours.connections == 2  # the driver's control connection, and the pool's one
    assert ours.driver.startswith("Apache Cassandra Python Driver")
    assert sum(client.connections for client in clients.others) >= 2


def test_an_empty_keyspace_has_nothing_to_migrate(session: Session) -> None:
    with keyspace(session, "hollow") as name:
        found = assess(session, keyspace=name, history=None, now=NOW)
    assert found.verdict is Verdict.NOTHING_TO_MIGRATE
    assert "**Nothing to migrate.**" in markdown(found)
    assert yaml.safe_load(found.draft.yaml) == {"tables": {}}


def test_a_keyspace_whose_name_needs_quotes_is_assessed_by_its_stored_name(session: Session) -> None:
    with keyspace(session, '"Shop_1"', 'CREATE TABLE "Shop_1".events (id int PRIMARY KEY)') as name:
        found = assess(session, keyspace=name, history=None, now=NOW)
        with pytest.raises(SourceKeyspaceNotFoundError, match="'shop_1' is not on the source"):
            assess(session, keyspace="shop_1", history=None, now=NOW)
    assert [table.name for table in found.source.keyspace.tables] == ["events"]


@pytest.mark.parametrize("row_factory", [dict_factory, tuple_factory])
def test_the_sessions_row_factory_does_not_matter(
    cassandra_node: CassandraNode,
    session: Session,
    row_factory: Callable[..., Any],
) -> None:
    with (
        keyspace(session, "factories", "CREATE TABLE factories.events (id int PRIMARY KEY)") as name,
        connected(cassandra_node.host, cassandra_node.port, row_factory=row_factory) as other,
    ):
        found = assess(other, keyspace=name, history=None, now=NOW)
    assert found.is_complete
    assert found.verdict is Verdict.NOTHING_IN_THE_WAY


def test_a_table_of_another_version_and_a_node_that_left_are_told_apart(session: Session) -> None:
    queries = DriverQueries(session)
    with pytest.raises(NotThereError):
        queries.rows("SELECT * FROM system.no_such_table")
    with pytest.raises(NoAnswerError, match=r"192\.0\.2\.1:9042 has left"):
        queries.rows("SELECT * FROM system.local", node="192.0.2.1:9042")


def test_estimates_are_read_by_the_names_that_they_have(session: Session) -> None:
    # A node fills them half a minute after its start, and then every five: too long to wait for here.
    statement = "SELECT column_name FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s"
    names = {row["column_name"] for row in DriverQueries(session).rows(statement, ["system", "size_estimates"])}
    assert {"table_name", "partitions_count", "mean_partition_size"} <= names


def test_a_role_that_may_not_see_clients_makes_that_part_unseen(secure_cassandra_node: SecureNode) -> None:
    tls = SSLContext(PROTOCOL_TLS_CLIENT)
    tls.check_hostname = False
    tls.load_verify_locations(secure_cassandra_node.ca_file)
    place = secure_cassandra_node.host, secure_cassandra_node.port

    def user(name: str, password: str) -> dict[str, Any]:
        return {"ssl_context": tls, "auth_provider": PlainTextAuthProvider(name, password)}

    with connected(*place, **user(secure_cassandra_node.user, secure_cassandra_node.password)) as admin:
        admin.execute("CREATE ROLE IF NOT EXISTS looker WITH PASSWORD = 'looker' AND LOGIN = true")
        with (
            keyspace(admin, "guarded", "CREATE TABLE guarded.events (id int PRIMARY KEY)") as name,
            connected(*place, **user("looker", "looker")) as looker,
        ):
            found = assess(looker, keyspace=name, history=None, now=NOW)
    assert [table.name for table in found.source.keyspace.tables] == ["events"]
    assert Part.CLIENTS in {part.part for part in found.unseen}
    assert any("no SELECT permission" in part.why for part in found.unseen)
    assert not found.is_complete


@pytest.fixture(scope="module")
def patched() -> Iterator[None]:
    """Snowflake's connector reaches databases in this process; it can be patched once at a time."""
    with fakesnow.patch():
        yield


@pytest.fixture(scope="module")
def history(patched: None) -> HistoryReader:
    """The sample's history, by its shape: two versions of one flight, one deleted."""
    del patched
    versioned = "VERSION NUMBER(38,0), IS_DELETED BOOLEAN"
    cursor = snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC").cursor()
    flights = (
        "CARRIER TEXT, FLIGHT_DATE DATE, SCHED_DEP_TIME NUMBER(38,0), FLIGHT NUMBER(38,0), DEP_TIME NUMBER(38,0), "
        "DEP_DELAY NUMBER(38,0), ARR_TIME NUMBER(38,0), SCHED_ARR_TIME NUMBER(38,0), ARR_DELAY NUMBER(38,0), "
        "TAILNUM TEXT, ORIGIN TEXT, DEST TEXT, AIR_TIME NUMBER(38,0), DISTANCE NUMBER(38,0), "
        "TIME_HOUR TIMESTAMP_NTZ, NOTE TEXT"
    )
    cursor.execute(f"CREATE TABLE FLIGHTS ({flights}, {versioned})")
    cursor.execute(
        "INSERT INTO FLIGHTS (CARRIER, FLIGHT_DATE, SCHED_DEP_TIME, FLIGHT, VERSION, IS_DELETED) VALUES "
        "('UA', '2013-01-01', 515, 1545, 1, false), ('UA', '2013-01-01', 515, 1545, 2, true), "
        "('AA', '2013-01-01', 540, 1141, 1, false)",
    )
    return HistoryReader(
        cursor=cursor,
        database="analytics",
        schema="public",
        database_error=snowflake.connector.Error,
    )


def test_the_samples_schema_is_assessed_with_its_history(session: Session, history: HistoryReader) -> None:
    with keyspace(session, KEYSPACE, *MIGRATED, *NOT_MIGRATED_AS_IT_STANDS, VIEW) as name:
        found = assess(session, keyspace=name, history=history, now=NOW)
    assert [table.name for table in found.draft.tables] == ["departures", "flights_unarchived", "planes", "weather"]
    assert {each.table for each in found.draft.left_out} == {"airports", "departure_counts"}
    assert "secondary-index" in rules_of(found, "planes")
    assert "materialized-view" in rules_of(found, "flights_unarchived")
    flights = found.draft.value["tables"]["flights_unarchived"]
    assert flights["history"] == {
        "table": "ANALYTICS.PUBLIC.FLIGHTS",
        "version_column": "VERSION",
        "deleted_column": "IS_DELETED",
    }
    weather = found.draft.value["tables"]["weather"]["schema"]
    assert weather["clustering_keys"] == [{"time_hour": "DESC"}]
    of_flights = found.history.of("flights_unarchived") if found.history else None
    assert of_flights is not None
    assert of_flights.shape is not None
    assert (of_flights.shape.rows, of_flights.shape.keys, of_flights.shape.deleted_rows) == (3, 2, 1)
    assert not of_flights.missing
    assert not of_flights.mismatches
    assert "- `planes`: no table of this name in ANALYTICS.PUBLIC that this role may see" in markdown(found)


@pytest.fixture(scope="module")
def estimated(session: Session, patched: None) -> Iterator[tuple[Assessment, Sample]]:
    """The sample's first days on a real node, with their history, estimated from a sample of rows."""
    del patched
    sample = Sample(days=8)
    load_source(session, sample, progress=lambda _: None)
    cursor = snowflake.connector.connect(database="SAMPLED", schema="PUBLIC").cursor()
    load_history(cursor, sample, progress=lambda _: None)
    request = EstimateRequest(
        size=SampleSize(rows=1_500, windows=50),
        seed=20261126,
        budget=LoadBudget(write_units_per_s=4_000),
        region="us-east-1",
    )
    wait_until_counted(session)
    try:
        yield (
            assess(session, keyspace=KEYSPACE, history=reader(cursor, "SAMPLED"), now=NOW, request=request),
            sample,
        )
    finally:
        session.execute(f"DROP KEYSPACE {KEYSPACE}")


def wait_until_counted(session: Session) -> None:
    """Cassandra's rates move every five seconds."""
    deadline = time.monotonic() + 30
    while True:
        tables = read_traffic(DriverQueries(session), keyspace=KEYSPACE).tables
        if all(tables[name].writes_per_s for name in ("flights_unarchived", "departures", "planes", "weather")):
            return
        assert time.monotonic() < deadline, tables
        time.sleep(0.5)


def reader(cursor: Any, database: str) -> HistoryReader:
    error = snowflake.connector.Error
    return HistoryReader(cursor=cursor, database=database, schema="PUBLIC", database_error=error)


def test_a_large_table_is_sampled_and_its_rows_told_about_right(estimated: tuple[Assessment, Sample]) -> None:
    assessment, sample = estimated
    rows = {table.name: len(table.rows) for table in sample.tables()}
    assert assessment.estimate is not None
    found = {table.name: table.looked.sample for table in assessment.estimate.tables}
    flights, planes = found["flights_unarchived"], found["planes"]
    assert flights is not None
    assert not flights.is_whole
    assert flights.cut_windows == 0
    # The seed is fixed, so this is no game of chance; at 95 % one seed in twenty would do otherwise.
    assert flights.table_rows.lower <= rows["flights_unarchived"] <= flights.table_rows.upper
    assert planes is not None
    assert planes.table_rows.value > 0


def test_sampled_sizes_are_those_of_the_rows_themselves(estimated: tuple[Assessment, Sample]) -> None:
    """Of the whole weather table: each row that was generated, sized one by one."""
    assessment, sample = estimated
    assert assessment.estimate is not None
    (weather,) = (table for table in assessment.estimate.tables if table.name == "weather")
    (generated,) = (table for table in sample.tables() if table.name == "weather")
    assert weather.looked.sample is not None
    assert weather.looked.sample.is_whole
    assert weather.sizes is not None
    shape = shape_of_source(weather.looked.table, ())
    sizes = [row_size(dict(zip(generated.all_columns, row, strict=True)), shape) for row in generated.rows]
    assert weather.sizes.rows == len(sizes)
    assert weather.sizes.mean_bytes.value == pytest.approx(sum(size.throughput_bytes for size in sizes) / len(sizes))
    assert weather.sizes.max_bytes == max(size.throughput_bytes for size in sizes)


def test_every_type_of_the_sample_can_be_sized(estimated: tuple[Assessment, Sample]) -> None:
    assessment, _ = estimated
    assert assessment.estimate is not None
    assert {table.name for table in assessment.estimate.tables} == {
        *("flights_unarchived", "departures", "planes", "weather")
    }
    assert not [table.problems for table in assessment.estimate.tables if table.problems]


def test_the_load_is_what_the_node_counted_a_moment_ago(estimated: tuple[Assessment, Sample]) -> None:
    """The node was just filled, so writes show; a rate of five minutes can't be told from outside more exactly."""
    assessment, _ = estimated
    assert assessment.estimate is not None
    for table in assessment.estimate.tables:
        assert table.looked.traffic is not None
        assert table.looked.traffic.writes_per_s > 0, table.name
        assert table.work is not None
        assert table.work.has_versions


def test_the_histories_largest_partitions_are_those_of_the_data(estimated: tuple[Assessment, Sample]) -> None:
    assessment, sample = estimated
    assert assessment.history is not None
    (departures,) = (table for table in sample.tables() if table.name == "departures")
    found = assessment.history.of("departures")
    assert found is not None
    largest = found.widest.by_rows[0]
    sizes = {tuple(map(str, rows[0][:2])): len(rows) for rows in departures.partitions()}
    # The history has some keys more: those deleted since.
    assert sizes[largest.key] <= largest.count <= sizes[largest.key] + 5
    assert [each.count for each in found.widest.by_rows] == sorted(
        (each.count for each in found.widest.by_rows), reverse=True
    )


def test_the_last_days_writes_are_counted_where_a_column_tells_when(patched: None) -> None:
    del patched
    cursor = snowflake.connector.connect(database="SHOP", schema="PUBLIC").cursor()
    cursor.execute("CREATE TABLE EVENTS (ID TEXT, SEQ NUMBER(38,0), NOTE TEXT, UPDATED_AT TIMESTAMP_NTZ)")
    cursor.execute(
        "INSERT INTO EVENTS VALUES ('a', 1, 'x', '2026-11-01 00:00:00'), ('b', 1, 'x', '2026-11-25 13:00:00'), "
        "('b', 2, 'x', '2026-11-26 12:00:00'), ('c', 1, 'x', '2026-11-25 11:59:59')",
    )
    roles = {"id": ColumnKind.PARTITION_KEY, "seq": ColumnKind.CLUSTERING, "note": ColumnKind.REGULAR}
    columns = [
        SourceColumn(name=name, kind=kind, position=0, descending=False, type_text="text", type=parse_type("text"))
        for name, kind in roles.items()
    ]
    (found,) = reader(cursor, "SHOP").read([SourceTable(name="events", columns=tuple(columns))]).tables
    assert found.widest.written_by == "UPDATED_AT"
    assert [(each.key, each.count) for each in found.widest.by_last_day] == [(("b",), 2)]
    assert [(each.key, each.count) for each in found.widest.by_rows] == [(("b",), 2), (("a",), 1), (("c",), 1)]
    assert not found.unseen
