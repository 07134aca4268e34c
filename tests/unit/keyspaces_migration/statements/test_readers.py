"""What is read of files and logs. The logs in samples/ are a real Cassandra 5.0.6's, of one small application."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.statements import Format, UnknownFormatError
from keyspaces_migration.statements.model import Statement
from keyspaces_migration.statements.parser import parse
from keyspaces_migration.statements.readers import detect, lines, read
from keyspaces_migration.statements.records import Item, ProtocolBatch, Record, Skipped, Unreadable
from tests.unit.keyspaces_migration.statements.texts import ANY_TEXT, STATEMENTS

SAMPLES = Path(__file__).parent / "samples"
LOGS = {
    "auditlogviewer.txt": Format.AUDIT_LOG,
    "file-audit-logger.log": Format.AUDIT_LOG,
    "fqltool-dump.txt": Format.FULL_QUERY_LOG,
    "slow-query-log.log": Format.SLOW_QUERY_LOG,
}
INSERT = "INSERT INTO shop.orders (customer, day, id, total) VALUES (?, ?, ?, ?)"
UPDATE = """UPDATE shop.orders
   SET tags = tags + ['a;b'], -- appended
       total = 3
 WHERE customer = 'c1' AND day = '2026-01-01' AND id = 50554d6e-29bb-11e5-b345-feff819cdc9f"""


def items(text: str, format: Format | None = None) -> list[Item]:  # noqa: A002 - the room's word
    _, found = read(text.splitlines(keepends=True), format=format)
    return list(found)


def records(text: str, format: Format | None = None) -> list[Record]:  # noqa: A002 - the room's word
    found = items(text, format)
    assert not [one for one in found if isinstance(one, Unreadable)]
    return [one for one in found if isinstance(one, Record)]


def texts(text: str, format: Format | None = None) -> list[str]:  # noqa: A002 - the room's word
    return [one.text for one in records(text, format)]


def sample(name: str) -> str:
    return (SAMPLES / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "format"), LOGS.items())
def test_a_real_log_is_told_by_its_first_lines_and_every_statement_in_it_is_understood(
    name: str,
    format: Format,  # noqa: A002 - the room's word
) -> None:
    text = sample(name)
    assert detect(text.splitlines()) is format
    assert [one.text for one in records(text) if not isinstance(parse(one.text), Statement)] == []


@pytest.mark.parametrize("name", ["auditlogviewer.txt", "file-audit-logger.log"])
def test_an_audit_log_has_statements_with_user_client_keyspace_and_time(name: str) -> None:
    found = records(sample(name))
    prepared, *executed = [one for one in found if one.text == INSERT and one.at_ms][:3]
    assert (prepared.times, [one.times for one in executed]) == (0, [1, 1])
    assert (prepared.user, prepared.client, prepared.keyspace) == ("anonymous", "127.0.0.1", "shop")
    assert prepared.at_ms is not None
    assert 1_795_675_000_000 < prepared.at_ms < 1_795_676_000_000
    assert UPDATE in [one.text for one in found]
    assert any(" | operation:x'" in one.text for one in found)
    assert found[-1].text == "TRUNCATE orders"


@pytest.mark.parametrize("name", ["auditlogviewer.txt", "file-audit-logger.log"])
def test_an_audit_log_shows_a_protocols_batch_by_its_size_and_skips_what_failed(name: str) -> None:
    found = items(sample(name))
    assert [one.size for one in found if isinstance(one, ProtocolBatch)] == [3]
    skipped = [one.what for one in found if isinstance(one, Skipped)]
    assert skipped.count("entries of category ERROR") == 1
    assert not [one for one in found if isinstance(one, Record) and "nothing" in one.text]


def test_lines_of_other_loggers_end_no_statement_unseen() -> None:
    entry = "user:u|host:/h:1|source:/s|port:1|timestamp:1|type:SELECT|category:QUERY|ks:k|scope:t|operation:SELECT *\n"
    log = f"2026-11-26 06:42:24,599 INFO  [a] o.a.c.audit.FileAuditLogger {entry}  FROM t\n"
    other = "2026-11-26 06:42:24,605 WARN  [b] o.a.c.Other words\n"
    assert [one.text for one in items(log + other + log) if isinstance(one, Record)] == ["SELECT *\n  FROM t"] * 2


@pytest.mark.parametrize(
    "entry",
    [
        "user:u|host:/h:1|source:/s|port:1|type:SELECT|category:QUERY|operation:SELECT * FROM t",
        "user:u|host:/h:1|source:/s|port:1|timestamp:1|type:SELECT|category:QUERY|ks:k|scope:t",
    ],
)
def test_an_entry_that_lacks_a_part_is_handed_on_as_unreadable(entry: str) -> None:
    (found,) = items(entry, Format.AUDIT_LOG)
    assert isinstance(found, Unreadable)
    assert (found.line, found.text) == (1, entry)


def test_a_full_query_log_has_each_statement_with_its_time() -> None:
    found = records(sample("fqltool-dump.txt"))
    assert [one.text for one in found[:3]] == [INSERT] * 3
    assert found[0].at_ms == 1_795_693_732_810
    assert "INSERT INTO shop.orders (customer, day, id, total) VALUES ('it''s Query: x', '2026-01-01', now(), 1)" in [
        one.text for one in found
    ]
    assert UPDATE in [one.text for one in found]


def test_a_full_query_logs_batch_is_one_statement_of_its_kind() -> None:
    batches = [parse(one.text) for one in records(sample("fqltool-dump.txt")) if one.text.startswith("BEGIN")]
    found = [(one.batch, len(one.statements)) for one in batches if isinstance(one, Statement)]
    assert found == [("LOGGED", 3), ("UNLOGGED", 3), ("COUNTER", 1), ("LOGGED", 2)]


def test_a_comment_at_the_end_of_a_batchs_statement_swallows_nothing() -> None:
    queries = "Query: DELETE FROM t WHERE k = 1 -- one\nValues: \n" * 2
    (found,) = texts(f"Type: batch\nQuery start time: 5\nBatch type: UNLOGGED\n{queries}\n")
    batch = parse(found)
    assert isinstance(batch, Statement)
    assert len(batch.statements) == 2


@pytest.mark.parametrize("at", ["", "x", "²", "9" * 5000])
def test_a_time_that_is_none_is_left_out(at: str) -> None:
    (found,) = records(f"Type: single-query\nQuery start time: {at}\nQuery: USE k\nValues: \n")
    assert (found.text, found.at_ms) == ("USE k", None)
    (found,) = records(f"user:u|host:h|source:s|timestamp:{'9' * 5000}|type:A|category:DML|operation:USE k\n")
    assert found.at_ms is None


def test_what_is_no_line_of_a_full_query_log_is_handed_on_as_unreadable() -> None:
    text = "some words\nType: single-query\nQuery start time: 5\nwords\nQuery: USE k\nValues: \n\nType: batch\n"
    found = [(one.line, one.why) for one in items(text) if isinstance(one, Unreadable)]
    assert [line for line, _ in found] == [1, 4, 8]
    assert found[-1][1] == "an entry without a query"


def test_a_slow_query_log_has_reads_and_how_often_they_were_slow() -> None:
    found = {one.text: one.times for one in records(sample("slow-query-log.log"))}
    # The node puts ALLOW FILTERING behind every read: the application's text has it or not.
    assert found["SELECT total FROM shop.orders WHERE total = 7 LIMIT 5000"] == 3
    assert found["SELECT * FROM system_schema.tables"] == 1
    assert not [text for text in found if "FILTERING" in text]


def test_a_slow_query_logs_other_lines_are_counted_and_a_broken_one_is_unreadable() -> None:
    text = "DEBUG x\n<SELECT a FROM t>, total time 9 msec, timeout 5 msec\n<SELECT a FROM t WHERE k = 'x\n"
    first, second, third = items(text)
    assert isinstance(first, Skipped)
    assert second == Record(text="SELECT a FROM t")
    assert isinstance(third, Unreadable)
    (timed_out,) = records("<SELECT a FROM t> timed out 4 times, avg/min/max 1/2/3 msec, timeout 5 msec")
    assert timed_out.times == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';';\nSELECT \";\";", ["SELECT ';'", 'SELECT ";"']),
        ("SELECT 'it''s;\n  two lines'; USE k;", ["SELECT 'it''s;\n  two lines'", "USE k"]),
        ("CREATE FUNCTION f AS $$ a; b; $$; USE k;", ["CREATE FUNCTION f AS $$ a; b; $$", "USE k"]),
        ("-- a;b\nUSE a; // c;d\n/* e;\nf; */ USE b;", ["-- a;b\nUSE a", "// c;d\n/* e;\nf; */ USE b"]),
        (
            "BEGIN BATCH\nDELETE a; DELETE b;\nAPPLY BATCH; USE k;",
            ["BEGIN BATCH\nDELETE a; DELETE b;\nAPPLY BATCH", "USE k"],
        ),
        (
            "begin unlogged batch delete a; apply\nbatch; USE k",
            ["begin unlogged batch delete a; apply\nbatch", "USE k"],
        ),
        (";;\n; USE k;;", ["USE k"]),
        ("-- nothing\n/* at all */\n", []),
        ("", []),
    ],
)
def test_a_file_is_cut_at_its_semicolons(text: str, expected: list[str]) -> None:
    assert texts(text, Format.CQL) == expected


def test_a_use_counts_from_there_on() -> None:
    text = 'SELECT 1; USE Shop; SELECT 2; USE "Other"; SELECT 3; UPDATE use SET a = 1;'
    assert [(one.text[:8], one.keyspace) for one in records(text, Format.CQL)] == [
        ("SELECT 1", ""),
        ("USE Shop", "shop"),
        ("SELECT 2", "shop"),
        ('USE "Oth', "Other"),
        ("SELECT 3", "Other"),
        ("UPDATE u", "Other"),
    ]


def test_a_statement_too_long_to_be_one_is_unreadable_and_the_next_is_read() -> None:
    long = "x" * 1000 + "\n"
    text = "SELECT '" + long * (lines.MAX_TEXT_CHARS // 1000) + "';\nUSE k;\n"
    first, second = items(text, Format.CQL)
    assert isinstance(first, Unreadable)
    assert (first.line, first.why) == (1, "a statement too long to be one")
    assert second == Record(text="USE k", keyspace="k")


@given(st.lists(st.sampled_from(STATEMENTS)))
def test_statements_put_into_a_file_come_out_of_it(statements: list[str]) -> None:
    assert texts("".join(f"{one};\n" for one in statements), Format.CQL) == [one.strip() for one in statements]


def test_a_line_of_json_is_a_statement_with_what_is_known_of_it() -> None:
    line = {
        "query": "USE k",
        "count": 7,
        "@timestamp": "2026-01-02T03:04:05Z",
        "username": "u",
        "address": "10.0.0.1",
        "ks": "shop",
        "consistency": "quorum",
    }
    assert records(json.dumps(line)) == [
        Record(
            text="USE k",
            times=7,
            at_ms=1_767_323_045_000,
            user="u",
            client="10.0.0.1",
            keyspace="shop",
            consistency="QUORUM",
        )
    ]


@pytest.mark.parametrize("name", ["query", "statement", "cql"])
@pytest.mark.parametrize(
    ("at", "at_ms"),
    [
        (1_767_323_045, 1_767_323_045_000),
        (1_767_323_045.5, 1_767_323_045_500),
        (1_767_323_045_000, 1_767_323_045_000),
        ("2026-01-02T03:04:05", 1_767_323_045_000),
        ("yesterday", None),
        (float("nan"), None),
        (float("inf"), None),
        (-1e308, None),
        (10**400, None),
        (True, None),
        (None, None),
    ],
)
def test_a_time_is_seconds_or_milliseconds_or_iso_and_anything_else_is_none(
    name: str, at: object, at_ms: int | None
) -> None:
    (found,) = records(json.dumps({name: "USE k", "time": at}))
    assert (found.text, found.at_ms) == ("USE k", at_ms)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"query": "USE k"', "no JSON"),
        ('{"other": "USE k"}', "no object with one of query, statement, cql"),
        ('{"query": 5}', "no object"),
        ('{"query": " "}', "no object"),
        ('["USE k"]', "no object"),
        ('{"query": "USE k", "count": -1}', "count"),
        ('{"query": "USE k", "count": "7"}', "count"),
        ('{"query": "USE k", "count": 1e99}', "count"),
        ('{"query": "USE k", "count": true}', "count"),
        ('{"query": "USE k", "count": 1' + "0" * 5000 + "}", "no JSON"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_line_that_is_no_statement_is_unreadable_and_the_next_is_read(line: str, why: str) -> None:
    first, second = items(f'{line}\n\n{{"query": "USE k"}}\n', Format.JSON_LINES)
    assert isinstance(first, Unreadable)
    assert why in first.why
    assert len(first.text) <= 200
    assert second == Record(text="USE k")


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("", Format.CQL),
        ("-- a comment\nselect 1", Format.CQL),
        ("/* only\n a comment */", Format.CQL),
        ("CONSISTENCY QUORUM;\nSELECT 1;", Format.CQL),
        ('\n{"query": "USE k"}', Format.JSON_LINES),
    ],
)
def test_a_file_is_told_by_its_first_lines(text: str, format: Format) -> None:  # noqa: A002 - the room's word
    assert detect(text.splitlines()) is format


def test_a_file_of_no_known_format_is_refused_unless_its_format_is_named() -> None:
    with pytest.raises(UnknownFormatError, match="the file begins with 'a,b,c'"):
        items("a,b,c\n")
    assert [type(one) for one in items("a,b,c\n", Format.JSON_LINES)] == [Unreadable]


@given(st.sampled_from(Format), st.lists(ANY_TEXT | st.sampled_from([*map(str, range(3)), "<", "Query: ", "{}"])))
def test_no_text_ends_a_reader(format: Format, parts: list[str]) -> None:  # noqa: A002 - the room's word
    assert all(
        isinstance(one, Record | Skipped | Unreadable | ProtocolBatch) for one in items("\n".join(parts), format)
    )


@given(st.sampled_from(sorted(LOGS)), st.data())
def test_a_damaged_log_ends_no_reader(name: str, data: st.DataObject) -> None:
    text = sample(name)[:4000]
    first = data.draw(st.integers(0, len(text)))
    last = data.draw(st.integers(first, min(len(text), first + 80)))
    found = items(text[:first] + data.draw(st.text(max_size=5)) + text[last:], LOGS[name])
    assert all(parse(one.text) for one in found if isinstance(one, Record))
