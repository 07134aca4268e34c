"""What a statement's text is understood to do."""

from typing import Any

import pytest
from hypothesis import given

from keyspaces_migration.cql.cursor import TableName
from keyspaces_migration.statements.model import (
    BatchKind,
    Change,
    Comparison,
    Kind,
    NotUnderstood,
    Reading,
    Statement,
    ValueKind,
)
from keyspaces_migration.statements.parser import parse
from tests.unit.keyspaces_migration.statements.texts import ANY_TEXT, STATEMENTS

ROW = "WHERE k = 1 AND c = 2"


def understood(cql: str) -> Statement:
    found = parse(cql)
    assert isinstance(found, Statement), found
    return found


def why(cql: str) -> str:
    found = parse(cql)
    assert isinstance(found, NotUnderstood), found
    return found.why


def changes(cql: str) -> list[tuple[str, Change, ValueKind]]:
    return [(one.column, one.change, one.value) for one in understood(cql).assignments]


def calls(cql: str) -> list[str]:
    return [str(call) for leaf in understood(cql).leaves for call in leaf.calls]


@given(ANY_TEXT)
def test_no_text_makes_it_raise(text: str) -> None:
    assert isinstance(parse(text), Statement | NotUnderstood)


@pytest.mark.parametrize("opening", ["(", "[", "{", "a[", "f(", "(int)", "-", "cast(", "a[f(", "(a, ", "{1: "])
@pytest.mark.parametrize("begin", ["SELECT ", "UPDATE t SET a = ", "SELECT a FROM t WHERE ", "DELETE a["])
def test_brackets_without_end_are_not_understood_and_do_no_harm(begin: str, opening: str) -> None:
    assert why(begin + opening * 20_000)


@pytest.mark.parametrize("cql", STATEMENTS)
def test_what_cassandra_takes_is_understood_with_and_without_its_end(cql: str) -> None:
    assert understood(cql) == understood(f"-- a comment\n{cql} ;; /* end */ ")


@pytest.mark.parametrize(
    ("cql", "kind"),
    [
        ("select * from t", Kind.SELECT),
        ("INSERT INTO t (k) VALUES (1)", Kind.INSERT),
        (f"UPDATE t SET a = 1 {ROW}", Kind.UPDATE),
        (f"DELETE FROM t {ROW}", Kind.DELETE),
        ("BEGIN BATCH APPLY BATCH", Kind.BATCH),
        ("TRUNCATE t", Kind.TRUNCATE),
        ("TRUNCATE TABLE ks.t", Kind.TRUNCATE),
        ("USE ks", Kind.USE),
        ("CREATE TABLE t (k int PRIMARY KEY)", Kind.SCHEMA),
        ("LIST ROLES", Kind.ACCESS),
        ("GRANT SELECT ON t TO r", Kind.ACCESS),
        ("CREATE USER u WITH PASSWORD 'p'", Kind.ACCESS),
        ("ADD IDENTITY 'spiffe://a' TO ROLE 'r'", Kind.ACCESS),
    ],
)
def test_the_kind_is_told_whatever_the_case_of_the_words(cql: str, kind: Kind) -> None:
    assert understood(cql).kind is kind
    assert understood(cql.lower()).kind is kind


@pytest.mark.parametrize(
    ("written", "keyspace", "name"),
    [("T", "", "t"), ("Ks.T", "ks", "t"), ('"Ks"."T"', "Ks", "T"), ('"a""b"', "", 'a"b'), ("ks . t", "ks", "t")],
)
def test_a_table_is_named_as_cassandra_takes_it(written: str, keyspace: str, name: str) -> None:
    for cql in (f"SELECT * FROM {written}", f"DELETE FROM {written} {ROW}", f"TRUNCATE {written}"):
        assert understood(cql).table == TableName(keyspace=keyspace, name=name)


def test_an_unqualified_table_is_put_into_the_keyspace_in_use_and_a_qualified_one_is_not() -> None:
    batch = understood("BEGIN BATCH DELETE FROM a WHERE k = 1; DELETE FROM other.b WHERE k = 1; APPLY BATCH")
    assert [str(table) for table in batch.in_keyspace("ks").tables] == ["ks.a", "other.b"]


@pytest.mark.parametrize(
    ("assignment", "change", "value"),
    [
        ("a = ?", Change.SET, ValueKind.MARKER),
        ("a = :name", Change.SET, ValueKind.MARKER),
        ("a = null", Change.SET, ValueKind.NULL),
        ("a = -1", Change.SET, ValueKind.NUMBER),
        ("a = 'x'", Change.SET, ValueKind.OTHER),
        ("a = [1, 2]", Change.SET, ValueKind.LIST),
        ("a = {1, 2}", Change.SET, ValueKind.SET_OR_MAP),
        ("a = {'k': 1, 'l': ?}", Change.SET, ValueKind.SET_OR_MAP),
        ("a = {street: 'x', 'n' :y}", Change.SET, ValueKind.SET_OR_MAP),
        ("a = (1, 'x')", Change.SET, ValueKind.OTHER),
        ("a = (int)?", Change.SET, ValueKind.MARKER),
        ("a = (frozen<list<int>>)[1]", Change.SET, ValueKind.LIST),
        ("a = 1 + 2", Change.SET, ValueKind.OTHER),
        ("a = f(b) + g(c)", Change.SET, ValueKind.OTHER),
        ("a = a + ['x']", Change.ADD, ValueKind.LIST),
        ("a = a + {'x'}", Change.ADD, ValueKind.SET_OR_MAP),
        ("a = a + ?", Change.ADD, ValueKind.MARKER),
        ("a += 1", Change.ADD, ValueKind.NUMBER),
        ("a = ['x'] + a", Change.PREPEND, ValueKind.LIST),
        ("a = ? + a", Change.PREPEND, ValueKind.MARKER),
        ("a = a - ['x']", Change.SUBTRACT, ValueKind.LIST),
        ("a = a - 1", Change.SUBTRACT, ValueKind.NUMBER),
        ("a -= {'x'}", Change.SUBTRACT, ValueKind.SET_OR_MAP),
        ("a.field = 1", Change.FIELD, ValueKind.NUMBER),
        ('"A" = "A" + 1', Change.ADD, ValueKind.NUMBER),
    ],
)
def test_how_a_column_is_written(assignment: str, change: Change, value: ValueKind) -> None:
    column = "A" if assignment.startswith('"') else "a"
    assert changes(f"UPDATE t SET {assignment} {ROW}") == [(column, change, value)]


@pytest.mark.parametrize("key", [("'k'", ValueKind.OTHER), ("0", ValueKind.NUMBER), ("?", ValueKind.MARKER)])
def test_an_element_is_told_with_what_it_is_found_by(key: tuple[str, ValueKind]) -> None:
    written, kind = key
    (set_,) = understood(f"UPDATE t SET a[{written}] = 1 {ROW}").assignments
    (removed,) = understood(f"DELETE a[{written}] FROM t {ROW}").assignments
    assert (set_.change, set_.key, removed.change, removed.key) == (Change.ELEMENT, kind, Change.ELEMENT, kind)
    assert (set_.value, removed.value) == (ValueKind.NUMBER, ValueKind.NULL)


def test_several_columns_are_written_in_their_order() -> None:
    cql = f"UPDATE ks.t USING TTL 5 SET a = 1, b = b + 1, c['x'] = ? {ROW}"
    assert [(column, change) for column, change, _ in changes(cql)] == [
        ("a", Change.SET),
        ("b", Change.ADD),
        ("c", Change.ELEMENT),
    ]


def test_a_column_computed_from_another_is_not_understood() -> None:
    assert "another column" in why(f"UPDATE t SET a = b + 1 {ROW}")
    assert "another column" in why(f"UPDATE t SET a = 1 + b {ROW}")


def test_an_insert_has_its_columns_and_values() -> None:
    cql = "INSERT INTO t (k, c, v) VALUES (1, now(), null)"
    assert changes(cql) == [
        ("k", Change.SET, ValueKind.NUMBER),
        ("c", Change.SET, ValueKind.OTHER),
        ("v", Change.SET, ValueKind.NULL),
    ]
    assert "2 columns and 1 values" in why("INSERT INTO t (a, b) VALUES (1)")


@pytest.mark.parametrize(
    ("end", "unset"),
    [("", False), ("DEFAULT NULL", False), ("DEFAULT UNSET", True), ("DEFAULT UNSET USING TTL 3", True)],
)
def test_an_insert_of_json_says_what_becomes_of_what_is_left_out(end: str, *, unset: bool) -> None:
    for value in ("'{\"k\": 1}'", "?", ":json"):
        found = understood(f"INSERT INTO t JSON {value} {end}")
        assert (found.json, found.default_unset, found.assignments) == (True, unset, ())


@pytest.mark.parametrize(
    ("cql", "timestamp", "time_to_live"),
    [
        ("INSERT INTO t (k) VALUES (1)", None, None),
        ("INSERT INTO t (k) VALUES (1) USING TIMESTAMP 5", ValueKind.NUMBER, None),
        ("INSERT INTO t (k) VALUES (1) IF NOT EXISTS USING TTL ?", None, ValueKind.MARKER),
        ("INSERT INTO t (k) VALUES (1) USING TTL 1 AND TIMESTAMP :ts", ValueKind.MARKER, ValueKind.NUMBER),
        (f"UPDATE t USING TIMESTAMP 1 AND TTL 2 SET a = 1 {ROW}", ValueKind.NUMBER, ValueKind.NUMBER),
        (f"DELETE FROM t USING TIMESTAMP ? {ROW}", ValueKind.MARKER, None),
        ("BEGIN BATCH USING TIMESTAMP 1 DELETE FROM t WHERE k = 1 APPLY BATCH", ValueKind.NUMBER, None),
    ],
)
def test_what_using_gives(cql: str, timestamp: ValueKind | None, time_to_live: ValueKind | None) -> None:
    found = understood(cql)
    assert (found.timestamp, found.time_to_live) == (timestamp, time_to_live)


def test_a_time_to_live_where_there_is_none_is_not_understood() -> None:
    assert "no time to live" in why(f"DELETE FROM t USING TTL 1 {ROW}")
    assert "no time to live" in why("BEGIN BATCH USING TTL 1 APPLY BATCH")


@pytest.mark.parametrize(
    "cql",
    [
        "INSERT INTO t (k) VALUES (1) IF NOT EXISTS",
        "INSERT INTO t JSON ? IF NOT EXISTS",
        f"UPDATE t SET a = 1 {ROW} IF EXISTS",
        f"UPDATE t SET a = 1 {ROW} IF a = 1 AND b IN (1, 2) AND c['x'] != null AND d[0] < 3",
        f"UPDATE t SET a = 1 {ROW} IF a.field = ? AND b IN ? AND c CONTAINS KEY 'k'",
        f"DELETE FROM t {ROW} IF EXISTS",
        f"DELETE a FROM t {ROW} IF a > 3",
        f"BEGIN UNLOGGED BATCH DELETE FROM t {ROW}; DELETE FROM t {ROW} IF EXISTS; APPLY BATCH",
    ],
)
def test_a_condition_makes_it_conditional_and_its_absence_does_not(cql: str) -> None:
    assert understood(cql).conditional
    without = cql.replace(" IF EXISTS", "").split(" IF ")[0]
    assert not understood(without).conditional


@pytest.mark.parametrize(
    ("cql", "columns"),
    [
        (f"DELETE FROM t {ROW}", []),
        (f"DELETE a, b FROM t {ROW}", [("a", Change.REMOVE), ("b", Change.REMOVE)]),
        (f"DELETE a['x'], b.f FROM t {ROW}", [("a", Change.ELEMENT), ("b", Change.FIELD)]),
    ],
)
def test_what_a_delete_takes_away(cql: str, columns: list[tuple[str, Change]]) -> None:
    assert [(column, change) for column, change, _ in changes(cql)] == columns


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("a = 1", {"comparison": Comparison.EQUAL}),
        ("a >= 1", {"comparison": Comparison.RANGE}),
        ("a != 1", {"comparison": Comparison.NOT_EQUAL}),
        ("a IN (1, 2, ?)", {"comparison": Comparison.IN, "values": 3}),
        ("a IN ()", {"comparison": Comparison.IN, "values": 0}),
        ("a IN ?", {"comparison": Comparison.IN, "values": None}),
        ("a IN :several", {"comparison": Comparison.IN, "values": None}),
        ("(a, b) = (1, 2)", {"columns": ("a", "b"), "comparison": Comparison.EQUAL}),
        ("(a, b) > (1, 2)", {"columns": ("a", "b"), "comparison": Comparison.RANGE}),
        ("(a, b) IN ((1, 2), (3, 4))", {"columns": ("a", "b"), "comparison": Comparison.IN, "values": 2}),
        ("(a = 1)", {"comparison": Comparison.EQUAL}),
        ("token(a, b) > token(1, 2)", {"columns": ("a", "b"), "comparison": Comparison.RANGE, "token": True}),
        ("token(a) <= ?", {"comparison": Comparison.RANGE, "token": True}),
        ("a CONTAINS 'x'", {"comparison": Comparison.CONTAINS}),
        ("a CONTAINS KEY ?", {"comparison": Comparison.CONTAINS}),
        ("a['k'] = 1", {"comparison": Comparison.EQUAL, "element": True}),
        ("a LIKE 'x%'", {"comparison": Comparison.LIKE}),
        ("a IS NOT NULL", {"comparison": Comparison.NOT_NULL}),
        ("a BETWEEN 1 AND 2", {"comparison": Comparison.BETWEEN}),
        ("a NOT IN (1)", {"comparison": Comparison.NOT_EQUAL, "values": 1}),
    ],
)
def test_what_is_compared_and_how(where: str, expected: dict[str, Any]) -> None:
    (found,) = understood(f"SELECT * FROM t WHERE {where}").relations
    wanted = {"columns": ("a",), "token": False, "element": False, "values": None} | expected
    assert {name: getattr(found, name) for name in wanted} == wanted
    assert understood(f"SELECT * FROM t WHERE {where} AND z = 1").relations[0] == found


@pytest.mark.parametrize(
    ("cql", "reading"),
    [
        ("SELECT a AS b, c FROM t", Reading()),
        ("SELECT JSON * FROM t", Reading(json=True)),
        ("SELECT json, distinct FROM t", Reading()),
        ("SELECT json FROM t", Reading()),
        ("SELECT DISTINCT a FROM t", Reading(distinct=True)),
        ("SELECT a FROM t GROUP BY a, b", Reading(group_by=True)),
        ("SELECT * FROM t ORDER BY a DESC, b", Reading(order_by=True)),
        ("SELECT * FROM t ORDER BY v ANN OF [0.1, -2] LIMIT 3", Reading(order_by=True, nearest=True, limit=True)),
        ("SELECT * FROM t PER PARTITION LIMIT ? LIMIT :n", Reading(per_partition_limit=True, limit=True)),
        ("SELECT * FROM t WHERE a = 1 LIMIT 1 ALLOW FILTERING", Reading(limit=True, allow_filtering=True)),
    ],
)
def test_the_clauses_of_a_select(cql: str, reading: Reading) -> None:
    assert understood(cql).reading == reading


@pytest.mark.parametrize(
    ("cql", "found"),
    [
        ("INSERT INTO t (k) VALUES (now())", ["now()"]),
        ("INSERT INTO t (k) VALUES ('now()')", []),
        ("INSERT INTO t (k) VALUES ($$uuid()$$) -- now()", []),
        (f"UPDATE t SET a = toDate(currentTimestamp()) {ROW}", ["currenttimestamp()", "todate(…)"]),
        (f"UPDATE t SET a[uuid()] = 1, b = {{now(): 1}} {ROW}", ["uuid()", "now()"]),
        ("SELECT count(*), max(a), ks.f(b, c), a.b FROM t", ["count(…)", "max(…)", "ks.f(…)"]),
        (
            "SELECT CAST(a AS text), ttl(b), (int)c FROM t WHERE d > minTimeuuid(?)",
            ["cast(…)", "ttl(…)", "mintimeuuid(…)"],
        ),
        ("BEGIN BATCH DELETE FROM t WHERE k = now(); DELETE FROM t WHERE k = uuid(); APPLY BATCH", ["now()", "uuid()"]),
    ],
)
def test_the_functions_that_are_called(cql: str, found: list[str]) -> None:
    assert calls(cql) == found


@pytest.mark.parametrize(
    ("begin", "kind"),
    [
        ("BEGIN BATCH", BatchKind.LOGGED),
        ("BEGIN LOGGED BATCH", BatchKind.LOGGED),
        ("BEGIN UNLOGGED BATCH", BatchKind.UNLOGGED),
        ("begin counter batch", BatchKind.COUNTER),
    ],
)
def test_a_batch_has_its_kind_and_its_statements(begin: str, kind: BatchKind) -> None:
    batch = understood(
        f"{begin} UPDATE t SET a = a + 1 WHERE k = 1; DELETE FROM t WHERE k = 2 INSERT INTO u (k) VALUES (3);"
        " APPLY BATCH;"
    )
    assert batch.batch is kind
    assert [leaf.kind for leaf in batch.leaves] == [Kind.UPDATE, Kind.DELETE, Kind.INSERT]
    assert [str(table) for table in batch.tables] == ["t", "u"]


def test_a_batch_without_end_or_with_a_read_is_not_understood() -> None:
    assert "APPLY BATCH" in why("BEGIN BATCH DELETE FROM t WHERE k = 1;")
    assert "SELECT" in why("BEGIN BATCH SELECT * FROM t; APPLY BATCH")


@pytest.mark.parametrize(
    ("cql", "action", "name"),
    [
        ("CREATE KEYSPACE IF NOT EXISTS ks WITH replication = {}", "CREATE KEYSPACE", "ks"),
        ("ALTER SCHEMA ks WITH durable_writes = false", "ALTER KEYSPACE", "ks"),
        ("DROP KEYSPACE ks", "DROP KEYSPACE", "ks"),
        ("CREATE COLUMNFAMILY t (k int PRIMARY KEY)", "CREATE TABLE", "t"),
        ("ALTER TABLE ks.t ADD a int", "ALTER TABLE ADD", "ks.t"),
        ("ALTER TABLE IF EXISTS t DROP a", "ALTER TABLE DROP", "t"),
        ("ALTER TABLE t RENAME a TO b", "ALTER TABLE RENAME", "t"),
        ("ALTER TABLE t ALTER a TYPE text", "ALTER TABLE ALTER", "t"),
        ("ALTER TABLE t WITH comment = 'x'", "ALTER TABLE WITH", "t"),
        ("DROP TABLE IF EXISTS t", "DROP TABLE", "t"),
        ("CREATE INDEX ON t (a)", "CREATE INDEX", ""),
        ("CREATE CUSTOM INDEX IF NOT EXISTS i ON t (a) USING 'sai'", "CREATE INDEX", "i"),
        ("DROP INDEX ks.i", "DROP INDEX", "ks.i"),
        ("CREATE MATERIALIZED VIEW v AS SELECT * FROM t", "CREATE MATERIALIZED VIEW", "v"),
        ("CREATE TYPE ks.u (a int)", "CREATE TYPE", "ks.u"),
        ("ALTER TYPE u ADD b int", "ALTER TYPE", "u"),
        (
            "CREATE OR REPLACE FUNCTION f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return 1; $$",
            "CREATE FUNCTION",
            "f",
        ),
        ("DROP AGGREGATE IF EXISTS f (int)", "DROP AGGREGATE", "f"),
        ("CREATE TRIGGER g ON t USING 'x.Y'", "CREATE TRIGGER", "g"),
    ],
)
def test_a_change_of_the_schema_says_what_is_changed(cql: str, action: str, name: str) -> None:
    found = understood(cql)
    assert found.schema is not None
    assert (found.kind, found.schema.action, found.schema.name) == (Kind.SCHEMA, action, name)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing but blanks"),
        (" -- only a comment", "nothing but blanks"),
        ("CONSISTENCY QUORUM", "a command of cqlsh"),
        ("COPY t FROM 'a.csv'", "a command of cqlsh"),
        ("EXPLAIN SELECT 1", "begins with 'EXPLAIN'"),
        ("SELECT * FROM t WHERE", "expected a name, found the end"),
        ("SELECT * FROM t WHERE a = 'x", "does not end"),
        ("'x", "does not end"),
        ("SELECT * FROM t; SELECT * FROM u", "expected the end of the statement, found 'SELECT'"),
        ("SELECT * FROM t WHERE a ~ 1", "expected a comparison"),
        ("CREATE SOMETHING x", "what is created, altered or dropped"),
        ("ALTER TABLE t MOVE a", "one of ADD"),
        ("ADD ROLE x", "IDENTITY"),
    ],
)
def test_what_is_not_understood_says_why(text: str, reason: str) -> None:
    assert reason in why(text)
