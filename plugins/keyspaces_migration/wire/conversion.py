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

from cassandra.util import Date, Duration, OrderedMap, Time

from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.wire.driver_types import driver_type, serialise

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH_DAY = dt.date(1970, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)
_DAY_NS = 24 * 3600 * 10**9
_TIME_UUID = 1


REFUSALS = (TypeError, ValueError, LookupError, ArithmeticError, struct.error)
"""What conversions raise for a value that is none of the type."""


# Of Snowflake's floats; `json.loads` with arguments makes such a decoder for each text.
_CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_EXACT = json.JSONDecoder(parse_float=Decimal, parse_constant=_CONSTANTS.__getitem__)
_BY_FLOAT = json.JSONDecoder(parse_constant=_CONSTANTS.__getitem__)


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
    except REFUSALS as error:
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
            return _or_none(value, lambda parsed: _elements(parsed, element))
        case SetOf(element):
            return _or_none(value, lambda parsed: _set(_elements(parsed, element), element))
        case MapOf(key, element):
            return _or_none(value, lambda parsed: _map(parsed, key, element))
        case TupleOf(elements):
            return _or_none(value, lambda parsed: _tuple(_list(parsed), elements))
        case _:
            raise TypeError("no value of the history can be this type")


def _or_none(value: object, build: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    """Build a collection of what JSON text holds, or of what is parsed already; None for null."""
    parsed = parse_json(value, exact=True) if isinstance(value, str) else value
    return None if parsed is None else build(parsed)


def parse_json(text: str, *, exact: bool) -> Any:  # noqa: ANN401 # what JSON holds
    """Return what JSON text holds; `exact` reads numbers with a point as decimals.

    Raises:
        ValueError: It is no JSON.
    """
    return (_EXACT if exact else _BY_FLOAT).decode(text)


def _list(parsed: object) -> list[Any]:
    if not isinstance(parsed, list):
        raise TypeError("a JSON array is wanted")
    return parsed


def _elements(parsed: object, cql_type: CqlType) -> list[Any]:
    return [_element(each, cql_type, f"element {place}") for place, each in enumerate(_list(parsed), start=1)]


def _element(value: object, cql_type: CqlType, place: str) -> Any:  # noqa: ANN401
    try:
        found = None if value is None else _convert(value, cql_type)
    except REFUSALS as error:
        raise ValueError(f"{place}, {_shown(value)}, is no {cql_type}: {error}") from error
    if found is None:
        raise ValueError(f"{place} is null, and a collection holds no nulls")
    return found


def _set(values: list[Any], cql_type: CqlType) -> list[Any]:
    """Return each value once, where it is first, in order: the driver sends a set's elements in the order it has them.

    The same are those with the same bytes: Python takes 0.0 and -0.0 for one.
    """
    kind = driver_type(cql_type)
    found: dict[bytes, Any] = {}
    for value in values:
        found.setdefault(serialise(value, kind), value)
    return list(found.values())


def _map(parsed: object, key: CqlType, element: CqlType) -> Mapping[Any, Any]:
    """Return keys and values in order; of values of the same key, as its bytes tell, the last one where it was first.

    Arrow's maps come as pairs, with keys of their own types.
    """
    pairs = parsed.items() if isinstance(parsed, Mapping) else _pairs(parsed)
    kind = driver_type(key)
    found: dict[bytes, tuple[Any, Any]] = {}
    for name, value in pairs:
        converted = _map_key(name, key)
        encoded = serialise(converted, kind)
        found[encoded] = (found.get(encoded, (converted,))[0], _element(value, element, f"the value of {_shown(name)}"))
    try:
        plain = dict(found.values())
    except TypeError:  # a frozen collection as key
        plain = {}
    ordered: Mapping[Any, Any] = plain if len(plain) == len(found) else OrderedMap(found.values())
    return ordered


def _map_key(name: object, cql_type: CqlType) -> Any:  # noqa: ANN401
    try:
        found = _convert(key_of_text(name, cql_type) if isinstance(name, str) else name, cql_type)
    except REFUSALS as error:
        raise ValueError(f"the key {_shown(name)} is no {cql_type}: {error}") from error
    if found is None:
        raise ValueError(f"the key {_shown(name)} is null")
    return found


def _pairs(parsed: object) -> list[tuple[Any, Any]]:
    if not isinstance(parsed, list) or not all(isinstance(each, tuple) for each in parsed):
        raise TypeError("a JSON object is wanted")
    return parsed


def key_of_text(text: str, cql_type: CqlType) -> Any:  # noqa: ANN401
    """Return what a map's key says, which is text in JSON whatever its type; it may still be none of the type.

    Raises:
        ValueError, LookupError, ArithmeticError: It is none.
    """
    scalar = cql_type.name if isinstance(cql_type, Scalar) else None
    if scalar in _WHOLE_BITS or scalar is ScalarName.VARINT:
        return int(text)
    if scalar in {ScalarName.DOUBLE, ScalarName.FLOAT, ScalarName.DECIMAL}:
        number = Decimal(text)
        return number if scalar is ScalarName.DECIMAL else float(number)
    if scalar is ScalarName.BOOLEAN:
        return {"true": True, "false": False}[text]
    return text


def _tuple(parsed: list[Any], elements: tuple[CqlType, ...]) -> tuple[Any, ...]:
    if len(parsed) != len(elements):
        raise ValueError(f"it has {len(parsed)} parts, and {len(elements)} are wanted")
    parts = enumerate(zip(parsed, elements, strict=True), start=1)
    return tuple(None if each is None else _element(each, part, f"part {place}") for place, (each, part) in parts)


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


def _duration(value: object) -> Duration:
    from keyspaces_migration.wire.durations import checked, parse_duration  # noqa: PLC0415 # brings Arrow

    # Arrow's intervals come as tuples.
    months, days, nanoseconds = parse_duration(value) if isinstance(value, str) else checked(_instance(value, tuple))
    return Duration(months, days, nanoseconds)


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
    ScalarName.DURATION: _duration,
    ScalarName.FLOAT: _float,
    ScalarName.INET: _inet,
    ScalarName.TEXT: _text,
    ScalarName.TIME: _time,
    ScalarName.TIMESTAMP: _timestamp,
    ScalarName.TIMEUUID: _timeuuid,
    ScalarName.UUID: _uuid,
    ScalarName.VARINT: _varint,
}
