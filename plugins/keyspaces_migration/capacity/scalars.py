"""The size of one value of a scalar type, as Amazon Keyspaces meters it and as it is on the wire.

Source: Developer Guide, "Estimate row size in Amazon Keyspaces" (calculating-row-size). It gives text, whole numbers,
blob, boolean and null. For the other types it gives nothing; each has an assumption here: its length in the CQL binary
protocol (native_protocol_v4.spec, section 6), as the guide itself uses for values inside frozen ones. The guide calls
its own figures approximate, and nothing here was compared with a bill.
"""

import ipaddress
from collections.abc import Sized
from decimal import Decimal
from typing import Any

from keyspaces_migration.capacity.errors import UnknownSizeError
from keyspaces_migration.cql.types import ScalarName

NULL_BYTES = 1
"""A null that is written, rather than left unset."""
BOOLEAN_BYTES = 1
DECIMAL_SCALE_BYTES = 4
IPV4_BYTES, IPV6_BYTES = 4, 16

WHOLE_NUMBERS = frozenset(
    {ScalarName.TINYINT, ScalarName.SMALLINT, ScalarName.INT, ScalarName.BIGINT, ScalarName.VARINT}
)
TEXTS = frozenset({ScalarName.TEXT, ScalarName.ASCII})

# Assumed, as the guide is silent: the lengths of the CQL binary protocol.
ASSUMED_BYTES = {
    ScalarName.FLOAT: 4,
    ScalarName.DOUBLE: 8,
    ScalarName.TIMESTAMP: 8,
    ScalarName.DATE: 4,
    ScalarName.TIME: 8,
    ScalarName.UUID: 16,
    ScalarName.TIMEUUID: 16,
}
FIXED_BYTES = {**ASSUMED_BYTES, ScalarName.BOOLEAN: BOOLEAN_BYTES}
_WIRE_BYTES = {
    **FIXED_BYTES,
    ScalarName.TINYINT: 1,
    ScalarName.SMALLINT: 2,
    ScalarName.INT: 4,
    ScalarName.BIGINT: 8,
}


def scalar_bytes(value: Any, name: ScalarName) -> int:  # noqa: ANN401 # as many types as CQL has
    """Return the metered size of a value that is not null, in a column or in a collection that is not frozen.

    Raises:
        UnknownSizeError: Amazon Keyspaces has no such type.
        TypeError, ValueError: The value is none of the type.
    """
    return integer_bytes(whole_number(value)) if name in WHOLE_NUMBERS else _other_bytes(value, name, FIXED_BYTES)


def scalar_wire_bytes(value: Any, name: ScalarName) -> int:  # noqa: ANN401
    """Return the length of a value that is not null in the CQL binary protocol, which frozen values are metered by.

    Raises:
        UnknownSizeError: Amazon Keyspaces has no such type.
        TypeError, ValueError: The value is none of the type.
    """
    if name in WHOLE_NUMBERS:
        number = whole_number(value)
        return _WIRE_BYTES.get(name) or two_complement_bytes(number)
    return _other_bytes(value, name, _WIRE_BYTES)


def integer_bytes(value: int) -> int:
    """Return the metered size of a whole number: 1 byte for two significant digits, rounded up, and 1 byte.

    Zeros at both ends are trimmed, says the guide; the sign counts nothing. Zero has one digit.
    """
    size: int = digits_bytes(max(1, len(str(abs(value)).rstrip("0"))))
    return size


def digits_bytes(digits: Any) -> Any:  # noqa: ANN401 # a number, or an array of them
    """Return the metered size of a whole number of so many significant digits."""
    return (digits + 1) // 2 + 1


def two_complement_bytes(value: int) -> int:
    """Return the length of a varint on the wire: the shortest two's complement."""
    return (value if value >= 0 else ~value).bit_length() // 8 + 1


def whole_number(value: object) -> int:
    """Return a whole number as such.

    Raises:
        TypeError: It is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    raise TypeError("a whole number is wanted")


def _other_bytes(value: Any, name: ScalarName, fixed: dict[ScalarName, int]) -> int:  # noqa: ANN401
    if name in fixed:
        return fixed[name]
    if name in TEXTS:
        return len(_text(value).encode())
    match name:
        case ScalarName.BLOB:
            return _length(value)
        case ScalarName.DECIMAL:
            return DECIMAL_SCALE_BYTES + two_complement_bytes(_unscaled(value))
        case ScalarName.INET:
            return IPV4_BYTES if ipaddress.ip_address(value).version == 4 else IPV6_BYTES  # noqa: PLR2004
        case _:
            raise UnknownSizeError(f"Amazon Keyspaces has no {name.value}, so no value of it has a size there")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text is wanted")
    return value


def _length(value: object) -> int:
    if isinstance(value, str) or not isinstance(value, Sized):
        raise TypeError("bytes are wanted")
    return len(value)


def _unscaled(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        raise TypeError("a decimal is wanted")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("a finite decimal is wanted")
    sign, digits, _ = number.as_tuple()
    return int(Decimal((sign, digits, 0)))
