"""The draft loads as a migration file's `tables:`, and says what it leaves out and what is to be decided."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.assessment.draft import Draft, draft
from keyspaces_migration.assessment.draft_text import as_yaml
from keyspaces_migration.assessment.history import History, KeyShape, TableHistory, TypeMismatch, VersionCandidate
from keyspaces_migration.assessment.model import Part, Source, Unseen
from keyspaces_migration.assessment.rules import RULES, judge
from keyspaces_migration.config import load_migration
from tests.unit.keyspaces_migration.assessment.builders import a_cluster, column, source, table

FULL_FILE = Path(__file__).parents[1] / "config/full.yaml"
WEATHER = table(
    column("origin", "text", "partition_key"),
    column("time_hour", "timestamp", "clustering", descending=True),
    column("station", "text", "static"),
    column("temp", "double"),
    column("by_month", "map<tinyint, int>"),
    name="weather",
)
SHAPE = KeyShape(rows=9, keys=9, repeated_keys=0, most_rows_of_a_key=1, rows_without_key=0, deleted_rows=None)


def drafted(judged: Source, history: History | None = None) -> Draft:
    findings, _ = judge(judged, RULES)
    return draft(judged, history, findings)


def in_history(name: str, **more: Any) -> History:
    fields: dict[str, Any] = {"table": name, "candidates": (name.upper(),), "shape": SHAPE} | more
    found = TableHistory(**fields)
    return History(database="ANALYTICS", schema="PUBLIC", tables=(found,))


def test_the_draft_in_a_full_file_loads_as_that_table(tmp_path: Path) -> None:
    made = drafted(source(WEATHER), in_history("weather", deleted=("IS_DELETED",)))
    rest, _, _ = FULL_FILE.read_text(encoding="utf-8").partition("\ntables:\n")
    path = tmp_path / "orders.yaml"
    path.write_text(f"{rest}\n{made.yaml}", encoding="utf-8")
    loaded = load_migration(path).tables["weather"]
    assert list(loaded.schema_.column_types) == ["origin", "time_hour", "station", "temp", "by_month"]
    assert [(key.name, key.order.value) for key in loaded.schema_.clustering_keys] == [("time_hour", "DESC")]
    assert loaded.schema_.static_columns == ("station",)
    assert loaded.history.table == "ANALYTICS.PUBLIC.WEATHER"
    assert loaded.history.deleted_column == "IS_DELETED"


def test_the_text_and_the_value_are_the_same() -> None:
    made = drafted(source(WEATHER, table(name="null")), in_history("weather"))
    assert yaml.safe_load(made.yaml) == made.value
    assert set(made.value["tables"]) == {"weather", "null"}


def test_the_shape_is_the_designs() -> None:
    value = drafted(source(WEATHER), in_history("weather")).value["tables"]["weather"]
    assert value == {
        "schema": {
            "columns": [
                {"origin": "text"},
                {"time_hour": "timestamp"},
                {"station": "text"},
                {"temp": "double"},
                {"by_month": "map<tinyint, int>"},
            ],
            "partition_keys": ["origin"],
            "clustering_keys": [{"time_hour": "DESC"}],
            "static_columns": ["station"],
        },
        "throughput": {"mode": "PAY_PER_REQUEST"},
        "history": {"table": "ANALYTICS.PUBLIC.WEATHER"},
    }


def test_a_blocked_table_is_left_out_with_its_blocker_and_the_others_stay() -> None:
    made = drafted(source(WEATHER, table(column("clicks", "counter"), name="clicks")))
    assert [each.name for each in made.tables] == ["weather"]
    assert [(each.table, each.reasons) for each in made.left_out] == [
        ("clicks", ("Counter table: counter columns clicks",)),
    ]
    assert "# left out: clicks" in made.yaml


def test_a_blocker_of_the_cluster_leaves_out_every_table() -> None:
    judged = source(WEATHER, cluster=a_cluster(partitioner="ByteOrderedPartitioner"))
    assert [each.table for each in drafted(judged).left_out] == ["weather"]


def test_what_the_file_itself_would_refuse_is_left_out_with_its_words() -> None:
    expiring = table(options={"default_time_to_live": 3600})
    (left_out,) = drafted(source(expiring), in_history("events")).left_out
    assert "neither expiry_column nor write_time_column" in left_out.reasons[0]


def test_a_table_with_a_time_to_live_and_a_write_time_is_drafted() -> None:
    expiring = table(options={"default_time_to_live": 3600})
    made = drafted(source(expiring), in_history("events", write_times=("WRITE_TIME",)))
    value = made.value["tables"]["events"]
    assert (value["default_ttl"], value["history"]["write_time_column"]) == ("PT1H", "WRITE_TIME")


def test_a_write_time_is_not_named_where_nothing_expires() -> None:
    made = drafted(source(table()), in_history("events", write_times=("UPDATED_AT",)))
    assert "write_time_column" not in made.value["tables"]["events"]["history"]


def test_names_of_the_history_are_written_as_the_file_wants_them() -> None:
    history = in_history("events", candidates=("Events",), columns={"id": "id"}, expiries=("Expires_At",))
    value = drafted(source(table()), history).value["tables"]["events"]["history"]
    assert value == {
        "table": 'ANALYTICS.PUBLIC."Events"',
        "columns": {"id": '"id"'},
        "expiry_column": '"Expires_At"',
    }


def test_the_version_column_that_decides_most_is_taken() -> None:
    versions = (
        VersionCandidate(name="VERSION", newest="1", undecided_keys=3),
        VersionCandidate(name="UPDATED_AT", newest="2", undecided_keys=0),
    )
    (made,) = drafted(source(table()), in_history("events", versions=versions)).tables
    assert made.value["history"]["version_column"] == "UPDATED_AT"
    assert not any("would do" in decision for decision in made.decisions)


def test_several_version_columns_that_decide_are_a_decision() -> None:
    versions = tuple(VersionCandidate(name=name, newest="1", undecided_keys=0) for name in ("VERSION", "UPDATED_AT"))
    (made,) = drafted(source(table()), in_history("events", versions=versions)).tables
    assert made.value["history"]["version_column"] == "VERSION"
    assert "version: VERSION, UPDATED_AT would do; the first was taken" in made.decisions


@pytest.mark.parametrize(
    ("more", "decision"),
    [
        ({"missing": ("note",)}, "history: it has no note; loaded rows will be without"),
        ({"candidates": ("A", "B")}, "history: A, B fit by name; the first was taken"),
        (
            {"mismatches": (TypeMismatch(column="d", cql_type="date", history_type="TEXT", accepted=("DATE",)),)},
            "history: d is TEXT, and date needs DATE; convert it in a view",
        ),
        (
            {
                "shape": KeyShape(
                    rows=9, keys=8, repeated_keys=1, most_rows_of_a_key=2, rows_without_key=0, deleted_rows=0
                )
            },
            "version: 1 keys have several rows that no likely column tells apart; without a version column that does",
        ),
        (
            {
                "shape": KeyShape(
                    rows=9, keys=9, repeated_keys=0, most_rows_of_a_key=1, rows_without_key=2, deleted_rows=0
                )
            },
            "history: 2 rows have a null in their key and can't be loaded",
        ),
        ({}, "deletions: no column marks deleted rows; if the history keeps them, add one"),
        (
            {"shape": None, "unseen": (Unseen(part=Part.HISTORY, why="rows not counted: time-out"),)},
            "history: rows not counted: time-out",
        ),
        (
            {"candidates": (), "shape": None},
            "history: no table of this name in ANALYTICS.PUBLIC that this role may see; name the table",
        ),
    ],
)
def test_what_a_person_decides_stands_as_a_comment(more: dict[str, Any], decision: str) -> None:
    made = drafted(source(table()), in_history("events", **more))
    assert any(each.startswith(decision) for each in made.tables[0].decisions)
    flat = " ".join(line.strip().lstrip("# ").strip() for line in made.yaml.splitlines())
    assert f"DECIDE {decision}" in flat


def test_without_a_history_its_place_is_left_to_fill_in() -> None:
    (made,) = drafted(source(table())).tables
    assert made.value["history"] == {"table": "DATABASE.SCHEMA.EVENTS"}
    assert any("it was not looked at" in decision for decision in made.decisions)


def test_an_empty_keyspace_drafts_no_tables() -> None:
    assert yaml.safe_load(drafted(source()).yaml) == {"tables": {}}


@given(st.text(max_size=300))
def test_no_text_can_end_its_comment(text: str) -> None:
    made = as_yaml([], [("a", [text])])
    assert yaml.safe_load(made) == {"tables": {}}
