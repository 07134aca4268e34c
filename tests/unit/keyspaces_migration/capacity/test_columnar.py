"""The sizes of a batch are those of its rows, one by one, for every type, with and without nulls."""

from __future__ import annotations

import decimal
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keyspaces_migration.capacity.columnar import batch_sizes
from keyspaces_migration.capacity.errors import RowUnusableError, UnknownSizeError
from keyspaces_migration.capacity.sizes import Nulls, RowShape, row_size
from keyspaces_migration.cql.types import CqlType, ScalarName, parse_type

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
WHOLE = st.integers(-(10**37), 10**37)
# By CQL type: the Arrow types that a history has it in, and values of those.
SCALARS: dict[str, list[tuple[pa.DataType, st.SearchStrategy[Any]]]] = {
    "ascii": [(pa.string(), st.text(st.characters(codec="ascii"), max_size=12))],
    "text": [(pa.string(), TEXTS), (pa.large_string(), TEXTS)],
    "tinyint": [(pa.int8(), st.integers(-(2**7), 2**7 - 1)), (pa.uint8(), st.integers(0, 255))],
    "smallint": [(pa.int16(), st.integers(-(2**15), 2**15 - 1))],
    "int": [
        (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
        (pa.decimal128(12, 2), st.integers(-(10**9), 10**9).map(Decimal)),
    ],
    "bigint": [(pa.int64(), st.integers(-(2**63), 2**63 - 1)), (pa.decimal128(38, 0), WHOLE.map(Decimal))],
    "varint": [(pa.decimal256(60, 0), st.integers(-(10**59), 10**59).map(Decimal)), (pa.string(), WHOLE.map(str))],
    "decimal": [
        (pa.decimal128(38, 7), st.integers(-(10**30), 10**30).map(lambda n: Decimal(n).scaleb(-7))),
        (
            pa.decimal256(70, 3),
            st.integers(-(10**60), 10**60).map(lambda n: Decimal((n < 0, tuple(map(int, str(abs(n)))), -3))),
        ),
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    ],
    "boolean": [(pa.bool_(), st.booleans())],
    "blob": [(pa.binary(), st.binary(max_size=12)), (pa.binary(5), st.binary(min_size=5, max_size=5))],
    "float": [(pa.float32(), st.floats(width=32))],
    "double": [(pa.float64(), st.floats())],
    "timestamp": [(pa.timestamp("ms", tz="UTC"), st.integers(0, 2**40))],
    "date": [(pa.date32(), st.dates())],
    "time": [(pa.time64("us"), st.times())],
    "uuid": [(pa.string(), st.uuids().map(str)), (pa.binary(16), st.uuids().map(lambda each: each.bytes))],
    "timeuuid": [(pa.string(), st.uuids().map(str))],
    "inet": [(pa.string(), st.ip_addresses().map(str))],
}
NESTED: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "list<int>": (pa.list_(pa.int32()), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=4)),
    "set<text>": (pa.list_(pa.string()), st.lists(TEXTS, unique=True, max_size=4)),
    "map<text, int>": (
        pa.map_(pa.string(), pa.int32()),
        st.dictionaries(TEXTS, st.integers(0, 9999), max_size=4).map(lambda each: list(each.items())),
    ),
    "frozen<list<bigint>>": (pa.list_(pa.int64()), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4)),
    "list<frozen<list<int>>>": (
        pa.list_(pa.list_(pa.int32())),
        st.lists(st.lists(st.integers(0, 99), max_size=3), max_size=3),
    ),
    "tuple<int, text>": (
        pa.struct([("a", pa.int32()), ("b", pa.string())]),
        st.fixed_dictionaries({"a": st.integers(0, 99) | st.none(), "b": TEXTS | st.none()}),
    ),
    "address": (
        pa.struct([("city", pa.string()), ("n", pa.int32())]),
        st.fixed_dictionaries({"city": TEXTS | st.none(), "n": st.integers(0, 99) | st.none()}),
    ),
}
ADDRESS = {"address": {"city": parse_type("text"), "n": parse_type("int")}}
ROWS = st.integers(0, 6)


def test_every_scalar_type_that_keyspaces_has_is_compared() -> None:
    assert set(SCALARS) == {name.value for name in ScalarName} - {"counter", "duration", "empty"}


def columns_of(data: st.DataObject, cql_type: str, *, rows: int, nulls: bool) -> pa.Array:
    kinds = SCALARS.get(cql_type) or [NESTED[cql_type]]
    arrow_type, values = data.draw(st.sampled_from(kinds))
    # Drawn with rows on both sides, and sliced: Arrow's buffers then begin elsewhere than the column.
    drawn = data.draw(st.lists(values | st.none() if nulls else values, min_size=rows + 2, max_size=rows + 2))
    with decimal.localcontext(decimal.Context(prec=80)):
        return pa.array(drawn, type=arrow_type).slice(1, rows)


def as_bound(value: Any, cql_type: CqlType) -> Any:
    """What the driver binds for what Arrow gives: whole numbers may come as text."""
    return int(value) if str(cql_type) == "varint" and isinstance(value, str) else value


def assert_equal_to_row_by_row(batch: pa.RecordBatch, shape: RowShape) -> None:
    sizes = batch_sizes(batch, shape)
    for number, row in enumerate(batch.to_pylist()):
        bound = {name: as_bound(value, shape.columns[name]) for name, value in row.items()}
        alone = row_size(bound, shape)
        assert sizes.throughput_bytes[number] == alone.throughput_bytes
        assert sizes.storage_bytes[number] == alone.storage_bytes
        assert sizes.static_bytes[number] == alone.static_bytes


@given(
    data=st.data(),
    partition=st.sampled_from([*SCALARS, "frozen<list<bigint>>"]),
    clustering=st.sampled_from([*SCALARS]),
    regular=st.sampled_from([*SCALARS, *NESTED]),
    static=st.sampled_from([*SCALARS, *NESTED]),
    rows=ROWS,
)
@settings(max_examples=400)
def test_a_batch_is_sized_as_its_rows_one_by_one(  # noqa: PLR0913 # one for each role that a column has
    *, data: st.DataObject, partition: str, clustering: str, regular: str, static: str, rows: int
) -> None:
    types = {"p": partition, "c": clustering, "r": regular, "s": static}
    has_statics = data.draw(st.booleans())
    shape = RowShape(
        columns={name: parse_type(text) for name, text in types.items() if name != "s" or has_statics},
        partition_keys=("p",),
        clustering_keys=("c",),
        static_columns=("s",) if has_statics else (),
        time_to_live=data.draw(st.booleans()),
        timestamp_bytes=data.draw(st.sampled_from([0, 20, 31])),
        nulls=data.draw(st.sampled_from(Nulls)),
        user_types=ADDRESS,
    )
    # A row without its clustering key is how CQL shows a partition that has static values alone.
    nullable = {"r", "s", *("c" if has_statics else "")}
    columns = {name: columns_of(data, types[name], rows=rows, nulls=name in nullable) for name in shape.columns}
    if data.draw(st.booleans()):
        del columns["r"]
    assert_equal_to_row_by_row(pa.RecordBatch.from_pydict(columns), shape)


@pytest.mark.parametrize("cql_type", [*SCALARS, *NESTED])
@given(data=st.data(), nulls=st.sampled_from(Nulls))
@settings(max_examples=25)
def test_each_type_is_sized_alike_with_nulls_between(cql_type: str, data: st.DataObject, nulls: Nulls) -> None:
    shape = RowShape(
        columns={"k": parse_type("int"), "v": parse_type(cql_type)},
        partition_keys=("k",),
        nulls=nulls,
        user_types=ADDRESS,
    )
    rows = data.draw(ROWS)
    values = columns_of(data, cql_type, rows=rows, nulls=True)
    assert_equal_to_row_by_row(pa.RecordBatch.from_pydict({"k": pa.array(range(rows), pa.int32()), "v": values}), shape)


def batch(values: pa.Array, cql_type: str = "int") -> tuple[pa.RecordBatch, RowShape]:
    shape = RowShape(
        columns={"k": parse_type("int"), "v": parse_type(cql_type)}, partition_keys=("k",), timestamp_bytes=0
    )
    return pa.RecordBatch.from_pydict({"k": pa.array([1] * len(values), pa.int32()), "v": values}), shape


def test_a_column_of_nulls_only_and_one_in_a_dictionary() -> None:
    assert batch_sizes(*batch(pa.nulls(2))).throughput_bytes.tolist() == [8, 8]
    encoded = pa.array(["x", "yy", "x"]).dictionary_encode()
    assert batch_sizes(*batch(encoded, "text")).throughput_bytes.tolist() == [10, 11, 10]


@pytest.mark.parametrize("scale", [0, 2])
def test_decimals_at_the_edges_of_a_byte_are_sized_as_row_by_row(scale: int) -> None:
    edges = [sign * 2**bits + near for bits in (7, 8, 15, 16, 63, 64, 119) for sign in (1, -1) for near in (-1, 0, 1)]
    values = pa.array([Decimal(edge).scaleb(-scale, decimal.Context(prec=50)) for edge in [0, *edges]])
    assert_equal_to_row_by_row(*batch(values, "decimal"))


def test_whole_numbers_in_text_are_sized_without_sign_and_zeros() -> None:
    sizes = batch_sizes(*batch(pa.array(["+00012300", "-0", "7"]), "varint"))
    assert sizes.throughput_bytes.tolist() == [8 + 1 + 3, 8 + 1 + 2, 8 + 1 + 2]


def test_the_json_text_of_a_collection_is_decoded_by_what_the_caller_passes() -> None:
    texts = pa.array(["[1, 200]", None, "[]"])
    sizes = batch_sizes(*batch(texts, "list<int>"), decode=lambda value, _: json.loads(value))
    assert sizes.throughput_bytes.tolist() == [8 + 4 + 3 + 3, 8, 8 + 4]
    with pytest.raises(RowUnusableError, match="column v has no values of list<int>"):
        batch_sizes(*batch(texts, "list<int>"))


@pytest.mark.parametrize(
    ("values", "cql_type"),
    [
        (pa.array(["1"]), "int"),
        (pa.array(["1.5"]), "varint"),
        (pa.array([1.5]), "bigint"),
        (pa.array([Decimal("1.5")]), "bigint"),
        (pa.array([1]), "text"),
        (pa.array(["ab"]), "blob"),
        (pa.array([1.5]), "decimal"),
        (pa.array([1]), "inet"),
    ],
)
def test_a_column_of_another_kind_is_refused(values: pa.Array, cql_type: str) -> None:
    with pytest.raises(RowUnusableError, match="column v has no values of"):
        batch_sizes(*batch(values, cql_type))


def test_a_null_key_a_strange_column_and_a_type_without_a_size_are_refused() -> None:
    table = RowShape(columns={"k": parse_type("int")}, partition_keys=("k",), nulls=Nulls.WRITTEN)
    with pytest.raises(RowUnusableError, match="key column k is null"):
        batch_sizes(pa.RecordBatch.from_pydict({"k": pa.array([1, None])}), table)
    with pytest.raises(RowUnusableError, match="no columns of the table: w"):
        batch_sizes(pa.RecordBatch.from_pydict({"w": pa.array([1])}), table)
    with pytest.raises(UnknownSizeError):
        batch_sizes(*batch(pa.array([1]), "duration"))


def test_a_batch_of_many_rows_has_an_array_of_whole_numbers() -> None:
    sizes = batch_sizes(*batch(pa.array(np.arange(100_000))))
    assert sizes.throughput_bytes.dtype == np.int64
    assert sizes.throughput_bytes.shape == (100_000,)
