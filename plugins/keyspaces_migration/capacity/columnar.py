"""The sizes of many rows at once: `sizes` over an Arrow record batch.

No loop over rows for columns of a scalar type. Collections, tuples and user types are taken value by value.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from keyspaces_migration.capacity.cells import cells_size
from keyspaces_migration.capacity.column_bytes import scalar_column_bytes
from keyspaces_migration.capacity.errors import RowUnusableError
from keyspaces_migration.capacity.scalars import NULL_BYTES
from keyspaces_migration.capacity.sizes import (
    ROW_STORAGE_BYTES,
    STATIC_BYTES,
    Nulls,
    RowShape,
    clustering_bytes,
    partition_key_bytes,
    refuse_other_columns,
)
from keyspaces_migration.cql.types import CqlType, Scalar

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

Decode = Callable[[Any, CqlType], Any]
"""Makes of what Arrow gives for a collection what the driver binds, such as `wire.conversion.convert`, which reads
the JSON text that Snowflake gives. It gets no nulls."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchSizes:
    """The sizes of a batch's rows, in its order; what they mean is said at `sizes.RowSize`."""

    throughput_bytes: "Numbers"
    static_bytes: "Numbers"

    @property
    def storage_bytes(self) -> "Numbers":
        """What each row takes in the table; static data apart."""
        return np.where(self.throughput_bytes > 0, self.throughput_bytes + ROW_STORAGE_BYTES, 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Column:
    """A column of the batch: `present` where the history has a value, `cells` as in `cells.CellsSize`."""

    present: "Flags"
    value_bytes: "Numbers"
    cells: "Numbers"


def batch_sizes(batch: pa.RecordBatch, shape: RowShape, *, decode: Decode | None = None) -> BatchSizes:
    """Return the sizes of a batch's rows; its columns are called as the table's, and one left out is unset.

    Raises:
        UnknownSizeError: A column has a type that Amazon Keyspaces does not have.
        RowUnusableError: A key is null, a value is none of its column's type, or a column is none of the table's.
    """
    names = batch.schema.names
    refuse_other_columns(dict.fromkeys(names), shape)
    columns = {name: _read(batch.column(name), name, shape, decode) for name in names}
    key = _zeros(batch)
    for name in shape.partition_keys:
        key += partition_key_bytes(_key(columns, name).value_bytes, shape)
    has_row = _has_row(columns, shape, rows=batch.num_rows)
    statics = [_stored(columns[name], shape) for name in shape.static_columns if name in columns]
    has_static = np.logical_or.reduce([stored for stored, _ in statics]) if statics else np.zeros(batch.num_rows, bool)
    static_bytes = key + STATIC_BYTES + sum((size for _, size in statics), _zeros(batch))
    return BatchSizes(
        throughput_bytes=np.where(has_row, key + _rest(columns, shape, has_row, rows=batch.num_rows), 0),
        static_bytes=np.where(has_static, static_bytes, 0),
    )


def _rest(columns: dict[str, _Column], shape: RowShape, has_row: "Flags", *, rows: int) -> "Numbers":
    keys = len(shape.partition_keys) + len(shape.clustering_keys)
    total = np.full(rows, shape.row_bytes + shape.cell_bytes * keys, np.int64)
    for name in shape.clustering_keys:
        total += clustering_bytes(_key(columns, name, needed=has_row).value_bytes, shape)
    for name in shape.regular_columns:
        if name in columns:
            stored, size = _stored(columns[name], shape)
            total += np.where(stored, shape.identifier_bytes + size, 0)
    return total


def _stored(column: _Column, shape: RowShape) -> "tuple[Flags, Numbers]":
    """Return in which rows the column is stored, and its size with its cells' metadata; 0 where it is not."""
    size = column.value_bytes + column.cells * shape.cell_bytes
    if shape.nulls is Nulls.WRITTEN:
        null = NULL_BYTES + shape.cell_bytes
        return np.ones_like(column.present), np.where(column.present, size, null)
    return column.present, np.where(column.present, size, 0)


def _key(columns: dict[str, _Column], name: str, *, needed: "Flags | None" = None) -> _Column:
    column = columns.get(name)
    if column is None or not (column.present if needed is None else column.present | ~needed).all():
        raise RowUnusableError(f"the key column {name} is null or missing: no row has that")
    return column


def _has_row(columns: dict[str, _Column], shape: RowShape, *, rows: int) -> "Flags":
    """Return where there is a row, and not a partition that CQL shows for its static values alone."""
    if not shape.static_columns or not shape.clustering_keys:
        return np.ones(rows, bool)
    present = [columns[name].present for name in shape.clustering_keys if name in columns]
    return np.logical_or.reduce(present) if present else np.zeros(rows, bool)


def _read(array: pa.Array, name: str, shape: RowShape, decode: Decode | None) -> _Column:
    cql_type = shape.columns[name]
    present = array.is_valid().to_numpy(zero_copy_only=False)
    try:
        if isinstance(cql_type, Scalar):
            return _Column(
                present=present,
                value_bytes=scalar_column_bytes(array, cql_type.name),
                cells=np.ones(len(array), np.int64),
            )
        sizes = [cells_size(value, cql_type, user_types=shape.user_types) for value in _values(array, cql_type, decode)]
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise RowUnusableError(f"column {name} has no values of {cql_type}: {error}") from error
    return _Column(
        present=present,
        value_bytes=np.array([size.value_bytes for size in sizes], np.int64),
        cells=np.array([size.cells for size in sizes], np.int64),
    )


def _values(array: pa.Array, cql_type: CqlType, decode: Decode | None) -> list[Any]:
    values: list[Any] = array.to_pylist()
    if decode is None:
        return values
    return [None if value is None else decode(value, cql_type) for value in values]


def _zeros(batch: pa.RecordBatch) -> "Numbers":
    return np.zeros(batch.num_rows, np.int64)
