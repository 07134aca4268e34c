"""Encodes a column: array operations for what they know, value by value for the rest."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.cql.types import CqlType, Frozen, Scalar
from keyspaces_migration.wire.by_value import Encoded, encode_values
from keyspaces_migration.wire.cells import NULL, Cells, lengths_of, with_nulls
from keyspaces_migration.wire.conversion import ConversionError
from keyspaces_migration.wire.nested import encode_nested
from keyspaces_migration.wire.scalars import Column, encode_scalars


def encode_column(column: "pa.Array | pa.ChunkedArray", cql_type: CqlType, *, null: int = NULL) -> Cells:
    """Return a column of the history as the protocol's bytes, those that the driver would send.

    `null` is what a null becomes: `NULL` or `UNSET`. Values that are none of the type are told in `Cells.errors`.

    Raises:
        TypeError: The history can have no value of the type.
    """
    array = _one_array(column)
    inner = cql_type.inner if isinstance(cql_type, Frozen) else cql_type
    known = (
        encode_scalars(array, inner.name) if isinstance(inner, Scalar) else encode_nested(array, inner, encode_column)
    )
    if known is None:
        return _of_values(encode_values(array, cql_type), null=null)
    valid = np.asarray(array.is_valid()) if array.null_count else np.ones(len(array), np.bool_)
    undecided = None if known.undecided is None else known.undecided & valid
    if undecided is None or not undecided.any():
        return with_nulls(known.body, valid, null=null)
    return _mended(array, cql_type, known, undecided, null=null)


def _one_array(column: "pa.Array | pa.ChunkedArray") -> pa.Array:
    if not isinstance(column, pa.ChunkedArray):
        return column
    # Putting one chunk together would copy it.
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _mended(array: pa.Array, cql_type: CqlType, known: Column, undecided: npt.NDArray[np.bool_], *, null: int) -> Cells:
    """Return a column whose undecided rows are encoded one by one."""
    decided = with_nulls(known.body, np.asarray(array.is_valid()) & ~undecided, null=null)
    rows = np.flatnonzero(undecided)
    others = _of_values(encode_values(array.take(pa.array(rows)), cql_type), null=null)
    lengths = decided.lengths.copy()
    lengths[rows] = others.lengths
    body = pc.replace_with_mask(decided.body, pa.array(undecided), others.body)
    return Cells(lengths=lengths, body=body, errors={int(rows[row]): text for row, text in others.errors.items()})


def _of_values(values: Sequence[Encoded], *, null: int) -> Cells:
    errors = {row: str(value) for row, value in enumerate(values) if isinstance(value, ConversionError)}
    body = pa.array([value if isinstance(value, bytes) else b"" for value in values], pa.binary())
    without = np.fromiter((value is None for value in values), bool, len(values))
    return Cells(lengths=np.where(without, np.int32(null), lengths_of(body)), body=body, errors=errors)
