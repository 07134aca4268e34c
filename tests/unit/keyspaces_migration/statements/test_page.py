"""The judgement as people read it."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given

from keyspaces_migration.statements import Format, judge_statements, read_schema_file, statements_section
from tests.integration.statement_cases import TABLES
from tests.unit.keyspaces_migration.statements.texts import ANY_TEXT

SAMPLES = Path(__file__).parent / "samples"
SCHEMA = read_schema_file([f"{statement};\n" for statement in TABLES])


def page(text: str, format: Format | None = Format.CQL) -> str:  # noqa: A002 - the room's word
    return "\n".join(statements_section(judge_statements(text.splitlines(keepends=True), format=format)))


def test_a_finding_is_shown_with_its_rule_its_count_and_an_example() -> None:
    shown = page("UPDATE ks.t SET a = now() WHERE k = 1;\n" * 1234)
    assert "Read as `cql`: 1,234 lines, 1,234 statements in 1 shape (UPDATE 1,234)." in shown
    assert "### Can't be dual-written" in shown
    assert re.search(r"\| BLOCKER \| Value that the server makes \| 1 \| 1,234 \| each store makes", shown)
    assert "`UPDATE ks.t SET a = now() WHERE k = ?`: 1,234 times" in shown
    assert "- **BLOCKER** `server-value`: now()" in shown
    assert "```sql\nUPDATE ks.t SET a = now() WHERE k = 1\n```" in shown
    assert "Tables written to: 1. With no write that must change: none." in shown


def test_what_depends_says_on_what() -> None:
    shown = page("UPDATE t SET a = a + ? WHERE k = 1;")
    assert "The schema was not given" in shown
    assert "`list-change`: a: c = c + …; depends on the column's type: give the schema" in shown


def test_what_could_not_be_looked_at_is_shown_and_not_called_fine() -> None:
    shown = page('{"query": "SELEKT 1"}\n{\n', Format.JSON_LINES)
    assert "Not understood: 1 statement. Any of them may have to change." in shown
    assert "Not readable: 1 place of the file." in shown
    assert "Not understood, 1 time: no statement of CQL begins with 'SELEKT'." in shown
    assert "| 2 | `{` | no JSON" in shown


def test_a_table_is_called_clean_with_a_reserve_while_a_statement_is_not_understood() -> None:
    shown = page("INSERT INTO ks.t (k) VALUES (1);\nSELEKT 1;\n")
    assert "With no write that must change (what was not understood may write to them too): `ks.t`." in shown
    assert "With no write that must change: `ks.t`." in page("INSERT INTO ks.t (k) VALUES (1);\n")


def test_the_same_text_in_two_keyspaces_is_told_apart() -> None:
    shown = page("USE a; TRUNCATE t; USE b; TRUNCATE t;")
    assert "`TRUNCATE t`: 1 time; on `a.t`" in shown
    assert "`TRUNCATE t`: 1 time; on `b.t`" in shown
    assert "; on" not in page("TRUNCATE a.t;")


def test_an_empty_file_says_that_nothing_was_there() -> None:
    assert "0 statements" in page("")
    assert "none has a finding" not in page("")
    assert "No statement was judged" in page("")


def test_what_is_of_another_keyspace_is_said_to_be_not_judged() -> None:
    lines = "\n".join(statements_section(judge_statements(["TRUNCATE a.t;", "TRUNCATE b.t;"], only="a")))
    assert "- On tables of another keyspace, `b`: 1." in lines[lines.index("### Not judged") :]


def test_a_batch_of_the_protocol_is_shown_by_its_size() -> None:
    with (SAMPLES / "auditlogviewer.txt").open(encoding="utf-8") as lines:
        shown = "\n".join(statements_section(judge_statements(lines, schema=SCHEMA), heading="## Of the shop"))
    assert shown.startswith("## Of the shop\n")
    assert "whose kind the log does not show: 1, the largest of 3 statements; 0 of more than 30." in shown
    assert "Skipped, entries of category ERROR: 1." in shown


def test_a_time_that_is_none_of_this_calendar_is_shown_as_it_is() -> None:
    line = f"user:u|host:h|source:/s|timestamp:{'9' * 18}|type:A|category:DML|ks:k|operation:TRUNCATE t"
    assert "999999999999999999 ms to 999999999999999999 ms" in page(line, Format.AUDIT_LOG)


def test_the_same_file_gives_the_same_page() -> None:
    text = (SAMPLES / "fqltool-dump.txt").read_text(encoding="utf-8")
    assert page(text, None) == page(text, None)


@given(ANY_TEXT)
def test_no_statement_can_leave_its_place_on_the_page(text: str) -> None:
    outside, fence = [], ""
    for line in page(f"{text}\n# heading | cell\n").split("\n"):
        if (fence and line == fence) or (not fence and line.startswith("```")):
            fence = "" if fence else line.rstrip("sqltex")
        elif not fence:
            outside.append(line)
    assert not fence
    assert not [line for line in outside if line.startswith("# ")]
