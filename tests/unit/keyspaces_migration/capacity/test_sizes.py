"""Rows worked by hand from the guide's formula; a comment says how each figure comes about."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from cassandra.util import Date

from keyspaces_migration.capacity.errors import RowUnusableError, UnknownSizeError
from keyspaces_migration.capacity.scalars import integer_bytes
from keyspaces_migration.capacity.sizes import Nulls, RowShape, RowSize, row_size, shape_of
from keyspaces_migration.config import Table
from keyspaces_migration.cql.types import parse_type

GUIDE = {"p1": "int", "p2": "int", "c1": "int", "c2": "int", "r": "int"}


def shape(columns: dict[str, str], *, p: str = "k", c: str = "", s: str = "", **more: Any) -> RowShape:
    return RowShape(
        columns={name: parse_type(text) for name, text in columns.items()},
        partition_keys=tuple(p.split()),
        clustering_keys=tuple(c.split()),
        static_columns=tuple(s.split()),
        **{"timestamp_bytes": 0, **more},
    )


def test_the_example_of_the_guide_is_31_bytes_and_131_stored() -> None:
    size = row_size({"p1": 1, "p2": 2, "c1": 3, "c2": 4, "r": 5}, shape(GUIDE, p="p1 p2", c="c1 c2"))
    assert (size.throughput_bytes, size.storage_bytes, size.static_bytes) == (31, 131, 0)


def test_the_guides_example_of_static_data_is_122_bytes_metered_apart() -> None:
    table = shape({**GUIDE, "s": "int"}, p="p1 p2", c="c1 c2", s="s")
    static_alone = row_size({"p1": 1, "p2": 2, "c1": None, "c2": None, "s": 6}, table)
    assert static_alone == RowSize(throughput_bytes=0, static_bytes=122)  # 8 + 8 + 2 + 104
    assert static_alone.storage_bytes == 0
    assert row_size({"p1": 2, "p2": 3, "c1": 4, "c2": 5, "r": 6, "s": 7}, table) == RowSize(
        throughput_bytes=31, static_bytes=122
    )


TIMESTAMP = dt.datetime(2026, 11, 26, tzinfo=dt.UTC)
ID = uuid.uuid4()
BY_HAND: list[tuple[str, RowShape, dict[str, Any], int]] = [
    # k: 2*3 + 1 + 3 = 10; v: 5 + 1, as é and ö have 2 bytes each in UTF-8
    ("text is UTF-8", shape({"k": "text", "v": "text"}), {"k": "abc", "v": "éöx"}, 10 + 6),
    # The key is 2*2 + 1 + 3 = 8, c twice 6 and a fifth of it, rounded up, and 1: 15; then 9 + 1, and 1 + 1
    (
        "clustering text, blob and boolean",
        shape({"k": "int", "c": "text", "b": "blob", "t": "boolean"}, c="c"),
        {"k": 7, "c": "abcdef", "b": b"123456789", "t": False},
        8 + 15 + 10 + 2,
    ),
    # 123,456,789 has 9 digits: 5 + 1 = 6 bytes; 2*6 + 1 + 3 = 16. -1,200 has 2 significant digits: 2 bytes, and 1
    ("integers by significant digits", shape({"k": "bigint", "v": "varint"}), {"k": 123_456_789, "v": -1200}, 16 + 3),
    # k: 8; list: 1 + 3 + (2+1) + (3+1) + (1+... 5 is 1 digit: 2+1)
    ("a list", shape({"k": "int", "v": "list<int>"}), {"k": 1, "v": [42, 1234, 5]}, 8 + 1 + 3 + 3 + 4 + 3),
    ("an empty list", shape({"k": "int", "v": "list<int>"}), {"k": 1, "v": []}, 8 + 1 + 3),
    # map: 1 + 3 + ("ab": 2 + true: 1 + 1) + ("c": 1 + 1 + 1)
    ("a map", shape({"k": "int", "v": "map<text, boolean>"}), {"k": 1, "v": {"ab": True, "c": False}}, 8 + 4 + 4 + 3),
    # set of frozen lists: 1 + 3 + one element's byte + (4 + 4) + (4 + 4): an int has 4 bytes on the wire
    (
        "a frozen list inside a set",
        shape({"k": "int", "v": "set<frozen<list<int>>>"}),
        {"k": 1, "v": [[1, 2]]},
        8 + 4 + 1 + 16,
    ),
    # The column's identifier, and 4 bytes a part with its length on the wire
    ("a tuple", shape({"k": "int", "v": "tuple<int, text, int>"}), {"k": 1, "v": (9, "xy", None)}, 8 + 1 + 8 + 6 + 4),
    # assumed: float 4, double 8, timestamp 8, date 4, uuid 16, decimal 4 + 2 (12,345 in two's complement), inet 4; +7
    (
        "types without a figure in the guide",
        shape(
            {
                "k": "int",
                "f": "float",
                "d": "double",
                "t": "timestamp",
                "a": "date",
                "u": "uuid",
                "n": "decimal",
                "i": "inet",
            }
        ),
        {"k": 1, "f": 1.5, "d": 1.5, "t": TIMESTAMP, "a": Date(3), "u": ID, "n": Decimal("123.45"), "i": "10.0.0.1"},
        8 + 4 + 8 + 8 + 4 + 16 + 6 + 4 + 7,
    ),
    # time to live: 8 for the row, 8 for each of 2 columns and 3 elements: k 8, v 2 + 1, l 1 + 3 + 3*(2 + 1)
    (
        "time to live",
        shape({"k": "int", "v": "int", "l": "list<int>"}, time_to_live=True),
        {"k": 1, "v": 2, "l": [1, 2, 3]},
        8 + 3 + 13 + 8 + 2 * 8 + 3 * 8,
    ),
    # a frozen list has one cell: k, v; 20 each
    (
        "client-side timestamps of a frozen list",
        shape({"k": "int", "v": "frozen<list<int>>"}, timestamp_bytes=20),
        {"k": 1, "v": [1, 2, 3]},
        8 + 13 + 2 * 20,
    ),
    # 63 columns: identifiers of 2 bytes. k: 4 + 2 + 3 = 9; v0: 2 + 2
    (
        "a wide table's identifiers",
        shape({"k": "int", **{f"v{n}": "int" for n in range(62)}}),
        {"k": 1, "v0": 1},
        9 + 4,
    ),
    # a user type of 2 fields: 1 + 3 + (1 + 3 + 1) + (1 + 2 + 1)
    (
        "a user type",
        shape(
            {"k": "int", "v": "address"}, user_types={"address": {"city": parse_type("text"), "n": parse_type("int")}}
        ),
        {"k": 1, "v": {"n": 5, "city": "Ulm"}},
        8 + 4 + 5 + 4,
    ),
    # the same inside a list, as on the wire: 1 + 3 + 1 + (4 + 3) + (4 + 4)
    (
        "a frozen user type inside a list",
        shape(
            {"k": "int", "v": "list<frozen<address>>"},
            user_types={"address": {"city": parse_type("text"), "n": parse_type("int")}},
        ),
        {"k": 1, "v": [("Ulm", 5)]},
        8 + 5 + 7 + 8,
    ),
]


@pytest.mark.parametrize(("table", "row", "wanted"), [case[1:] for case in BY_HAND], ids=[case[0] for case in BY_HAND])
def test_a_row_worked_by_hand(table: RowShape, row: dict[str, Any], wanted: int) -> None:
    assert row_size(row, table).throughput_bytes == wanted
    assert row_size(row, table).storage_bytes == wanted + 100


def test_the_guides_20_columns_with_timestamps_grow_by_400_bytes() -> None:
    columns = {"k": "text", **{f"v{n}": "text" for n in range(19)}}
    row = dict.fromkeys(columns, "x" * 40)
    plain, stamped = shape(columns), shape(columns, timestamp_bytes=20)
    assert row_size(row, stamped).throughput_bytes - row_size(row, plain).throughput_bytes == 400


def test_a_null_takes_nothing_when_left_unset_and_a_byte_with_its_identifier_when_written() -> None:
    row = {"k": 1, "v": None}
    columns = {"k": "int", "v": "list<int>"}
    assert row_size(row, shape(columns)).throughput_bytes == 8
    assert row_size(row, shape(columns, nulls=Nulls.WRITTEN)).throughput_bytes == 8 + 2
    assert row_size({"k": 1}, shape(columns, nulls=Nulls.WRITTEN)).throughput_bytes == 8


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0, 2), (9, 2), (99, 2), (100, 2), (101, 3), (-9999, 3), (1_000_000, 2), (2**63 - 1, 11), (10**37 + 1, 20)],
)
def test_integers_are_metered_by_their_significant_digits(value: int, wanted: int) -> None:
    assert integer_bytes(value) == wanted


EVERY_KIND = {"k": "text", "v": "int", "a": "address", "b": "blob", "n": "decimal", "l": "list<text>"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"k": None, "v": 1}, "key column k is null"),
        ({"v": 1}, "key column k is null or missing"),
        ({"k": "x", "v": "one"}, "column v has no value of int"),
        ({"k": "x", "v": True}, "column v has no value of int"),
        ({"k": "x", "w": 1}, "no columns of the table: w"),
        ({"k": "x", "a": {"town": "Ulm"}}, "column a has no value of address: the type has no field town"),
        ({"k": "x", "a": ("Ulm", "Bonn")}, "column a has no value of address: it has 2 parts, and the type 1"),
        ({"k": "x", "b": "text"}, "column b has no value of blob"),
        ({"k": "x", "n": Decimal("NaN")}, "column n has no value of decimal"),
        ({"k": "x", "l": "ab"}, "column l has no value of list<text>"),
    ],
)
@pytest.mark.parametrize("nulls", Nulls)
def test_a_row_that_is_none_of_the_table_is_refused(row: dict[str, Any], said: str, nulls: Nulls) -> None:
    with pytest.raises(RowUnusableError, match=said):
        row_size(row, shape(EVERY_KIND, nulls=nulls, user_types={"address": {"city": parse_type("text")}}))


@pytest.mark.parametrize("unknown", ["duration", "counter", "vector<float, 3>", "address", "list<frozen<address>>"])
def test_a_type_without_a_size_is_refused_and_not_guessed(unknown: str) -> None:
    value = [1] if "list" in unknown else 1
    with pytest.raises(UnknownSizeError):
        row_size({"k": 1, "v": value}, shape({"k": "int", "v": unknown}))


def test_the_shape_is_that_of_the_migration_file() -> None:
    table = Table.model_validate(
        {
            "schema": {
                "columns": [{"k": "text"}, {"c": "int"}, {"s": "int"}, {"v": "text"}],
                "partition_keys": ("k",),
                "clustering_keys": ({"c": "DESC"},),
                "static_columns": ("s",),
            },
            "throughput": {"mode": "PAY_PER_REQUEST"},
            "history": {"table": "D.S.T", "expiry_column": "EXPIRES"},
        },
        strict=False,
    )
    made = shape_of(table)
    assert (made.partition_keys, made.clustering_keys, made.static_columns) == (("k",), ("c",), ("s",))
    assert made.regular_columns == ("v",)
    assert made.time_to_live
    # k 2*1+1+3, c 2*2+1+1, v 1+1: 14; 8 for the row, 28 for each of 3 cells
    assert row_size({"k": "x", "c": 1, "v": "y"}, made).throughput_bytes == 14 + 8 + 3 * 28
