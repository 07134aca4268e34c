"""A result's rows as values that the driver binds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.transfer.errors import RowRefusedError
from keyspaces_migration.transfer.mapping import ColumnMapping, MappedColumn
from keyspaces_migration.wire.conversion import ConversionError, column_values, convert

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 2_000
"""Rows that are Python values at a time; of the others Arrow's form is held."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of the result; `number` counts from 1, `values` are in the mapping's order."""

    number: int
    values: tuple[Any, ...]


def rows_of(batch: "pa.Table", *, first: int) -> Iterator[Row]:
    """Yield a batch's rows; the first has the number `first`."""
    for start in range(0, batch.num_rows, CHUNK_ROWS):
        columns = [column_values(column) for column in batch.slice(start, CHUNK_ROWS).columns]
        for place, values in enumerate(zip(*columns, strict=True)):
            yield Row(number=first + start + place, values=values)


def bindable(row: Row, mapping: ColumnMapping, *, null: object) -> list[Any]:
    """Return a row's values as the driver binds them, `null` for those that the result does not have.

    Raises:
        RowRefusedError: A value is none of its column's type, or part of the key and null.
    """
    return [
        _bindable(row, mapping, column, value, null) for column, value in zip(mapping.columns, row.values, strict=True)
    ]


def refusal(row: Row, mapping: ColumnMapping, reason: str, *, column: str | None = None) -> RowRefusedError:
    """Return the error for a row."""
    by_name = {each.target.name: value for each, value in zip(mapping.columns, row.values, strict=True)}
    key = {each.target.name: by_name[each.target.name] for each in mapping.columns if each.is_key}
    return RowRefusedError(number=row.number, key=key, column=column, reason=reason, row=by_name)


def _bindable(row: Row, mapping: ColumnMapping, column: MappedColumn, value: object, null: object) -> Any:  # noqa: ANN401
    try:
        converted = convert(value, column.target.cql_type)
    except ConversionError as error:
        raise refusal(row, mapping, str(error), column=column.target.name) from error
    if converted is not None:
        return converted
    if column.is_key:
        raise refusal(row, mapping, "part of the key, and null", column=column.target.name)
    return null
