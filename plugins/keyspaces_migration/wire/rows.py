"""Puts columns side by side: each row's values as the protocol wants them, one behind another in one buffer.

Arrow's `binary_join_element_wise` copies them, in C++. Its arguments are pieces of a row: what has one width is put
together in NumPy first (and with it the length of the text that follows), so that there are few.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.wire.cells import Bytes, Cells, Lengths, as_binary, big_endian, constant

_LENGTH_BYTES = 4


def row_lengths(columns: Sequence[Cells]) -> Lengths:
    """Return how many bytes the values of each row take, with their lengths."""
    total = np.full(len(columns[0]), _LENGTH_BYTES * len(columns), np.int32)
    for column in columns:
        total += np.maximum(column.lengths, 0)
    return total


def join_rows(prefix: Bytes, columns: Sequence[Cells], suffix: bytes = b"") -> "pa.BinaryArray":
    """Return, for each row, its prefix, its values with their lengths, and the suffix.

    `prefix` has shape (n, width). The result's values lie one behind another in its one data buffer.
    """
    pieces = _Pieces()
    pieces.add(prefix)
    for column in columns:
        pieces.add(big_endian(column.lengths, _LENGTH_BYTES))
        pieces.add(column.body)
    if suffix:
        body = constant(suffix, len(prefix)).body
        pieces.add(body)
    return pieces.joined()


class _Pieces:
    """Pieces of rows in their order; neighbours of one width are put together."""

    def __init__(self) -> None:
        self._open: list[Bytes] = []
        self._done: list[pa.BinaryArray] = []

    def add(self, piece: "Bytes | pa.BinaryArray") -> None:
        if isinstance(piece, np.ndarray):
            self._open.append(piece)
        else:
            self._close()
            self._done.append(piece)

    def joined(self) -> "pa.BinaryArray":
        self._close()
        return self._done[0] if len(self._done) == 1 else pc.binary_join_element_wise(*self._done, b"")

    def _close(self) -> None:
        if self._open:
            self._done.append(as_binary(np.concatenate(self._open, axis=1)))
            self._open = []
