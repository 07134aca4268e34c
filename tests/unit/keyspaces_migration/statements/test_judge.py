"""The judgement of a whole file: counts, the worst first, and what can't be understood is never fine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from keyspaces_migration.statements import Format, StatementReport, judge_statements, read_schema_file
from keyspaces_migration.statements.gather import Gatherer
from keyspaces_migration.statements.records import Record
from tests.integration.statement_cases import TABLES
from tests.unit.keyspaces_migration.statements.texts import ANY_TEXT

SAMPLES = Path(__file__).parent / "samples"
SCHEMA = read_schema_file([f"{statement};\n" for statement in TABLES])
SEVERITIES = ["BLOCKER", "CHANGE", "NOTE", None]


def judged(*statements: str, max_shapes: int = 10_000, known: bool = False) -> StatementReport:
    lines = [f"{statement};\n" for statement in statements]
    return judge_statements(lines, format=Format.CQL, max_shapes=max_shapes, schema=SCHEMA if known else None)


def ids(report: StatementReport) -> dict[str, list[str]]:
    return {shape.text: [one.finding.rule.id for one in shape.findings] for shape in report.shapes}


def test_statements_that_differ_in_values_only_are_counted_as_one() -> None:
    report = judged(*[f"INSERT INTO ks.t (k, v) VALUES ({number}, 'x{number}')" for number in range(5)], "USE ks")
    assert [(shape.text, shape.count) for shape in report.shapes] == [
        ("INSERT INTO ks.t(k, v) VALUES (?, ?)", 5),
        ("USE ks", 1),
    ]
    assert (report.statements, dict(report.kinds)) == (6, {"INSERT": 5, "USE": 1})
    assert report.shapes[0].example == "INSERT INTO ks.t (k, v) VALUES (0, 'x0')"


def test_the_worst_come_first_and_among_them_the_most_frequent() -> None:
    report = judged(
        "SELECT * FROM t WHERE k = 1",
        "UPDATE t USING TTL 5 SET a = 1 WHERE k = 1",
        "SELECT count(*) FROM t WHERE k = 1",
        "TRUNCATE t",
        *["UPDATE t SET a = 1 WHERE k = 1 IF EXISTS"] * 2,
    )
    assert [None if shape.severity is None else shape.severity.name for shape in report.shapes] == [
        "BLOCKER",
        "BLOCKER",
        "CHANGE",
        "NOTE",
        None,
    ]
    assert [shape.count for shape in report.shapes][:2] == [2, 1]


def test_a_statement_that_is_not_understood_is_listed_and_asks_for_a_change() -> None:
    report = judged("SELECT * FROM t WHERE k = 1", "SELEKT 1", "SELEKT 2", "FROM t")
    assert report.not_understood_count == 3
    assert [(one.text, one.count) for one in report.not_understood] == [("SELEKT 1", 2), ("FROM t", 1)]
    assert report.asks_for_changes
    assert not report.all_understood
    assert not judged("SELECT * FROM t WHERE k = 1").asks_for_changes


def test_a_place_that_can_t_be_read_asks_for_a_change() -> None:
    report = judge_statements(['{"query": "SELECT * FROM t WHERE k = 1"}', "{"])
    assert (report.unreadable_count, report.unreadable[0].line, report.asks_for_changes) == (1, 2, True)


def test_texts_that_were_not_kept_are_counted_all_the_same() -> None:
    report = judged(*[f"SELEKT a{number}" for number in range(200)])
    assert report.not_understood_count == 200
    assert len(report.not_understood) == 50


def test_a_note_alone_asks_for_no_change() -> None:
    report = judged("BEGIN BATCH INSERT INTO t (k) VALUES (1); APPLY BATCH")
    assert ids(report).popitem()[1] == ["batch-logged-cost"]
    assert not report.asks_for_changes


def test_tables_are_clean_when_none_of_their_writes_must_change() -> None:
    report = judged(
        "INSERT INTO ks.clean (k) VALUES (1)",
        "INSERT INTO ks.mixed (k) VALUES (1)",
        "INSERT INTO ks.mixed (k) VALUES (1) IF NOT EXISTS",
        "SELECT count(*) FROM ks.read_only",
        "TRUNCATE ks.emptied",
    )
    assert report.tables_written == ("ks.clean", "ks.emptied", "ks.mixed")
    assert report.tables_written_clean == ("ks.clean",)


def test_statements_on_cassandras_own_tables_are_counted_apart() -> None:
    report = judged("SELECT * FROM system.local", "SELECT count(*) FROM system_schema.tables", "SELECT * FROM system")
    assert (report.system_statements, len(report.shapes)) == (2, 1)


def test_statements_on_other_keyspaces_than_the_one_asked_for_are_counted_and_not_judged() -> None:
    lines = [
        "TRUNCATE shop.ddl;",
        "TRUNCATE other.ddl;",
        "USE other;",
        "TRUNCATE ddl;",
        "BEGIN BATCH DELETE FROM shop.ddl WHERE k = 1; DELETE FROM other.ddl WHERE k = 1; APPLY BATCH;",
    ]
    report = judge_statements(lines, schema=SCHEMA, only="shop")
    assert dict(report.other_keyspaces) == {"other": 2}
    assert [shape.kind for shape in report.shapes if shape.must_change] == ["TRUNCATE", "BATCH"]
    assert dict(judge_statements(lines, schema=SCHEMA).other_keyspaces) == {}


def test_the_schemas_keyspace_is_taken_for_tables_without_one() -> None:
    row = "WHERE customer = 'a' AND day = '2026-01-01' AND id = now()"
    known = judged(f"UPDATE orders SET tags = tags + ? {row}", known=True)
    (finding,) = [one for one in known.shapes[0].findings if one.finding.rule.id == "list-change"]
    assert finding.finding.is_certain
    assert known.shapes[0].tables == ("shop.orders",)
    other = judged("USE other", f"UPDATE orders SET tags = tags + ? {row}", known=True)
    assert other.shapes[0].tables == ("other.orders",)


def test_what_was_only_prepared_is_judged_and_counted_as_not_run() -> None:
    line = "user:u|host:h|source:/s|timestamp:7|type:PREPARE_STATEMENT|category:PREPARE|ks:k|operation:TRUNCATE t\n"
    report = judge_statements([line])
    assert (report.statements, report.shapes[0].count, report.shapes[0].must_change) == (0, 0, True)


def test_a_shape_says_when_it_ran_and_who_sent_it() -> None:
    lines = [
        json.dumps({"query": f"SELECT * FROM t WHERE k = {number}", "time": at, "user": user})
        for number, (at, user) in enumerate([(2_000_000_000, "a"), (1_900_000_000, "b"), (2_100_000_000, "a")])
    ]
    (shape,) = judge_statements(lines).shapes
    assert (shape.first_ms, shape.last_ms) == (1_900_000_000_000, 2_100_000_000_000)
    assert shape.clients == ("a@?", "b@?")


def test_a_consistency_level_is_judged_for_each_of_a_shapes_statements() -> None:
    lines = [
        json.dumps({"query": "SELECT * FROM t WHERE k = 1", "consistency": level})
        for level in ("QUORUM", "ONE", "QUORUM")
    ]
    (shape,) = judge_statements(lines).shapes
    assert [(one.finding.rule.id, one.count) for one in shape.findings] == [("read-consistency", 2)]
    assert shape.count == 3


def test_shapes_beyond_the_limit_are_counted_with_their_findings() -> None:
    statements = [f"INSERT INTO t (k, c{number}) VALUES (1, now())" for number in range(10)]
    report = judged(*statements, max_shapes=3)
    assert report.shapes_left_out == 7
    assert sum(shape.count for shape in report.shapes) == 10
    assert all("server-value" in found for found in ids(report).values())
    assert len(report.shapes) == 4


def test_the_same_text_in_two_keyspaces_is_of_two_tables() -> None:
    gatherer = Gatherer(schema=SCHEMA, keyspace="shop")
    for keyspace in ("", "other", ""):
        gatherer.take(Record(text="TRUNCATE ddl", keyspace=keyspace))
    assert gatherer.written[0] == ("other.ddl", "shop.ddl")
    assert [(shape.tables, shape.count) for shape in gatherer.shapes] == [(("shop.ddl",), 2), (("other.ddl",), 1)]


@pytest.mark.parametrize("name", ["auditlogviewer.txt", "file-audit-logger.log", "fqltool-dump.txt"])
def test_a_real_log_is_judged(name: str) -> None:
    with (SAMPLES / name).open(encoding="utf-8") as lines:
        report = judge_statements(lines, schema=SCHEMA)
    found = {rule for rules in ids(report).values() for rule in rules}
    assert {"counter-change", "list-change", "server-value", "aggregate-function"} <= found
    assert (report.not_understood_count, report.unreadable_count) == (0, 0)
    assert "shop.orders" in report.tables_written
    assert "shop.orders" not in report.tables_written_clean


def test_a_slow_read_is_judged_by_what_it_reads_and_not_by_the_words_that_the_node_adds() -> None:
    with (SAMPLES / "slow-query-log.log").open(encoding="utf-8") as lines:
        found = ids(judge_statements(lines, schema=SCHEMA))
    assert found["SELECT total FROM shop.orders WHERE total = ? LIMIT ?"] == ["index-read"]
    assert found["SELECT * FROM shop.orders WHERE customer = ? AND day = ? LIMIT ?"] == []


@given(ANY_TEXT)
def test_whatever_is_read_is_either_judged_or_listed(text: str) -> None:
    report = judge_statements(text.splitlines(keepends=True), format=Format.CQL)
    counted = sum(shape.count for shape in report.shapes) + report.system_statements + report.not_understood_count
    assert counted == report.statements
