"""A replay, and the queue, as numbers that can be watched."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome
from keyspaces_migration.letters.drain import Drained

PREFIX = "keyspaces_migration.letters."


@dataclass(frozen=True, slots=True)
class Metric:
    """One number."""

    name: str
    value: float


def metrics_of(done: Drained, *, counts: LetterCounts, depth: int | None, now: datetime) -> Iterator[Metric]:
    """Yield what a replay says.

    Args:
        done: What the run did.
        counts: How all letters stand.
        depth: Messages in the queue after the run; None where nobody knows, and no number is given.
        now: The clock, with a time zone.
    """
    numbers: dict[str, float] = {
        "replayed": done.of(LetterOutcome.REPLAYED),
        "parked_by_run": done.of(LetterOutcome.PARKED),
        "parked": counts.parked,
        "left_in_queue": len(done.left),
        "oldest_age_s": 0.0 if done.oldest_sent_at is None else max(0.0, (now - done.oldest_sent_at).total_seconds()),
    }
    if depth is not None:
        numbers["queue_depth"] = depth
    for name, value in numbers.items():
        yield Metric(f"{PREFIX}{name}", value)
