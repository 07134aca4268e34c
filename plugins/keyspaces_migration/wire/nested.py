"""Array operations that encode a whole column of lists, sets, maps or tuples, nested ones too.

The elements of all rows lie one behind another in a column of their own, which is encoded as any column. A row's bytes
are then a slice of theirs, with their number before it: there is no loop over elements. JSON text is parsed row by row,
each distinct text once, and nothing else is done by row.

Rows with an element that is null or none of its type are `undecided`, as in `scalars`: those are encoded one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf
from keyspaces_migration.wire.by_value import encode_value
from keyspaces_migration.wire.cells import (
    NULL,
    Cells,
    as_binary,
    big_endian,
    lengths_of,
    offsets_of,
    rebased,
    with_nulls,
)
from keyspaces_migration.wire.conversion import REFUSALS, key_of_text, parse_json
from keyspaces_migration.wire.scalars import Column, Mask

_ALIKE = ({int, float, type(None)}, {str, type(None)}, {bool, type(None)})
"""Python's types that may lie in one column. No decimals: Arrow gives them one scale, and each has its own in CQL."""
EncodeColumn = Callable[[pa.Array, CqlType], Cells]
_Counts = npt.NDArray[np.int32]
_Source: TypeAlias = "pa.Array | Sequence[Any]"
"""A column: Arrow's, or values out of JSON, which are undecided where they are null."""


def encode_nested(array: pa.Array, cql_type: CqlType, encode_column: EncodeColumn) -> Column | None:
    """Return a column's bytes, or None where only a look at each value can tell. `encode_column` encodes elements."""
    inner = cql_type.inner if isinstance(cql_type, Frozen) else cql_type
    if not isinstance(inner, ListOf | SetOf | MapOf | TupleOf):
        return None
    nested = _Nested(encode_column)
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        return nested.column(array, inner)
    distinct = pc.dictionary_encode(array)
    exact = any(part == Scalar(ScalarName.DECIMAL) for part in inner.walk())
    known = nested.column([_parsed(text, exact=exact) for text in distinct.dictionary.to_pylist()], inner)
    if known is None or not len(distinct.dictionary):
        return None
    rows = np.asarray(pc.fill_null(distinct.indices, 0))
    assert isinstance(known.body, pa.Array)  # noqa: S101 # collections are of many widths
    return Column(known.body.take(pa.array(rows)), None if known.undecided is None else known.undecided[rows])


def _parsed(text: str, *, exact: bool) -> Any:  # noqa: ANN401 # what JSON holds
    """Return what a text holds; None where it is no JSON, and where it is JSON's null."""
    try:
        return parse_json(text, exact=exact)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class _Elements:
    """The elements of all rows as columns (one, or keys and values), how many each row has, and rows without any."""

    columns: tuple[_Source, ...]
    counts: _Counts
    bad: Mask


class _Nested:
    def __init__(self, encode_column: EncodeColumn) -> None:
        self._encode_column = encode_column

    def column(self, source: _Source, cql_type: CqlType) -> Column | None:
        match cql_type:
            case ListOf(element):
                return self._collection(_elements(source), (element,))
            case SetOf(element):
                return self._collection(_elements(source), (element,), distinct=True)
            case MapOf(key, value):
                # The keys of a JSON object are told apart as text already.
                distinct = isinstance(source, pa.Array) or key != Scalar(ScalarName.TEXT)
                return self._collection(_entries(source, key), (key, value), distinct=distinct)
            case TupleOf(parts) if not isinstance(source, pa.Array):
                return self._tuples(source, parts)
        return None

    def _collection(
        self, found: _Elements | None, types: tuple[CqlType, ...], *, distinct: bool = False
    ) -> Column | None:
        """Put the bytes of collections together: how many elements, then each with its length before it."""
        if found is None:
            return None
        framed, counts, undecided = [], found.counts, found.bad.copy()
        row_of = np.repeat(np.arange(len(counts)), counts)
        for source, cql_type in zip(found.columns, types, strict=True):
            cells, bad = self._cells(source, cql_type)
            framed.append(_framed(cells))
            undecided[row_of[bad]] = True
        if distinct:
            framed, counts = _without_repeated(framed, counts, row_of)
        elements = framed[0] if len(framed) == 1 else pc.binary_join_element_wise(*framed, b"")
        ends = np.concatenate([[0], np.cumsum(counts)])
        rows = rebased(elements, offsets_of(elements)[ends])
        return Column(pc.binary_join_element_wise(as_binary(big_endian(counts, 4)), rows, b""), _or_none(undecided))

    def _tuples(self, source: Sequence[Any], types: tuple[CqlType, ...]) -> Column:
        """Put the bytes of tuples together: each part with its length before it, which tells a null."""
        undecided = np.array([not isinstance(each, list) or len(each) != len(types) for each in source], np.bool_)
        whole = [(None,) * len(types) if bad else each for bad, each in zip(undecided, source, strict=True)]
        parts = []
        for place, cql_type in enumerate(types):
            values = [each[place] for each in whole]
            missing = np.array([each is None for each in values], np.bool_)
            cells, bad = self._cells(values, cql_type)
            undecided |= bad & ~missing
            # What is missing may have bytes all the same, such as the number of an empty list's elements.
            parts.append(_framed(with_nulls(cells.body, ~missing, null=NULL)))
        return Column(pc.binary_join_element_wise(*parts, b""), _or_none(undecided))

    def _cells(self, source: _Source, cql_type: CqlType) -> tuple[Cells, Mask]:
        """Return the elements' bytes, and which of them have none."""
        if not isinstance(source, pa.Array):
            inner = cql_type.inner if isinstance(cql_type, Frozen) else cql_type
            if not isinstance(inner, Scalar):
                return self._parsed_cells(source, inner)
            array = _as_array(source, inner)
            if array is None:
                return _by_value(source, cql_type)
            source = array
        cells = self._encode_column(source, cql_type)
        bad = cells.lengths == NULL
        bad[list(cells.errors)] = True
        return cells, bad

    def _parsed_cells(self, source: Sequence[Any], inner: CqlType) -> tuple[Cells, Mask]:
        known = self.column(source, inner)
        if known is None:
            return _by_value(source, inner)
        assert isinstance(known.body, pa.Array)  # noqa: S101 # as above
        bad = np.zeros(len(source), np.bool_) if known.undecided is None else known.undecided
        return Cells(lengths=lengths_of(known.body), body=known.body), bad


def _elements(source: _Source) -> _Elements | None:
    if not isinstance(source, pa.Array):
        bad = np.array([not isinstance(each, list) for each in source], np.bool_)
        lists = [[] if wrong else each for wrong, each in zip(bad, source, strict=True)]
        return _Elements(([part for each in lists for part in each],), _counts(lists), bad)
    kind = source.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return None
    counts = np.asarray(pc.fill_null(pc.list_value_length(source), 0)).astype(np.int32)
    return _Elements((source.flatten(),), counts, np.zeros(len(source), np.bool_))


def _entries(source: _Source, key: CqlType) -> _Elements | None:
    if isinstance(source, pa.Array):
        if not pa.types.is_map(source.type):
            return None
        # A map is a list of pairs; a list's `flatten` heeds slices and leaves out what lies beneath a null.
        pair = pa.struct([source.type.key_field, source.type.item_field])
        entries = _elements(source.cast(pa.list_(pa.field("entries", pair, nullable=False))))
        assert entries is not None  # noqa: S101 # it is a list
        pairs: Any = entries.columns[0]
        return _Elements((pairs.field(0), pairs.field(1)), entries.counts, entries.bad)
    bad = np.array([not isinstance(each, Mapping) for each in source], np.bool_)
    maps = [{} if wrong else each for wrong, each in zip(bad, source, strict=True)]
    keys = [_key(text, key) for each in maps for text in each]
    return _Elements((keys, [value for each in maps for value in each.values()]), _counts(maps), bad)


def _key(text: str, cql_type: CqlType) -> Any:  # noqa: ANN401 # as many types as CQL has
    try:
        found = key_of_text(text, cql_type)
        return parse_json(found, exact=True) if _is_nested(cql_type) else found
    except REFUSALS:
        return None


def _is_nested(cql_type: CqlType) -> bool:
    return not isinstance(cql_type.inner if isinstance(cql_type, Frozen) else cql_type, Scalar)


def _counts(rows: Sequence[Any]) -> _Counts:
    return np.fromiter(map(len, rows), np.int32, len(rows))


def _as_array(values: Sequence[Any], scalar: Scalar) -> pa.Array | None:
    """Return values as an Arrow array that means the same, or None where there is none."""
    # Arrow takes false beside 0.5 for 0.0.
    if not any({*map(type, values)} <= alike for alike in _ALIKE):
        return None
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, UnicodeError):
        return None
    return None if _is_inexact(array.type, scalar) else array


def _is_inexact(kind: pa.DataType, scalar: Scalar) -> bool:
    return bool(pa.types.is_floating(kind)) and scalar.name not in {ScalarName.DOUBLE, ScalarName.FLOAT}


def _by_value(source: Sequence[Any], cql_type: CqlType) -> tuple[Cells, Mask]:
    encoded = [encode_value(each, cql_type) for each in source]
    bad = np.array([not isinstance(each, bytes) for each in encoded], np.bool_)
    body = pa.array([each if isinstance(each, bytes) else b"" for each in encoded], pa.binary())
    return Cells(lengths=lengths_of(body), body=body), bad


def _framed(cells: Cells) -> "pa.BinaryArray":
    """Return each value with its length before it."""
    lengths = big_endian(cells.lengths, 4)
    if isinstance(cells.body, np.ndarray):
        return as_binary(np.concatenate([lengths, cells.body], axis=1))
    return pc.binary_join_element_wise(as_binary(lengths), cells.body, b"")


def _without_repeated(
    framed: "list[pa.BinaryArray]", counts: _Counts, row_of: npt.NDArray[np.int64]
) -> "tuple[list[pa.BinaryArray], _Counts]":
    """Leave out of each row what has the same bytes as something before it; of a map's values, the last one stays."""
    codes = np.asarray(pc.dictionary_encode(framed[0]).indices).astype(np.int64)
    found = row_of * (len(codes) + 1) + codes
    _, first = np.unique(found, return_index=True)
    if len(first) == len(found):
        return framed, counts
    _, behind = np.unique(found[::-1], return_index=True)
    order = np.argsort(first)
    kept, last = first[order], (len(found) - 1 - behind)[order]
    counts = np.bincount(row_of[kept], minlength=len(counts)).astype(np.int32)
    return [framed[0].take(pa.array(kept)), *(each.take(pa.array(last)) for each in framed[1:])], counts


def _or_none(mask: Mask) -> Mask | None:
    return mask if mask.any() else None
