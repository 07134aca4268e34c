"""Each rule by its id: a statement where it applies, and one just beside it where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyspaces_migration.markdown import text
from keyspaces_migration.statements import read_schema_file
from keyspaces_migration.statements.model import Statement
from keyspaces_migration.statements.parser import parse
from keyspaces_migration.statements.rules import RULES, Finding, Severity, judge
from tests.integration.statement_cases import CASES, INSERT, KEY, ROW, SELECT, TABLES, Case, batch, days, wide

SCHEMA = read_schema_file([f"{statement};\n" for statement in TABLES])
NOTE = f"UPDATE shop.orders SET note = 'y' WHERE {ROW}"

# Rule, a statement where it applies, the nearest where it does not.
BESIDE: tuple[tuple[str, str, str], ...] = (
    (
        "counter-change",
        "UPDATE shop.views SET seen = seen + 1 WHERE page = '/'",
        f"UPDATE shop.orders SET kinds = kinds + {{'a'}} WHERE {ROW}",
    ),
    ("counter-change", "DELETE FROM shop.views WHERE page = '/'", f"DELETE FROM shop.orders WHERE {ROW}"),
    (
        "list-change",
        f"UPDATE shop.orders SET tags = tags + ? WHERE {ROW}",
        f"UPDATE shop.orders SET kinds = kinds + ? WHERE {ROW}",
    ),
    (
        "list-change",
        f"UPDATE shop.orders SET tags = ['a'] + tags WHERE {ROW}",
        f"UPDATE shop.orders SET tags = ['a'] WHERE {ROW}",
    ),
    ("list-change", f"DELETE tags[0] FROM shop.orders WHERE {ROW}", f"DELETE scores[0] FROM shop.orders WHERE {ROW}"),
    (
        "elements-with-ttl",
        f"UPDATE shop.orders USING TTL 60 SET kinds = kinds + ? WHERE {ROW}",
        f"UPDATE shop.orders USING TTL 60 SET kinds = ? WHERE {ROW}",
    ),
    (
        "elements-with-ttl",
        f"UPDATE shop.orders USING TTL 60 SET scores[1] = 'a' WHERE {ROW}",
        f"UPDATE shop.orders SET scores[1] = 'a' WHERE {ROW}",
    ),
    ("lightweight-transaction", f"{NOTE} IF EXISTS", f"UPDATE shop.orders SET note = 'IF EXISTS' WHERE {ROW}"),
    ("lightweight-transaction", batch("", INSERT, f"{INSERT} IF NOT EXISTS"), batch("", INSERT, INSERT)),
    ("server-value", f"UPDATE shop.orders SET note = toText(now()) WHERE {ROW}", f"{SELECT} AND id < now()"),
    ("server-value", batch("", f"UPDATE shop.orders SET note = uuid() WHERE {ROW}"), batch("", NOTE)),
    (
        "server-value",
        "INSERT INTO shop.ddl (k, c) VALUES (1, current_date())",
        "INSERT INTO shop.ddl (k, c) VALUES (1, minTimeuuid('2026-01-01'))",
    ),
    ("explicit-timestamp", f"{INSERT} USING TIMESTAMP ?", f"{INSERT} USING TTL 5"),
    ("explicit-timestamp", f"BEGIN BATCH USING TIMESTAMP 1 {INSERT}; APPLY BATCH", batch("", INSERT)),
    ("truncate-dual", "TRUNCATE shop.ddl", "DROP TABLE shop.ddl"),
    (
        "static-with-regular",
        f"UPDATE shop.orders SET region = 'x', note = 'y' WHERE {ROW}",
        f"UPDATE shop.orders SET region = 'x' WHERE {KEY}",
    ),
    ("json-insert-dual", "INSERT INTO shop.ddl JSON ?", "INSERT INTO shop.ddl (k, c, d) VALUES (1, 2, '{}')"),
    ("truncate", "TRUNCATE TABLE shop.ddl", "DELETE FROM shop.ddl WHERE k = 1"),
    ("batch-logged-size", batch("", *[INSERT] * 101), batch("", *[INSERT] * 100)),
    ("batch-unlogged-size", batch("UNLOGGED", *[INSERT] * 31), batch("UNLOGGED", *[INSERT] * 30)),
    ("batch-unlogged-size", batch("UNLOGGED", *[INSERT] * 31), batch("LOGGED", *[INSERT] * 31)),
    ("batch-unlogged-conditional", batch("UNLOGGED", f"{INSERT} IF NOT EXISTS"), batch("", f"{INSERT} IF NOT EXISTS")),
    (
        "batch-counter",
        batch("COUNTER", "UPDATE shop.views SET seen = seen + 1 WHERE page = '/'"),
        "UPDATE shop.views SET seen = seen + 1 WHERE page = '/'",
    ),
    ("in-only-in-select", "DELETE FROM shop.ddl WHERE k IN (1, 2)", "SELECT * FROM shop.ddl WHERE k IN (1, 2)"),
    ("in-only-in-select", "UPDATE shop.ddl SET v = 1 WHERE k = 1 AND c IN ?", "UPDATE shop.ddl SET v = 1 WHERE k = 1"),
    ("columns-per-statement", wide(226), wide(225)),
    ("columns-per-statement-ttl", wide(167, "USING TTL 60"), wide(166, "USING TTL 60")),
    ("columns-per-statement-ttl", wide(167, "USING TTL 60"), wide(167)),
    ("range-delete-rows", f"DELETE FROM shop.orders WHERE {KEY}", f"DELETE FROM shop.orders WHERE {ROW}"),
    (
        "range-delete-rows",
        f"DELETE FROM shop.orders WHERE {KEY} AND id > ?",
        f"DELETE note FROM shop.orders WHERE {ROW}",
    ),
    ("range-delete-rows", "DELETE FROM shop.ddl WHERE k = 1", "DELETE FROM shop.wide WHERE k = 1"),
    ("batch-logged-cost", batch("", INSERT), batch("UNLOGGED", INSERT)),
    ("lwt-cost", f"{NOTE} IF note = 'y'", NOTE),
    ("null-written", f"UPDATE shop.orders SET note = null WHERE {ROW}", f"UPDATE shop.orders SET note = ? WHERE {ROW}"),
    ("null-written", "INSERT INTO shop.ddl (k, c, v) VALUES (1, 1, NULL)", "INSERT INTO shop.ddl (k, c) VALUES (1, 1)"),
    ("json-nulls", "INSERT INTO shop.ddl JSON ? DEFAULT NULL", "INSERT INTO shop.ddl JSON ? DEFAULT UNSET"),
    ("ttl-setting", f"{INSERT} USING TTL ?", INSERT),
    ("aggregate-function", "SELECT COUNT(*) FROM shop.ddl", 'SELECT "count" FROM shop.ddl'),
    ("aggregate-function", "SELECT max(v) FROM shop.ddl", "SELECT maxTimeuuid(v) FROM shop.ddl"),
    ("user-defined-function", "SELECT shop.plus(v, w) FROM shop.ddl", "SELECT system.toJson(v) FROM shop.ddl"),
    ("function-unknown", "SELECT abs(v) FROM shop.ddl", "SELECT toJson(v) FROM shop.ddl"),
    ("function-unknown", "SELECT mask_null(d) FROM shop.ddl", "SELECT d FROM shop.ddl"),
    ("function-unknown", "SELECT plus(v, w) FROM shop.ddl", "SELECT blobAsInt(v), textAsBlob(d) FROM shop.ddl"),
    ("group-by", "SELECT k, c FROM shop.ddl GROUP BY k", "SELECT k, c FROM shop.ddl WHERE k = 1 ORDER BY c"),
    ("per-partition-limit", "SELECT * FROM shop.ddl PER PARTITION LIMIT 1", "SELECT * FROM shop.ddl LIMIT 1"),
    ("select-distinct", "SELECT DISTINCT k FROM shop.ddl", "SELECT distinct FROM shop.ddl"),
    (
        "in-subqueries",
        f"SELECT * FROM shop.orders WHERE customer = 'a' AND day IN ({days(101)})",
        f"SELECT * FROM shop.orders WHERE customer = 'a' AND day IN ({days(100)})",
    ),
    ("in-subqueries", "SELECT * FROM shop.ddl WHERE k IN ?", "SELECT * FROM shop.ddl WHERE k = ?"),
    (
        "in-with-token",
        "SELECT * FROM shop.ddl WHERE token(k) > 0 AND c IN (1, 2)",
        "SELECT * FROM shop.ddl WHERE token(k) > 0 AND c = 1",
    ),
    (
        "index-read",
        "SELECT * FROM shop.orders WHERE total = 3",
        "SELECT * FROM shop.orders WHERE total = 3 ALLOW FILTERING",
    ),
    ("index-read", "SELECT * FROM shop.orders WHERE kinds CONTAINS 'a'", SELECT),
    ("index-read", "SELECT * FROM shop.orders WHERE notes['a'] = 'b'", f"{SELECT} AND id > ?"),
    ("index-read", "SELECT * FROM shop.orders WHERE customer = 'a'", SELECT),
    (
        "index-read",
        "SELECT * FROM shop.orders WHERE region = 'a'",
        "SELECT * FROM shop.orders WHERE token(customer, day) > 5",
    ),
    (
        "vector-search",
        "SELECT * FROM shop.ddl ORDER BY v ANN OF [0.1, 0.2] LIMIT 3",
        "SELECT * FROM shop.ddl WHERE k = 1 ORDER BY c LIMIT 3",
    ),
    ("allow-filtering", f"{SELECT} AND note = 'a' ALLOW FILTERING", f"{SELECT} AND id < ?"),
    ("whole-table-read", "SELECT k FROM shop.ddl", "SELECT k FROM shop.ddl LIMIT 10"),
    ("whole-table-read", "SELECT * FROM shop.ddl", "SELECT * FROM shop.ddl WHERE token(k) > 0"),
    (
        "writetime-read",
        f"SELECT WRITETIME(note) FROM shop.orders WHERE {KEY}",
        f"SELECT TTL(note) FROM shop.orders WHERE {KEY}",
    ),
    ("index-change", "CREATE INDEX ON shop.ddl (v)", "CREATE TABLE shop.index (k int PRIMARY KEY)"),
    ("index-change", "DROP INDEX shop.spare", "DROP TABLE shop.spare"),
    ("view-change", "DROP MATERIALIZED VIEW shop.by_page", "DROP TABLE shop.by_page"),
    ("trigger-change", "CREATE TRIGGER t ON shop.ddl USING 'x'", "CREATE TABLE shop.trigger (k int PRIMARY KEY)"),
    ("function-change", "DROP FUNCTION shop.plus", "DROP TYPE shop.plus"),
    ("alter-type", "ALTER TYPE shop.pair ADD c int", "ALTER TABLE shop.ddl ADD e int"),
    ("drop-column", "ALTER TABLE shop.ddl DROP w", "ALTER TABLE shop.ddl DROP COMPACT STORAGE"),
    ("rename-column", "ALTER TABLE shop.ddl RENAME c TO cc", "ALTER TABLE shop.ddl ADD rename int"),
    ("alter-column-type", "ALTER TABLE shop.ddl ALTER d TYPE blob", "ALTER TABLE shop.ddl ALTER d MASKED WITH DEFAULT"),
    ("data-masking", "ALTER TABLE shop.ddl ALTER d MASKED WITH DEFAULT", "ALTER TABLE shop.ddl ADD e text"),
    ("security-statement", "GRANT SELECT ON shop.ddl TO reader", "SELECT grant FROM shop.ddl"),
    ("unsupported-type", "ALTER TABLE shop.ddl ADD took duration", "ALTER TABLE shop.ddl ADD duration int"),
    (
        "unsupported-type",
        "CREATE TABLE shop.made (k int PRIMARY KEY, v vector<float, 3>)",
        "CREATE TABLE shop.made (k int PRIMARY KEY, v frozen<list<float>>)",
    ),
    ("name-length", f"ALTER TABLE shop.ddl ADD {'n' * 49} int", f"ALTER TABLE shop.ddl ADD {'n' * 48} int"),
    (
        "name-length",
        'CREATE TABLE shop."_t" (k int PRIMARY KEY)',
        f"CREATE TABLE shop.t_ (k int PRIMARY KEY) WITH comment = '{'x' * 49}' AND gc_grace_seconds = {'1' * 49}",
    ),
    ("keyspace-replication", "ALTER KEYSPACE shop WITH durable_writes = true", "DROP KEYSPACE shop"),
    ("schema-change", "CREATE TABLE shop.t (k int PRIMARY KEY)", "DROP KEYSPACE shop"),
)
LEVELS: tuple[tuple[str, str, str, str], ...] = (
    ("write-consistency", INSERT, "QUORUM", "LOCAL_QUORUM"),
    ("write-consistency", batch("", INSERT), "ONE", "LOCAL_QUORUM"),
    ("read-consistency", SELECT, "EACH_QUORUM", "LOCAL_ONE"),
    ("serial-consistency", SELECT, "LOCAL_SERIAL", "ONE"),
)


def findings(cql: str, *, consistency: str = "", schema_known: bool = True) -> dict[str, Finding]:
    statement = parse(cql)
    assert isinstance(statement, Statement), statement
    found = judge(statement, schema=SCHEMA if schema_known else None, consistency=consistency)
    # Reversed: of several of one rule, the first is the certain one.
    return {one.rule.id: one for one in reversed(found)}


@pytest.mark.parametrize(("rule", "applies", "beside"), BESIDE)
def test_a_rule_applies_where_it_should_and_not_beside(rule: str, applies: str, beside: str) -> None:
    assert rule in findings(applies)
    assert rule not in findings(beside)


@pytest.mark.parametrize(("rule", "cql", "refused", "taken"), LEVELS)
def test_a_level_that_keyspaces_does_not_have_is_found_where_the_log_says_it(
    rule: str, cql: str, refused: str, taken: str
) -> None:
    assert rule in findings(cql, consistency=refused)
    assert rule in findings(cql, consistency=refused.lower())
    assert rule not in findings(cql, consistency=taken)
    assert rule not in findings(cql)


def test_every_rule_has_its_example_here() -> None:
    assert {rule.id for rule in RULES} == {rule for rule, *_ in (*BESIDE, *LEVELS)}


@pytest.mark.parametrize("case", [case for case in CASES if not case.rule], ids=lambda case: case.cql[:60])
def test_what_nothing_is_wrong_with_needs_no_change(case: Case) -> None:
    urgent = {Severity.BLOCKER, Severity.CHANGE}
    assert [
        one for one in findings(case.cql, consistency=case.consistency).values() if one.rule.severity in urgent
    ] == []


@pytest.mark.parametrize(
    ("cql", "rule"),
    [
        (f"UPDATE shop.orders SET tags = tags + ? WHERE {ROW}", "list-change"),
        (f"UPDATE shop.orders SET tags[?] = 'a' WHERE {ROW}", "list-change"),
        ("UPDATE shop.views SET seen = seen + ? WHERE page = '/'", "counter-change"),
        (f"DELETE FROM shop.orders WHERE {ROW}", "range-delete-rows"),
    ],
)
def test_without_the_schema_what_may_be_is_said_to_depend_on_it(cql: str, rule: str) -> None:
    found = findings(cql, schema_known=False)[rule]
    assert not found.is_certain
    assert "give the schema" in found.hit.depends


@pytest.mark.parametrize(
    ("cql", "rule"),
    [
        (f"UPDATE shop.orders SET tags = tags + ['a'] WHERE {ROW}", "list-change"),
        ("UPDATE shop.views SET seen = seen + 1 WHERE page = '/'", "counter-change"),
        (batch("COUNTER", "UPDATE shop.views SET seen = seen + ? WHERE page = '/'"), "counter-change"),
    ],
)
def test_without_the_schema_what_the_text_says_is_certain(cql: str, rule: str) -> None:
    assert findings(cql, schema_known=False)[rule].is_certain


def test_without_the_schema_a_change_of_a_set_or_of_a_maps_text_key_is_no_lists() -> None:
    for change in ("kinds = kinds + {'a'}", "notes['k'] = 'v'"):
        cql = f"UPDATE shop.orders SET {change} WHERE {ROW}"
        assert findings(cql, schema_known=False).keys().isdisjoint({"list-change", "counter-change"})


def test_a_table_of_another_keyspace_is_not_taken_for_the_schemas() -> None:
    cql = f"UPDATE other.orders SET tags = tags + ? WHERE {ROW}"
    assert not findings(cql)["list-change"].is_certain


def test_a_table_whose_rows_expire_by_default_has_the_smaller_limit_of_columns() -> None:
    columns = ", ".join(f"c{number} int" for number in range(200))
    made = f"CREATE TABLE shop.wide (k int PRIMARY KEY, {columns}) WITH comment = 'x'"
    statement = parse(wide(167))
    assert isinstance(statement, Statement)
    for end, rules in (("", set()), (" AND default_time_to_live = 60", {"columns-per-statement-ttl"})):
        schema = read_schema_file([f"{made}{end};"])
        assert {one.rule.id for one in judge(statement, schema=schema)} == rules


def test_in_a_table_whose_rows_expire_by_default_sets_and_maps_are_written_whole() -> None:
    made = "CREATE TABLE shop.bags (k int PRIMARY KEY, kinds set<text>, notes map<text, text>, tags list<text>) WITH"
    for end, found in (("comment = 'x'", []), ("default_time_to_live = 60", ["kinds: c = c + …", "notes[…]"])):
        schema = read_schema_file([f"{made} {end};"])
        statement = parse("UPDATE shop.bags SET kinds = kinds + ?, notes['a'] = ?, tags = tags + ? WHERE k = 1")
        assert isinstance(statement, Statement)
        hits = [one.hit for one in judge(statement, schema=schema) if one.rule.id == "elements-with-ttl"]
        assert [hit.found for hit in hits] == found
        assert not any(hit.depends for hit in hits)


def test_findings_come_by_severity_and_each_once() -> None:
    statement = parse(batch("", *[f"UPDATE shop.orders SET note = null WHERE {ROW} IF note = 'y'"] * 3))
    assert isinstance(statement, Statement)
    found = judge(statement, schema=SCHEMA)
    severities = [list(Severity).index(one.rule.severity) for one in found]
    assert severities == sorted(severities)
    assert len({(one.rule.id, one.hit) for one in found}) == len(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_says_why_and_what_to_do_and_where_it_is_written(rule: object) -> None:
    words = [getattr(rule, name) for name in ("title", "why", "advice", "reference")]
    assert all(word and not word.endswith(".") for word in words)


def test_the_guide_lists_every_rule_as_it_is() -> None:
    guide = (Path(__file__).parents[4] / "docs" / "guides" / "statements.md").read_text(encoding="utf-8")
    rows = {line for line in guide.splitlines() if line.startswith("| `")}
    for rule in RULES:
        row = f"| `{rule.id}` | {rule.severity.value} | {text(rule.title)} | {text(rule.why)} |"
        assert row in rows, f"docs/guides/statements.md lacks this line: {row}"
