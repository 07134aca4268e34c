"""When a check runs: a cron expression or one of its short names."""

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from keyspaces_migration.config.problems import broken, near_miss

PRESETS = ("@hourly", "@daily", "@weekly", "@monthly")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES_OF_MONTHS = {name: number for number, name in enumerate(_MONTHS, start=1)}
_NAMES_OF_DAYS = {name: number for number, name in enumerate(_DAYS)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _NAMES_OF_MONTHS),
    ("day of the week", 0, 7, _NAMES_OF_DAYS),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,3}))?", re.ASCII)
_ALLOWED = f"five cron fields (minute, hour, day, month, day of the week), such as '0 5 * * *', or {', '.join(PRESETS)}"


def check_schedule(value: str) -> str:
    """Return a schedule with its spaces tidied, if it is one that cron and Airflow read alike.

    Raises:
        RuleError: It is not; the message names the field.
    """
    text = " ".join(value.split())
    if text.startswith("@"):
        if text in PRESETS:
            return text
        raise broken(value, _ALLOWED, near_miss(text, PRESETS))
    fields = text.split(" ")
    if len(fields) != len(_FIELDS):
        raise broken(value, _ALLOWED, f"this has {len(fields)} field{'' if len(fields) == 1 else 's'}")
    for field, (name, lowest, highest, words) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, lowest, highest, words) for part in field.split(",")):
            raise broken(value, _ALLOWED, f"{field!r} is no {name}, which goes from {lowest} to {highest}")
    return text


def _is_part(text: str, lowest: int, highest: int, words: dict[str, int]) -> bool:
    match = _PART.fullmatch(text)
    if match is None:
        return False
    ends = [words.get(end.lower(), end) for end in match.group("first", "last") if end is not None]
    numbers = [int(end) for end in ends if isinstance(end, int) or end.isdigit()]
    in_range = len(numbers) == len(ends) and all(lowest <= number <= highest for number in numbers)
    return in_range and numbers == sorted(numbers) and match["step"] != "0"


CronSchedule = Annotated[str, StringConstraints(strict=True), AfterValidator(check_schedule)]
