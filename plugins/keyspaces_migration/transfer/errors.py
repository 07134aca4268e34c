"""What can go wrong when a query's result is copied into a table, one class for each decision of a caller."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

from keyspaces_migration.errors import MigrationError


class TransferError(MigrationError):
    """A query's result could not be copied into a table."""


class QueryRefusedError(TransferError):
    """Snowflake refused the query, or stopped answering. Rows that were read until then may have been written."""


class ColumnMappingError(TransferError):
    """The result's columns and the table's do not fit together; nothing was read. Correct the query or the mapping."""


class TooManyRefusedError(TransferError):
    """More rows were refused than are allowed. Correct the query, or allow more."""


class RowRefusedError(TransferError):
    """A row of the result can't be a row of the table.

    Attributes:
        number: Of the row, from 1, in the order in which this run read it.
        column: Of the table; None where it is not one column's fault.
        reason: As a clause without a full stop.
        row: The row's values by the table's columns.
    """

    def __init__(
        self, *, number: int, key: Mapping[str, Any], column: str | None, reason: str, row: Mapping[str, Any]
    ) -> None:
        named = ", ".join(f"{name}={value!r}" for name, value in key.items())
        where = f", column {column}" if column else ""
        super().__init__(f"row {number} ({named}){where}: {reason}")
        self.number = number
        self.key = key
        self.column = column
        self.reason = reason
        self.row = row

    def __reduce__(self) -> tuple[partial[Self], tuple[()]]:
        # Exception's own pickling passes `args` by position, which this signature refuses.
        return partial(
            type(self), number=self.number, key=self.key, column=self.column, reason=self.reason, row=self.row
        ), ()
