"""Limits on how little caution a file may ask for; only a disposable environment may go beyond them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.config.problems import Violation


@dataclass(frozen=True, slots=True)
class Limit:
    """The least, or with `is_ceiling` the most, that a field may ask for where the data matter."""

    field: str
    value: timedelta | int
    reason: str
    is_ceiling: bool = False

    @property
    def bound(self) -> str:
        """On which side of the value the allowed ones lie."""
        return "at most" if self.is_ceiling else "at least"

    def is_kept_by(self, value: timedelta | int) -> bool:
        """Whether `value` lies on the right side of the limit."""
        return _number(value) <= _number(self.value) if self.is_ceiling else _number(value) >= _number(self.value)


CONSISTENCY_LIMITS = (
    Limit(
        "settle_time",
        timedelta(seconds=10),
        "a follower's write may take a client's time-out (10 s) before it is given up and journalled",
    ),
)
CUTOVER_LIMITS = (
    Limit(
        "waiting_period",
        timedelta(days=2),
        "only after the 48-hour clock of the barrier nothing is written at an old timestamp any more",
    ),
    Limit("consecutive_passes", 2, "one clean check may be luck of the sample"),
    Limit("bake_time", timedelta(minutes=10), "alarms look at five-minute periods, and need two of them"),
    Limit(
        "max_check_age",
        timedelta(days=2),
        "an older check says nothing of today's writes; two days leave one for a late run of a daily check",
        is_ceiling=True,
    ),
    Limit("min_compared_reads", 100, "fewer reads show no error rate below a few per cent"),
    Limit(
        "retire_after",
        timedelta(days=2),
        "letters toward the source may be replayed for 47 hours, and going back needs it whole",
    ),
)

WATCH_LIMITS = (
    Limit(
        "interval",
        timedelta(minutes=5),
        "for so long wrong reads would go on",
        is_ceiling=True,
    ),
)

LETTER_LIMITS = (
    Limit(
        "max_age",
        timedelta(hours=24),
        "a write that one store has lacked for a day is read as lost; the alarm goes off then too",
        is_ceiling=True,
    ),
    Limit(
        "max_follower_lag",
        timedelta(hours=1),
        "reads that move to the target would be as old as that",
        is_ceiling=True,
    ),
)


def limit_violations(section: BaseModel, limits: Iterable[Limit]) -> Iterator[Violation]:
    """Yield each limit that a section of the file goes beyond, placed relative to that section."""
    for limit in limits:
        value = getattr(section, limit.field)
        if not limit.is_kept_by(value):
            yield Violation(
                (limit.field,),
                _text(value),
                f"{limit.bound} {_text(limit.value)}: {limit.reason}",
                "going beyond it is for environments with disposable: true",
            )


def _number(value: timedelta | int) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _text(value: timedelta | int) -> str:
    return format_duration(value) if isinstance(value, timedelta) else str(value)
