"""Loads splits: claims one, reads it, writes it, records it, until none is left."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cassandra.query import UNSET_VALUE

from keyspaces_migration.backfill.deadline import check_deadline
from keyspaces_migration.backfill.errors import SnapshotChangedError, TooManyDeadLettersError
from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.plan import require_stamp
from keyspaces_migration.backfill.rows import Chunk, SplitReader, dead_letter
from keyspaces_migration.backfill.statements import Prepared, Target, prepare
from keyspaces_migration.backfill.write import Outcome, Pacing, Writer
from keyspaces_migration.config import Migration
from keyspaces_migration.ledger.backfill_records import ClaimedSplit, DeadLetter, SplitCounts
from keyspaces_migration.ledger.backfills import BackfillLedger

if TYPE_CHECKING:
    from cassandra.cluster import Session

LEASE = timedelta(minutes=5)
MAX_DEAD_LETTERS = 1_000
"""Of one split. More say that a column's type or the target is wrong, not a row."""
_LONGEST_WAIT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Loading:
    """What a worker loads with.

    Attributes:
        session: Of the target.
        worker: The worker's name, the same when its task is tried again, and of no other that runs beside it.
        clock: The time now, with a time zone.
        after_split: Called with each split that was written, before it is done: applies logged deletes.
        progress: Called with a line for the log.
    """

    history: History
    session: "Session"
    ledger: BackfillLedger
    migration: Migration
    worker: str
    clock: Callable[[], datetime]
    pacing: Pacing
    lease: timedelta = LEASE
    max_dead_letters: int = MAX_DEAD_LETTERS
    after_split: Callable[[ClaimedSplit], None] = lambda _: None
    progress: Callable[[str], None] = lambda _: None


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """What one worker did."""

    splits: int
    counts: SplitCounts

    def summary(self) -> dict[str, int]:
        """Return what a task hands on: JSON values, few and small."""
        return {"splits": self.splits, **asdict(self.counts)}


def load_splits(
    loading: Loading, *, dag_id: str, run_id: str, barrier_us: int | None, table: str | None = None
) -> LoadSummary:
    """Load splits of a planned run until every one is done, those of dead workers too.

    `barrier_us` is the barrier as it is now, which must be the planned one. `table` keeps to one table of the run.

    Raises:
        StampChangedError: Dual writes began, or began anew, since the plan: plan a new run.
        DeadlineError: The load would not end in time; nothing more was written.
        TargetOverloadedError, TooManyDeadLettersError: The split is given back; run again after it is put right.
        SnapshotChangedError: Somebody changed the snapshot: plan a new run.
        HistoryUnusableError: The history refused or stopped answering; run again.
        LeaseLostError: This worker was too slow, and another took its split.
    """
    for planned in loading.ledger.tables(dag_id=dag_id, run_id=run_id):
        require_stamp(planned, barrier_us=barrier_us)
    run = {"dag_id": dag_id, "run_id": run_id}
    prepared: dict[str, Prepared] = {}
    counts, splits = SplitCounts(), 0
    forecast = _Forecast(loading, dag_id=dag_id, run_id=run_id) if barrier_us is not None else None
    while True:
        if barrier_us is not None and forecast is not None:
            check_deadline(barrier_us=barrier_us, now=loading.clock(), remaining=forecast.remaining())
        claimed = loading.ledger.claim(
            **run, worker=loading.worker, now=loading.clock(), lease=loading.lease, table=table
        )
        if claimed is None:
            if not loading.ledger.unfinished(**run, table=table):
                return LoadSummary(splits=splits, counts=counts)
            # Others still hold splits. One of them may die, and then its lease ends.
            loading.pacing.wait(_LONGEST_WAIT_S)
            continue
        counts = _add(counts, _load_or_give_back(loading, claimed, prepared))
        splits += 1


def _load_or_give_back(loading: Loading, claimed: ClaimedSplit, prepared: dict[str, Prepared]) -> SplitCounts:
    name = claimed.table.table_name
    target = Target(keyspace=loading.migration.target.keyspace, name=name, table=loading.migration.tables[name])
    try:
        if name not in prepared:
            prepared[name] = prepare(loading.session, target)
        return _SplitLoad(loading, claimed, target, prepared[name]).run()
    except Exception as error:
        # Whatever it was: free for another try at once, with the reason where people look. A kill skips this, and
        # then the lease ends.
        loading.ledger.fail(claimed, reason=f"{type(error).__name__}: {error}"[:2_000])
        raise


@dataclass
class _SplitLoad:
    """One split while it is loaded."""

    loading: Loading
    claimed: ClaimedSplit
    target: Target
    prepared: Prepared
    letters: list[DeadLetter] = field(default_factory=list)
    renewed_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.renewed_at = self.loading.clock()

    def run(self) -> SplitCounts:
        started = self.loading.clock()
        reader, writer = self._reader(), self._writer()
        # Keyspaces times out where static and other data of a partition are written at once: statics go first.
        self._write(reader.statics(self.claimed.split), writer, key=self.target.table.schema_.partition_keys)
        counts = self._write(reader.rows(self.claimed.split), writer, key=self.target.table.schema_.primary_key)
        self._require_planned(counts.rows_read)
        self.loading.after_split(self.claimed)
        now = self.loading.clock()
        self.loading.ledger.finish(self.claimed, counts, dead_letters=self.letters, now=now)
        self._report(counts, took=now - started)
        return counts

    def _write(self, chunks: Iterable[Chunk], writer: Writer, *, key: tuple[str, ...]) -> SplitCounts:
        total = SplitCounts()
        for chunk in chunks:
            outcome = writer.write(chunk.writes)
            self._keep(chunk, outcome, key)
            total = _add(total, _counts(chunk, outcome))
            self._renew()
        return total

    def _keep(self, chunk: Chunk, outcome: Outcome, key: tuple[str, ...]) -> None:
        self.letters += chunk.letters
        self.letters += [dead_letter(write.source, key, reason) for write, reason in outcome.refused]
        if len(self.letters) > self.loading.max_dead_letters:
            raise TooManyDeadLettersError(
                f"split {self.claimed.split.number} of {self.target.name}: more than {self.loading.max_dead_letters} "
                f"rows can't be written, the last with key {self.letters[-1].key_json}: {self.letters[-1].reason}. "
                "Put the column or the target right and run again"
            )

    def _renew(self) -> None:
        now = self.loading.clock()
        if now - self.renewed_at > self.loading.lease / 4:
            self.loading.ledger.renew(self.claimed, now=now, lease=self.loading.lease)
            self.renewed_at = now

    def _require_planned(self, rows_read: int) -> None:
        split = self.claimed.split
        if rows_read != split.planned_rows:
            raise SnapshotChangedError(
                f"{self.claimed.table.snapshot} gave {rows_read} rows for split {split.number} of {split.of}, which "
                f"was planned with {split.planned_rows}: it was changed. Start a new run of historical_backfill"
            )

    def _reader(self) -> SplitReader:
        table = self.claimed.table
        return SplitReader(
            history=self.loading.history,
            target=self.target,
            snapshot=table.snapshot,
            mode=table.mode,
            unset=UNSET_VALUE,
        )

    def _writer(self) -> Writer:
        return Writer(
            session=self.loading.session,
            target=self.target,
            prepared=self.prepared,
            barrier_us=self.claimed.table.barrier_us,
            clock=self.loading.clock,
            pacing=self.loading.pacing,
        )

    def _report(self, counts: SplitCounts, *, took: timedelta) -> None:
        rate = counts.rows_read / max(took.total_seconds(), 0.001)
        self.loading.progress(
            f"{self.target.name}: split {self.claimed.split.number + 1} of {self.claimed.split.of} done, "
            f"{counts.written} rows written, {counts.expired} expired, {counts.dead} dead letters, {rate:.0f} rows/s"
        )


def _counts(chunk: Chunk, outcome: Outcome) -> SplitCounts:
    dead = len(chunk.letters) + len(outcome.refused)
    return SplitCounts(
        rows_read=outcome.written + outcome.expired + dead,
        written=outcome.written,
        expired=outcome.expired,
        dead=dead,
    )


def _add(one: SplitCounts, other: SplitCounts) -> SplitCounts:
    other_counts: Mapping[str, Any] = asdict(other)
    return SplitCounts(**{name: value + other_counts[name] for name, value in asdict(one).items()})


class _Forecast:
    """How long the rest of a run takes, at the rate of all its workers since this one began."""

    def __init__(self, loading: Loading, *, dag_id: str, run_id: str) -> None:
        self._loading = loading
        self._run = {"dag_id": dag_id, "run_id": run_id}
        self._started = loading.clock()
        self._done_before, _ = self._rows()

    def remaining(self) -> timedelta:
        """Return the forecast; nothing while no rate is known."""
        done, planned = self._rows()
        if done == self._done_before:
            return timedelta()
        return (self._loading.clock() - self._started) * ((planned - done) / (done - self._done_before))

    def _rows(self) -> tuple[int, int]:
        found = self._loading.ledger.rough_progress(**self._run)
        return found.rows_read, found.planned_rows
