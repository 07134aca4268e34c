"""Array operations that encode a whole column of scalars: Arrow in, the protocol's bytes out.

Each returns the bytes for every row, and which rows it has no answer for (`undecided`); those are then encoded one by
one. None says that the Arrow type is not one that it knows. What a null row holds does not matter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.cql.types import ScalarName
from keyspaces_migration.wire.cells import Bytes, big_endian, binary, data_of, lengths_of
from keyspaces_migration.wire.durations import INTERVAL, encode_intervals

Mask = npt.NDArray[np.bool_]
_Whole = npt.NDArray[np.int64]

_EXACT_DOUBLES = 2**53
"""Up to here every whole number is a double, and up to 10**22 every power of ten: their quotient is rounded once."""
_EXACT_POWERS = 22
_WIDEST = 64
"""Bits of the whole numbers that are looked at here."""
_DAY_NS = 24 * 3600 * 10**9
_UUID_CHARACTERS = 36
_UUID_DASHES = (8, 13, 18, 23)
_UUID_VERSION_BYTE = 6
_TIME_UUID = 1
_RFC_4122 = 0b10


@dataclass(frozen=True)
class Column:
    """The bytes of every row, as `cells.Cells.body`, and the rows for which they are not to be used."""

    body: "Bytes | pa.BinaryArray"
    undecided: Mask | None = None


def encode_scalars(array: pa.Array, name: ScalarName) -> Column | None:
    """Return a column's bytes, or None where only a look at each value can tell."""
    encode = _ENCODERS.get(name)
    return encode(array) if encode else None


def _whole(bits: int) -> Callable[[pa.Array], Column | None]:
    def encode(array: pa.Array) -> Column | None:
        found = _whole_numbers(array)
        if found is None:
            return None
        values, undecided = found
        if bits == _WIDEST:
            return Column(big_endian(values, bits // 8), undecided)
        least, greatest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        return Column(big_endian(values, bits // 8), _or(undecided, (values < least) | (values > greatest)))

    return encode


def _whole_numbers(array: pa.Array) -> tuple[_Whole, Mask | None] | None:
    """Return a column of whole numbers, and which of them 64 bits do not hold."""
    kind = array.type
    if pa.types.is_decimal128(kind) and kind.scale == 0:
        return _unscaled(array)
    if not pa.types.is_integer(kind) or kind == pa.uint64():
        return None
    return _filled(array, 0).astype(np.int64, copy=False), None


def _unscaled(array: pa.Array) -> tuple[_Whole, Mask | None]:
    """Return the digits of decimals, without their point, and which of them 64 bits do not hold."""
    pairs = np.frombuffer(array.buffers()[1], np.int64)[2 * array.offset : 2 * (array.offset + len(array))]
    low, high = pairs[0::2], pairs[1::2]
    too_wide = high != (low >> 63)
    return low, too_wide if too_wide.any() else None


def _boolean(array: pa.Array) -> Column | None:
    if not pa.types.is_boolean(array.type):
        return None
    return Column(np.asarray(pc.fill_null(array, False)).astype(np.uint8).reshape(-1, 1))  # Arrow's


def _double(array: pa.Array) -> Column | None:
    found = _floats(array)
    return None if found is None else Column(big_endian(found[0], 8, "f"), found[1])


def _float(array: pa.Array) -> Column | None:
    found = _floats(array)
    if found is None:
        return None
    values, undecided = found
    with np.errstate(over="ignore"):
        too_great = np.isfinite(values) & ~np.isfinite(values.astype(np.float32))
        return Column(big_endian(values, 4, "f"), _or(undecided, too_great))


def _floats(array: pa.Array) -> tuple[npt.NDArray[np.float64], Mask | None] | None:
    if pa.types.is_floating(array.type):
        return _filled(array.cast(pa.float64()), 0.0), None
    scale = array.type.scale if pa.types.is_decimal128(array.type) else 0
    found = _unscaled(array) if pa.types.is_decimal128(array.type) else _whole_numbers(array)
    if found is None or not 0 <= scale <= _EXACT_POWERS:
        return None
    values, undecided = found
    rounded_twice = (values > _EXACT_DOUBLES) | (values < -_EXACT_DOUBLES)
    return values / 10.0**scale, _or(undecided, rounded_twice)


def _text(array: pa.Array) -> Column | None:
    return Column(array.cast(pa.binary())) if _is_text(array) else None


def _ascii(array: pa.Array) -> Column | None:
    if not _is_text(array):
        return None
    body = array.cast(pa.binary())
    if pc.all(pc.string_is_ascii(array)).as_py() is not False:
        return Column(body)
    return Column(body, ~np.asarray(pc.fill_null(pc.string_is_ascii(array), True)))  # Arrow's


def _blob(array: pa.Array) -> Column | None:
    known = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
    return Column(array.cast(pa.binary())) if known else None


def _date(array: pa.Array) -> Column | None:
    if not pa.types.is_date32(array.type):
        return None
    days = _filled(array.view(pa.int32()), 0).astype(np.int64)
    return Column(big_endian(days + 2**31, 4, "u"))


def _time(array: pa.Array) -> Column | None:
    if not pa.types.is_time(array.type):
        return None
    nanoseconds = _filled(array.cast(pa.time64("ns")).view(pa.int64()), 0)
    return Column(big_endian(nanoseconds, 8), (nanoseconds < 0) | (nanoseconds >= _DAY_NS))


def _timestamp(array: pa.Array) -> Column | None:
    if not pa.types.is_timestamp(array.type):
        return _whole(64)(array)
    if array.type.unit != "ms":
        array = pc.floor_temporal(array, unit="millisecond").cast(pa.timestamp("ms", tz=array.type.tz))
    return Column(big_endian(_filled(array.view(pa.int64()), 0), 8))


def _uuid(array: pa.Array) -> Column | None:
    if not _is_text(array):
        return None
    text = array.cast(pa.binary())
    usual = lengths_of(text) == _UUID_CHARACTERS
    characters = np.full((len(array), _UUID_CHARACTERS), ord("0"), np.uint8)
    characters[usual] = data_of(text.filter(pa.array(usual))).reshape(-1, _UUID_CHARACTERS)
    digits = _HEXADECIMAL[np.delete(characters, _UUID_DASHES, axis=1)]
    dashed = (characters[:, list(_UUID_DASHES)] == ord("-")).all(axis=1)
    undecided = ~usual | ~dashed | (digits == _NO_DIGIT).any(axis=1)
    return Column((digits[:, 0::2] << 4) | digits[:, 1::2], undecided)


def _timeuuid(array: pa.Array) -> Column | None:
    column = _uuid(array)
    if column is None:
        return None
    assert isinstance(column.body, np.ndarray)  # noqa: S101 # UUIDs are of one width
    # Version 1 of RFC 4122's variant: Python calls no other UUID one of a version.
    version, variant = column.body[:, _UUID_VERSION_BYTE] >> 4, column.body[:, 8] >> 6
    return Column(column.body, _or(column.undecided, (version != _TIME_UUID) | (variant != _RFC_4122)))


def _duration(array: pa.Array) -> Column | None:
    return Column(*encode_intervals(array)) if array.type == INTERVAL else None


def _varint(array: pa.Array) -> Column | None:
    found = _whole_numbers(array)
    if found is None:
        return None
    return Column(_shortest(found[0]), found[1])


def _decimal(array: pa.Array) -> Column | None:
    if pa.types.is_decimal128(array.type):
        found: tuple[_Whole, Mask | None] | None = _unscaled(array)
        scale = array.type.scale
    else:
        found, scale = _whole_numbers(array), 0
    if found is None:
        return None
    digits = _shortest(found[0])
    prefix = pa.scalar(int(scale).to_bytes(4, "big", signed=True), pa.binary())
    return Column(pc.binary_join_element_wise(prefix, digits, b""), found[1])


def _shortest(values: _Whole) -> "pa.BinaryArray":
    """Return numbers as two's complement in as few bytes as hold them, the most significant first."""
    magnitude = (values ^ (values >> 63)).astype(np.uint64)
    lengths = np.ones(len(values), np.int32)
    for byte in range(1, 8):
        lengths += (magnitude >= 2 ** (8 * byte - 1)).astype(np.int32)
    kept = np.arange(8)[None, :] >= 8 - lengths[:, None]
    return binary(big_endian(values, 8)[kept], lengths)


def _is_text(array: pa.Array) -> bool:
    return bool(pa.types.is_string(array.type) or pa.types.is_large_string(array.type))


def _filled(array: pa.Array, value: float) -> "npt.NDArray[Any]":
    return np.asarray(pc.fill_null(array, value) if array.null_count else array)


def _or(one: Mask | None, other: Mask) -> Mask | None:
    both = other if one is None else one | other
    return both if both.any() else None


_NO_DIGIT = 255
_HEXADECIMAL: Any = np.full(256, _NO_DIGIT, np.uint8)
for _value, _digit in enumerate("0123456789abcdef"):
    _HEXADECIMAL[[ord(_digit), ord(_digit.upper())]] = _value

_ENCODERS: dict[ScalarName, Callable[[pa.Array], Column | None]] = {
    ScalarName.ASCII: _ascii,
    ScalarName.BIGINT: _whole(64),
    ScalarName.BLOB: _blob,
    ScalarName.BOOLEAN: _boolean,
    ScalarName.DATE: _date,
    ScalarName.DECIMAL: _decimal,
    ScalarName.DOUBLE: _double,
    ScalarName.DURATION: _duration,
    ScalarName.FLOAT: _float,
    ScalarName.INT: _whole(32),
    ScalarName.SMALLINT: _whole(16),
    ScalarName.TEXT: _text,
    ScalarName.TIME: _time,
    ScalarName.TIMESTAMP: _timestamp,
    ScalarName.TIMEUUID: _timeuuid,
    ScalarName.TINYINT: _whole(8),
    ScalarName.UUID: _uuid,
    ScalarName.VARINT: _varint,
}
