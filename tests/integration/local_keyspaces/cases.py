"""For each rule: what breaks it, and a neighbour just inside the limit."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from cassandra import ConsistencyLevel
from cassandra.query import BatchStatement, BatchType, SimpleStatement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

HOUR_US = 3600 * 10**6
MINUTE_US = 60 * 10**6
MEGABYTE = 2**20
NUMBERS = count(1)

SCHEMA = (
    "CREATE KEYSPACE rules WITH replication = {'class': 'SingleRegionStrategy'}",
    "CREATE TABLE rules.plain (k int, c int, v text, n int, fixed text STATIC, PRIMARY KEY (k, c))",
    """CREATE TABLE rules.stamped (k int PRIMARY KEY, v text)
    WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}}""",
    "CREATE TABLE rules.living (k int PRIMARY KEY, v text) WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}",
    "CREATE TABLE rules.texts (k text, c text, v text, PRIMARY KEY (k, c))",
    "CREATE TABLE rules.counters (k int PRIMARY KEY, n counter)",
    "CREATE TABLE rules.ddl (k int, c int, v text, w text, PRIMARY KEY (k, c))",
    "CREATE TYPE rules.pair (a int, b int)",
    f"""CREATE TABLE rules.wide (k int PRIMARY KEY, {", ".join(f"c{i} int" for i in range(230))})
    WITH CUSTOM_PROPERTIES = {{'ttl': {{'status': 'enabled'}}}}""",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a rule refuses.

    Attributes:
        refused: Each is refused while the rule is on, and not by us while it is off.
        allowed: Each passes while the rule is on.
        message: Part of the refusal.
    """

    rule: str
    message: str
    refused: tuple[Any, ...]
    allowed: tuple[Any, ...] = field(default=())


def run(session: Session, action: Any) -> Any:
    return session.execute(action) if isinstance(action, str) else action(session)


def at(level: int, cql: str) -> Callable[[Session], Any]:
    return lambda session: session.execute(SimpleStatement(cql, consistency_level=level))


def text_batch(kind: str, *statements: str, head: str = "") -> str:
    return f"BEGIN {kind} BATCH {head} {'; '.join(statements)}; APPLY BATCH"


def protocol_batch(kind: BatchType, size: int) -> Callable[[Session], Any]:
    def send(session: Session) -> Any:
        insert = session.prepare("INSERT INTO rules.plain (k, c, v) VALUES (?, ?, ?)")
        batch = BatchStatement(kind, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        for number in range(size):
            batch.add(insert, (1, number, "x"))
        return session.execute(batch)

    return send


def bound(cql: str, *values: Any) -> Callable[[Session], Any]:
    return lambda session: session.execute(session.prepare(cql), values)


def prepared(cql: str) -> Callable[[Session], Any]:
    return lambda session: session.prepare(cql)


def stamped(offset_us: int) -> tuple[Callable[[Session], Any], ...]:
    """A write so much later than now, its timestamp given in each way that there is."""

    def now() -> int:
        return time.time_ns() // 1000 + offset_us

    def literal(session: Session) -> Any:
        return session.execute(f"INSERT INTO rules.stamped (k, v) VALUES (1, 'a') USING TIMESTAMP {now()}")

    def marker(session: Session) -> Any:
        insert = session.prepare("INSERT INTO rules.stamped (k, v) VALUES (?, ?) USING TIMESTAMP ?")
        return session.execute(insert, (1, "a", now()))

    def of_the_batch(session: Session) -> Any:
        insert = "INSERT INTO rules.stamped (k, v) VALUES (1, 'a')"
        return session.execute(text_batch("UNLOGGED", insert, head=f"USING TIMESTAMP {now()}"))

    def in_a_batch(session: Session) -> Any:
        insert = session.prepare("INSERT INTO rules.stamped (k, v) VALUES (?, ?) USING TIMESTAMP ?")
        batch = BatchStatement(BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        batch.add(insert, (1, "a", now()))
        return session.execute(batch)

    def of_the_protocol(session: Session) -> Any:
        cluster = session.cluster
        generator, cluster.timestamp_generator = cluster.timestamp_generator, now
        try:
            return session.execute("INSERT INTO rules.stamped (k, v) VALUES (1, 'a')")
        finally:
            cluster.timestamp_generator = generator

    return (literal, marker, of_the_batch, in_a_batch, of_the_protocol)


def range_delete(rows: int, where: str = "") -> Callable[[Session], Any]:
    """Fill a new partition and delete it, or a part of it."""

    def delete(session: Session) -> Any:
        key = next(NUMBERS) + 1_000_000
        insert = session.prepare("INSERT INTO rules.plain (k, c) VALUES (?, ?)")
        for future in [session.execute_async(insert, (key, number)) for number in range(rows)]:
            future.result()
        return session.execute(f"DELETE FROM rules.plain WHERE k = {key} {where}")

    return delete


def wide_insert(columns: int, using: str = "") -> str:
    """An INSERT of so many columns, the key included."""
    names = ", ".join(["k", *(f"c{i}" for i in range(columns - 1))])
    return f"INSERT INTO rules.wide ({names}) VALUES ({', '.join(['1'] * columns)}) {using}"


@contextmanager
def setting(session: Session, name: str, value: int) -> Iterator[None]:
    session.execute(f"UPDATE local_keyspaces.settings SET value = {value} WHERE name = '{name}'")
    try:
        yield
    finally:
        session.execute(f"UPDATE local_keyspaces.settings SET value = 0 WHERE name = '{name}'")


def new_table(session: Session, properties: str = "", name: str = "") -> str:
    name = name or f"rules.made_{next(NUMBERS)}"
    session.execute(f"CREATE TABLE {name} (k int PRIMARY KEY, v text) {properties}")
    return name


def custom(properties: str) -> Callable[[Session], Any]:
    return lambda session: new_table(session, f"WITH CUSTOM_PROPERTIES = {properties}")


def altered(created: str, *changes: str) -> Callable[[Session], Any]:
    """Make a table with these properties, then alter it by each of those."""

    def alter(session: Session) -> Any:
        table = new_table(session, f"WITH CUSTOM_PROPERTIES = {created}" if created else "")
        for change in changes:
            session.execute(f"ALTER TABLE {table} WITH CUSTOM_PROPERTIES = {change}")

    return alter


def use_while_creating(cql: str) -> Callable[[Session], Any]:
    def use(session: Session) -> Any:
        with setting(session, "ddl_frozen", 1):
            return session.execute(cql.format(table=new_table(session)))

    return use


def use_while_updating(cql: str) -> Callable[[Session], Any]:
    def use(session: Session) -> Any:
        table = new_table(session)
        with setting(session, "ddl_frozen", 1):
            session.execute(f"ALTER TABLE {table} ADD x int")
            return session.execute(cql.format(table=table))

    return use


def create_in_new_keyspace(session: Session) -> Any:
    name = f"made_{next(NUMBERS)}"
    with setting(session, "ddl_frozen", 1):
        session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SingleRegionStrategy'}}")
        return new_table(session, name=f"{name}.t")


ON = "{'status': 'enabled'}"
PROVISIONED = (
    "{'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 10, 'write_capacity_units': 20}}"
)
ON_DEMAND = "{'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST'}}"
INSERT = "INSERT INTO rules.plain (k, c, v) VALUES (1, 1, 'a')"
SELECT = "SELECT * FROM rules.plain WHERE k = 1"
LOCAL_QUORUM = ConsistencyLevel.LOCAL_QUORUM


def keys(number: int) -> str:
    return ", ".join(map(str, range(number)))


def unsupported(rule: str, *statements: str, words: str = "is not supported") -> Case:
    return Case(rule=rule, message=words, refused=statements)


CASES: tuple[Case, ...] = (
    Case(
        rule="write-consistency",
        message="Supported consistency levels are: LOCAL_QUORUM",
        refused=(
            *(
                at(level, INSERT)
                for level in (
                    ConsistencyLevel.ANY,
                    ConsistencyLevel.ONE,
                    ConsistencyLevel.QUORUM,
                    ConsistencyLevel.ALL,
                    ConsistencyLevel.LOCAL_ONE,
                )
            ),
            at(ConsistencyLevel.ONE, "DELETE FROM rules.plain WHERE k = 9 AND c = 9"),
            at(ConsistencyLevel.ONE, text_batch("UNLOGGED", INSERT)),
        ),
        allowed=(at(LOCAL_QUORUM, INSERT), at(LOCAL_QUORUM, text_batch("UNLOGGED", INSERT))),
    ),
    Case(
        rule="read-consistency",
        message="Supported consistency levels are: ONE, LOCAL_ONE, LOCAL_QUORUM",
        refused=(at(ConsistencyLevel.QUORUM, SELECT), at(ConsistencyLevel.ALL, SELECT)),
        allowed=(at(ConsistencyLevel.ONE, SELECT), at(ConsistencyLevel.LOCAL_ONE, SELECT), at(LOCAL_QUORUM, SELECT)),
    ),
    Case(
        rule="serial-consistency",
        message="is not supported for this operation",
        refused=(at(ConsistencyLevel.SERIAL, SELECT), at(ConsistencyLevel.LOCAL_SERIAL, SELECT)),
        allowed=(INSERT + " IF NOT EXISTS",),
    ),
    Case(
        rule="batch-logged-size",
        message="101 statements; at most 100",
        refused=(protocol_batch(BatchType.LOGGED, 101), text_batch("", *[INSERT] * 101)),
        allowed=(protocol_batch(BatchType.LOGGED, 100), text_batch("", *[INSERT] * 100)),
    ),
    Case(
        rule="batch-unlogged-size",
        message="31 statements; at most 30",
        refused=(protocol_batch(BatchType.UNLOGGED, 31), text_batch("UNLOGGED", *[INSERT] * 31)),
        allowed=(protocol_batch(BatchType.UNLOGGED, 30), text_batch("UNLOGGED", *[INSERT] * 30)),
    ),
    Case(
        rule="batch-unlogged-conditional",
        message="Conditional statements are not supported",
        refused=(text_batch("UNLOGGED", INSERT + " IF NOT EXISTS"),),
        allowed=(text_batch("", INSERT + " IF NOT EXISTS"),),
    ),
    Case(
        rule="batch-counter",
        message="COUNTER batches",
        refused=(text_batch("COUNTER", "UPDATE rules.counters SET n = n + 1 WHERE k = 1"),),
        allowed=("UPDATE rules.counters SET n = n + 1 WHERE k = 1",),
    ),
    Case(
        rule="in-subqueries",
        message="subqueries",
        refused=(
            f"SELECT * FROM rules.plain WHERE k IN ({keys(101)})",
            f"SELECT * FROM rules.plain WHERE k = 1 AND c IN ({keys(101)})",
            f"SELECT * FROM rules.plain WHERE k IN ({keys(11)}) AND c IN ({keys(10)})",
            bound("SELECT * FROM rules.plain WHERE k IN ?", list(range(101))),
        ),
        allowed=(
            f"SELECT * FROM rules.plain WHERE k IN ({keys(100)})",
            f"SELECT * FROM rules.plain WHERE k = 1 AND c IN ({keys(100)})",
            f"SELECT * FROM rules.plain WHERE k IN ({keys(10)}) AND c IN ({keys(10)})",
            bound("SELECT * FROM rules.plain WHERE k IN ?", list(range(100))),
        ),
    ),
    Case(
        rule="in-only-in-select",
        message="in SELECT only",
        refused=(
            "DELETE FROM rules.plain WHERE k IN (1, 2) AND c = 1",
            "UPDATE rules.plain SET v = 'a' WHERE k IN (1, 2) AND c = 1",
            "UPDATE rules.plain SET v = 'a' WHERE k = 1 AND c IN (1, 2)",
        ),
        allowed=("DELETE FROM rules.plain WHERE k = 1 AND c = 1",),
    ),
    Case(
        rule="in-with-token",
        message="token()",
        refused=(
            "SELECT * FROM rules.plain WHERE token(k) > 0 AND k IN (1, 2)",
            "SELECT * FROM rules.plain WHERE token(k) > 0 AND c IN (1, 2) ALLOW FILTERING",
        ),
        allowed=("SELECT * FROM rules.plain WHERE token(k) > 0",),
    ),
    Case(
        rule="range-delete-rows",
        message="more than 1000 rows",
        refused=(range_delete(1001), range_delete(1003, "AND c > 0 AND c < 1002")),
        allowed=(range_delete(1000), range_delete(1002, "AND c > 0 AND c < 1001")),
    ),
    Case(
        rule="aggregate-function",
        message="Aggregate function",
        refused=(
            *(
                f"SELECT {function} FROM rules.plain WHERE k = 1"
                for function in ("COUNT(*)", "count(v)", "SUM(n)", "MIN(n)", "MAX(n)", "AVG(n)")
            ),
            prepared("SELECT COUNT(*) FROM rules.plain WHERE k = 1"),
        ),
        allowed=(
            "SELECT CAST(n AS text), token(k), TTL(v), blobAsInt(intAsBlob(n)) FROM rules.plain WHERE k = 1",
            "SELECT JSON k, c FROM rules.plain WHERE k = 1",
        ),
    ),
    Case(rule="group-by", message="GROUP BY", refused=("SELECT k FROM rules.plain GROUP BY k",), allowed=(SELECT,)),
    Case(
        rule="per-partition-limit",
        message="PER PARTITION LIMIT",
        refused=("SELECT k FROM rules.plain PER PARTITION LIMIT 1",),
        allowed=("SELECT k FROM rules.plain LIMIT 1",),
    ),
    Case(
        rule="select-distinct",
        message="DISTINCT",
        refused=("SELECT DISTINCT k FROM rules.plain",),
        allowed=("SELECT k FROM rules.plain",),
    ),
    Case(
        rule="function-unknown-to-311",
        message="Unknown function",
        refused=("SELECT abs(n) FROM rules.plain", "SELECT mask_null(v) FROM rules.plain"),
        allowed=("SELECT toTimestamp(now()) FROM rules.plain",),
    ),
    unsupported("create-index", "CREATE INDEX ON rules.ddl (v)", "CREATE INDEX ON rules.ddl (w) USING 'sai'"),
    unsupported("drop-index", "DROP INDEX rules.no_such_index"),
    unsupported(
        "create-materialized-view",
        "CREATE MATERIALIZED VIEW rules.by_c AS SELECT * FROM rules.ddl WHERE k IS NOT NULL AND c IS NOT NULL "
        "PRIMARY KEY (c, k)",
    ),
    unsupported("alter-materialized-view", "ALTER MATERIALIZED VIEW rules.by_c WITH comment = 'x'"),
    unsupported("drop-materialized-view", "DROP MATERIALIZED VIEW rules.by_c"),
    unsupported("create-trigger", "CREATE TRIGGER t ON rules.ddl USING 'no.such.Class'"),
    unsupported("drop-trigger", "DROP TRIGGER t ON rules.ddl"),
    unsupported(
        "create-function",
        "CREATE FUNCTION rules.f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'",
    ),
    unsupported("drop-function", "DROP FUNCTION rules.no_such_function"),
    unsupported("create-aggregate", "CREATE AGGREGATE rules.a (int) SFUNC f STYPE int"),
    unsupported("drop-aggregate", "DROP AGGREGATE rules.no_such_aggregate"),
    unsupported("alter-type", "ALTER TYPE rules.pair ADD d int", "ALTER TYPE rules.pair RENAME a TO e"),
    unsupported("truncate", "TRUNCATE rules.ddl"),
    unsupported("drop-column", "ALTER TABLE rules.ddl DROP w"),
    unsupported("rename-column", "ALTER TABLE rules.ddl RENAME c TO d"),
    unsupported("alter-column-type", "ALTER TABLE rules.ddl ALTER v TYPE blob"),
    Case(
        rule="data-masking",
        message="Dynamic data masking",
        refused=(
            "ALTER TABLE rules.texts ALTER v MASKED WITH DEFAULT",
            "ALTER TABLE rules.texts ADD masked text MASKED WITH DEFAULT",
        ),
        allowed=("ALTER TABLE rules.texts ADD unmasked text",),
    ),
    Case(
        rule="security-statement",
        message="use IAM",
        refused=("CREATE ROLE r", "GRANT SELECT ON rules.plain TO r", "LIST ROLES"),
    ),
    Case(
        rule="prepared-ddl",
        message="can't be prepared",
        refused=(prepared("CREATE TABLE IF NOT EXISTS rules.plain (k int PRIMARY KEY)"),),
        allowed=("CREATE TABLE IF NOT EXISTS rules.plain (k int PRIMARY KEY)", prepared(SELECT)),
    ),
    Case(
        rule="unsupported-type",
        message="is not supported",
        refused=(
            lambda session: session.execute(
                f"CREATE TABLE rules.made_{next(NUMBERS)} (k int PRIMARY KEY, v list<frozen<tuple<int, duration>>>)"
            ),
            lambda session: session.execute(
                f"CREATE TABLE rules.made_{next(NUMBERS)} (k int PRIMARY KEY, v vector<float, 3>)"
            ),
            lambda session: session.execute(f"ALTER TABLE rules.ddl ADD d{next(NUMBERS)} duration"),
            lambda session: session.execute(f"CREATE TYPE rules.t{next(NUMBERS)} (a duration)"),
        ),
        allowed=("CREATE TABLE rules.typed (k int PRIMARY KEY, v map<text, frozen<list<int>>>, p frozen<pair>)",),
    ),
    Case(
        rule="name-length",
        message="at most 48",
        refused=(
            f"ALTER TABLE rules.ddl ADD {'n' * 49} int",
            lambda session: session.execute(f"CREATE TABLE rules.{'t' * 49} (k int PRIMARY KEY)"),
            "CREATE KEYSPACE \"_under\" WITH replication = {'class': 'SingleRegionStrategy'}",
        ),
        allowed=(f"ALTER TABLE rules.ddl ADD {'m' * 48} int",),
    ),
    Case(
        rule="columns-per-statement",
        message="226 columns; at most 225",
        refused=(wide_insert(226),),
        allowed=(wide_insert(225),),
    ),
    Case(
        rule="columns-per-statement-ttl",
        message="167 columns with a time to live; at most 166",
        refused=(wide_insert(167, "USING TTL 60"),),
        allowed=(wide_insert(166, "USING TTL 60"), wide_insert(167)),
    ),
    Case(
        rule="row-size",
        message="at most 1048576",
        refused=(
            bound("INSERT INTO rules.plain (k, c, v) VALUES (?, ?, ?)", 5, 5, "x" * MEGABYTE),
            f"INSERT INTO rules.plain (k, c, v) VALUES (5, 5, '{'x' * MEGABYTE}')",
            text_batch("UNLOGGED", INSERT, f"INSERT INTO rules.plain (k, c, v) VALUES (5, 5, '{'x' * MEGABYTE}')"),
        ),
        allowed=(
            bound("INSERT INTO rules.plain (k, c, v) VALUES (?, ?, ?)", 5, 5, "x" * (MEGABYTE - 20)),
            f"INSERT INTO rules.plain (k, c, v) VALUES (5, 5, '{'x' * (MEGABYTE - 20)}')",
        ),
    ),
    Case(
        rule="static-size",
        message="The static data",
        refused=(
            bound("INSERT INTO rules.plain (k, fixed) VALUES (?, ?)", 5, "x" * MEGABYTE),
            f"UPDATE rules.plain SET fixed = '{'x' * MEGABYTE}' WHERE k = 5",
        ),
        allowed=(bound("INSERT INTO rules.plain (k, fixed) VALUES (?, ?)", 5, "x" * (MEGABYTE - 20)),),
    ),
    Case(
        rule="partition-key-size",
        message="2049 bytes; at most 2048",
        refused=(
            bound("INSERT INTO rules.texts (k, c) VALUES (?, ?)", "k" * 2049, "c"),
            f"INSERT INTO rules.texts (k, c) VALUES ('{'k' * 2049}', 'c')",
        ),
        allowed=(bound("INSERT INTO rules.texts (k, c) VALUES (?, ?)", "k" * 2048, "c"),),
    ),
    Case(
        rule="clustering-key-size",
        message="851 bytes; at most 850",
        refused=(
            bound("INSERT INTO rules.texts (k, c) VALUES (?, ?)", "k", "c" * 851),
            f"INSERT INTO rules.texts (k, c) VALUES ('k', '{'c' * 851}')",
        ),
        allowed=(bound("INSERT INTO rules.texts (k, c) VALUES (?, ?)", "k", "c" * 850),),
    ),
    Case(
        rule="timestamp-needs-cst",
        message="Client-side timestamps are not enabled",
        refused=(
            lambda session: session.execute(INSERT + f" USING TIMESTAMP {time.time_ns() // 1000}"),
            lambda session: session.execute(
                f"DELETE FROM rules.plain USING TIMESTAMP {time.time_ns() // 1000} WHERE k = 1 AND c = 1"
            ),
            lambda session: session.execute(
                text_batch("UNLOGGED", INSERT, head=f"USING TIMESTAMP {time.time_ns() // 1000}")
            ),
        ),
        allowed=(INSERT, *stamped(0)),
    ),
    Case(
        rule="timestamp-window",
        message="not within 2 days",
        refused=(*stamped(-48 * HOUR_US - MINUTE_US), *stamped(6 * MINUTE_US)),
        allowed=(*stamped(-48 * HOUR_US + MINUTE_US), *stamped(4 * MINUTE_US)),
    ),
    Case(
        rule="writetime-needs-cst",
        message="WRITETIME is not allowed",
        refused=("SELECT WRITETIME(v) AS w FROM rules.plain",),
        allowed=("SELECT WRITETIME(v) AS w FROM rules.stamped", "SELECT TTL(v) FROM rules.plain"),
    ),
    Case(
        rule="ttl-needs-table-setting",
        message="Time to live is not enabled",
        refused=(INSERT + " USING TTL 60", bound("INSERT INTO rules.plain (k, c) VALUES (1, 1) USING TTL ?", 60)),
        allowed=("INSERT INTO rules.living (k, v) VALUES (1, 'a') USING TTL 60",),
    ),
    Case(
        rule="replication-strategy",
        message="SingleRegionStrategy",
        refused=(
            lambda session: session.execute(
                f"CREATE KEYSPACE made_{next(NUMBERS)} "
                "WITH replication = {'class': 'NetworkTopologyStrategy', 'us-east-1': '3'}"
            ),
        ),
        allowed=("CREATE KEYSPACE simple WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",),
    ),
    Case(
        rule="custom-property-known",
        message="there is no property",
        refused=(custom("{'colour': {'status': 'enabled'}}"),),
        allowed=(custom(f"{{'point_in_time_recovery': {ON}}}"),),
    ),
    Case(
        rule="custom-property-value",
        message="CUSTOM_PROPERTIES: ",
        refused=(
            custom("{'ttl': {'status': 'on'}}"),
            custom("{'ttl': 'enabled'}"),
            custom("{'capacity_mode': {'throughput_mode': 'PROVISIONED', 'read_capacity_units': 10}}"),
            custom(PROVISIONED.replace("20", "40001")),
            custom(PROVISIONED.replace("20", "many")),
            custom("{'capacity_mode': {'throughput_mode': 'PAY_PER_REQUEST', 'read_capacity_units': 10}}"),
            custom("{'encryption_specification': {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY'}}"),
            custom("{'warm_throughput': {'read_units_per_second': 0, 'write_units_per_second': 1}}"),
        ),
        allowed=(
            custom(PROVISIONED),
            custom(PROVISIONED.replace("20", "40000")),
            custom("{'warm_throughput': {'read_units_per_second': 12000, 'write_units_per_second': 4000}}"),
            custom(
                "{'encryption_specification': {'encryption_type': 'CUSTOMER_MANAGED_KMS_KEY', "
                "'kms_key_identifier': 'arn:aws:kms:us-east-1:111122223333:key/k'}}"
            ),
        ),
    ),
    Case(
        rule="alter-one-property",
        message="a single custom property only",
        refused=(altered("", f"{{'point_in_time_recovery': {ON}, 'ttl': {ON}}}"),),
        allowed=(altered("", f"{{'point_in_time_recovery': {ON}}}", f"{{'ttl': {ON}}}"),),
    ),
    Case(
        rule="cst-not-disabled",
        message="can't be disabled again",
        refused=(altered(f"{{'client_side_timestamps': {ON}}}", "{'client_side_timestamps': {'status': 'disabled'}}"),),
        allowed=(altered("", f"{{'client_side_timestamps': {ON}}}"),),
    ),
    Case(
        rule="ttl-not-disabled",
        message="can't be disabled again",
        refused=(altered(f"{{'ttl': {ON}}}", "{'ttl': {'status': 'disabled'}}"),),
        allowed=(altered(f"{{'point_in_time_recovery': {ON}}}", "{'point_in_time_recovery': {'status': 'disabled'}}"),),
    ),
    Case(
        rule="on-demand-once-a-day",
        message="once in 24 hours",
        refused=(
            altered("", PROVISIONED, ON_DEMAND),
            altered(PROVISIONED, ON_DEMAND, PROVISIONED, ON_DEMAND),
        ),
        allowed=(altered(PROVISIONED, ON_DEMAND, PROVISIONED),),
    ),
    Case(
        rule="table-not-active",
        message="its status is CREATING",
        refused=(
            use_while_creating("INSERT INTO {table} (k) VALUES (1)"),
            use_while_creating("SELECT * FROM {table}"),
            use_while_creating("BEGIN UNLOGGED BATCH INSERT INTO {table} (k) VALUES (1); APPLY BATCH"),
        ),
        allowed=(use_while_updating("INSERT INTO {table} (k) VALUES (1)"),),
    ),
    Case(
        rule="table-updating",
        message="its status is UPDATING",
        refused=(
            use_while_updating("ALTER TABLE {table} ADD y int"),
            use_while_updating("ALTER TABLE {table} WITH CUSTOM_PROPERTIES = {{'ttl': {{'status': 'enabled'}}}}"),
            use_while_updating("DROP TABLE {table}"),
        ),
        allowed=(use_while_updating("ALTER TABLE {table} ADD TAGS {{'a': 'b'}}"),),
    ),
    Case(
        rule="keyspace-not-active",
        message="is being created",
        refused=(create_in_new_keyspace,),
        allowed=(new_table,),
    ),
)
