"""Made-up values of every CQL type that a migration file may have, such as its source and its history both hold."""

from __future__ import annotations

import datetime as dt
import math
import struct
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cassandra.util import OrderedMap

from keyspaces_migration.cql.json_codec import canonical_text, encode_value
from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

WORDS = ("amber", "café", "delta", "Ελλάδα", "fjord", "gate", "naïve ☂", "onyx", "preço", "霧", "quartz", "Zürich")
START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
SPAN_S = 5 * 365 * 24 * 3600
MOST_ELEMENTS = 4
MOST_KEY_CHARACTERS = 24
"""So that a key stays within Keyspaces' 2,048 and 850 bytes: `key_room` divides these among many columns."""

_BITS = {ScalarName.TINYINT: 8, ScalarName.SMALLINT: 16, ScalarName.INT: 32, ScalarName.BIGINT: 64}
_UUID_TIME_START = dt.datetime(1582, 10, 15, tzinfo=dt.UTC)
_EDGE_SHARE = 0.05
_EMPTY_SHARE = 0.05
_EMPTY_TUPLE_PART_SHARE = 0.1


def made_value(rng: random.Random, cql_type: CqlType) -> Any:  # noqa: ANN401 -- as many types as CQL has
    """Return a value of the type, as the driver binds it; never null, but a frozen collection may be empty.

    Raises:
        TypeError: The migration file allows no such type.
    """
    return _value(rng, cql_type, depth=0)


def made_key(rng: random.Random, name: ScalarName, *, room: int = MOST_KEY_CHARACTERS) -> Any:  # noqa: ANN401 -- as above
    """Return a value for a key's column: finite, not empty, and short: of about `room` bytes at most."""
    if (maker := _KEYS.get(name)) is not None:
        return maker(rng, room)
    if (bits := _BITS.get(name)) is not None:
        return rng.randrange(-(2 ** (bits - 1)), 2 ** (bits - 1)) if bits < 32 else rng.randrange(2 ** (bits // 2))  # noqa: PLR2004 -- wide ones are counted up from 0
    return _scalar(rng, name)


def key_room(columns: int, limit: int) -> int:
    """How many bytes each of so many columns of a key may take under a limit of them together."""
    return max(1, min(MOST_KEY_CHARACTERS, limit // (2 * columns)))


def large_value(rng: random.Random, name: ScalarName, size: int) -> str | bytes:
    """A text or blob of about so many bytes.

    Raises:
        TypeError: The type has no such values.
    """
    if name is ScalarName.BLOB:
        return rng.randbytes(size)
    if name not in {ScalarName.TEXT, ScalarName.ASCII}:
        raise TypeError(f"a {name} has no length")
    return (f"{rng.randrange(10**9)} " * (size // 10 + 1))[:size]


def _value(rng: random.Random, cql_type: CqlType, *, depth: int) -> Any:  # noqa: ANN401
    match cql_type:
        case Frozen(inner):
            return (
                _empty(inner)
                if rng.random() < _EMPTY_SHARE and inner.is_collection
                else _value(rng, inner, depth=depth)
            )
        case Scalar(name):
            return _scalar(rng, name)
        case ListOf(element):
            return [_value(rng, element, depth=depth + 1) for _ in range(_count(rng, depth))]
        case SetOf(element):
            return _as_set(element, (_value(rng, element, depth=depth + 1) for _ in range(_count(rng, depth))))
        case MapOf(key, element):
            keys = _distinct(key, (_value(rng, key, depth=depth + 1) for _ in range(_count(rng, depth))))
            return _as_map([(each, _value(rng, element, depth=depth + 1)) for each in keys])
        case TupleOf(elements):
            return tuple(_part(rng, element, depth=depth + 1) for element in elements)
        case _:
            raise TypeError(f"no values are made of {cql_type}")


def _part(rng: random.Random, element: CqlType, *, depth: int) -> Any:  # noqa: ANN401
    """A part of a tuple may be null."""
    return None if rng.random() < _EMPTY_TUPLE_PART_SHARE else _value(rng, element, depth=depth)


def _count(rng: random.Random, depth: int) -> int:
    """Fewer the deeper: eight levels of four elements each would be 65,536."""
    return rng.randint(1, max(1, MOST_ELEMENTS - 2 * depth))


def _empty(collection: CqlType) -> Any:  # noqa: ANN401
    return {} if isinstance(collection, MapOf) else set() if isinstance(collection, SetOf) else []


def _distinct(cql_type: CqlType, values: Iterable[Any]) -> list[Any]:
    return list({canonical_text(encode_value(value, cql_type)): value for value in values}.values())


def _as_set(element: CqlType, values: Iterable[Any]) -> Any:  # noqa: ANN401
    """A set, or where elements can't be hashed a list, which the driver binds as well."""
    distinct = _distinct(element, values)
    try:
        return set(distinct)
    except TypeError:
        return distinct


def _as_map(pairs: list[tuple[Any, Any]]) -> Any:  # noqa: ANN401
    try:
        return dict(pairs)
    except TypeError:
        return OrderedMap(pairs)


def _scalar(rng: random.Random, name: ScalarName) -> Any:  # noqa: ANN401
    if (bits := _BITS.get(name)) is not None:
        return _whole(rng, bits)
    if (maker := _MAKERS.get(name)) is None:
        raise TypeError(f"no values are made of {name}")
    return maker(rng)


def _whole(rng: random.Random, bits: int) -> int:
    if rng.random() < _EDGE_SHARE:
        return rng.choice((0, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1))))
    return rng.randrange(100)


def _text(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))


def _single(number: float) -> float:
    """The nearest number that a CQL float holds."""
    found: float = struct.unpack(">f", struct.pack(">f", number))[0]
    return found


def _moment(rng: random.Random) -> dt.datetime:
    return START + dt.timedelta(milliseconds=rng.randrange(SPAN_S * 1000))


def _time(rng: random.Random) -> dt.time:
    # Snowflake's TIME holds nanoseconds, and the stand-in's microseconds.
    seconds, rest = divmod(rng.randrange(24 * 3600 * 10**6), 10**6)
    return dt.time(seconds // 3600, seconds // 60 % 60, seconds % 60, rest)


def _time_uuid(rng: random.Random) -> uuid.UUID:
    ticks = (_moment(rng) - _UUID_TIME_START) // dt.timedelta(microseconds=1) * 10
    low, middle, high = ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 & 0x0FFF
    clock = rng.getrandbits(14)
    return uuid.UUID(fields=(low, middle, high | 0x1000, clock >> 8 | 0x80, clock & 0xFF, rng.getrandbits(48)))


def _short_text(rng: random.Random, room: int) -> str:
    word = f"{rng.choice(WORDS)}-" if room == MOST_KEY_CHARACTERS else ""
    return f"{word}{rng.randrange(10 ** min(room, 8))}"


_MAKERS: dict[ScalarName, Callable[[random.Random], Any]] = {
    ScalarName.ASCII: lambda rng: f"note {rng.randrange(10**6)}",
    ScalarName.BLOB: lambda rng: rng.randbytes(rng.randint(1, 24)),
    ScalarName.BOOLEAN: lambda rng: rng.random() < 0.5,  # noqa: PLR2004 -- heads or tails
    ScalarName.DATE: lambda rng: _moment(rng).date(),
    ScalarName.DECIMAL: lambda rng: Decimal(rng.randrange(-(10**12), 10**12)).scaleb(-rng.randrange(8)),
    ScalarName.DOUBLE: lambda rng: rng.choice((0.1, math.pi, rng.uniform(-1e9, 1e9))),
    ScalarName.FLOAT: lambda rng: _single(rng.uniform(-1e6, 1e6)),
    ScalarName.INET: lambda rng: rng.choice((f"192.0.2.{rng.randrange(256)}", f"2001:db8::{rng.randrange(1, 9999)}")),
    ScalarName.TEXT: _text,
    ScalarName.TIME: _time,
    ScalarName.TIMESTAMP: _moment,
    ScalarName.TIMEUUID: _time_uuid,
    ScalarName.UUID: lambda rng: uuid.UUID(int=rng.getrandbits(128), version=4),
    ScalarName.VARINT: lambda rng: rng.randrange(-(10**30), 10**30),
}
_KEYS: dict[ScalarName, Callable[[random.Random, int], Any]] = {
    ScalarName.ASCII: lambda rng, room: str(rng.randrange(10 ** min(room, 8))),
    ScalarName.BLOB: lambda rng, room: rng.randbytes(min(room, 8)),
    # Of one scale: CQL takes 1.5 and 1.50 for two partitions, and for one clustering value.
    ScalarName.DECIMAL: lambda rng, _: Decimal(rng.randrange(10**9)).scaleb(-2),
    ScalarName.DOUBLE: lambda rng, _: rng.uniform(1, 1e9),
    ScalarName.FLOAT: lambda rng, _: _single(rng.uniform(1, 1e6)),
    ScalarName.INET: lambda rng, _: f"10.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(256)}",
    ScalarName.TEXT: _short_text,
    ScalarName.VARINT: lambda rng, _: rng.randrange(10**9),
}
