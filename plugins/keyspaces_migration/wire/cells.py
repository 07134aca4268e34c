"""A column's values as the CQL protocol has them: for each row a length, and so many bytes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bytes = npt.NDArray[np.uint8]
Lengths = npt.NDArray[np.int32]

NULL = -1
"""The length of a null (native protocol v4, section 3, [value]): deletes the cell."""
UNSET = -2
"""The length of a value that is not set (the same): leaves the cell as it is."""


@dataclass(frozen=True, kw_only=True)
class Cells:
    """An encoded column of n rows.

    Attributes:
        lengths: Of each value in bytes, or `NULL`, or `UNSET`; shape (n,).
        body: The values: of shape (n, width) where every row has one and all are of one width, otherwise a binary
            array of n values, empty where a row has none.
        errors: Why a row's value is none of the column's type, by row; such a row's cell is empty.
    """

    lengths: Lengths
    body: "Bytes | pa.BinaryArray"
    errors: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lengths)

    def take(self, rows: "npt.NDArray[np.integer]") -> "Cells":
        """Return the cells of these rows, in this order; the errors are left behind."""
        body = self.body[rows] if isinstance(self.body, np.ndarray) else self.body.take(pa.array(rows))
        return Cells(lengths=self.lengths[rows], body=body)


def fixed(body: Bytes) -> Cells:
    """Return the cells of a column where every row has a value of one width."""
    rows, width = body.shape
    return Cells(lengths=np.full(rows, width, np.int32), body=body)


def constant(value: bytes, rows: int) -> Cells:
    """Return the cells of a column where every row has the same value."""
    return fixed(np.broadcast_to(np.frombuffer(value, np.uint8), (rows, len(value))))


def with_nulls(body: "Bytes | pa.BinaryArray", valid: npt.NDArray[np.bool_], *, null: int) -> Cells:
    """Return the cells of a column where some rows have no value.

    `body` has something for those rows too, which is left out; `null` is their length, `NULL` or `UNSET`.
    """
    if valid.all():
        return fixed(body) if isinstance(body, np.ndarray) else Cells(lengths=lengths_of(body), body=body)
    if isinstance(body, np.ndarray):
        lengths = np.where(valid, np.int32(body.shape[1]), np.int32(0))
        kept = binary(np.ascontiguousarray(body[valid]), lengths)
    else:
        kept = pc.if_else(pa.array(valid), body, pa.scalar(b"", pa.binary()))
        lengths = lengths_of(kept)
    return Cells(lengths=np.where(valid, lengths, np.int32(null)), body=kept)


def binary(data: Bytes, lengths: Lengths) -> "pa.BinaryArray":
    """Return the binary array of values that lie one behind another in `data`."""
    offsets = np.zeros(len(lengths) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    return _from_buffers(data, offsets)


def as_binary(body: Bytes) -> "pa.BinaryArray":
    """Return the binary array of the rows of a matrix, without a copy where its rows lie one behind another."""
    rows, width = body.shape
    return _from_buffers(np.ascontiguousarray(body), np.arange(0, (rows + 1) * width, max(width, 1), dtype=np.int32))


def lengths_of(values: "pa.BinaryArray") -> Lengths:
    """Return the lengths of a binary array's values in bytes; 0 for a null."""
    return np.diff(offsets_of(values))


def offsets_of(values: "pa.BinaryArray") -> "npt.NDArray[np.int32]":
    """Return where in the data buffer each value of a binary array begins, and where the last one ends."""
    if not len(values):
        return np.zeros(1, np.int32)
    return np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values) + 1]


def rebased(values: "pa.BinaryArray", offsets: "npt.NDArray[np.int32]") -> "pa.BinaryArray":
    """Return a binary array over the same data, cut at other offsets."""
    return _from_buffers(values.buffers()[2] or b"", offsets)


def data_of(values: "pa.BinaryArray") -> Bytes:
    """Return the bytes of a binary array's values, one behind another."""
    data = values.buffers()[2]
    offsets = offsets_of(values)
    return np.frombuffer(data if data is not None else b"", np.uint8)[offsets[0] : offsets[-1]]


def big_endian(values: "npt.NDArray[Any]", width: int, kind: str = "i") -> Bytes:
    """Return numbers as `width` bytes each, the most significant first; `kind` as NumPy's: i, u or f."""
    return np.ascontiguousarray(values.astype(f">{kind}{width}")).view(np.uint8).reshape(len(values), width)


def _from_buffers(data: "Bytes | pa.Buffer | bytes", offsets: "npt.NDArray[np.int32]") -> "pa.BinaryArray":
    return pa.Array.from_buffers(
        pa.binary(), len(offsets) - 1, [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)]
    )
