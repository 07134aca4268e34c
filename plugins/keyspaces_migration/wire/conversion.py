"""Values of the history as values that the driver binds, by CQL type.

A value comes from an Arrow column, or out of the JSON text that VARIANT, ARRAY and OBJECT arrive as.
"""

import datetime as dt
import ipaddress
import json
import math
import struct
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cassandra.util import Date, Time

from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf
from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH_DAY = dt.date(1970, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_DAY_NS = 24 * 3600 * 10**9
_TIME_UUID = 1


class ConversionError(MigrationError):
    """A value of the history is none of its column's type."""


def convert(value: object, cql_type: CqlType) -> Any:  # noqa: ANN401 # as many types as CQL has
    """Return what the driver binds for a value of the history; None for null, also for JSON's null.

    Raises:
        ConversionError: The value is not one of the type.
    """
    if value is None:
        return None
    try:
        return _convert(value, cql_type)
    except (TypeError, ValueError, LookupError, ArithmeticError, struct.error) as error:
        raise ConversionError(f"{_shown(value)} is no {cql_type}: {error}") from error


def column_values(column: "pa.ChunkedArray") -> list[Any]:
    """Return a column's values; moments as milliseconds since 1970 UTC, times of day as nanoseconds.

    Arrow converts these: Python's types hold no nanoseconds, and rounding moments before 1970 is easily got wrong.
    """
    import pyarrow as pa  # noqa: PLC0415 # takes half a second, and only loading needs it
    import pyarrow.compute as pc  # noqa: PLC0415

    if pa.types.is_timestamp(column.type):
        floored = pc.floor_temporal(column, unit="millisecond")
        column = floored.cast(pa.timestamp("ms", tz=column.type.tz)).cast(pa.int64())
    elif pa.types.is_time(column.type):
        column = column.cast(pa.time64("ns")).cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"  # noqa: PLR2004 # enough to know it by


def _convert(value: Any, cql_type: CqlType) -> Any:  # noqa: ANN401
    match cql_type:
        case Frozen(inner):
            return _convert(value, inner)
        case Scalar(name) if name in _SCALARS:
            return _SCALARS[name](value)
        case ListOf(element):
            return _or_none(value, lambda parsed: [_element(each, element) for each in _list(parsed)])
        case SetOf(element):
            return _or_none(value, lambda parsed: _set([_element(each, element) for each in _list(parsed)]))
        case MapOf(key, element):
            return _or_none(value, lambda parsed: _map(parsed, key, element))
        case TupleOf(elements):
            return _or_none(value, lambda parsed: _tuple(_list(parsed), elements))
        case _:
            raise TypeError("no value of the history can be this type")


def _or_none(value: object, build: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Build a collection of what JSON text holds, or of what is parsed already; None for null."""
    parsed = json.loads(value, parse_float=Decimal, parse_constant=_no_constant) if isinstance(value, str) else value
    return None if parsed is None else build(parsed)


def _no_constant(text: str) -> float:
    return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[text]


def _list(parsed: object) -> list[Any]:
    if not isinstance(parsed, list):
        raise TypeError("a JSON array is wanted")
    return parsed


def _element(value: object, cql_type: CqlType) -> Any:  # noqa: ANN401
    if value is None:
        raise ValueError("a collection holds no nulls")
    return _convert(value, cql_type)


def _set(values: list[Any]) -> Any:  # noqa: ANN401
    try:
        return set(values)
    except TypeError:  # frozen collections as elements; the driver binds a list as well
        return values


def _map(parsed: object, key: CqlType, element: CqlType) -> dict[Any, Any]:
    if not isinstance(parsed, Mapping):
        raise TypeError("a JSON object is wanted")
    return {_key(k, key): _element(v, element) for k, v in parsed.items()}


def _key(text: str, cql_type: CqlType) -> Any:  # noqa: ANN401
    """Convert a key, which is text in JSON whatever its type."""
    scalar = cql_type.name if isinstance(cql_type, Scalar) else None
    if scalar in _WHOLE_BITS or scalar is ScalarName.VARINT:
        return _convert(int(text), cql_type)
    if scalar in {ScalarName.DOUBLE, ScalarName.FLOAT, ScalarName.DECIMAL}:
        return _convert(Decimal(text), cql_type)
    if scalar is ScalarName.BOOLEAN:
        return {"true": True, "false": False}[text]
    return _convert(text, cql_type)


def _tuple(parsed: list[Any], elements: tuple[CqlType, ...]) -> tuple[Any, ...]:
    return tuple(None if each is None else _convert(each, part) for each, part in zip(parsed, elements, strict=True))


def _whole_number(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    raise TypeError("a whole number is wanted")


def _bits(bits: int) -> Callable[[object], int]:
    def check(value: object) -> int:
        number = _whole_number(value)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError(f"it does not fit in {bits} bits")
        return number

    return check


def _varint(value: object) -> int:
    return int(value) if isinstance(value, str) else _whole_number(value)


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError("a NUMBER or a decimal in text is wanted")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("it must be finite")
    return number


def _double(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, float | int | Decimal | str):
        raise TypeError("a number is wanted")
    return float(value)


def _float(value: object) -> float:
    number = _double(value)
    # A number that a float can't hold is refused here, with its column, not by the driver without it.
    struct.pack(">f", number)
    return number


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("a BOOLEAN is wanted")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text is wanted")
    value.encode()
    return value


def _ascii(value: object) -> str:
    text = _text(value)
    text.encode("ascii")
    return text


def _blob(value: object) -> bytes:
    # In JSON, Snowflake shows BINARY as hexadecimal digits.
    return bytes.fromhex(value) if isinstance(value, str) else bytes(_instance(value, bytes))


def _date(value: object) -> Date:
    day = dt.date.fromisoformat(value) if isinstance(value, str) else _instance(value, dt.date)
    if isinstance(day, dt.datetime):
        raise TypeError("a DATE without time is wanted")
    return Date((day - _EPOCH_DAY).days)


def _time(value: object) -> Time:
    if isinstance(value, str):
        return Time(value)
    nanoseconds = _whole_number(value)
    if not 0 <= nanoseconds < _DAY_NS:
        raise ValueError("it is beyond a day")
    return Time(nanoseconds)


def _timestamp(value: object) -> int:
    """Return milliseconds since 1970, which the driver binds as they are; a moment without a zone is in UTC."""
    if isinstance(value, str):
        moment = dt.datetime.fromisoformat(value)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - _EPOCH) // _MILLISECOND
    return _whole_number(value)


def _uuid(value: object) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(_text(value))


def _timeuuid(value: object) -> uuid.UUID:
    found = _uuid(value)
    if found.version != _TIME_UUID:
        raise ValueError(f"it is a UUID of version {found.version}, not 1")
    return found


def _inet(value: object) -> str:
    return str(ipaddress.ip_address(_text(value)))


def _instance(value: object, wanted: type) -> Any:  # noqa: ANN401
    if not isinstance(value, wanted):
        raise TypeError(f"{wanted.__name__} is wanted")
    return value


_WHOLE_BITS = {ScalarName.TINYINT: 8, ScalarName.SMALLINT: 16, ScalarName.INT: 32, ScalarName.BIGINT: 64}
_SCALARS: dict[ScalarName, Callable[[Any], Any]] = {
    **{name: _bits(bits) for name, bits in _WHOLE_BITS.items()},
    ScalarName.ASCII: _ascii,
    ScalarName.BLOB: _blob,
    ScalarName.BOOLEAN: _boolean,
    ScalarName.DATE: _date,
    ScalarName.DECIMAL: _decimal,
    ScalarName.DOUBLE: _double,
    ScalarName.FLOAT: _float,
    ScalarName.INET: _inet,
    ScalarName.TEXT: _text,
    ScalarName.TIME: _time,
    ScalarName.TIMESTAMP: _timestamp,
    ScalarName.TIMEUUID: _timeuuid,
    ScalarName.UUID: _uuid,
    ScalarName.VARINT: _varint,
}
