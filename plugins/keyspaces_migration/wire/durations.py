"""Durations: months, days and nanoseconds, each as a number of as many bytes as it needs (native protocol v5, [vint]).

Amazon Keyspaces has no durations; a Cassandra as target does.
"""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from keyspaces_migration.wire.cells import binary

Parts = tuple[int, int, int]
"""Months, days, nanoseconds."""

INTERVAL = pa.month_day_nano_interval()
_BITS = (32, 32, 64)
_IN_MEMORY = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
_SECOND = 10**9
# By the letter after a number: in which part it counts, and how many of that part's unit it is.
_DATE = {"Y": (0, 12), "M": (0, 1), "W": (1, 7), "D": (1, 1)}
_TIME = {"H": (2, 3600 * _SECOND), "M": (2, 60 * _SECOND), "S": (2, _SECOND)}
_SHORT = {
    "y": (0, 12),
    "mo": (0, 1),
    "w": (1, 7),
    "d": (1, 1),
    "h": (2, 3600 * _SECOND),
    "m": (2, 60 * _SECOND),
    "s": (2, _SECOND),
    "ms": (2, 10**6),
    "us": (2, 1000),
    "µs": (2, 1000),
    "ns": (2, 1),
}
_ISO = re.compile(r"(?P<sign>-?)P(?P<date>(?:\d+[YMWD])*)(?:T(?P<time>(?:\d+[HMS])+))?")
_CASSANDRA = re.compile(r"(?P<sign>-?)(?P<all>(?:\d+(?:y|mo|w|d|h|ms|m|s|us|µs|ns))+)", re.IGNORECASE)
_PIECE = re.compile(r"(\d+)([^\d]+)")


def parse_duration(text: str) -> Parts:
    """Read a duration as ISO 8601 (P1Y2M3DT4H) or Cassandra (1y2mo3d4h) writes it.

    Raises:
        ValueError: It is none, or beyond what a duration holds.
    """
    if (match := _ISO.fullmatch(text)) and (match["date"] or match["time"]):
        found = _sum(match["date"], _DATE, _sum(match["time"] or "", _TIME, [0, 0, 0]))
    elif match := _CASSANDRA.fullmatch(text):
        found = _sum(match["all"].lower(), _SHORT, [0, 0, 0])
    else:
        raise ValueError("a duration such as P1Y2M3DT4H5M6S or 1y2mo3d4h5m6s7ms is wanted")
    months, days, nanoseconds = (-each for each in found) if match["sign"] else found
    return checked((months, days, nanoseconds))


def checked(parts: Parts) -> Parts:
    """Return a duration's parts.

    Raises:
        ValueError: They are beyond what a duration holds, or of different signs.
    """
    if any(not -(2 ** (bits - 1)) <= part < 2 ** (bits - 1) for part, bits in zip(parts, _BITS, strict=True)):
        raise ValueError("months and days must fit in 32 bits, nanoseconds in 64")
    if min(parts) < 0 < max(parts):
        raise ValueError("months, days and nanoseconds must have one sign")
    return parts


def _sum(text: str, units: Mapping[str, tuple[int, int]], found: list[int]) -> list[int]:
    for number, unit in _PIECE.findall(text):
        part, size = units[unit]
        found[part] += int(number) * size
    return found


def encode_intervals(array: pa.Array) -> "tuple[pa.BinaryArray, npt.NDArray[np.bool_]]":
    """Return the bytes of Arrow's intervals of months, days and nanoseconds, and which of them are no durations."""
    whole = np.frombuffer(array.buffers()[1] or b"", _IN_MEMORY)[array.offset : array.offset + len(array)]
    parts = np.stack([whole[name].astype(np.int64) for name in _IN_MEMORY.names or ()], axis=1)
    mixed = (parts.min(axis=1, initial=0) < 0) & (parts.max(axis=1, initial=0) > 0)
    data, lengths = _vints(parts.reshape(-1))
    return binary(data, lengths.reshape(-1, 3).sum(axis=1).astype(np.int32)), mixed


def _vints(values: npt.NDArray[np.int64]) -> "tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]":
    """Return numbers as vints one behind another, and how many bytes each has.

    As many leading ones in the first byte as there are bytes behind it; small numbers of either sign are short.
    """
    folded = ((values << 1) ^ (values >> 63)).astype(np.uint64)
    limits = np.array([2 ** (7 * each) for each in range(1, 9)], np.uint64)
    behind = (folded[:, None] >= limits[None, :]).sum(axis=1)
    matrix = np.zeros((len(values), 9), np.uint8)
    matrix[:, 1:] = folded.astype(">u8").view(np.uint8).reshape(-1, 8)
    first = 8 - behind
    matrix[np.arange(len(values)), first] |= ((0xFF << first) & 0xFF).astype(np.uint8)
    return matrix[np.arange(9)[None, :] >= first[:, None]], (behind + 1).astype(np.int32)
