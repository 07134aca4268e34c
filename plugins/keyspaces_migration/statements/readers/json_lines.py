"""One JSON object a line, with the statement under `query`, `statement` or `cql`."""

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from keyspaces_migration.statements.readers.lines import numbered
from keyspaces_migration.statements.records import Item, Record, Unreadable

TEXTS: Final = ("query", "statement", "cql")
_TIMES: Final = ("timestamp", "time", "at", "@timestamp")
_MOST: Final = 10**15
_SECONDS_BELOW: Final = 10**11
"""A number of milliseconds below this would be before 1973: it is seconds."""
_NO_TIME_ABOVE_MS: Final = 10**18


def read_json_lines(lines: Iterable[str]) -> Iterator[Item]:
    """The statements; a line that is no object with one is handed on as unreadable."""
    for number, line in numbered(lines):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as reason:
            yield Unreadable(line=number, text=line[:200], why=f"no JSON: {reason}")
            continue
        text = _first(found, TEXTS) if isinstance(found, dict) else None
        if not isinstance(text, str) or not text.strip():
            yield Unreadable(line=number, text=line[:200], why=f"no object with one of {', '.join(TEXTS)}")
            continue
        times = found.get("count", 1)
        if not isinstance(times, int) or isinstance(times, bool) or not 0 <= times <= _MOST:
            yield Unreadable(line=number, text=line[:200], why="its count is no whole number from 0 up")
            continue
        yield _record(text, times, found)


def _record(text: str, times: int, found: Mapping[str, object]) -> Record:
    return Record(
        text=text,
        times=times,
        at_ms=_milliseconds(_first(found, _TIMES)),
        user=_text(found, "user", "username"),
        client=_text(found, "client", "source", "host", "address"),
        keyspace=_text(found, "keyspace", "ks"),
        consistency=_text(found, "consistency", "consistency_level").upper(),
    )


def _first(found: Mapping[str, object], names: Iterable[str]) -> object:
    return next((found[name] for name in names if found.get(name) is not None), None)


def _text(found: Mapping[str, object], *names: str) -> str:
    value = _first(found, names)
    return value if isinstance(value, str) else ""


def _milliseconds(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        # JSON as Python reads it has NaN and Infinity, which compare false or are no time.
        if not 0 <= value < _NO_TIME_ABOVE_MS:
            return None
        return int(value * 1000 if value < _SECONDS_BELOW else value)
    if not isinstance(value, str):
        return None
    try:
        at = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * 1000)
