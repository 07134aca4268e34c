"""The sizes of a whole Arrow column of one scalar type; what they are is said at `scalars`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.capacity.errors import UnknownSizeError
from keyspaces_migration.capacity.scalars import (
    DECIMAL_SCALE_BYTES,
    FIXED_BYTES,
    IPV4_BYTES,
    IPV6_BYTES,
    TEXTS,
    WHOLE_NUMBERS,
    digits_bytes,
)
from keyspaces_migration.cql.types import ScalarName

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

_MAX_DECIMAL128_DIGITS = 38
_BITS_A_BYTE = 8
_TEXT_KINDS = (pa.types.is_string, pa.types.is_large_string)
_BINARY_KINDS = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)


def scalar_column_bytes(array: pa.Array, name: ScalarName) -> "Numbers":
    """Return the metered size of each value; what stands at a null means nothing.

    Raises:
        UnknownSizeError: Amazon Keyspaces has no such type.
        TypeError, pa.ArrowException: The column holds no values of the type.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if name in FIXED_BYTES:
        return np.full(len(array), FIXED_BYTES[name], np.int64)
    if pa.types.is_null(array.type) or not len(array):
        return np.zeros(len(array), np.int64)
    return _varying_bytes(array, name)


def _varying_bytes(array: pa.Array, name: ScalarName) -> "Numbers":
    if name in WHOLE_NUMBERS:
        digits = np.maximum(_lengths(_significant_digits(array, name)), 1)
        return np.asarray(digits_bytes(digits), np.int64)
    if name in TEXTS:
        return _lengths(_of_kind(array, "text", *_TEXT_KINDS))
    match name:
        case ScalarName.BLOB:
            return _lengths(_of_kind(array, "binary", *_BINARY_KINDS))
        case ScalarName.DECIMAL:
            return DECIMAL_SCALE_BYTES + _two_complement_bytes(_as_decimals(array))
        case ScalarName.INET:
            is_ipv6 = _numbers(pc.match_substring(_of_kind(array, "text", *_TEXT_KINDS), ":"))
            return np.where(is_ipv6 > 0, IPV6_BYTES, IPV4_BYTES).astype(np.int64)
        case _:
            raise UnknownSizeError(f"Amazon Keyspaces has no {name.value}, so no value of it has a size there")


def _significant_digits(array: pa.Array, name: ScalarName) -> pa.Array:
    """Return each whole number's digits as text, without sign and without the zeros at both ends."""
    if pa.types.is_decimal(array.type):
        # Refused by Arrow where it would lose digits: 1.5 is no whole number.
        digits = max(array.type.precision - array.type.scale, 1)
        array = pc.cast(
            array, pa.decimal128(digits, 0) if digits <= _MAX_DECIMAL128_DIGITS else pa.decimal256(digits, 0)
        )
    elif name is ScalarName.VARINT and any(kind(array.type) for kind in _TEXT_KINDS):
        if not pc.all(pc.match_substring_regex(array, r"^[+-]?[0-9]+$"), min_count=0).as_py():
            raise TypeError("whole numbers are wanted")
    elif not pa.types.is_integer(array.type):
        raise TypeError(f"whole numbers are wanted, not {array.type}")
    return pc.utf8_rtrim(pc.utf8_ltrim(pc.cast(array, pa.string()), characters="+-0"), characters="0")


def _as_decimals(array: pa.Array) -> pa.Array:
    if pa.types.is_integer(array.type):
        return pc.cast(array, pa.decimal128(20, 0))
    return _of_kind(array, "decimals", pa.types.is_decimal)


def _two_complement_bytes(array: pa.Array) -> "Numbers":
    """Return the length of each unscaled number as a varint: `scalars.two_complement_bytes` over Arrow's own bytes."""
    width = array.type.byte_width
    _, data = array.buffers()
    raw = np.frombuffer(data, np.uint8).reshape(-1, width)[array.offset : array.offset + len(array)]
    negative = raw[:, -1:] >= 1 << (_BITS_A_BYTE - 1)
    magnitude = np.where(negative, ~raw, raw)
    # Arrow's bytes are little-endian: the last that is not zero is the leading one.
    leading = width - 1 - np.argmax(magnitude[:, ::-1] != 0, axis=1)
    leading[~magnitude.any(axis=1)] = 0
    lead = np.take_along_axis(magnitude, leading[:, np.newaxis], axis=1)[:, 0]
    return np.asarray(leading + 1 + (lead >= 1 << (_BITS_A_BYTE - 1)), np.int64)


def _of_kind(array: pa.Array, wanted: str, *kinds: Callable[[pa.DataType], bool]) -> pa.Array:
    if not any(kind(array.type) for kind in kinds):
        raise TypeError(f"{wanted} is wanted, not {array.type}")
    return array


def _lengths(array: pa.Array) -> "Numbers":
    return _numbers(pc.binary_length(array))


def _numbers(array: pa.Array) -> "Numbers":
    numbers: Numbers = pc.fill_null(pc.cast(array, pa.int64()), 0).to_numpy(zero_copy_only=False)
    return numbers
