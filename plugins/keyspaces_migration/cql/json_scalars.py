"""The JSON form of each scalar type of CQL, and back. The forms are listed in docs/writer-contract.md."""

import base64
import datetime as dt
import ipaddress
import math
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from keyspaces_migration.cql.types import ScalarName

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = dt.date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = -(2**31), 2**31 - 1
_DAY_NS = 24 * 3600 * 10**9
_MILLISECOND = dt.timedelta(milliseconds=1)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)\.(\d{9})")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True)
class ScalarCodec:
    """How one type becomes JSON and comes back; both raise TypeError or ValueError for what is not of the type."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def instance(value: Any, *wanted: type) -> Any:  # noqa: ANN401 -- passes its argument through
    """Return the value if it is of one of the types; a bool is no number here.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
        raise TypeError(f"{' or '.join(each.__name__ for each in wanted)} is wanted")
    return value


def _whole(value: object, *, bits: int | None) -> int:
    number: int = instance(value, int)
    if bits and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(f"it does not fit in {bits} bits")
    return number


def _small(bits: int) -> ScalarCodec:
    return ScalarCodec(encode=partial(_whole, bits=bits), decode=partial(_whole, bits=bits))


def _large(bits: int | None) -> ScalarCodec:
    """As text, since JSON's numbers are exact only up to 2^53 in most languages."""
    return ScalarCodec(
        encode=lambda value: str(_whole(value, bits=bits)),
        decode=lambda text: _whole(int(instance(text, str)), bits=bits),
    )


def _text(encoding: str) -> ScalarCodec:
    def check(value: object) -> str:
        text: str = instance(value, str)
        text.encode(encoding)
        return text

    return ScalarCodec(encode=check, decode=check)


def _encode_float(value: object) -> float | str:
    number = float(instance(value, int, float))
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"


def _decode_float(value: Any) -> float:  # noqa: ANN401
    return _NOT_FINITE[value] if value in _NOT_FINITE else float(instance(value, int, float))


def _encode_decimal(value: object) -> str:
    sign, digits, exponent = Decimal(instance(value, Decimal, int)).as_tuple()
    unscaled = int("".join(map(str, digits)))
    if not isinstance(exponent, int):
        raise ValueError(f"it is {value}, and must be finite")  # noqa: TRY004 -- the type is right, the value is not
    # CQL tells 1.0 from 1.00: digits and exponent apart keep that.
    return f"{-unscaled if sign else unscaled}E{exponent}"


def _encode_blob(value: object) -> str:
    return base64.b64encode(bytes(instance(value, bytes, bytearray, memoryview))).decode()


def _encode_timestamp(value: object) -> str | int:
    """ISO 8601 in UTC with milliseconds; beyond the years 1 to 9999, milliseconds since 1970 as a number."""
    if isinstance(value, dt.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        milliseconds = (moment - EPOCH) // _MILLISECOND
    else:
        milliseconds = _whole(value, bits=64)
    try:
        moment = EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        return milliseconds
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _decode_timestamp(value: object) -> dt.datetime | int:
    return value if isinstance(value, int) else dt.datetime.fromisoformat(instance(value, str))


def _encode_date(value: Any) -> str | int:  # noqa: ANN401
    """ISO 8601; beyond the years 1 to 9999, days since 1970-01-01 as a number."""
    if isinstance(value, dt.datetime):
        raise TypeError("a date without time is wanted")
    days = (value - _EPOCH_DAY).days if isinstance(value, dt.date) else _whole(value.days_from_epoch, bits=None)
    if not _FIRST_DAY <= days <= _LAST_DAY:
        raise ValueError("it is beyond CQL's dates")
    try:
        return (_EPOCH_DAY + dt.timedelta(days=days)).isoformat()
    except OverflowError:
        return days


def _decode_date(value: object) -> Any:  # noqa: ANN401
    from cassandra.util import Date  # noqa: PLC0415 -- the driver is loaded only where it is needed

    if isinstance(value, int):
        return Date(value)
    return Date((dt.date.fromisoformat(instance(value, str)) - _EPOCH_DAY).days)


def _encode_time(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dt.time):
        nanoseconds = ((value.hour * 60 + value.minute) * 60 + value.second) * 10**9 + value.microsecond * 1000
    else:
        nanoseconds = _whole(value.nanosecond_time, bits=None)
    if not 0 <= nanoseconds < _DAY_NS:
        raise ValueError("it is beyond a day")
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:09d}"


def _decode_time(value: object) -> Any:  # noqa: ANN401
    from cassandra.util import Time  # noqa: PLC0415 -- the driver is loaded only where it is needed

    match = _TIME.fullmatch(instance(value, str))
    if match is None:
        raise ValueError("the form HH:MM:SS.nnnnnnnnn is wanted")
    hours, minutes, seconds, rest = map(int, match.groups())
    return Time(((hours * 60 + minutes) * 60 + seconds) * 10**9 + rest)


def _encode_duration(value: Any) -> list[Any]:  # noqa: ANN401
    return [_whole(value.months, bits=32), _whole(value.days, bits=32), str(_whole(value.nanoseconds, bits=64))]


def _decode_duration(value: Any) -> Any:  # noqa: ANN401
    from cassandra.util import Duration  # noqa: PLC0415 -- the driver is loaded only where it is needed

    months, days, nanoseconds = instance(value, list)
    return Duration(months, days, int(nanoseconds))


def _same(kind: type) -> Callable[[Any], Any]:
    return lambda value: instance(value, kind)


def _address(value: Any) -> str:  # noqa: ANN401
    return str(ipaddress.ip_address(value))


_UUID = ScalarCodec(encode=lambda value: str(instance(value, uuid.UUID)), decode=uuid.UUID)
_FLOAT = ScalarCodec(encode=_encode_float, decode=_decode_float)

SCALARS = {
    ScalarName.ASCII: _text("ascii"),
    ScalarName.BIGINT: _large(64),
    ScalarName.BLOB: ScalarCodec(
        encode=_encode_blob, decode=lambda text: base64.b64decode(instance(text, str), validate=True)
    ),
    ScalarName.BOOLEAN: ScalarCodec(encode=_same(bool), decode=_same(bool)),
    ScalarName.COUNTER: _large(64),
    ScalarName.DATE: ScalarCodec(encode=_encode_date, decode=_decode_date),
    ScalarName.DECIMAL: ScalarCodec(encode=_encode_decimal, decode=lambda text: Decimal(instance(text, str))),
    ScalarName.DOUBLE: _FLOAT,
    ScalarName.DURATION: ScalarCodec(encode=_encode_duration, decode=_decode_duration),
    ScalarName.FLOAT: _FLOAT,
    ScalarName.INET: ScalarCodec(encode=_address, decode=lambda text: _address(instance(text, str))),
    ScalarName.INT: _small(32),
    ScalarName.SMALLINT: _small(16),
    ScalarName.TEXT: _text("utf-8"),
    ScalarName.TIME: ScalarCodec(encode=_encode_time, decode=_decode_time),
    ScalarName.TIMESTAMP: ScalarCodec(encode=_encode_timestamp, decode=_decode_timestamp),
    ScalarName.TIMEUUID: _UUID,
    ScalarName.TINYINT: _small(8),
    ScalarName.UUID: _UUID,
    ScalarName.VARINT: _large(None),
}
"""Every scalar that has values: ScalarName.EMPTY has none."""
