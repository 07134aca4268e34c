"""Rows that can't be written, as a Parquet file that somebody can look at and load again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from keyspaces_migration.transfer.errors import RowRefusedError, TooManyRefusedError

GROUP_ROWS = 1_000
SCHEMA = pa.schema(
    [("row_number", pa.int64()), ("column", pa.string()), ("reason", pa.string()), ("row_json", pa.string())]
)


@dataclass(kw_only=True)
class RefusedRows:
    """Takes refused rows, and writes them in groups.

    Attributes:
        at_most: How many are taken; one more ends the copy.
    """

    writer: pq.ParquetWriter
    at_most: int
    taken: int = 0
    _held: list[dict[str, Any]] = field(default_factory=list)

    def take(self, error: RowRefusedError) -> None:
        """Take a row.

        Raises:
            TooManyRefusedError: There are more than are allowed.
        """
        if self.taken == self.at_most:
            raise TooManyRefusedError(
                f"more than {self.at_most} rows were refused, the last one {error}. Correct the query, or allow more."
            ) from error
        self.taken += 1
        text = json.dumps(error.row, ensure_ascii=False, default=_plain)
        self._held.append(
            {"row_number": error.number, "column": error.column, "reason": error.reason, "row_json": text}
        )
        if len(self._held) == GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is held."""
        if self._held:
            self.writer.write_table(pa.Table.from_pylist(self._held, SCHEMA))
            self._held = []


@contextmanager
def refused_rows(file: BinaryIO, *, at_most: int) -> Iterator[RefusedRows]:
    """Write refused rows to an open file in the block; without any, it has the schema alone."""
    with pq.ParquetWriter(file, SCHEMA) as writer:
        rows = RefusedRows(writer=writer, at_most=at_most)
        yield rows
        rows.flush()


def _plain(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
