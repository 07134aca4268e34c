"""Each CQL type: a value, in the forms that the history has it, through the driver's own codec and back."""

from __future__ import annotations

import datetime as dt
import json
import math
import struct
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from cassandra import cqltypes
from cassandra.util import Date, Time
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, SetOf, TupleOf, parse_type
from keyspaces_migration.wire.conversion import ConversionError, column_values, convert

if TYPE_CHECKING:
    import ipaddress

PROTOCOL = 4
FLOATS = st.floats(allow_nan=False, width=32)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
ASCII = st.text(st.characters(codec="ascii"))
TEXTS = st.text(st.characters(codec="utf-8"))
# By type: values as Arrow gives them, and what the driver reads back after they were written.
SCALARS: dict[str, tuple[st.SearchStrategy[Any], Any]] = {
    "ascii": (ASCII, lambda value: value),
    "text": (TEXTS, lambda value: value),
    "tinyint": (st.integers(-(2**7), 2**7 - 1), lambda value: value),
    "smallint": (st.integers(-(2**15), 2**15 - 1), lambda value: value),
    "int": (st.integers(-(2**31), 2**31 - 1), lambda value: value),
    "bigint": (st.integers(-(2**63), 2**63 - 1).map(Decimal), int),
    "varint": (st.integers(-(10**37), 10**37), lambda value: value),
    "decimal": (DECIMALS, lambda value: value),
    "double": (st.floats(allow_nan=False), lambda value: value),
    "float": (FLOATS, lambda value: value),
    "boolean": (st.booleans(), lambda value: value),
    "blob": (st.binary(), lambda value: value),
    "date": (st.dates(), Date),
    "time": (st.integers(0, 86_400 * 10**9 - 1), Time),
    "uuid": (st.uuids().map(str), uuid.UUID),
    "timeuuid": (st.uuids(version=1).map(str), uuid.UUID),
}


def through_the_driver(value: Any, cql_type: CqlType) -> Any:
    codec = driver_type(cql_type)
    return codec.from_binary(codec.to_binary(value, PROTOCOL), PROTOCOL)


def driver_type(cql_type: CqlType) -> Any:
    match cql_type:
        case Scalar(name):
            return {kind.typename: kind for kind in vars(cqltypes).values() if hasattr(kind, "typename")}[name.value]
        case Frozen(inner):
            return driver_type(inner)
        case ListOf(element):
            return cqltypes.ListType.apply_parameters([driver_type(element)])
        case SetOf(element):
            return cqltypes.SetType.apply_parameters([driver_type(element)])
        case MapOf(key, element):
            return cqltypes.MapType.apply_parameters([driver_type(key), driver_type(element)])
        case TupleOf(elements):
            return cqltypes.TupleType.apply_parameters(list(map(driver_type, elements)))
        case _:
            raise AssertionError(cql_type)


@pytest.mark.parametrize("name", SCALARS)
@given(data=st.data())
def test_a_scalar_comes_back_from_the_driver_as_it_went_in(name: str, data: st.DataObject) -> None:
    values, expected = SCALARS[name]
    value = data.draw(values)
    assert through_the_driver(convert(value, parse_type(name)), parse_type(name)) == expected(value)


@given(address=st.ip_addresses())
def test_an_address_is_written_with_all_its_bytes(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    kind = parse_type("inet")
    assert driver_type(kind).to_binary(convert(str(address), kind), PROTOCOL) == address.packed


@given(milliseconds=st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_moment_is_written_to_the_millisecond(milliseconds: int) -> None:
    """Its bytes are looked at: the driver reads moments through a float, and loses milliseconds of distant years."""
    kind = parse_type("timestamp")
    assert driver_type(kind).to_binary(convert(milliseconds, kind), PROTOCOL) == struct.pack(">q", milliseconds)


@given(values=st.lists(TEXTS), numbers=st.dictionaries(st.integers(-128, 127), st.integers(-(2**31), 2**31 - 1)))
def test_collections_come_out_of_their_json_text(values: list[str], numbers: dict[int, int]) -> None:
    text = json.dumps(values)
    for name, expected in (("set<text>", set(values)), ("frozen<list<text>>", values), ("list<text>", values)):
        kind = parse_type(name)
        back = through_the_driver(convert(text, kind), kind)
        assert (set(back) if name.startswith("set") else list(back or [])) == expected
    kind = parse_type("map<tinyint, int>")
    assert dict(through_the_driver(convert(json.dumps(numbers), kind), kind)) == numbers


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_in_json_keeps_every_bit(value: float) -> None:
    found = convert(json.dumps([value]), parse_type("frozen<list<double>>"))
    assert struct.pack(">d", found[0]) == struct.pack(">d", value)


def test_nested_types_maps_by_every_key_and_tuples_are_read() -> None:
    assert convert('{"true": [1, null]}', parse_type("map<boolean, frozen<tuple<int, text>>>")) == {True: (1, None)}
    assert convert('{"1.50": "AA00"}', parse_type("map<decimal, blob>")) == {Decimal("1.50"): b"\xaa\x00"}
    day = convert('{"2013-01-01": "1969-12-31 23:59:59.999"}', parse_type("map<date, timestamp>"))
    assert day == {Date(15706): -1}
    assert convert("[[1, 2], [3]]", parse_type("set<frozen<list<int>>>")) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("value", "name", "says"),
    [
        ("[1, 2, 3000000000]", "list<int>", "element 3, 3000000000, is no int: it does not fit in 32 bits"),
        ('["a", 1]', "set<text>", "element 2, 1, is no text"),
        ('{"a": 1, "b": "c"}', "map<text, int>", "the value of 'b', 'c', is no int"),
        ('{"a": 1}', "map<int, int>", "the key 'a'"),
        ('{"300": 1}', "map<tinyint, int>", "the key '300'"),
        ('[1, "b"]', "tuple<int, int>", "part 2, 'b', is no int"),
        ("[[1], [2, null]]", "list<frozen<list<int>>>", "element 2, [2, None], is no frozen<list<int>>: element 2 is"),
    ],
)
def test_a_bad_element_is_named(value: str, name: str, says: str) -> None:
    with pytest.raises(ConversionError) as raised:
        convert(value, parse_type(name))
    assert says in str(raised.value)


@pytest.mark.parametrize("name", ["int", "text", "set<text>", "map<text, int>", "frozen<list<int>>"])
def test_null_is_null(name: str) -> None:
    assert convert(None, parse_type(name)) is None


def test_jsons_null_is_null_for_a_collection() -> None:
    assert convert("null", parse_type("set<text>")) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (2**31, "int"),
        (128, "tinyint"),
        (Decimal("1.5"), "int"),
        (True, "int"),
        (1, "boolean"),
        (1, "text"),
        ("é", "ascii"),
        ("\ud800", "text"),
        (1e300, "float"),
        (0.1, "decimal"),
        (Decimal("NaN"), "decimal"),
        ("127.0.0.256", "inet"),
        ("not a uuid", "uuid"),
        (str(uuid.UUID(int=4, version=4)), "timeuuid"),
        (dt.datetime(2013, 1, 1, tzinfo=dt.UTC), "date"),
        (86_400 * 10**9, "time"),
        ("[1, null]", "frozen<list<int>>"),
        ("[undefined]", "set<text>"),
        ('{"a": 1}', "set<text>"),
        ("[1]", "map<int, int>"),
        ('{"300": 1}', "map<tinyint, int>"),
        ('{"yes": 1}', "map<boolean, int>"),
        ("[1]", "frozen<tuple<int, int>>"),
        ('[["null"]]', "list<frozen<list<frozen<list<int>>>>>"),
    ],
)
def test_a_value_that_is_not_of_its_type_is_refused(value: object, name: str) -> None:
    with pytest.raises(ConversionError, match="is no "):
        convert(value, parse_type(name))


def test_not_a_number_and_infinities_are_doubles() -> None:
    assert math.isnan(convert(float("nan"), parse_type("double")))
    assert convert("[Infinity, -Infinity]", parse_type("frozen<list<double>>")) == [math.inf, -math.inf]


@given(nanoseconds=st.integers(-(2**62), 2**62))
def test_a_moments_column_is_cut_to_the_millisecond_before_it_also_before_1970(nanoseconds: int) -> None:
    for zone in (None, "UTC", "Asia/Tokyo"):
        column = pa.chunked_array([pa.array([nanoseconds, None], pa.timestamp("ns", tz=zone))])
        assert column_values(column) == [nanoseconds // 1_000_000, None]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("P1Y2M3DT4H5M6S", (14, 3, 14_706 * 10**9)),
        ("P2W", (0, 14, 0)),
        ("-PT1H", (0, 0, -3_600 * 10**9)),
        ("1y2mo3w4d5h6m7s8ms9us10ns", (14, 25, 18_367_008_009_010)),
        ("-1MO", (-1, 0, 0)),
    ],
)
def test_durations_are_read_as_iso_8601_and_as_cassandra_write_them(text: str, parts: tuple[int, int, int]) -> None:
    found = convert(text, parse_type("duration"))
    assert (found.months, found.days, found.nanoseconds) == parts


@pytest.mark.parametrize("value", ["", "P", "PT", "1", "1x", "P1Y-2M", "178956971y", "PT9223372037S", (1, -1, 0)])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ConversionError, match="is no duration"):
        convert(value, parse_type("duration"))


def test_times_of_day_are_nanoseconds_in_every_unit() -> None:
    for unit in ("us", "ns"):
        column = pa.chunked_array([pa.array([dt.time(1, 2, 3, 4), None], pa.time64(unit))])
        assert column_values(column) == [((1 * 60 + 2) * 60 + 3) * 10**9 + 4_000, None]
