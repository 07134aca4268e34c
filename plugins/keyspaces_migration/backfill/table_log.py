"""Says how one worker's load of a table goes, and counts what each split consumed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keyspaces_migration.backfill.progress import Progress, Seen
from keyspaces_migration.backfill.rate import AdaptiveRate
from keyspaces_migration.ledger.backfill_records import ClaimedSplit, SplitCounts, SplitUsage
from keyspaces_migration.ledger.backfills import BackfillLedger


@dataclass(kw_only=True)
class TableLog:
    """The log of one worker at one table.

    Attributes:
        rate: It meters what this worker writes to the table.
        tell: Called with a line.
    """

    ledger: BackfillLedger
    rate: AdaptiveRate
    progress: Progress
    clock: Callable[[], datetime]
    tell: Callable[[str], None]
    _taken: float = field(default=0.0, init=False)
    _throttled: float = field(default=0.0, init=False)

    def begin(self) -> None:
        """Begin a split, whether or not the one before it was finished."""
        self._taken, self._throttled = self.rate.taken_units, self.rate.throttled_units

    @property
    def usage(self) -> SplitUsage:
        """What the split has consumed so far."""
        return SplitUsage(
            write_units=round(self.rate.taken_units - self._taken),
            throttled_units=round(self.rate.throttled_units - self._throttled),
        )

    def look(self, claimed: ClaimedSplit, counts: SplitCounts) -> None:
        """Say how the table's load goes, where a line is due; `counts` are those of the split under way."""
        now = self.clock()
        if not self.progress.is_due(now):
            return
        table = claimed.table
        found = self.ledger.rough_progress(dag_id=table.dag_id, run_id=table.run_id, table=table.table_name)
        seen = Seen(
            at=now,
            rows=found.rows_read + counts.rows_read,
            units=found.usage.write_units + self.usage.write_units,
            own_units=self.rate.taken_units,
            own_throttled=self.rate.throttled_units,
            allowed_units_per_s=self.rate.most_units_per_s,
            took=now - (found.began_at or now),
        )
        self.tell(self.progress.line(seen))

    def done(self, claimed: ClaimedSplit, counts: SplitCounts, *, took: timedelta) -> None:
        """Say what became of a split."""
        usage, split = self.usage, claimed.split
        rate = counts.rows_read / max(took.total_seconds(), 0.001)
        self.tell(
            f"{claimed.table.table_name}: split {split.number + 1} of {split.of} done in {took.total_seconds():.1f} s, "
            f"{counts.written:,} rows written, {counts.expired:,} expired, {counts.dead:,} dead letters, "
            f"{rate:,.0f} rows/s, {usage.write_units:,} write units, {usage.throttled_units:,} throttled"
        )
