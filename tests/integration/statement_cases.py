"""For each rule about statements: one that breaks it, and whether Keyspaces refuses it. And some that break none."""

from __future__ import annotations

from dataclasses import dataclass

KEYSPACE = "shop"
TABLES = (
    """CREATE TABLE shop.orders (customer text, day date, id timeuuid, total int, note text, tags list<text>,
    kinds set<text>, notes map<text, text>, scores map<int, text>, plan frozen<list<int>>, region text STATIC,
    PRIMARY KEY ((customer, day), id)) WITH CLUSTERING ORDER BY (id DESC)""",
    "CREATE TABLE shop.views (page text PRIMARY KEY, seen counter)",
    f"CREATE TABLE shop.wide (k int PRIMARY KEY, {', '.join(f'c{number} int' for number in range(230))})",
    "CREATE TABLE shop.ddl (k int, c int, v int, w int, d text, PRIMARY KEY (k, c))",
    "CREATE TYPE shop.pair (a int, b int)",
)
ON_CASSANDRA = (
    "CREATE INDEX by_total ON shop.orders (total)",
    "CREATE INDEX by_kind ON shop.orders (kinds)",
    "CREATE INDEX spare ON shop.ddl (w)",
    """CREATE MATERIALIZED VIEW shop.by_page AS SELECT * FROM shop.wide WHERE k IS NOT NULL AND c0 IS NOT NULL
    PRIMARY KEY (c0, k)""",
    """CREATE FUNCTION shop.plus (a int, b int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java
    AS 'return a + b;'""",
    "CREATE AGGREGATE shop.total (int) SFUNC plus STYPE int INITCOND 0",
    "CREATE ROLE reader",
)
PROPERTIES = """
 CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"""
KEY = "customer = 'a' AND day = '2026-01-01'"
ROW = f"{KEY} AND id = 50554d6e-29bb-11e5-b345-feff819cdc9f"
INSERT = "INSERT INTO shop.orders (customer, day, id) VALUES ('a', '2026-01-01', 50554d6e-29bb-11e5-b345-feff819cdc9f)"
SELECT = f"SELECT * FROM shop.orders WHERE {KEY}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A statement.

    Attributes:
        rule: The rule that it is an example of; empty for one without findings that matter.
        refused: Whether the judgement is that Keyspaces surely refuses it.
        consistency: Level that it is sent at.
    """

    rule: str
    cql: str
    refused: bool = False
    consistency: str = "LOCAL_QUORUM"


def batch(kind: str, *statements: str) -> str:
    return f"BEGIN {kind} BATCH {'; '.join(statements)}; APPLY BATCH"


def wide(columns: int, using: str = "") -> str:
    names = ", ".join(["k", *(f"c{number}" for number in range(columns - 1))])
    return f"INSERT INTO shop.wide ({names}) VALUES ({', '.join(['1'] * columns)}) {using}"


def days(number: int) -> str:
    return ", ".join(f"'2026-{1 + one // 28:02}-{1 + one % 28:02}'" for one in range(number))


def passes(rule: str, cql: str) -> Case:
    return Case(rule=rule, cql=cql)


def refuses(rule: str, cql: str, consistency: str = "LOCAL_QUORUM") -> Case:
    return Case(rule=rule, cql=cql, refused=True, consistency=consistency)


CASES: tuple[Case, ...] = (
    passes("", INSERT),
    passes("", SELECT),
    passes("", f"{SELECT} ORDER BY id ASC LIMIT 3"),
    passes("", f"UPDATE shop.orders SET note = 'now() IF x + 1', total = -1 WHERE {ROW}"),
    passes("", f"UPDATE shop.orders SET kinds = kinds + {{'a'}}, notes['k'] = 'v' WHERE {ROW}"),
    passes("", f"DELETE note, notes['k'] FROM shop.orders WHERE {ROW}"),
    passes("", batch("UNLOGGED", *[INSERT] * 30)),
    passes("", "SELECT toTimestamp(id), TTL(note), token(customer, day), CAST(total AS text) FROM shop.orders LIMIT 1"),
    passes("", "SELECT customer FROM shop.orders WHERE token(customer, day) > 5"),
    passes("", f"SELECT * FROM shop.orders WHERE customer = 'a' AND day IN ({days(100)})"),
    passes("", wide(225)),
    passes("", wide(166, "USING TTL 60")),
    # Can't be dual-written.
    passes("counter-change", "UPDATE shop.views SET seen = seen + 1 WHERE page = '/'"),
    passes("list-change", f"UPDATE shop.orders SET tags = tags + ['a'] WHERE {ROW}"),
    passes("list-change", f"UPDATE shop.orders SET tags = ['a'] + tags WHERE {ROW}"),
    passes("list-change", f"UPDATE shop.orders SET tags[0] = 'a' WHERE {ROW}"),
    passes("elements-with-ttl", f"UPDATE shop.orders USING TTL 60 SET kinds = kinds + {{'a'}} WHERE {ROW}"),
    passes("lightweight-transaction", f"{INSERT} IF NOT EXISTS"),
    passes("server-value", "INSERT INTO shop.orders (customer, day, id) VALUES ('a', '2026-01-01', now())"),
    passes("json-insert-dual", """INSERT INTO shop.ddl JSON '{"k": 1, "c": 1}' DEFAULT UNSET"""),
    passes("static-with-regular", f"UPDATE shop.orders SET region = 'x', note = 'y' WHERE {ROW}"),
    # Refused: writes.
    refuses("truncate-dual", "TRUNCATE shop.ddl"),
    refuses("truncate", "TRUNCATE TABLE shop.ddl"),
    refuses("batch-logged-size", batch("", *[INSERT] * 101)),
    refuses("batch-unlogged-size", batch("UNLOGGED", *[INSERT] * 31)),
    refuses("batch-unlogged-conditional", batch("UNLOGGED", f"{INSERT} IF NOT EXISTS")),
    refuses("batch-counter", batch("COUNTER", "UPDATE shop.views SET seen = seen + 1 WHERE page = '/'")),
    refuses(
        "in-only-in-select", "DELETE FROM shop.orders WHERE customer = 'a' AND day IN ('2026-01-01', '2026-01-02')"
    ),
    refuses("in-only-in-select", "UPDATE shop.ddl SET v = 1 WHERE k IN (1, 2) AND c = 1"),
    refuses("columns-per-statement", wide(226)),
    refuses("columns-per-statement-ttl", wide(167, "USING TTL 60")),
    refuses("write-consistency", INSERT, "ONE"),
    refuses("write-consistency", batch("UNLOGGED", INSERT), "QUORUM"),
    # Different.
    passes("range-delete-rows", f"DELETE FROM shop.orders WHERE {KEY}"),
    passes("batch-logged-cost", batch("", INSERT)),
    passes("lwt-cost", f"UPDATE shop.orders SET note = 'x' WHERE {ROW} IF note = 'y'"),
    passes("null-written", f"UPDATE shop.orders SET note = null WHERE {ROW}"),
    passes("json-nulls", """INSERT INTO shop.ddl JSON '{"k": 1, "c": 2}'"""),
    passes("ttl-setting", f"{INSERT} USING TTL 60"),
    passes("allow-filtering", "SELECT * FROM shop.orders WHERE note = 'a' ALLOW FILTERING"),
    passes("whole-table-read", "SELECT customer FROM shop.orders"),
    passes("writetime-read", f"SELECT writetime(note) FROM shop.orders WHERE {KEY}"),
    passes("schema-change", "ALTER TABLE shop.ddl ADD added int"),
    # Refused: reads.
    refuses("aggregate-function", f"SELECT COUNT(*) FROM shop.orders WHERE {KEY}"),
    refuses("aggregate-function", f"SELECT max(total) FROM shop.orders WHERE {KEY}"),
    refuses("user-defined-function", f"SELECT shop.plus(total, total) FROM shop.orders WHERE {KEY}"),
    refuses("function-unknown", f"SELECT abs(total) FROM shop.orders WHERE {KEY}"),
    refuses("function-unknown", f"SELECT mask_null(note) FROM shop.orders WHERE {KEY}"),
    refuses("group-by", "SELECT customer, day FROM shop.orders GROUP BY customer, day"),
    refuses("per-partition-limit", "SELECT * FROM shop.orders PER PARTITION LIMIT 1"),
    refuses("select-distinct", "SELECT DISTINCT customer, day FROM shop.orders"),
    refuses("in-subqueries", f"SELECT * FROM shop.orders WHERE customer = 'a' AND day IN ({days(101)})"),
    refuses(
        "in-subqueries",
        f"SELECT * FROM shop.orders WHERE customer IN ({', '.join(map(repr, 'abcdefghijk'))}) AND day IN ({days(10)})",
    ),
    refuses("in-with-token", "SELECT * FROM shop.ddl WHERE token(k) > 0 AND c IN (1, 2) ALLOW FILTERING"),
    refuses("index-read", "SELECT * FROM shop.orders WHERE total = 3"),
    refuses("index-read", "SELECT * FROM shop.orders WHERE kinds CONTAINS 'a'"),
    refuses("read-consistency", SELECT, "QUORUM"),
    refuses("serial-consistency", SELECT, "SERIAL"),
    # Refused: the schema. Last, as they change what the others need.
    refuses("index-change", "CREATE INDEX made ON shop.ddl (v)"),
    refuses("index-change", "DROP INDEX shop.spare"),
    refuses("view-change", "DROP MATERIALIZED VIEW shop.by_page"),
    refuses("function-change", "DROP AGGREGATE shop.total"),
    refuses("function-change", "DROP FUNCTION shop.plus"),
    refuses("alter-type", "ALTER TYPE shop.pair ADD d int"),
    refuses("data-masking", "ALTER TABLE shop.ddl ALTER d MASKED WITH DEFAULT"),
    refuses("drop-column", "ALTER TABLE shop.ddl DROP w"),
    refuses("rename-column", "ALTER TABLE shop.ddl RENAME c TO clustering"),
    refuses("security-statement", "CREATE ROLE writer"),
    refuses("security-statement", "GRANT SELECT ON shop.orders TO reader"),
    refuses("name-length", f"ALTER TABLE shop.ddl ADD {'n' * 49} int"),
    refuses("unsupported-type", "ALTER TABLE shop.ddl ADD took duration"),
    refuses("unsupported-type", "CREATE TABLE shop.made (k int PRIMARY KEY, v vector<float, 3>)"),
)
NOT_SENT = {
    "explicit-timestamp": "it depends on the time at which it is sent; test_statements.py sends one of now",
    "keyspace-replication": "keyspaces are made by provision, with another replication on either side",
    "trigger-change": "it needs a class of Java on the node",
    "alter-column-type": "Cassandra itself has not had it since 3.10",
    "vector-search": "it needs a table with a vector, which can't be made on Keyspaces",
}
