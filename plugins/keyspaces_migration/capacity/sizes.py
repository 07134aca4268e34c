"""The size of a row on Amazon Keyspaces, from its values.

Source: Developer Guide, calculating-row-size and static-columns-estimate. Throughput is metered by the sum over the
columns; storage, and the limit of 1 MB a row, by 100 bytes more. The static data of a partition is metered apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from keyspaces_migration.capacity.cells import CellsSize, UserTypes, cells_size, identifier_bytes
from keyspaces_migration.capacity.errors import RowUnusableError
from keyspaces_migration.config import Table
from keyspaces_migration.cql.types import CqlType

ROW_STORAGE_BYTES = 100
STATIC_BYTES = 104
PARTITION_KEY_BYTES = 3
CLUSTERING_SHARE = 5
"""A clustering column takes 1 byte more for each so many of its value."""
TTL_BYTES = 8
"""For a row, and for each of its cells, on a table with time to live."""
ASSUMED_TIMESTAMP_BYTES = 20
"""Assumed for the client-side timestamp of each column, and of each element of a collection that is not frozen.

The guide says "approximately 20-40 bytes (depending on your data)" for every column in each row, and its own worked
figure (20 columns of 40 bytes grow from 800 to 1,200) is 20 a column. A newer page says "few bytes". Measure
BillableTableSizeInBytes of a loaded sample, and pass what comes out.
"""


class Nulls(StrEnum):
    """What a null in a row becomes on the target."""

    UNSET = "unset"
    """Nothing: the loader leaves the cell unset."""
    WRITTEN = "written"
    """A null of 1 byte that is stored and charged."""


@dataclass(frozen=True, kw_only=True)
class RowShape:
    """What the sizes of a table's rows depend on, beside their values.

    Attributes:
        columns: Every column's type by its name.
        time_to_live: Whether the table has time to live turned on and its rows are written with one.
        timestamp_bytes: Of each cell's client-side timestamp; 0 on a table without them.
        user_types: The fields of the user types that the columns name.
    """

    columns: Mapping[str, CqlType]
    partition_keys: tuple[str, ...]
    clustering_keys: tuple[str, ...] = ()
    static_columns: tuple[str, ...] = ()
    time_to_live: bool = False
    timestamp_bytes: int = ASSUMED_TIMESTAMP_BYTES
    nulls: Nulls = Nulls.UNSET
    user_types: UserTypes = field(default_factory=dict)

    @cached_property
    def identifier_bytes(self) -> int:
        """Bytes of each column's identifier."""
        return identifier_bytes(len(self.columns))

    @cached_property
    def regular_columns(self) -> tuple[str, ...]:
        """The columns that are neither part of the key nor static, in order."""
        others = {*self.partition_keys, *self.clustering_keys, *self.static_columns}
        return tuple(name for name in self.columns if name not in others)

    @property
    def cell_bytes(self) -> int:
        """What each cell takes beside its value."""
        return self.timestamp_bytes + (TTL_BYTES if self.time_to_live else 0)

    @property
    def row_bytes(self) -> int:
        """What each row takes beside its columns."""
        return TTL_BYTES if self.time_to_live else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSize:
    """The size of a row.

    Attributes:
        throughput_bytes: What a write or read of the row is metered by; 0 for a partition that has static data alone.
        static_bytes: What a write of the static values that came with the row is metered by; 0 where there are none.
    """

    throughput_bytes: int
    static_bytes: int

    @property
    def storage_bytes(self) -> int:
        """What the row takes in the table, and what the limit of 1 MB is for; static data apart."""
        return self.throughput_bytes + ROW_STORAGE_BYTES if self.throughput_bytes else 0


def shape_of(table: Table, *, timestamp_bytes: int = ASSUMED_TIMESTAMP_BYTES, nulls: Nulls = Nulls.UNSET) -> RowShape:
    """Return the shape of a table of the migration file; it has client-side timestamps, as all of them have."""
    schema = table.schema_
    return RowShape(
        columns=schema.column_types,
        partition_keys=schema.partition_keys,
        clustering_keys=tuple(key.name for key in schema.clustering_keys),
        static_columns=schema.static_columns,
        time_to_live=table.default_ttl is not None or table.history.expiry_column is not None,
        timestamp_bytes=timestamp_bytes,
        nulls=nulls,
    )


def row_size(row: Mapping[str, Any], shape: RowShape) -> RowSize:
    """Return the size of a row, given as its values by column; a column that is left out is unset.

    Values are those that the driver gives or binds.

    Raises:
        UnknownSizeError: A column has a type that Amazon Keyspaces does not have.
        RowUnusableError: A key is null, a value is none of its column's type, or a column is none of the table's.
    """
    refuse_other_columns(row, shape)
    key_bytes = sum(partition_key_bytes(_key_bytes(row, name, shape), shape) for name in shape.partition_keys)
    statics = [size for name in shape.static_columns if (size := _size(row, name, shape))]
    return RowSize(
        throughput_bytes=0 if _is_static_alone(row, shape) else key_bytes + _rest_bytes(row, shape),
        static_bytes=key_bytes + STATIC_BYTES + sum(_with_metadata(size, shape) for size in statics) if statics else 0,
    )


def refuse_other_columns(names: Mapping[str, Any], shape: RowShape) -> None:
    """Refuse columns that the table does not have.

    Raises:
        RowUnusableError: There are some.
    """
    if others := sorted(set(names) - set(shape.columns)):
        raise RowUnusableError(f"no columns of the table: {', '.join(others)}; it has {', '.join(shape.columns)}")


def partition_key_bytes(value_bytes: Any, shape: RowShape) -> Any:  # noqa: ANN401 # a number, or an array of them
    """Return the size of a column of the partition key without its cell's metadata."""
    return 2 * value_bytes + shape.identifier_bytes + PARTITION_KEY_BYTES


def clustering_bytes(value_bytes: Any, shape: RowShape) -> Any:  # noqa: ANN401
    """Return the size of a clustering column without its cell's metadata."""
    return 2 * value_bytes - (-value_bytes // CLUSTERING_SHARE) + shape.identifier_bytes


def _rest_bytes(row: Mapping[str, Any], shape: RowShape) -> int:
    """Return what a row takes beside its partition key's own size."""
    regular = [size for name in shape.regular_columns if (size := _size(row, name, shape))]
    total: int = (
        shape.row_bytes
        + shape.cell_bytes * (len(shape.partition_keys) + len(shape.clustering_keys))
        + sum(clustering_bytes(_key_bytes(row, name, shape), shape) for name in shape.clustering_keys)
        + sum(shape.identifier_bytes + _with_metadata(size, shape) for size in regular)
    )
    return total


def _with_metadata(size: CellsSize, shape: RowShape) -> int:
    return size.value_bytes + size.cells * shape.cell_bytes


def _is_static_alone(row: Mapping[str, Any], shape: RowShape) -> bool:
    """Whether it is how CQL shows a partition that has static values and no row."""
    keys = shape.clustering_keys
    return bool(shape.static_columns and keys) and all(row.get(name) is None for name in keys)


def _size(row: Mapping[str, Any], name: str, shape: RowShape) -> CellsSize | None:
    """Return the size of a column's value; None where nothing is stored."""
    if name not in row or (row[name] is None and shape.nulls is Nulls.UNSET):
        return None
    try:
        return cells_size(row[name], shape.columns[name], user_types=shape.user_types)
    except (TypeError, ValueError) as error:
        raise RowUnusableError(f"column {name} has no value of {shape.columns[name]}: {error}") from error


def _key_bytes(row: Mapping[str, Any], name: str, shape: RowShape) -> int:
    size = None if row.get(name) is None else _size(row, name, shape)
    if size is None:
        raise RowUnusableError(f"the key column {name} is null or missing: no row has that")
    return size.value_bytes
