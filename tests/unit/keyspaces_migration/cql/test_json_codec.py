from __future__ import annotations

import datetime as dt
import ipaddress
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from cassandra.cqltypes import lookup_casstype
from cassandra.util import Date, Duration, OrderedMap, Time
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.json_codec import (
    JsonCodecError,
    canonical_text,
    decode_columns,
    decode_value,
    encode_columns,
    encode_value,
)
from keyspaces_migration.cql.types import parse_type

CLASSES = {
    "ascii": "AsciiType",
    "bigint": "LongType",
    "blob": "BytesType",
    "boolean": "BooleanType",
    "date": "SimpleDateType",
    "decimal": "DecimalType",
    "double": "DoubleType",
    "duration": "DurationType",
    "float": "FloatType",
    "inet": "InetAddressType",
    "int": "Int32Type",
    "smallint": "ShortType",
    "text": "UTF8Type",
    "time": "TimeType",
    "timestamp": "TimestampType",
    "timeuuid": "TimeUUIDType",
    "tinyint": "ByteType",
    "uuid": "UUIDType",
    "varint": "IntegerType",
}


def integers(bits: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "ascii": st.text(st.characters(max_codepoint=127)),
    "bigint": integers(64),
    "blob": st.binary(),
    "boolean": st.booleans(),
    "date": st.integers(-(2**31), 2**31 - 1).map(Date),
    "decimal": st.builds(lambda digits, scale: Decimal(f"{digits}E{scale}"), st.integers(), integers(16)),
    "double": st.floats(),
    "duration": st.builds(Duration, integers(31), integers(31), integers(63)),
    "float": st.floats(width=32),
    "inet": st.ip_addresses().map(str),
    "int": integers(32),
    "smallint": integers(16),
    "text": st.text(st.characters(exclude_categories=["Cs"])),
    "time": st.integers(0, 24 * 3600 * 10**9 - 1).map(Time),
    "timestamp": integers(64),
    "timeuuid": st.uuids(version=1),
    "tinyint": integers(8),
    "uuid": st.uuids(),
    "varint": st.integers(),
}


@st.composite
def types_and_values(draw: st.DrawFn, depth: int = 2) -> tuple[str, str, Any]:
    """A type's CQL text, the driver's class for it, and a value."""
    kinds = [*SCALARS, "list", "set", "map", "tuple"] if depth else [*SCALARS]
    kind = draw(st.sampled_from(kinds))
    if kind in SCALARS:
        return kind, CLASSES[kind], draw(SCALARS[kind])
    text, driver_class, _ = draw(types_and_values(depth=0))
    values = draw(st.lists(SCALARS[text], max_size=4))
    if kind == "set":
        # Cassandra tells 0.0 from -0.0; the driver's set of what it reads does not.
        values = [value for place, value in enumerate(values) if value not in values[:place]]
    if kind in {"list", "set"}:
        name = {"list": "ListType", "set": "SetType"}[kind]
        return f"{kind}<{text}>", f"{name}({driver_class})", values
    second = draw(types_and_values(depth=depth - 1))
    if kind == "tuple":
        members = (values[0] if values else None, second[2])
        return f"tuple<{text}, {second[0]}>", f"TupleType({driver_class}, {second[1]})", members
    frozen = f"frozen<{second[0]}>" if "<" in second[0] else second[0]
    mapping = OrderedMap([(key, second[2]) for key in values])
    return f"map<{text}, {frozen}>", f"MapType({driver_class}, {second[1]})", mapping


@given(types_and_values())
def test_a_value_comes_back_as_the_bytes_that_it_was(case: tuple[str, str, Any]) -> None:
    text, driver_class, value = case
    cql_type = parse_type(text)
    form = encode_value(value, cql_type)
    assert json.loads(canonical_text(form)) == form
    decoded = decode_value(json.loads(canonical_text(form)), cql_type)
    assert encode_value(decoded, cql_type) == form
    if "set" not in text and "map" not in text:
        # The server puts sets and maps in order, so the order in which they are sent says nothing.
        driver_type = lookup_casstype(driver_class)
        assert driver_type.to_binary(decoded, 4) == driver_type.to_binary(value, 4)


@given(types_and_values())
def test_what_the_driver_reads_has_the_form_of_what_was_written(case: tuple[str, str, Any]) -> None:
    text, driver_class, value = case
    if "timestamp" in text:
        return  # the driver's own arithmetic, in floats, loses milliseconds far from 1970
    cql_type, driver_type = parse_type(text), lookup_casstype(driver_class)
    read = driver_type.from_binary(driver_type.to_binary(value, 4), 4)
    assert encode_value(read, cql_type) == encode_value(value, cql_type)


@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)))  # noqa: DTZ001 - the driver's own are naive
def test_a_moment_keeps_its_milliseconds(moment: dt.datetime) -> None:
    timestamp = parse_type("timestamp")
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=dt.UTC)
    assert decode_value(encode_value(moment, timestamp), timestamp) == whole


@pytest.mark.parametrize(
    ("text", "value", "form"),
    [
        ("bigint", 2**62, "4611686018427387904"),
        ("int", -7, -7),
        ("varint", 10**30, "1" + "0" * 30),
        ("decimal", Decimal("1.00"), "100E-2"),
        ("double", math.nan, "NaN"),
        ("double", -math.inf, "-Infinity"),
        ("double", 0.1, 0.1),
        ("blob", b"\x00\xff", "AP8="),
        ("timestamp", dt.datetime(2013, 1, 1, 5, tzinfo=dt.UTC), "2013-01-01T05:00:00.000Z"),
        ("timestamp", dt.datetime(2013, 1, 1, 5), "2013-01-01T05:00:00.000Z"),  # noqa: DTZ001 - as the driver reads it
        ("timestamp", dt.datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=dt.UTC), "1969-12-31T23:59:59.999Z"),
        ("timestamp", dt.datetime(1, 1, 1, tzinfo=dt.UTC), "0001-01-01T00:00:00.000Z"),
        ("timestamp", 2**60, 2**60),
        ("date", dt.date(2013, 1, 1), "2013-01-01"),
        ("date", Date(15706), "2013-01-01"),
        ("date", Date(-(2**31)), -(2**31)),
        ("time", dt.time(12, 30, 0, 5), "12:30:00.000005000"),
        ("duration", Duration(1, -2, 3), [1, -2, "3"]),
        ("inet", ipaddress.ip_address("::1"), "::1"),
        ("uuid", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ("set<text>", {"b", "a"}, ["a", "b"]),
        ("map<tinyint, int>", {2: 1, 1: 2}, [[1, 2], [2, 1]]),
        ("tuple<int, text>", (1, None), [1, None]),
        ("frozen<list<int>>", (1, 2), [1, 2]),
        ("vector<float, 2>", [1.0, 2.5], [1.0, 2.5]),
        ("set<frozen<list<int>>>", [[2], [1]], [[1], [2]]),
        ("text", None, None),
    ],
)
def test_the_forms_are_those_of_the_contract(text: str, value: object, form: object) -> None:
    assert encode_value(value, parse_type(text)) == form
    assert encode_value(decode_value(form, parse_type(text)), parse_type(text)) == form


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("int", "1"),
        ("int", True),
        ("int", 2**31),
        ("tinyint", 128),
        ("boolean", 1),
        ("text", 1),
        ("text", b"x"),
        ("ascii", "é"),
        ("uuid", "00000000-0000-0000-0000-000000000001"),
        ("list<int>", "12"),
        ("list<int>", [1, None]),
        ("list<int>", {1, 2}),
        ("set<text>", "ab"),
        ("map<int, int>", [1]),
        ("date", dt.datetime(2013, 1, 1, tzinfo=dt.UTC)),
        ("decimal", Decimal("NaN")),
        ("decimal", 1.5),
        ("time", 5),
        ("tuple<int, int>", (1, 2, 3)),
        ("vector<float, 2>", [1.0]),
        ("location", {"lat": 1.0}),
    ],
)
def test_a_value_of_another_type_is_refused(text: str, value: object) -> None:
    with pytest.raises(JsonCodecError, match="is no "):
        encode_value(value, parse_type(text))


@pytest.mark.parametrize(
    ("text", "form"),
    [("bigint", 5), ("int", "5"), ("blob", "?"), ("time", "12:00"), ("uuid", "x"), ("set<int>", 3), ("empty", "x")],
)
def test_a_form_of_another_type_is_refused(text: str, form: object) -> None:
    with pytest.raises(JsonCodecError, match="is not the JSON form"):
        decode_value(form, parse_type(text))


def test_columns_come_in_the_order_of_the_table_and_strange_ones_are_named() -> None:
    types = {"b": parse_type("int"), "a": parse_type("text")}
    assert list(encode_columns({"a": "x", "b": 1}, types)) == ["b", "a"]
    assert decode_columns({"a": "x"}, types) == {"a": "x"}
    with pytest.raises(JsonCodecError, match=r"no column c; there are b, a"):
        encode_columns({"c": 1}, types)
    with pytest.raises(JsonCodecError, match=r"no column c"):
        decode_columns({"c": 1}, types)
    with pytest.raises(JsonCodecError, match=r"column b: 'x' is no int"):
        encode_columns({"b": "x"}, types)
