"""Frames of the native protocol, version 4, many at a time: EXECUTE for each row, or BATCH for a partition's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from keyspaces_migration.wire.cells import Bytes, Cells, big_endian, constant, offsets_of, rebased
from keyspaces_migration.wire.rows import join_pieces, join_rows, row_lengths

if TYPE_CHECKING:
    import pyarrow as pa

STREAMS = 32_000
"""Streams for data; those from here to 32,767, the protocol's last, are kept for what a connection asks itself."""
HEADER_BYTES = 9
_VERSION = 4
_EXECUTE, _BATCH = 0x0A, 0x0D
_VALUES_FOLLOW = 0x01
_UNLOGGED = 1
_PREPARED = 1

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Frames:
    """Frames, one behind another.

    Attributes:
        data: Their bytes.
        offsets: Where each begins in `data`, and where the last one ends; shape (n + 1,).
    """

    data: memoryview
    offsets: Offsets

    def part(self, first: int, end: int) -> memoryview:
        """Return the bytes of the frames from `first` up to `end`."""
        return self.data[self.offsets[first] : self.offsets[end]]


def execute_frames(columns: Sequence[Cells], *, statement_id: bytes, consistency: int, first_stream: int) -> Frames:
    """Return an EXECUTE frame for each row (protocol v4, section 4.1.6): its values are those of the columns, in order.

    The frames' streams count up from `first_stream`, modulo `STREAMS`.
    """
    rows = len(columns[0])
    query = _short_bytes(statement_id) + _short(consistency) + bytes([_VALUES_FOLLOW]) + _short(len(columns))
    header = _headers(_EXECUTE, first_stream, len(query) + row_lengths(columns))
    prefix = np.concatenate([header, _fixed(query, rows)], axis=1)
    return _frames(join_rows(prefix, columns))


def batch_frames(
    columns: Sequence[Cells], *, starts: Offsets, statement_id: bytes, consistency: int, first_stream: int
) -> Frames:
    """Return UNLOGGED BATCH frames (section 4.1.7) of rows that lie beside one another.

    `starts` says with which row each batch begins, and where the last one ends; shape (batches + 1,).
    """
    rows = len(columns[0])
    each = bytes([_PREPARED]) + _short_bytes(statement_id) + _short(len(columns))
    statements = join_rows(_fixed(each, rows), columns)
    bodies = rebased(statements, offsets_of(statements)[starts])
    counts = np.diff(starts)
    tail = _short(consistency) + b"\0"
    head = np.concatenate(
        [_fixed(bytes([_UNLOGGED]), len(counts)), big_endian(counts, 2, "u")],
        axis=1,
    )
    lengths = head.shape[1] + np.diff(offsets_of(bodies)) + len(tail)
    prefix = np.concatenate([_headers(_BATCH, first_stream, lengths), head], axis=1)
    return _frames(join_pieces([prefix, bodies, _fixed(tail, len(counts))]))


def _headers(opcode: int, first_stream: int, lengths: "npt.NDArray[np.integer]") -> Bytes:
    count = len(lengths)
    streams = (first_stream + np.arange(count)) % STREAMS
    start, kind = _fixed(bytes([_VERSION, 0]), count), _fixed(bytes([opcode]), count)
    return np.concatenate([start, big_endian(streams, 2), kind, big_endian(lengths, 4)], axis=1)


def _frames(joined: "pa.BinaryArray") -> Frames:
    offsets = offsets_of(joined).astype(np.int64)
    data = memoryview(joined.buffers()[2] or b"")
    return Frames(data=data, offsets=offsets)


def _fixed(value: bytes, rows: int) -> Bytes:
    body = constant(value, rows).body
    assert isinstance(body, np.ndarray)  # noqa: S101 # constants are of one width
    return body


def _short(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _short_bytes(value: bytes) -> bytes:
    return _short(len(value)) + value
