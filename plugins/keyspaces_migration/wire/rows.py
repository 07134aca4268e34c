"""Puts columns side by side: each row's values as the protocol wants them, one behind another in one buffer.

Arrow's `binary_join_element_wise` copies them, in C++. Its arguments are pieces of a row: what has one width is put
together in NumPy first (and with it the length of the text that follows), so that there are few.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.wire.cells import Bytes, Cells, Lengths, as_binary, big_endian

_LENGTH_BYTES = 4


def row_lengths(columns: Sequence[Cells]) -> Lengths:
    """Return how many bytes the values of each row take, with their lengths."""
    total = np.full(len(columns[0]), _LENGTH_BYTES * len(columns), np.int32)
    for column in columns:
        total += np.maximum(column.lengths, 0)
    return total


def join_rows(prefix: "Sequence[Bytes | pa.BinaryArray]", columns: Sequence[Cells]) -> "pa.BinaryArray":
    """Return, for each row, its part of each piece of the prefix, then its values with their lengths.

    The result's values lie one behind another in its one data buffer.
    """
    pieces = list(prefix)
    for column in columns:
        pieces += [big_endian(column.lengths, _LENGTH_BYTES), column.body]
    return join_pieces(pieces)


def join_pieces(pieces: "Iterable[Bytes | pa.BinaryArray]") -> "pa.BinaryArray":
    """Return, for each row, its part of each piece, one behind another; neighbours of one width are put together."""
    arrays: list[pa.BinaryArray] = []
    for of_one_width, group in groupby(pieces, key=lambda piece: isinstance(piece, np.ndarray)):
        together = list(group)
        arrays += [as_binary(_beside(together))] if of_one_width else together
    return arrays[0] if len(arrays) == 1 else pc.binary_join_element_wise(*arrays, b"")


def _beside(matrices: Sequence[Bytes]) -> Bytes:
    """Return matrices of n rows side by side: a row's part of each is copied whole, not byte by byte."""
    rows, width = len(matrices[0]), sum(matrix.shape[1] for matrix in matrices)
    together = np.empty((rows, width), np.uint8)
    at = 0
    for matrix in matrices:
        part = matrix.shape[1]
        if rows and part:
            # A constant has all its rows in one place.
            source = matrix[:1] if matrix.strides[0] == 0 else matrix
            whole = np.ascontiguousarray(source).view(f"V{part}").ravel()
            np.ndarray((rows,), f"V{part}", together, at, (width,))[:] = whole
        at += part
    return together
