"""Few rows as JSON, for a task to hand on. The forms are those that `values.bind` reads back."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from keyspaces_migration.cql_access.arrow import Column, to_record_batch

_NS_PER_S = 10**9
_EPOCH = dt.date(1970, 1, 1)


def to_json_rows(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return rows as JSON objects by column name.

    Numbers, text and booleans are themselves; varint, decimal, UUIDs and addresses are text; blobs 0x and hexadecimal
    digits; times ISO 8601, and timestamps in UTC; sets are lists; maps are lists of pairs; numbers that JSON does not
    have are "NaN", "Infinity" and "-Infinity".

    Raises:
        ResultTypeError: A type or a value has no such form.
    """
    batch = to_record_batch(columns, rows)
    names = [column.name for column in columns]
    by_column = [[_plain(value) for value in array] for array in batch.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*by_column, strict=True)]


def _plain(value: pa.Scalar) -> Any:  # noqa: ANN401, PLR0911 - JSON's own types, one return for each
    if not value.is_valid:
        return None
    if pa.types.is_map(value.type):
        return [[_plain(pair["key"]), _plain(pair["value"])] for pair in value.values]
    if pa.types.is_struct(value.type):
        return {name: _plain(value[name]) for name in value.type.names}
    if pa.types.is_list(value.type) or pa.types.is_fixed_size_list(value.type):
        return [_plain(each) for each in value.values]
    if pa.types.is_time(value.type):
        return _time(value.value)
    if pa.types.is_date(value.type):
        return _date(value.value)
    return _scalar(value.as_py())


def _scalar(value: Any) -> Any:  # noqa: ANN401
    match value:
        case bytes():
            return f"0x{value.hex()}"
        case dt.datetime():
            return f"{value.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _time(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, _NS_PER_S)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:09}"


def _date(days: int) -> str | int:
    """ISO 8601; beyond the years 1 to 9999, the days since 1970."""
    try:
        return (_EPOCH + dt.timedelta(days=days)).isoformat()
    except OverflowError:
        return days
