"""Values of Snowflake as the values that the driver would give for the same CQL column.

Collections are VARIANT, ARRAY or OBJECT there, which the connector hands over as JSON text.
"""

import binascii
import datetime as dt
import json
import math
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from cassandra.util import Date, Time

from keyspaces_migration.consistency.errors import HistoryValueError
from keyspaces_migration.cql.type_tree import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf

_INTEGER_BITS = {ScalarName.TINYINT: 8, ScalarName.SMALLINT: 16, ScalarName.INT: 32, ScalarName.BIGINT: 64}
_PAIR = 2


def from_history(value: object, cql_type: CqlType) -> Any:  # noqa: ANN401 # a value of any CQL type
    """Return a value of the history as the driver would give it for a column of `cql_type`.

    Timestamps lose what is finer than a millisecond, as CQL's do; those without a time zone are UTC.

    Raises:
        HistoryValueError: The type cannot hold the value.
    """
    if value is None:
        return None
    try:
        return _convert(value, cql_type)
    except (TypeError, ValueError, ArithmeticError, InvalidOperation, struct.error, binascii.Error) as error:
        raise HistoryValueError(f"{cql_type} cannot hold {type(value).__name__} {value!r:.100} ({error})") from error


def to_history(value: object) -> object:
    """Return a key's value as the connector binds it; the driver's own classes mean nothing to it."""
    match value:
        case Date():
            return value.date()
        case Time():
            return value.time()
        case UUID():
            return str(value)
    return value


def _convert(value: Any, cql_type: CqlType) -> Any:  # noqa: ANN401 # a value of any CQL type
    match cql_type:
        case Frozen(inner):
            return _convert(value, inner)
        case Scalar(name):
            return _scalar(value, name)
        case ListOf(element):
            return [from_history(each, element) for each in _json(value, list)]
        case SetOf(element):
            return {from_history(each, element) for each in _json(value, list)}
        case MapOf(key, item):
            return {from_history(name, key): from_history(each, item) for name, each in _pairs(value)}
        case TupleOf(elements):
            parts = _json(value, list)
            return tuple(from_history(each, part) for each, part in zip(parts, elements, strict=True))
    raise TypeError("no value of the history stands for this type")


def _json(value: Any, wanted: type) -> Any:  # noqa: ANN401 # JSON
    # The connector gives VARIANT as text; a bare word in it would be a string that is no collection.
    found = json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
    if not isinstance(found, wanted):
        raise TypeError(f"expected a JSON {wanted.__name__}")
    return found


def _pairs(value: Any) -> list[tuple[object, object]]:  # noqa: ANN401 # JSON
    """An object's names are text, so maps of other keys may also be written as an array of pairs."""
    found = json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
    if isinstance(found, Mapping):
        return list(found.items())
    if any(len(pair) != _PAIR for pair in found):
        raise ValueError("expected pairs of a key and a value")
    return [(key, item) for key, item in found]


def _scalar(value: Any, name: ScalarName) -> Any:  # noqa: ANN401 # a value of any scalar type
    if name in _INTEGER_BITS:
        return _integer(value, bits=_INTEGER_BITS[name])
    convert = _CONVERTERS.get(name)
    if convert is None:
        raise TypeError("no value of the history stands for this type")
    return convert(value)


def _integer(value: Any, *, bits: int | None) -> int:  # noqa: ANN401 # int, Decimal, float or text
    exact = Decimal(str(value)) if isinstance(value, float | str) else value
    whole = int(exact)
    if isinstance(value, bool) or whole != exact:
        raise ValueError("not a whole number")
    if bits is not None and not -(1 << (bits - 1)) <= whole < 1 << (bits - 1):
        raise ValueError(f"out of the range of {bits} bits")
    return whole


def _float(value: Any) -> float:  # noqa: ANN401 # a number or text
    rounded: float = struct.unpack(">f", struct.pack(">f", float(value)))[0]
    return rounded


def _double(value: Any) -> float:  # noqa: ANN401 # a number or text
    return float(value)


def _decimal(value: Any) -> Decimal:  # noqa: ANN401 # Decimal, int, float or text
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("not a finite number")
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _text(value: Any) -> str:  # noqa: ANN401 # text only
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _boolean(value: Any) -> bool:  # noqa: ANN401 # a boolean only
    if not isinstance(value, bool):
        raise TypeError("expected true or false")
    return value


def _timestamp(value: Any) -> dt.datetime:  # noqa: ANN401 # datetime, date or ISO 8601 text
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, dt.datetime):
        raise TypeError("expected a moment")
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _date(value: Any) -> Date:  # noqa: ANN401 # date or ISO 8601 text
    day = dt.date.fromisoformat(value) if isinstance(value, str) else value
    if isinstance(day, dt.datetime):
        raise TypeError("expected a day without a time")
    return Date(day)


def _time(value: Any) -> Time:  # noqa: ANN401 # time or text
    return Time(value)


def _uuid(value: Any) -> UUID:  # noqa: ANN401 # text
    return value if isinstance(value, UUID) else UUID(value)


def _blob(value: Any) -> bytes:  # noqa: ANN401 # BINARY as bytes, or its hexadecimal text inside JSON
    return bytes.fromhex(value) if isinstance(value, str) else bytes(value)


_CONVERTERS: dict[ScalarName, Callable[[Any], Any]] = {
    ScalarName.ASCII: _text,
    ScalarName.BLOB: _blob,
    ScalarName.BOOLEAN: _boolean,
    ScalarName.DATE: _date,
    ScalarName.DECIMAL: _decimal,
    ScalarName.DOUBLE: _double,
    ScalarName.FLOAT: _float,
    ScalarName.INET: _text,
    ScalarName.TEXT: _text,
    ScalarName.TIME: _time,
    ScalarName.TIMESTAMP: _timestamp,
    ScalarName.TIMEUUID: _uuid,
    ScalarName.UUID: _uuid,
    ScalarName.VARINT: lambda value: _integer(value, bits=None),
}
