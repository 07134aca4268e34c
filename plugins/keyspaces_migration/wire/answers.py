"""Reads what a server answers: the usual answer to a write many at a time, any other by the driver's own classes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from cassandra.protocol import ProtocolHandler

from keyspaces_migration.clients.settings import PROTOCOL_VERSION
from keyspaces_migration.wire.frames import HEADER_BYTES

Streams = npt.NDArray[np.integer]

VOID_BYTES = 13
"""RESULT of kind Void: a header, and the kind (protocol v4, section 4.2.5)."""
_BLOCK = 512
"""Answers that are looked at together once one of them was another, so that many others do not cost their square."""
# By position in the frame: version of an answer, flags, opcode RESULT, a length of 4, the kind Void.
_VOID = {0: 0x84, 1: 0, 4: 0x08, 5: 0, 6: 0, 7: 0, 8: 4, 9: 0, 10: 0, 11: 0, 12: 1}


@dataclass(frozen=True)
class Answers:
    """What some bytes hold.

    Attributes:
        void: The streams of requests that succeeded and had nothing to tell.
        others: Every other answer as the driver reads it, with its stream.
        used: How many of the bytes were whole answers.
    """

    void: list[Streams] = field(default_factory=list)
    others: list[tuple[int, Any]] = field(default_factory=list)
    used: int = 0


def read_answers(data: bytes) -> Answers:
    """Read the whole answers at the beginning of `data`."""
    void: list[Streams] = []
    others: list[tuple[int, Any]] = []
    at, block = 0, len(data)
    while len(data) - at >= HEADER_BYTES:
        usual = _leading_voids(data, at, min((len(data) - at) // VOID_BYTES, block))
        if usual:
            void.append(np.ndarray((usual,), ">i2", data, at + 2, (VOID_BYTES,)))
            at += usual * VOID_BYTES
            continue
        end = at + HEADER_BYTES + int.from_bytes(data[at + 5 : at + HEADER_BYTES], "big")
        if len(data) < end:
            break
        others.append(_read(data[at:end]))
        at, block = end, _BLOCK
    return Answers(void=void, others=others, used=at)


def _leading_voids(data: bytes, at: int, count: int) -> int:
    """Return how many of the next `count` frames, if all were Void, are."""
    if not count:
        return 0
    end = at + count * VOID_BYTES
    if all(data[at + place : end : VOID_BYTES] == bytes([value]) * count for place, value in _VOID.items()):
        return count
    frames = np.frombuffer(data, np.uint8, min(count, _BLOCK) * VOID_BYTES, at).reshape(-1, VOID_BYTES)
    is_void = np.logical_and.reduce([frames[:, place] == value for place, value in _VOID.items()])
    return int(np.argmin(is_void)) if not is_void.all() else len(is_void)


def _read(frame: bytes) -> tuple[int, Any]:
    stream = int.from_bytes(frame[2:4], "big", signed=True)
    message = ProtocolHandler.decode_message(
        PROTOCOL_VERSION, {}, stream, frame[1], frame[4], frame[HEADER_BYTES:], None, None
    )
    return stream, message
