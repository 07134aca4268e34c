"""Values as JSON for people: in mismatch records and reports. Not read back."""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

from cassandra.util import SortedSet

from keyspaces_migration.consistency.values import EPOCH


def shown(value: object) -> Any:  # noqa: ANN401, PLR0911 # JSON; one return a kind of value
    """Return a value of the driver's as JSON that shows it in full; what JSON cannot tell apart is text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return f"0x{value.hex()}"
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        case Mapping():
            return [[shown(key), shown(item)] for key, item in value.items()]
        case set() | frozenset() | SortedSet():
            return sorted((shown(each) for each in value), key=repr)
        case Sequence():
            return [shown(each) for each in value]
    return str(value)


def moment_of(write_time_us: object) -> str | None:
    """Return a WRITETIME as UTC, or None for a cell that has none."""
    if not isinstance(write_time_us, int):
        return None
    try:
        moment = EPOCH + dt.timedelta(microseconds=write_time_us)
    except OverflowError:
        # A client may stamp what it likes.
        return f"{write_time_us} us since 1970"
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def shown_by_name(names: Sequence[str], values: Sequence[object]) -> dict[str, Any]:
    """Values by the names of their columns."""
    return {name: shown(value) for name, value in zip(names, values, strict=False)}
