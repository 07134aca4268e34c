"""The report and its twin: what they say, in what order, and that no name from a cluster breaks them."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.assessment import Verdict, as_json, assess_with, markdown
from keyspaces_migration.assessment.assessment import Assessment
from keyspaces_migration.assessment.errors import HistoryUnreadableError, NoAnswerError, NotPermittedError
from keyspaces_migration.assessment.history import History, HistorySource, KeyShape, TableHistory
from keyspaces_migration.markdown import block, code, table, text
from tests.unit.keyspaces_migration.assessment.builders import MURMUR3, FakeQueries

NOW = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
Answers = dict[str, Any]


def answers_with(*columns: dict[str, object], **more: Any) -> Answers:
    """A keyspace `shop` of one table `events`, key `id int`, and these columns."""
    key = {"column_name": "id", "kind": "partition_key", "position": 0, "type": "int"}
    rows = [
        {"keyspace_name": "shop", "table_name": "events", "kind": "regular", "position": -1, **column}
        for column in (key, *columns)
    ]
    return {
        "system.local": [{"cluster_name": "prod", "release_version": "4.1.3", "partitioner": MURMUR3}],
        "system_schema.keyspaces": [{"keyspace_name": "shop", "replication": {"class": "SimpleStrategy"}}],
        "system_schema.tables": [{"keyspace_name": "shop", "table_name": "events", "flags": ["compound"]}],
        "system_schema.columns": rows,
        **more,
    }


def assessed(answers: Answers, history: HistorySource | None = None) -> Assessment:
    return assess_with(FakeQueries(answers), keyspace="shop", history=history, now=NOW)


class Found:
    def read(self, _tables: object, /) -> History:
        shape = KeyShape(
            rows=1234,
            keys=1000,
            repeated_keys=9,
            most_rows_of_a_key=3,
            rows_without_key=0,
            deleted_rows=None,
        )
        found = TableHistory(table="events", candidates=("EVENTS",), columns={"id": "ID"}, shape=shape)
        return History(database="DB", schema="PUBLIC", tables=(found,))


class Unreadable:
    def read(self, _tables: object, /) -> History:
        raise HistoryUnreadableError("the warehouse is suspended")


@pytest.mark.parametrize(
    ("answers", "verdict", "line"),
    [
        (answers_with(), Verdict.NOTHING_IN_THE_WAY, "**Every table can be migrated as it stands.**"),
        (
            answers_with({"column_name": "l", "type": "list<int>"}),
            Verdict.DECISIONS_NEEDED,
            "**Every table can be migrated; decisions are needed first.**",
        ),
        (
            answers_with({"column_name": "c", "type": "counter"}),
            Verdict.BLOCKED,
            "**Some tables can't be migrated as they stand.**",
        ),
        (
            answers_with() | {"system_schema.tables": [], "system_schema.columns": []},
            Verdict.NOTHING_TO_MIGRATE,
            "**Nothing to migrate.**",
        ),
    ],
)
def test_the_verdict_stands_first(answers: Answers, verdict: Verdict, line: str) -> None:
    found = assessed(answers)
    assert found.verdict is verdict
    assert markdown(found).splitlines()[2].startswith(line)


def test_what_could_not_be_looked_at_is_told_at_the_top_and_in_full_at_the_end() -> None:
    page = markdown(assessed(answers_with() | {"system_schema.indexes": NotPermittedError("no SELECT permission")}))
    assert "**Not everything could be looked at**" in page.split("## Tables")[0]
    end = page.split("## What this assessment did not see, and cannot")[1]
    assert "- Could not look at **secondary indexes**: no SELECT permission" in end
    assert "- Not fully checked: Secondary index (`secondary-index`)" in end


def test_a_source_that_told_everything_is_complete() -> None:
    found = assessed(answers_with())
    assert found.is_complete
    assert "Not everything could be looked at" not in markdown(found)


def test_a_silent_node_makes_it_incomplete() -> None:
    found = assessed(answers_with() | {"system_views.clients": NoAnswerError("down")})
    assert not found.is_complete
    assert "0 of 1 node told of their clients" in markdown(found)


def test_a_finding_says_what_to_do_and_once_why() -> None:
    page = markdown(assessed(answers_with({"column_name": "c", "type": "counter"})))
    of_table = page.split("### Table `events`")[1].split("## Cluster")[0]
    assert "- **BLOCKER** Counter table (`counter-table`): counter columns c." in of_table
    assert "What to do: Leave it out of the migration file." in of_table
    assert page.count("Source: *Cassandra Query Language (CQL) elements: Counters") == 1


def test_the_history_shows_rows_and_says_when_no_version_is_there() -> None:
    page = markdown(assessed(answers_with(), Found()))
    assert "| `events` | `DB.PUBLIC.EVENTS` | 1,234 | 1,000 | 9 | - | - |" in page
    assert "keys repeat, and no column looks like a version" in page


def test_a_history_that_cannot_be_read_does_not_stop_the_assessment() -> None:
    found = assessed(answers_with(), Unreadable())
    assert found.history is None
    assert "It could not be looked at" in markdown(found)
    assert [part.why for part in found.unseen] == ["the warehouse is suspended"]


def test_the_same_source_gives_the_same_pages() -> None:
    one, two = assessed(answers_with(), Found()), assessed(answers_with(), Found())
    assert markdown(one) == markdown(two)
    assert as_json(one) == as_json(two)


def test_the_twin_is_versioned_and_says_the_same() -> None:
    twin = json.loads(as_json(assessed(answers_with({"column_name": "c", "type": "counter"}), Found())))
    assert list(twin) == [
        *("format", "assessed_at", "verdict", "complete", "counts", "cluster", "keyspace", "findings", "not_checked"),
        *("unseen", "clients", "history", "estimate", "statements", "draft"),
    ]
    assert (twin["format"], twin["assessed_at"], twin["verdict"]) == (1, "2026-11-23T12:00:00+00:00", "BLOCKED")
    (blocker,) = [finding for finding in twin["findings"] if finding["severity"] == "BLOCKER"]
    assert (blocker["rule"], blocker["table"], blocker["columns"]) == ("counter-table", "events", ["c"])
    assert twin["keyspace"]["tables"][0]["columns"][1] == {
        "name": "c",
        "type": "counter",
        "kind": "regular",
        "descending": False,
    }
    assert twin["history"]["tables"][0]["shape"]["rows"] == 1234
    assert twin["draft"]["left_out"][0]["table"] == "events"


def test_names_from_the_cluster_break_no_table_and_no_line() -> None:
    evil = "a|b`c*d\n# Verdict: all fine [x](http://e) <script>"
    found = assessed(answers_with({"column_name": evil, "type": "int"}))
    page = markdown(found)
    assert "\n# Verdict" not in page
    prose = page.split("```yaml")[0]
    assert "\\<script>" in prose
    assert "<script>" not in prose.replace("\\<script>", "")
    (line,) = [line for line in page.splitlines() if line.startswith("| ") and "| regular |" in line]
    assert len(line.replace("\\|", "").strip("| ").split(" | ")) == 3


@given(st.text())
def test_text_is_one_line_without_markup(value: str) -> None:
    made = text(value)
    assert len(made.splitlines()) <= 1
    for mark in "`*[]|<":
        assert made.replace("\\\\", "").count(mark) == made.replace("\\\\", "").count(f"\\{mark}")


@given(st.text(alphabet=st.characters(exclude_characters="|"), min_size=1))
def test_a_code_span_ends_where_it_should(value: str) -> None:
    made = code(value)
    fence = made[: len(made) - len(made.lstrip("`"))]
    inside = made[len(fence) : -len(fence)]
    assert made.endswith(fence)
    assert fence not in inside
    assert len(made.splitlines()) == 1


def test_underscores_inside_words_stay_readable() -> None:
    assert text("flights_unarchived _x_ set<int>") == "flights_unarchived \\_x\\_ set\\<int>"


def test_a_table_without_rows_is_nothing_and_a_block_outlasts_its_content() -> None:
    assert table(("a",), []) == []
    assert block("```\nx", language="yaml") == ["````yaml", "```", "x", "````", ""]
