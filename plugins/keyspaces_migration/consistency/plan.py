"""What a check is asked to do."""

from dataclasses import dataclass
from datetime import datetime

from keyspaces_migration.consistency.bounds import sample_size
from keyspaces_migration.consistency.kinds import Leader

WINDOWS = 20
ROWS_PER_WINDOW = 200
BATCH_ROWS = 1_024


@dataclass(frozen=True, kw_only=True)
class CheckPlan:
    """The same plan over the same data makes the same check.

    Attributes:
        seed: Of all draws; recorded, so that a check can be repeated.
        confidence: How sure the bound is, as 0.99.
        max_mismatch_rate: The rate of wrong rows that a pass rules out, as 1e-4; with the confidence it gives the
            number of rows to draw.
        tolerated_mismatch_rate: 0: any confirmed mismatch fails. Above: rows drawn from the history fail only if
            more than this share of them differ.
        settle_time_s: How long a difference must last to count.
        leader: Whose rows are right.
        windows: How many token windows of the source are read whole.
        rows_per_window: How many rows a window should hold, by the history's count.
        target_windows: How many windows at other places are read in both stores, of as many rows each.
        widest_partitions: How many of the widest partitions are compared whole.
        max_partition_rows: Wider ones are left out of that, and named: a partition is held in memory.
        max_range_rows: A range counts as not looked at where the stores give more rows than that which the other one
            has not given: they are held in memory.
        newest_writes: How many of the keys written last are compared.
        rows_of_range: How many rows a range of the sweep should hold, by the history's count.
        sweep_rows: About how many rows of the ring are swept; 0 for none.
        max_read_units_per_s: Of each store, for all that is read of it; None for as fast as it goes.
        history_as_of: The history's watermark, with a time zone: it has every change of the leader's up to then. None
            if nobody knows one; the history is then reported and never blamed.
        ttl_tolerance_s: How far the times to live of a cell may lie apart.
        float_tolerance: Relative difference up to which floats are the same; 0 for none.
        show_write_times: Tell in mismatches when each store's value was written.
        redact_values: Leave values out of mismatches; keys and column names stay.
        batch_rows: Rows compared at a time.
        max_examples: Mismatches of one table that are kept with their keys; all are counted.
    """

    seed: int
    confidence: float = 0.99
    max_mismatch_rate: float = 1e-4
    tolerated_mismatch_rate: float = 0.0
    settle_time_s: float = 30.0
    leader: Leader = Leader.SOURCE
    windows: int = WINDOWS
    rows_per_window: int = ROWS_PER_WINDOW
    target_windows: int = WINDOWS
    widest_partitions: int = 5
    max_partition_rows: int = 100_000
    max_range_rows: int = 1_000_000
    newest_writes: int = 1_000
    sweep_rows: int = 0
    rows_of_range: int = 1_000
    max_read_units_per_s: int | None = None
    history_as_of: datetime | None = None
    ttl_tolerance_s: float = 60.0
    float_tolerance: float = 0.0
    show_write_times: bool = False
    redact_values: bool = False
    batch_rows: int = BATCH_ROWS
    max_examples: int = 1_000

    @property
    def rows_wanted(self) -> int:
        """How many rows of the history have to be compared."""
        return sample_size(rate=self.max_mismatch_rate, confidence=self.confidence)
