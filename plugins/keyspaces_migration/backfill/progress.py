"""How a load goes, in a line for its log: rows, rate, throttles, money, and when it will end."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyspaces_migration.backfill.deadline import end_by
from keyspaces_migration.backfill.money import spent_usd
from keyspaces_migration.capacity.wording import hours_text, usd
from keyspaces_migration.ledger.plan_records import PlannedTable

EVERY = timedelta(seconds=15)
_RECENT = timedelta(seconds=60)
"""The time over which rates are measured: the ledger's rows of other workers come a split at a time."""
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of a table's load at a moment.

    Attributes:
        rows: That all workers have dealt with: finished splits, and what this worker has done of its own.
        units: Write units that the table took, likewise.
        own_units: That the table took from this worker since it began.
        own_throttled: That it did not take from this worker, and that were sent again.
        allowed_units_per_s: This worker's share of the budget.
        took: Since the load of the table began.
    """

    at: datetime
    rows: int
    units: float
    own_units: float
    own_throttled: float
    allowed_units_per_s: float
    took: timedelta


class Progress:
    """The log of one worker at one table."""

    def __init__(self, table: str, *, planned_rows: int, planned: PlannedTable | None) -> None:
        """Store. `planned` is the table in the run's plan; without it, nothing is said of money."""
        self._table = table
        self._planned_rows = planned_rows
        self._planned = planned
        self._said_at: datetime | None = None
        self._recent: deque[Seen] = deque()

    def is_due(self, now: datetime) -> bool:
        """Whether a line is wanted: none was for `EVERY`."""
        if self._said_at is None:
            # The first line comes when there is a rate to tell.
            self._said_at = now
        return now - self._said_at >= EVERY

    def line(self, seen: Seen) -> str:
        """Return the line for this moment."""
        self._said_at = seen.at
        before = self._before(seen)
        passed = max((seen.at - before.at).total_seconds(), 0.001) if before else None
        rows_per_s = (seen.rows - before.rows) / passed if before and passed else None
        units_per_s = (seen.own_units - before.own_units) / passed if before and passed else None
        return "; ".join([self._rows(seen), *self._rates(seen, rows_per_s, units_per_s), *self._money(seen)])

    def _before(self, seen: Seen) -> Seen | None:
        """Return what was seen about a minute ago, or as long ago as anything was; None at first."""
        while len(self._recent) > 1 and seen.at - self._recent[1].at >= _RECENT:
            self._recent.popleft()
        before = self._recent[0] if self._recent and seen.at - self._recent[0].at >= _SOON else None
        self._recent.append(seen)
        return before

    def _rows(self, seen: Seen) -> str:
        share = seen.rows / self._planned_rows if self._planned_rows else 1
        return f"{self._table}: {seen.rows:,} of {self._planned_rows:,} rows ({share:.0%})"

    def _rates(self, seen: Seen, rows_per_s: float | None, units_per_s: float | None) -> list[str]:
        if rows_per_s is None or units_per_s is None:
            return []
        answered = seen.own_units + seen.own_throttled
        throttled = seen.own_throttled / answered if answered else 0.0
        return [
            f"{rows_per_s:,.0f} rows/s",
            f"this worker {units_per_s:,.0f} of {seen.allowed_units_per_s:,.0f} write units/s allowed",
            f"{throttled:.2%} throttled",
            self._end(seen, rows_per_s),
        ]

    def _end(self, seen: Seen, rows_per_s: float) -> str:
        left = max(0, self._planned_rows - seen.rows)
        if rows_per_s <= 0 and left:
            return "no end in sight: no row in the last minute"
        remaining = timedelta(seconds=left / rows_per_s if left else 0.0)
        return f"ends in {_text(remaining)}{self._margin(seen.at + remaining)}"

    def _margin(self, end: datetime) -> str:
        """Return how long before the barrier's stamps are too old it ends; empty without a barrier."""
        if self._planned is None or self._planned.barrier_us is None:
            return ""
        margin = end_by(self._planned.barrier_us) - end
        return f", {_text(margin)} before it must" if margin > timedelta() else f", {_text(-margin)} TOO LATE"

    def _money(self, seen: Seen) -> list[str]:
        if self._planned is None:
            return []
        spent = spent_usd(self._planned, units=seen.units, took=seen.took)
        return [f"{usd(spent)} of {usd(self._planned.cost_usd)} expected"]


def _text(duration: timedelta) -> str:
    return hours_text(duration / timedelta(hours=1)) if duration else "0 s"
