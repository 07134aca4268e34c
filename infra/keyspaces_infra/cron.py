"""A cron schedule of the migration file as EventBridge Scheduler writes it."""

from __future__ import annotations

import re

from keyspaces_infra.errors import ScheduleNotExpressibleError

_PRESETS = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *"}
_ANY = "*"
_DAYS = {"0": "SUN", "1": "MON", "2": "TUE", "3": "WED", "4": "THU", "5": "FRI", "6": "SAT", "7": "SUN"}


def aws_cron(schedule: str) -> str:
    """Return `cron(minutes hours day-of-month month day-of-week year)` for five cron fields or a preset.

    Scheduler (User Guide, "Schedule types") numbers the days of the week from 1 for Sunday, so they are named here; it
    takes a day of the month or of the week, never both, and writes `?` for the one that is not given.

    Raises:
        ScheduleNotExpressibleError: The schedule gives both, which cron reads as "either".
    """
    minute, hour, day, month, weekday = _PRESETS.get(schedule, schedule).split(" ")
    if _ANY not in (day, weekday):
        raise ScheduleNotExpressibleError(
            f"comparison_lambda.call_schedule {schedule!r} gives a day of the month and a day of the week, which "
            "EventBridge Scheduler does not take together: give one, and * for the other"
        )
    if weekday == _ANY:
        weekday = "?"
    else:
        day, weekday = "?", ",".join(_named(part) for part in weekday.split(","))
    return f"cron({minute} {hour} {day} {month.upper()} {weekday} *)"


def _named(part: str) -> str:
    """A part of the field of weekdays, its days by name; a step (`mon-fri/2`) keeps its number."""
    days, slash, step = part.partition("/")
    return re.sub(r"[0-7]", lambda found: _DAYS[found.group()], days).upper() + slash + step
