"""Durations as ISO 8601 writes them."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from keyspaces_migration.config.problems import broken

# Few digits: centuries, and far below what timedelta holds.
_PATTERN = (
    r"P(?=.)(?:([0-9]{1,5})W)?(?:([0-9]{1,5})D)?(?:T(?=.)(?:([0-9]{1,7})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,10})S)?)?"
)
_DURATION = re.compile(_PATTERN)
_ALLOWED = "a duration in ISO 8601 of whole weeks, days, hours, minutes or seconds, such as P7D, PT36H or PT1M30S"
_SECONDS_PER_UNIT = (604_800, 86_400, 3_600, 60, 1)


def parse_duration(text: object) -> timedelta:
    """Read an ISO 8601 duration. Years and months are refused, as their length is not fixed.

    Raises:
        RuleError: `text` is no such duration.
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise broken(text, _ALLOWED, _hint(text))
    return timedelta(seconds=sum(int(n or 0) * s for n, s in zip(match.groups(), _SECONDS_PER_UNIT, strict=True)))


def format_duration(value: timedelta) -> str:
    """Return the one text that stands for a duration of whole seconds: days, hours, minutes, seconds."""
    minutes, seconds = divmod(value.days * 86_400 + value.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    date = f"{days}D" if days else ""
    time = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{date}T{time}" if time else f"P{date}" if date else "PT0S"


def _hint(text: object) -> str:
    if isinstance(text, int) and not isinstance(text, bool):
        return f"for {text} seconds write PT{text}S"
    if isinstance(text, str) and re.search(r"[0-9]+[YM]", text.partition("T")[0].upper()):
        return "years and months have no fixed length: give days"
    if isinstance(text, str) and _DURATION.fullmatch(text.upper()):
        return f"write it in capitals: {text.upper()}"
    return ""


Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": f"^{_PATTERN}$", "examples": ["P7D", "PT36H", "PT1M30S"]}),
]
