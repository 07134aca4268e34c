"""Frames of the native protocol, version 4, many at a time: EXECUTE for each row, or BATCH for a partition's rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keyspaces_migration.wire.cells import Bytes, Cells, big_endian, constant, offsets_of, rebased
from keyspaces_migration.wire.rows import join_pieces, join_rows, row_lengths

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


def execute_frames(
    columns: Sequence[Cells],
    *,
    statement_id: bytes,
    consistency: int,
    first_stream: int,
    order: Offsets | None = None,
) -> Frames:
    """Return an EXECUTE frame for each row (protocol v4, section 4.1.6): its values are those of the columns, in order.

    The frames come in the order of rows that `order` says, or as the rows are. Their streams count up from
    `first_stream`, modulo `STREAMS`.
    """
    rows = len(columns[0])
    query = _short_bytes(statement_id) + _short(consistency) + bytes([_VALUES_FOLLOW]) + _short(len(columns))
    places = np.arange(rows)
    if order is not None:
        places[order] = np.arange(rows)
    header = _headers(_EXECUTE, first_stream + places, len(query) + row_lengths(columns))
    joined = join_rows([*header, constant(query, rows).body], columns)
    return _frames(_in_order(joined, order))


def batch_frames(  # noqa: PLR0913 # what a frame is made of, all by keyword
    columns: Sequence[Cells],
    *,
    order: Offsets | None = None,
    starts: Offsets,
    statement_id: bytes,
    consistency: int,
    first_stream: int,
) -> Frames:
    """Return UNLOGGED BATCH frames (section 4.1.7).

    `order` says in which order rows are taken, None as they are; `starts` with which place of that order each batch
    begins, and where the last one ends; shape (batches + 1,).
    """
    each = bytes([_PREPARED]) + _short_bytes(statement_id) + _short(len(columns))
    statements = _in_order(join_rows([constant(each, len(columns[0])).body], columns), order)
    bodies = rebased(statements, offsets_of(statements)[starts])
    counts = np.diff(starts)
    kind, tail = bytes([_UNLOGGED]), _short(consistency) + b"\0"
    lengths = len(kind) + 2 + np.diff(offsets_of(bodies)) + len(tail)
    streams = first_stream + np.arange(len(counts))
    head = [*_headers(_BATCH, streams, lengths), constant(kind, len(counts)).body, big_endian(counts, 2, "u")]
    return _frames(join_pieces([*head, bodies, constant(tail, len(counts)).body]))


def _headers(opcode: int, streams: Offsets, lengths: "npt.NDArray[np.integer]") -> "list[Bytes | pa.BinaryArray]":
    start, kind = constant(bytes([_VERSION, 0]), len(streams)).body, constant(bytes([opcode]), len(streams)).body
    return [start, big_endian(streams % STREAMS, 2), kind, big_endian(lengths, 4)]


def _in_order(joined: "pa.BinaryArray", order: Offsets | None) -> "pa.BinaryArray":
    return joined if order is None else joined.take(pa.array(order))


def _frames(joined: "pa.BinaryArray") -> Frames:
    offsets = offsets_of(joined).astype(np.int64)
    data = memoryview(joined.buffers()[2] or b"")
    return Frames(data=data, offsets=offsets)


def _short(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _short_bytes(value: bytes) -> bytes:
    return _short(len(value)) + value
