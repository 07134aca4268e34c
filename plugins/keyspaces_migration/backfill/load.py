"""Loads splits: claims one, reads it, writes it, records it, until none is left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from keyspaces_migration.backfill.deadline import check_deadline
from keyspaces_migration.backfill.encoding import Encoded, Encoder, Writes
from keyspaces_migration.backfill.errors import SnapshotChangedError, TooManyDeadLettersError
from keyspaces_migration.backfill.loading import Loading
from keyspaces_migration.backfill.plan import require_stamp
from keyspaces_migration.backfill.rows import SplitReader
from keyspaces_migration.backfill.spending import Spending
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.unload import unload_folder
from keyspaces_migration.backfill.unloaded import UnloadedReader, no_storage
from keyspaces_migration.backfill.write import Writer, microseconds
from keyspaces_migration.backfill.writing import TableWriting
from keyspaces_migration.dual_write.barrier import ALLOWED_SKEW
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.ledger.backfill_records import ClaimedSplit, DeadLetter, LoadMode, SplitCounts, SplitUsage
from keyspaces_migration.wire import NULL, UNSET
from keyspaces_migration.wire.grouping import partition_keys

_LONGEST_WAIT_S = 5.0
_BELOW_BARRIER = 2 * ALLOWED_SKEW
"""How far below its time a load without a barrier stamps. There was none just before the split began; one that is fixed
while it is written lies a minute below its own time, by another machine's clock, and every dual write lies above it."""


@dataclass(frozen=True, kw_only=True)
class LoadSummary:
    """What one worker did."""

    splits: int
    counts: SplitCounts

    def summary(self) -> dict[str, int]:
        """Return what a task hands on: JSON values, few and small."""
        return {"splits": self.splits, **asdict(self.counts)}


@dataclass(frozen=True, kw_only=True)
class LoadedSplit:
    """A split that this worker loaded, what it consumed, and when by the worker's clock."""

    claimed: ClaimedSplit
    counts: SplitCounts
    usage: SplitUsage
    began: datetime
    ended: datetime


def load_splits(
    loading: Loading, *, dag_id: str, run_id: str, barrier_us: int | None, table: str | None = None
) -> LoadSummary:
    """Load splits as `each_split` does, and sum what was done."""
    counts, splits = SplitCounts(), 0
    for loaded in each_split(loading, dag_id=dag_id, run_id=run_id, barrier_us=barrier_us, table=table):
        counts, splits = _add(counts, loaded.counts), splits + 1
        loading.finished(loaded)
    return LoadSummary(splits=splits, counts=counts)


def each_split(
    loading: Loading, *, dag_id: str, run_id: str, barrier_us: int | None, table: str | None = None
) -> Iterator[LoadedSplit]:
    """Load splits of a planned run until every one is done, those of dead workers too; yield each when it is done.

    `barrier_us` is the barrier as it is now, which must be the planned one. `table` keeps to one table of the run.

    Raises:
        StampChangedError: Dual writes began, or began anew, since the plan: plan a new run.
        DeadlineError: The load would not end in time; nothing more was written.
        OverBudgetError: The load is dearer than was allowed; nothing more was written.
        TargetOverloadedError, TooManyDeadLettersError, DeletesNotAppliedError: The split is given back; run again after
            it is put right.
        SnapshotChangedError, FilesChangedError: Somebody changed the snapshot, or its files: plan a new run.
        NotUnloadedError, FilesUnusableError: The snapshot's files are not there, or can't be read; run again.
        HistoryUnusableError: The history refused or stopped answering; run again.
        LeaseLostError: This worker was too slow, and another took its split.
    """
    for planned in loading.ledger.tables(dag_id=dag_id, run_id=run_id):
        require_stamp(planned, barrier_us=barrier_us)
    run = {"dag_id": dag_id, "run_id": run_id}
    forecast = _Forecast(loading, dag_id=dag_id, run_id=run_id) if barrier_us is not None else None
    spending = Spending(loading.ledger, loading.plan) if loading.plan is not None else None
    with TableWriting(loading, dag_id=dag_id, run_id=run_id) as writing:
        while True:
            if barrier_us is not None and forecast is not None:
                check_deadline(barrier_us=barrier_us, now=loading.clock(), remaining=forecast.remaining())
            before = loading.clock()
            if spending is not None:
                spending.check(now=before)
            if barrier_us is None and (begun_us := loading.barrier_now()) is not None:
                for planned in loading.ledger.tables(**run):
                    require_stamp(planned, barrier_us=begun_us)
            claimed = loading.ledger.claim(
                **run, worker=loading.worker, now=loading.clock(), lease=loading.lease, table=table
            )
            if claimed is None:
                if not loading.ledger.unfinished(**run, table=table):
                    return
                # Others still hold splits. One of them may die, and then its lease ends.
                loading.pacing.wait(_LONGEST_WAIT_S)
                continue
            loading.begun(claimed)
            counts = _load_or_give_back(loading, claimed, writing, before=before)
            usage = writing.log_of(claimed.table).usage
            yield LoadedSplit(claimed=claimed, counts=counts, usage=usage, began=before, ended=loading.clock())


def _load_or_give_back(
    loading: Loading, claimed: ClaimedSplit, writing: TableWriting, *, before: datetime
) -> SplitCounts:
    try:
        return _SplitLoad(loading, claimed, writing, before).run()
    except Exception as error:
        # Whatever it was: free for another try at once, with the reason where people look. A kill skips this, and
        # then the lease ends.
        try:
            loading.ledger.fail(claimed, reason=f"{type(error).__name__}: {error}"[:2_000])
        except MigrationError as second:
            # The first one is the one to act on; the lease ends by itself.
            error.add_note(f"The split could not be given back: {second}")
        raise


@dataclass
class _SplitLoad:
    """One split while it is loaded."""

    loading: Loading
    claimed: ClaimedSplit
    writing: TableWriting
    before: datetime
    letters: list[DeadLetter] = field(default_factory=list)
    counts: SplitCounts = field(default_factory=SplitCounts)
    partitions: set[bytes] = field(default_factory=set)
    renewed_at: datetime = field(init=False)
    target: Target = field(init=False)

    def __post_init__(self) -> None:
        self.renewed_at = self.loading.clock()
        name, migration = self.claimed.table.table_name, self.loading.migration
        self.target = Target.of(migration, name)

    def run(self) -> SplitCounts:
        started = self.loading.clock()
        self.writing.divide()
        reader, writer, encoder = self._reader(), self._writer(), self._encoder()
        log = self.writing.log_of(self.claimed.table)
        log.begin()
        later = self.claimed.table.mode is not LoadMode.FULL
        # Keyspaces times out where static and other data of a partition are written at once: statics go first.
        statics = (encoder.statics(part, without_values=later) for part in reader.statics(self.claimed.split))
        self._write(statics, writer, key=self.target.table.schema_.partition_keys)
        self.counts = SplitCounts()
        rows = (encoder.rows(part) for part in reader.rows(self.claimed.split))
        self._write(rows, writer, key=self.target.table.schema_.primary_key)
        self._require_planned(self.counts.rows_read)
        self._apply_deletes()
        self.loading.after_split(self.claimed)
        now = self.loading.clock()
        self.loading.ledger.finish(self.claimed, self.counts, dead_letters=self.letters, now=now, usage=log.usage)
        log.done(self.claimed, self.counts, took=now - started)
        return self.counts

    def _write(self, encoded: Iterable[Encoded], writer: Writer, *, key: tuple[str, ...]) -> None:
        for outcome in writer.write(self._kept(encoded)):
            refused = [letter for writes, rows in outcome.refused for letter in writes.letters(rows, key)]
            self._keep(refused)
            self._count(written=outcome.written, expired=outcome.expired, dead=len(refused))
            self._renew()
            # Static values are written before the rows that they belong to, and are no rows of the plan.
            rows = self.counts if key == self.target.table.schema_.primary_key else SplitCounts()
            self.writing.log_of(self.claimed.table).look(self.claimed, rows)

    def _kept(self, encoded: Iterable[Encoded]) -> Iterator[Writes]:
        """Yield the writes, and keep the letters."""
        for part in encoded:
            self._keep(part.letters)
            self._count(dead=len(part.letters))
            for writes in part.writes:
                self._note_partitions(writes)
                yield from writes.parts(self.writing.rows_at_once) if writes.expires_at_ms is not None else (writes,)

    def _note_partitions(self, writes: Writes) -> None:
        if self.loading.deletes is not None:
            self.partitions.update(partition_keys(writes.cells[: len(self.target.table.schema_.partition_keys)]))

    def _apply_deletes(self) -> None:
        if self.loading.deletes is not None:
            self.loading.deletes.after_split(self.target.name, self.partitions, each_chunk=self._renew)

    def _count(self, *, written: int = 0, expired: int = 0, dead: int = 0) -> None:
        more = SplitCounts(rows_read=written + expired + dead, written=written, expired=expired, dead=dead)
        self.counts = _add(self.counts, more)

    def _keep(self, letters: Sequence[DeadLetter]) -> None:
        self.letters += letters
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
            self.writing.divide()
            self.renewed_at = now

    def _require_planned(self, rows_read: int) -> None:
        split = self.claimed.split
        if rows_read != split.planned_rows:
            raise SnapshotChangedError(
                f"{self.claimed.table.snapshot} gave {rows_read} rows for split {split.number} of {split.of}, which "
                f"was planned with {split.planned_rows}: it was changed. Start a new run of historical_backfill"
            )

    def _reader(self) -> SplitReader | UnloadedReader:
        table = self.claimed.table
        unload = self.loading.migration.backfill.unload
        if (folder := unload_folder(unload, snapshot=table.snapshot, rows=table.rows)) is not None:
            storage = self.loading.unloaded or no_storage(table.table_name)
            return UnloadedReader(storage=storage, target=self.target, snapshot=table.snapshot, folder=folder)
        return SplitReader(history=self.loading.history, target=self.target, snapshot=table.snapshot, mode=table.mode)

    def _encoder(self) -> Encoder:
        # Over an earlier load a null has to delete what that one wrote.
        return Encoder(self.target, null=UNSET if self.claimed.table.mode is LoadMode.FULL else NULL)

    def _writer(self) -> Writer:
        return Writer(
            pump=self.writing.pump(self.target),
            target=self.target,
            barrier_us=self.claimed.table.barrier_us,
            clock=self.loading.clock,
            pacing=self.loading.pacing,
            consistency=self.loading.settings.consistency.value,
            stamp_from_us=microseconds(self.before - _BELOW_BARRIER),
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
