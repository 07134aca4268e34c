"""Array operations give the bytes that the driver would send, whatever Arrow type a value comes as."""

from __future__ import annotations

import datetime as dt
import json
import struct
import uuid
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.wire import columns
from keyspaces_migration.wire.by_value import encode_values
from keyspaces_migration.wire.cells import NULL, UNSET, Cells
from keyspaces_migration.wire.columns import encode_column
from keyspaces_migration.wire.conversion import ConversionError, column_values, convert
from keyspaces_migration.wire.driver_types import driver_type, serialise
from keyspaces_migration.wire.durations import INTERVAL

TEXTS = st.text(st.characters(codec="utf-8"))
WHOLE = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300), st.sampled_from([2**k for k in range(63)]))
ODD_UUIDS = ["", "x", "{12345678-1234-1234-1234-123456789abc}", "12345678123412341234123456789abc", "A" * 36, "é" * 18]
UUIDS = st.one_of(
    st.uuids().map(str), st.uuids(version=1).map(lambda one: str(one).upper()), st.sampled_from(ODD_UUIDS)
)
MOMENTS = st.integers(-(2**62), 2**62)


def digits(count: int, scale: int) -> st.SearchStrategy[Decimal]:
    exact = Context(prec=40)
    return st.integers(-(10**count) + 1, 10**count - 1).map(lambda n: Decimal(n).scaleb(-scale, exact))


ODD_KEYS = st.one_of(
    st.sampled_from(["1", "01", "+1", " 1", "1_0", "0x1F", "", "x", "true", "false", "nan", "1e3", "-0.0", "0.0"]),
    st.integers().map(str),
)
ANY_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), WHOLE, st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
).map(json.dumps)


def spans(least: int, greatest: int) -> st.SearchStrategy[tuple[int, int, int]]:
    """Months, days and nanoseconds, from the least to the greatest that there are."""
    parts = [st.integers(least * 2 ** (bits - 1), max(greatest * 2 ** (bits - 1) - 1, 0)) for bits in (32, 32, 64)]
    return st.tuples(*parts)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(values, values, values, st.none())


def as_numbers(texts: list[str]) -> str:
    return f"[{', '.join(texts)}]"


# By name: the CQL type, the Arrow type, and values of it. Not every value is one of the CQL type.
COLUMNS: dict[str, tuple[str, pa.DataType, st.SearchStrategy[Any]]] = {
    "tinyint from int8": ("tinyint", pa.int8(), st.integers(-128, 127)),
    "tinyint from int64": ("tinyint", pa.int64(), WHOLE),
    "smallint from int16": ("smallint", pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "int from int32": ("int", pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "int from number": ("int", pa.decimal128(38, 0), digits(38, 0)),
    "int from small number": ("int", pa.decimal128(38, 0), digits(9, 0)),
    "int from uint64": ("int", pa.uint64(), st.integers(0, 2**64 - 1)),
    "int from text": ("int", pa.string(), TEXTS),
    "bigint from int64": ("bigint", pa.int64(), WHOLE),
    "bigint from number": ("bigint", pa.decimal128(38, 0), digits(38, 0)),
    "bigint from number with places": ("bigint", pa.decimal128(10, 2), digits(10, 2)),
    "boolean": ("boolean", pa.bool_(), st.booleans()),
    "double": ("double", pa.float64(), st.floats()),
    "double from float": ("double", pa.float32(), st.floats(width=32)),
    "double from int64": ("double", pa.int64(), WHOLE),
    "double from number": ("double", pa.decimal128(38, 10), digits(38, 10)),
    "double from short number": ("double", pa.decimal128(15, 3), digits(15, 3)),
    "float": ("float", pa.float64(), st.floats()),
    "float from number": ("float", pa.decimal128(38, 2), digits(38, 2)),
    "text": ("text", pa.string(), TEXTS),
    "text from large": ("text", pa.large_string(), TEXTS),
    "text from int64": ("text", pa.int64(), WHOLE),
    "ascii": ("ascii", pa.string(), TEXTS),
    "blob": ("blob", pa.binary(), st.binary()),
    "blob from fixed": ("blob", pa.binary(3), st.binary(min_size=3, max_size=3)),
    "blob from hexadecimal": ("blob", pa.string(), st.binary().map(bytes.hex)),
    "date": ("date", pa.date32(), st.dates()),
    "date from text": ("date", pa.string(), st.dates().map(str)),
    "time in ns": ("time", pa.time64("ns"), st.integers(0, 86_400 * 10**9 - 1)),
    "time in s": ("time", pa.time32("s"), st.integers(0, 86_399)),
    "time from int64": ("time", pa.int64(), WHOLE),
    "timestamp from int64": ("timestamp", pa.int64(), WHOLE),
    "timestamp in ns": ("timestamp", pa.timestamp("ns"), MOMENTS),
    "timestamp in us, UTC": ("timestamp", pa.timestamp("us", tz="UTC"), MOMENTS.map(lambda us: us // 64)),
    "timestamp from text": ("timestamp", pa.string(), st.datetimes(timezones=st.just(dt.UTC)).map(str)),
    "uuid": ("uuid", pa.string(), UUIDS),
    "timeuuid": ("timeuuid", pa.string(), UUIDS),
    "inet": ("inet", pa.string(), st.ip_addresses().map(str)),
    "varint from int64": ("varint", pa.int64(), WHOLE),
    "varint from number": ("varint", pa.decimal128(38, 0), digits(38, 0)),
    "varint from text": ("varint", pa.string(), st.integers().map(str)),
    "duration": ("duration", INTERVAL, spans(-1, 1)),
    "duration of one sign": (
        "duration",
        INTERVAL,
        st.tuples(*[st.integers(0, 2**31 - 1)] * 2, st.integers(0, 2**63 - 1)),
    ),
    "negative duration": ("duration", INTERVAL, spans(-1, 0)),
    "duration from text": (
        "duration",
        pa.string(),
        st.sampled_from(["P1Y2M3DT4H5M6S", "-1y2mo3d", "5ms7µs", "PT", "x"]),
    ),
    "list of duration": ("list<duration>", pa.list_(INTERVAL), st.lists(st.tuples(*[st.integers(0, 99)] * 3))),
    "decimal from int64": ("decimal", pa.int64(), WHOLE),
    "decimal from number": ("decimal", pa.decimal128(38, 7), digits(38, 7)),
    "decimal from text": ("decimal", pa.string(), st.decimals(allow_nan=False).map(str)),
    "list of text": ("list<text>", pa.string(), st.lists(TEXTS).map(json.dumps)),
    "set of int": ("set<int>", pa.string(), st.lists(st.integers(0, 2**32)).map(json.dumps)),
    "map": ("map<text, bigint>", pa.string(), st.dictionaries(TEXTS, st.integers(-9, 9)).map(json.dumps)),
    "frozen list": ("frozen<list<uuid>>", pa.list_(pa.string()), st.lists(st.uuids().map(str))),
    "frozen text": ("frozen<text>", pa.string(), TEXTS),
    "tuple": ("tuple<int, text>", pa.string(), st.tuples(st.integers(0, 9), TEXTS).map(json.dumps)),
    "list of double in JSON": ("list<double>", pa.string(), st.lists(st.floats()).map(json.dumps)),
    "list of numbers in JSON": ("list<double>", pa.string(), st.lists(st.one_of(WHOLE, st.floats())).map(json.dumps)),
    "set of float in JSON": ("set<float>", pa.string(), st.lists(st.floats(width=32)).map(json.dumps)),
    "list of decimal in JSON": ("list<decimal>", pa.string(), st.lists(digits(9, 3).map(str)).map(as_numbers)),
    "list of varint in JSON": ("list<varint>", pa.string(), st.lists(st.integers()).map(json.dumps)),
    "set of uuid in JSON": ("set<uuid>", pa.string(), st.lists(UUIDS).map(json.dumps)),
    "set of blob in JSON": ("set<blob>", pa.string(), st.lists(st.binary().map(bytes.hex)).map(json.dumps)),
    "map by int in JSON": ("map<int, text>", pa.string(), st.dictionaries(st.integers(-9, 9), TEXTS).map(json.dumps)),
    "map by text that may be no number": (
        "map<int, int>",
        pa.string(),
        st.dictionaries(ODD_KEYS, WHOLE).map(json.dumps),
    ),
    "map by double in JSON": ("map<double, int>", pa.string(), st.dictionaries(ODD_KEYS, WHOLE).map(json.dumps)),
    "map by boolean in JSON": ("map<boolean, int>", pa.string(), st.dictionaries(ODD_KEYS, WHOLE).map(json.dumps)),
    "map by list in JSON": (
        "map<frozen<list<int>>, int>",
        pa.string(),
        st.dictionaries(st.lists(st.integers(0, 2)).map(json.dumps), st.integers(0, 9)).map(json.dumps),
    ),
    "nested lists in JSON": (
        "list<frozen<list<frozen<set<int>>>>>",
        pa.string(),
        st.lists(st.lists(st.lists(st.integers(0, 3)))).map(json.dumps),
    ),
    "maps of maps in JSON": (
        "map<text, frozen<map<text, frozen<list<text>>>>>",
        pa.string(),
        st.dictionaries(TEXTS, st.dictionaries(TEXTS, st.lists(TEXTS))).map(json.dumps),
    ),
    "list of tuples in JSON": (
        "list<frozen<tuple<int, text, frozen<list<int>>>>>",
        pa.string(),
        st.lists(st.tuples(maybe(st.integers(0, 9)), maybe(TEXTS), maybe(st.lists(st.integers(0, 9))))).map(json.dumps),
    ),
    "any JSON as a list": ("list<int>", pa.string(), ANY_JSON),
    "any JSON as a set": ("set<double>", pa.string(), ANY_JSON),
    "any JSON as a map": ("map<text, text>", pa.string(), ANY_JSON),
    "any JSON as a tuple": ("tuple<double, text>", pa.string(), ANY_JSON),
    "any JSON as nested": ("list<frozen<map<text, frozen<list<double>>>>>", pa.string(), ANY_JSON),
    "no JSON as a list": ("list<text>", pa.string(), TEXTS),
    "list of int": ("list<int>", pa.list_(pa.int32()), st.lists(maybe(st.integers(-(2**31), 2**31 - 1)))),
    "list of bigint from wider": ("list<int>", pa.list_(pa.int64()), st.lists(WHOLE)),
    "large list of text": ("list<text>", pa.large_list(pa.string()), st.lists(maybe(TEXTS))),
    "list of a fixed size": ("list<double>", pa.list_(pa.float64(), 2), st.lists(st.floats(), min_size=2, max_size=2)),
    "set of small": ("set<tinyint>", pa.list_(pa.int8()), st.lists(st.integers(0, 3))),
    "set of text": ("set<text>", pa.list_(pa.string()), st.lists(st.sampled_from(["", "a", "b", "é"]))),
    "list of lists": ("list<frozen<list<int>>>", pa.list_(pa.list_(pa.int64())), st.lists(st.lists(WHOLE))),
    "map of Arrow": (
        "map<text, bigint>",
        pa.map_(pa.string(), pa.int64()),
        st.lists(st.tuples(st.sampled_from("abc"), maybe(st.integers(0, 9)))),
    ),
    "map of Arrow by int": (
        "map<smallint, frozen<list<text>>>",
        pa.map_(pa.int32(), pa.list_(pa.string())),
        st.lists(st.tuples(st.integers(0, 2**16), st.lists(TEXTS))),
    ),
    "list where a map is": ("map<text, int>", pa.list_(pa.int64()), st.lists(WHOLE)),
    "int where a list is": ("list<int>", pa.int64(), WHOLE),
}


def expected(array: pa.Array, text: str, null: int) -> list[tuple[int, bytes, str | None]]:
    """Each row's length, bytes and error, by way of the driver."""
    cql_type = parse_type(text)
    rows: list[tuple[int, bytes, str | None]] = []
    for value in column_values(array):
        try:
            converted = convert(value, cql_type)
        except ConversionError as error:
            rows.append((0, b"", str(error)))
            continue
        sent = None if converted is None else serialise(converted, driver_type(cql_type))
        rows.append((null, b"", None) if sent is None else (len(sent), sent, None))
    return rows


def encoded(cells: Cells) -> list[tuple[int, bytes, str | None]]:
    body = cells.body.to_pylist() if isinstance(cells.body, pa.Array) else [bytes(row) for row in cells.body]
    return [(int(length), body[row], cells.errors.get(row)) for row, length in enumerate(cells.lengths)]


@pytest.mark.parametrize("name", COLUMNS)
@settings(max_examples=60)
@given(data=st.data(), null=st.sampled_from([NULL, UNSET]))
def test_a_column_is_what_the_driver_would_send(name: str, data: st.DataObject, null: int) -> None:
    text, arrow_type, values = COLUMNS[name]
    array = pa.array(data.draw(st.lists(st.one_of(values, st.none()), max_size=12)), arrow_type)
    start = data.draw(st.integers(0, len(array)))
    for part in (array, array.slice(start), pa.chunked_array([array, array.slice(start)])):
        whole = part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part
        assert encoded(encode_column(part, parse_type(text), null=null)) == expected(whole, text, null)


@given(st.integers(-(2**127), 2**127 - 1).filter(lambda n: abs(n) < 10**38))
@example(2**63)
@example(-(2**63) - 1)
def test_numbers_beyond_64_bits_are_exact(number: int) -> None:
    cells = encode_column(pa.array([Decimal(number)], pa.decimal128(38, 0)), parse_type("varint"))
    assert int.from_bytes(encoded(cells)[0][1], "big", signed=True) == number


def test_a_uuid_of_another_version_is_no_timeuuid() -> None:
    values = [str(uuid.UUID(int=5 << 76)), "not one", str(uuid.uuid1())]
    cells = encode_column(pa.array(values), parse_type("timeuuid"))
    assert set(cells.errors) == {0, 1}
    assert "version" in cells.errors[0]


def test_collections_go_by_array_operations_and_only_bad_rows_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counted(array: pa.Array, cql_type: Any) -> Any:
        seen.append(len(array))
        return encode_values(array, cql_type)

    monkeypatch.setattr(columns, "encode_values", counted)
    texts = [json.dumps([number, number + 1]) for number in range(1_000)]
    lists = pa.array([[number] for number in range(1_000)])
    for array in (pa.array(texts), lists):
        assert not encode_column(array, parse_type("list<int>")).errors
    assert not seen
    cells = encode_column(pa.array([*texts, "[1, 2, 3000000000]"]), parse_type("list<int>"))
    assert seen == [1, 1]  # the element, then its row
    assert "element 3, 3000000000, is no int: it does not fit in 32 bits" in cells.errors[1_000]


def test_moments_in_an_arrow_list_are_milliseconds() -> None:
    """By value they can't be told from other whole numbers, so there is nothing else to compare with."""
    array = pa.array([[-1_000_001, 5_000_000]], pa.list_(pa.timestamp("ns")))
    (row,) = encoded(encode_column(array, parse_type("list<timestamp>")))
    assert row == (28, struct.pack(">iiqiq", 2, 8, -2, 8, 5), None)


def test_repeated_elements_are_sent_once_in_the_order_of_the_first_and_zeros_keep_their_signs() -> None:
    cells = encode_column(pa.array(["[2.0, 0.0, -0.0, 2.0, 0.0]"]), parse_type("set<double>"))
    assert encoded(cells)[0][1] == struct.pack(">iididid", 3, 8, 2.0, 8, 0.0, 8, -0.0)
    cells = encode_column(pa.array(['{"2": 1, "1": 2, "02": 3}']), parse_type("map<int, int>"))
    assert encoded(cells)[0][1] == struct.pack(">9i", 2, 4, 2, 4, 3, 4, 1, 4, 2)


def test_a_type_that_history_cannot_have_is_refused() -> None:
    assert encode_column(pa.array(["[1]"]), parse_type("vector<float, 1>")).errors
