"""Values of CQL as things that are equal exactly when Cassandra holds the same value.

Both stores are read by the same driver, but the driver's own values are not enough: NaN is not NaN, 1.0 is 1.00 though
Cassandra keeps the scale, -0.0 is 0.0 though Cassandra orders them apart, and an empty collection is not None.
"""

import datetime as dt
import math
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from cassandra.util import Date, Duration, SortedSet, Time

from keyspaces_migration.cql.type_tree import (
    CqlType,
    Custom,
    Frozen,
    ListOf,
    MapOf,
    Scalar,
    ScalarName,
    SetOf,
    TupleOf,
    UserType,
    Vector,
)

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Canonical = Callable[[Any], Any]
"""From a value of the driver's, never None, to a hashable value."""


def canonical(cql_type: CqlType, *, with_scale: bool = True) -> Canonical:
    """Return the function that makes values of a type comparable; it takes None, and gives it back.

    Args:
        cql_type: The column's type.
        with_scale: Whether decimals of one value and two scales differ, as they do in Cassandra; a NUMBER column of
            the history has one scale for all rows, so against the history they do not.
    """
    inner = _canonical(cql_type, with_scale=with_scale)
    # Cassandra stores nothing for an empty collection of several cells; a frozen one is a cell, and not null.
    empties_are_null = cql_type.is_collection and not cql_type.is_frozen

    def convert(value: Any) -> Any:  # noqa: ANN401 # any value that the driver gives
        if value is None or (empties_are_null and not value):
            return None
        return inner(value)

    return convert


Same = Callable[[Any, Any], bool]
"""Whether two values of the driver's, or None, are the same."""


def same_value(cql_type: CqlType, *, with_scale: bool = True, float_tolerance: float = 0.0) -> Same:
    """Return the function that compares two values of a type.

    Args:
        cql_type: The column's type.
        with_scale: As in `canonical`.
        float_tolerance: Two finite numbers of a float or double column are the same if they differ by at most so much
            of the greater one. Floats inside of collections and tuples are compared exactly.
    """
    convert = canonical(cql_type, with_scale=with_scale)

    def same(one: Any, other: Any) -> bool:  # noqa: ANN401 # any value that the driver gives
        return bool(convert(one) == convert(other))

    if not float_tolerance or cql_type not in {Scalar(ScalarName.FLOAT), Scalar(ScalarName.DOUBLE)}:
        return same
    return lambda one, other: (
        same(one, other)
        or (one is not None and other is not None and math.isclose(one, other, rel_tol=float_tolerance))
    )


def _canonical(cql_type: CqlType, *, with_scale: bool) -> Canonical:  # noqa: PLR0911 # one return a kind of type
    def part(inner: CqlType) -> Canonical:
        convert = _canonical(inner, with_scale=with_scale)
        return lambda value: None if value is None else convert(value)

    match cql_type:
        case Frozen(inner):
            return _canonical(inner, with_scale=with_scale)
        case Scalar(ScalarName.DECIMAL):
            return _decimal_with_scale if with_scale else _decimal_value
        case Scalar(name):
            return _SCALARS.get(name, _as_it_is)
        case ListOf(element) | Vector(element):
            return _sequence(part(element))
        case SetOf(element):
            return _set(part(element))
        case MapOf(key, value):
            return _map(part(key), part(value))
        case TupleOf(elements):
            return _fields(tuple(part(element) for element in elements))
        case UserType() | Custom():
            return _untyped
    return _as_it_is


def _sequence(element: Canonical) -> Canonical:
    return lambda value: tuple(element(each) for each in value)


def _set(element: Canonical) -> Canonical:
    return lambda value: frozenset(element(each) for each in value)


def _map(key: Canonical, item: Canonical) -> Canonical:
    return lambda value: frozenset((key(name), item(each)) for name, each in value.items())


def _fields(parts: tuple[Canonical, ...]) -> Canonical:
    # A tuple written with fewer values than its type has reads as null in the rest.
    def convert(value: Any) -> Any:  # noqa: ANN401 # any value that the driver gives
        given = tuple(part(each) for part, each in zip(parts, value, strict=False))
        return given + (None,) * (len(parts) - len(given))

    return convert


def _as_it_is(value: Any) -> Any:  # noqa: ANN401 # any value that the driver gives
    return value


def _double(value: float) -> bytes:
    # Not the bits alone: NaN has many, and Java reads them all as one.
    return b"NaN" if value != value else struct.pack(">d", value)  # noqa: PLR0124 # the test for NaN


def _decimal_with_scale(value: Decimal) -> tuple[int, int]:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise TypeError(f"{value} is no decimal of CQL")
    unscaled = int("".join(map(str, digits)) or "0")
    return (-unscaled if sign else unscaled, -exponent)


def _decimal_value(value: Decimal) -> Decimal:
    # Equal decimals have equal hashes whatever their scale.
    return Decimal(value)


def _timestamp_ms(value: Any) -> int:  # noqa: ANN401 # the driver gives a naive datetime, or an int beyond year 9999
    if not isinstance(value, dt.datetime):
        return int(value)
    moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return (moment - EPOCH) // dt.timedelta(milliseconds=1)


def _days(value: Any) -> int:  # noqa: ANN401 # Date, datetime.date
    return int((value if isinstance(value, Date) else Date(value)).days_from_epoch)


def _nanoseconds(value: Any) -> int:  # noqa: ANN401 # Time, datetime.time
    return int((value if isinstance(value, Time) else Time(value)).nanosecond_time)


def _duration(value: Duration) -> tuple[int, int, int]:
    return (value.months, value.days, value.nanoseconds)


def _untyped(value: Any) -> Any:  # noqa: ANN401, PLR0911 # one return a Python type
    """For user types, whose fields' types the migration file does not name: by what the driver made of the value."""
    match value:
        case bool() | None:
            return value
        case float():
            return _double(value)
        case Decimal():
            return _decimal_with_scale(value)
        case Mapping():
            return frozenset((_untyped(key), _untyped(item)) for key, item in value.items())
        case tuple() | list():
            fields = [_untyped(each) for each in value]
            # A field that ALTER TYPE added later is missing in old values and null in new ones.
            while fields and fields[-1] is None:
                fields.pop()
            return tuple(fields)
        case set() | frozenset() | SortedSet():
            return frozenset(_untyped(each) for each in value)
    return value if hasattr(value, "__hash__") and value.__hash__ else repr(value)


_SCALARS: dict[ScalarName, Canonical] = {
    ScalarName.BLOB: bytes,
    ScalarName.DATE: _days,
    ScalarName.DOUBLE: _double,
    ScalarName.DURATION: _duration,
    ScalarName.FLOAT: _double,
    ScalarName.INET: lambda value: ip_address(str(value)),
    ScalarName.TIME: _nanoseconds,
    ScalarName.TIMESTAMP: _timestamp_ms,
    ScalarName.TIMEUUID: lambda value: value if isinstance(value, UUID) else UUID(str(value)),
    ScalarName.UUID: lambda value: value if isinstance(value, UUID) else UUID(str(value)),
}
