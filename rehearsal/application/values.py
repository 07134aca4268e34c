"""Random values of CQL types, for new rows and changes."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.types import CqlType, Frozen, ListOf, MapOf, Scalar, ScalarName, SetOf, TupleOf

if TYPE_CHECKING:
    import random

WORDS = ("gate", "délai", "遅れ", "Zürich", "fog", "", "naïve ☂", "crew")
_BITS = {ScalarName.TINYINT: 8, ScalarName.SMALLINT: 16, ScalarName.INT: 32, ScalarName.BIGINT: 64}
_START = dt.datetime(2013, 1, 1, tzinfo=dt.UTC)
_MOST = 3


def random_value(rng: random.Random, cql_type: CqlType) -> Any:  # noqa: ANN401 -- as many types as CQL has
    """Return a value of the type, often a special one.

    Raises:
        TypeError: The migration file allows no such type, so no value is made of it.
    """
    match cql_type:
        case Frozen(inner):
            return random_value(rng, inner)
        case Scalar(name):
            return _scalar(rng, name)
        case ListOf(element):
            return [random_value(rng, element) for _ in range(rng.randint(0, _MOST))]
        case SetOf(element):
            return {random_value(rng, element) for _ in range(rng.randint(0, _MOST))}
        case MapOf(key, element):
            return {random_value(rng, key): random_value(rng, element) for _ in range(rng.randint(0, _MOST))}
        case TupleOf(elements):
            return tuple(random_value(rng, element) for element in elements)
        case _:
            raise TypeError(f"no values are made of {cql_type}")


def _scalar(rng: random.Random, name: ScalarName) -> Any:  # noqa: ANN401
    if (bits := _BITS.get(name)) is not None:
        return rng.choice((0, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), rng.randrange(100)))
    moment = _START + dt.timedelta(milliseconds=rng.randrange(10**11))
    makers: dict[ScalarName, Any] = {
        ScalarName.TEXT: lambda: f"{rng.choice(WORDS)} {rng.randrange(10**6)}",
        ScalarName.ASCII: lambda: f"note {rng.randrange(10**6)}",
        ScalarName.DOUBLE: lambda: rng.choice((0.1, -0.0, math.inf, math.nan, rng.uniform(-1e9, 1e9))),
        ScalarName.FLOAT: lambda: rng.choice((0.5, -0.0, math.inf, float(rng.randrange(1000)))),
        ScalarName.BOOLEAN: lambda: rng.random() < 0.5,  # noqa: PLR2004 -- heads or tails
        ScalarName.TIMESTAMP: lambda: moment,
        ScalarName.DATE: moment.date,
        ScalarName.TIME: moment.time,
        ScalarName.UUID: lambda: uuid.UUID(int=rng.getrandbits(128), version=4),
        ScalarName.TIMEUUID: lambda: uuid.UUID(int=rng.getrandbits(128), version=1),
        ScalarName.BLOB: lambda: rng.randbytes(rng.randrange(20)),
        ScalarName.VARINT: lambda: rng.randrange(-(10**30), 10**30),
        ScalarName.DECIMAL: lambda: Decimal(rng.randrange(-(10**12), 10**12)).scaleb(-rng.randrange(8)),
        ScalarName.INET: lambda: f"192.0.2.{rng.randrange(256)}",
    }
    return makers[name]()
