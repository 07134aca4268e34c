from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from keyspaces_migration.config import Table
from keyspaces_migration.parity import DifferenceKind, LiveColumn, differences

TABLE = Table.model_validate_json(
    """{
        "schema": {
            "columns": [{"origin": "text"}, {"day": "date"}, {"at": "timestamp"}, {"place": "text"},
                        {"delays": "map<tinyint,frozen<list<int>>>"}],
            "partition_keys": ["origin", "day"],
            "clustering_keys": [{"at": "DESC"}],
            "static_columns": ["place"]
        },
        "throughput": {"mode": "PAY_PER_REQUEST"},
        "history": {"table": "A.B.C"}
    }"""
)


def column(name: str, cql_type: str, kind: str = "regular", position: int = -1, order: str = "none") -> LiveColumn:
    return LiveColumn(name=name, type=cql_type, kind=kind, position=position, order=order)


LIVE = {
    each.name: each
    for each in (
        # In the order of system_schema, which is not that of the key.
        column("at", "timestamp", "clustering", 0, "desc"),
        column("day", "date", "partition_key", 1),
        column("delays", "map<tinyint, frozen<list<int>>>"),
        column("origin", "text", "partition_key", 0),
        column("place", "text", "static"),
    )
}


def compared(live: dict[str, LiveColumn]) -> list[tuple[Any, ...]]:
    found = differences("t", TABLE, live.values())
    return [(each.kind, each.column, each.expected, each.found) for each in found]


def test_a_live_schema_as_the_file_says_it_has_no_difference() -> None:
    assert compared(LIVE) == []


def test_a_table_that_is_not_there_is_one_difference() -> None:
    assert compared({}) == [(DifferenceKind.TABLE_MISSING, None, "the table", "")]


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("delays", {"type": "map<tinyint, int>"}, (DifferenceKind.TYPE, "delays")),
        ("delays", {"type": "'org.example.Unknown"}, (DifferenceKind.TYPE, "delays")),
        ("at", {"order": "asc"}, (DifferenceKind.CLUSTERING_KEYS, None)),
        ("day", {"kind": "regular"}, (DifferenceKind.PARTITION_KEYS, None)),
        ("day", {"position": -5}, (DifferenceKind.PARTITION_KEYS, None)),
        ("place", {"kind": "regular"}, (DifferenceKind.STATIC_COLUMNS, None)),
    ],
)
def test_each_kind_of_difference_is_named(name: str, change: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = compared(LIVE | {name: replace(LIVE[name], **change)})
    assert [each[:2] for each in found] == [expected]


def test_a_missing_column_and_one_too_many_are_told_apart() -> None:
    live = {name: each for name, each in LIVE.items() if name != "delays"} | {"extra": column("extra", "int")}
    assert compared(live) == [
        (DifferenceKind.COLUMN_MISSING, "delays", "map<tinyint, frozen<list<int>>>", ""),
        (DifferenceKind.COLUMN_NOT_IN_FILE, "extra", "", "int"),
    ]


def test_a_difference_reads_as_one_line() -> None:
    (found,) = differences("t", TABLE, (LIVE | {"at": replace(LIVE["at"], order="asc")}).values())
    assert str(found) == "t: clustering keys: the file says at DESC, live is at ASC"


@pytest.mark.parametrize(
    ("in_file", "live", "same"),
    [
        ("tuple<int, text>", "frozen<tuple<int, text>>", True),
        ("list<frozen<tuple<int, text>>>", "list<tuple<int, text>>", True),
        ("map<text, tuple<int, frozen<tuple<int, int>>>>", "map<text, frozen<tuple<int, tuple<int, int>>>>", True),
        ("frozen<list<int>>", "list<int>", False),
        ("list<frozen<list<int>>>", "frozen<list<frozen<list<int>>>>", False),
        ("tuple<int, text>", "frozen<tuple<int, int>>", False),
    ],
)
def test_a_tuple_is_frozen_whether_the_text_says_so_or_not(in_file: str, live: str, same: bool) -> None:  # noqa: FBT001
    content = {
        "schema": {"columns": [{"id": "int"}, {"x": in_file}], "partition_keys": ["id"]},
        "throughput": {"mode": "PAY_PER_REQUEST"},
        "history": {"table": "A.B.C"},
    }
    table = Table.model_validate_json(json.dumps(content))
    found = list(differences("t", table, [column("id", "int", "partition_key", 0), column("x", live)]))
    assert (not found) is same
