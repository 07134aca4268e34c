"""Records of historical backfills: what was planned for a table, its splits, and the rows that could not be written."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class LoadMode(StrEnum):
    """What a load of a table brings over."""

    FULL = "full"
    """Every living key, into a table that no load has written to."""
    RELOAD = "reload"
    """Every key over an earlier load: nulls are written, deleted keys deleted."""
    DELTA = "delta"
    """The keys that changed or were deleted since an earlier load of all; written as by a reload."""


class SplitState(StrEnum):
    """Where a split stands. A claimed split whose lease has ended, and a failed one, may be claimed anew."""

    PENDING = "pending"
    CLAIMED = "claimed"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class BackfillTable:
    """What a run loads into one table.

    Attributes:
        snapshot: Address of the snapshot in the history, as quoted SQL.
        mode: Whether all of it is loaded or what changed.
        barrier_us: The timestamp of every write, in microseconds since 1970; None stamps each when it is written.
        rows: Keys to load: what the splits sum to.
        deleted: Keys whose newest version is deleted: not loaded by a full load, deleted by the others.
        watermark: The greatest version in the snapshot, as text; None without a version column or rows.
        snapshot_at: A moment before the snapshot was taken: it holds all that the history held then.
        planned_at: When the plan was recorded.
    """

    dag_id: str
    run_id: str
    table_name: str
    snapshot: str
    mode: LoadMode
    barrier_us: int | None
    rows: int
    deleted: int
    watermark: str | None
    snapshot_at: datetime
    planned_at: datetime


@dataclass(frozen=True, kw_only=True)
class PlannedSplit:
    """A slice of a snapshot: the rows whose bucket is from `first_bucket` to below `end_bucket`."""

    number: int
    of: int
    first_bucket: int
    end_bucket: int
    planned_rows: int


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """What became of a split's rows: `rows_read` is the sum of the other three."""

    rows_read: int = 0
    written: int = 0
    expired: int = 0
    dead: int = 0


@dataclass(frozen=True, kw_only=True)
class ClaimedSplit:
    """A split that a worker holds until its lease ends; `attempt` tells this claim from every other."""

    id: int
    migration: str
    table: BackfillTable
    split: PlannedSplit
    worker: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A row that could not be written.

    Attributes:
        key_json: The key's values as the history has them.
        reason: Why, with the column where one is to blame.
        row_json: The first 1 KB of the row as the history has it.
    """

    key_json: str
    reason: str
    row_json: str


@dataclass(frozen=True, kw_only=True)
class SplitUsage:
    """Write units that a split's last attempt consumed, and that were throttled and sent again; for display."""

    write_units: int = 0
    throttled_units: int = 0


@dataclass(frozen=True, kw_only=True)
class RoughProgress:
    """How far a run, or a table of it, is: as the database sums it, unverified.

    Attributes:
        planned_rows: All that were planned.
        rows_read: By finished splits.
        usage: Of finished splits.
        began_at: When the first split was first claimed; None before that.
        ended_at: When the last of the finished splits was; None before that.
    """

    planned_rows: int
    rows_read: int
    usage: SplitUsage = SplitUsage()
    began_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TableProgress:
    """How far a table's load is; `rows` is what was planned, `counts` sums finished splits.

    Attributes:
        first_claimed_at: When the first split was first claimed; None before that.
        last_finished_at: When the last of the finished splits was; None before that.
        usage: Of finished splits; for display.
    """

    table: BackfillTable
    splits: int
    done: int
    failed: int
    counts: SplitCounts
    first_claimed_at: datetime | None
    last_finished_at: datetime | None
    usage: SplitUsage = SplitUsage()

    @property
    def took(self) -> timedelta | None:
        """From the first claim to the last finished split; None before one is finished."""
        if self.first_claimed_at is None or self.last_finished_at is None:
            return None
        return self.last_finished_at - self.first_claimed_at

    @property
    def is_complete(self) -> bool:
        """Whether every split is done."""
        return self.done == self.splits
