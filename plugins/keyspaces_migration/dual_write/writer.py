"""The writer that an application uses: one call, both stores, nothing lost."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from keyspaces_migration.dual_write.accounts import Accounts, Fate, Tally
from keyspaces_migration.dual_write.asked import Asked, ask, asked_partition
from keyspaces_migration.dual_write.bounds import Bound
from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US, TimestampClock, system_now_us
from keyspaces_migration.dual_write.control_tables import CONTROL_KEYSPACE
from keyspaces_migration.dual_write.delivery import Delivery, lane_of, plan_of
from keyspaces_migration.dual_write.elements import ElementChange
from keyspaces_migration.dual_write.errors import (
    OutcomeUnknownError,
    RecordFailedError,
    StoreAwayError,
    WriterClosedError,
    WriteRefusedError,
    WriterSettingsError,
)
from keyspaces_migration.dual_write.failures import Failure, ReasonClass, failure_of
from keyspaces_migration.dual_write.flag import PERCENT_MAX, FlagState
from keyspaces_migration.dual_write.gate import Door, FlagSource, ModeGate
from keyspaces_migration.dual_write.journal import LocalJournal, SyncPolicy
from keyspaces_migration.dual_write.letters import Outbox
from keyspaces_migration.dual_write.lists import RESERVED_US
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind, split_row
from keyspaces_migration.dual_write.posting import Postman
from keyspaces_migration.dual_write.read_accounts import ReadAccounts, StoreReads
from keyspaces_migration.dual_write.recorded import RecordPlace
from keyspaces_migration.dual_write.registry import (
    HEARTBEAT_INTERVAL_S,
    LEASE_S,
    Registration,
    WriterReport,
    heartbeat_failures,
)
from keyspaces_migration.dual_write.routing import partition_slot, read_store
from keyspaces_migration.dual_write.shadow import ShadowReads, ShadowReport, ShadowSettings
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import (
    BINDING_FAILURES,
    StoreName,
    Stores,
    delivery_failures,
    driver_failures,
    refused_for_good,
)
from keyspaces_migration.dual_write.unsent import LetterRule, Unsent, UnsentWrites, apart_s

if TYPE_CHECKING:
    from cassandra.query import BoundStatement

_log = logging.getLogger(__name__)


class FollowerPolicy(StrEnum):
    """Whether a write is answered before the follower has it. It comes there either way, from the journal."""

    ASYNCHRONOUS = "ASYNCHRONOUS"
    """Answered when journal and leader have it, until reads of the follower begin: with a share of reads on the
    target, and when the target leads, every write waits for both."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    """Answered when both have it, or the follower has failed."""

    def waits(self, state: FlagState) -> bool:
        """Whether a write of this state waits for its follower."""
        return self is FollowerPolicy.ACKNOWLEDGED or state.target_read_percent > 0 or state.mode.target_leads


@dataclass(frozen=True, kw_only=True)
class WriterSettings:
    """What a writer needs to know beside its stores.

    Attributes:
        migration: Name of the migration, as in its file.
        writer_id: Name of this process among the migration's writers, the same when it starts again with its journal.
        journal_folder: On a local disk, one for each writer.
        sync: What the journal survives.
        max_unsent: How many writes may wait for the follower; beyond that, writes fail.
        max_unsent_bytes: How many bytes they may have together in the journal; beyond that, writes fail.
        letters_after_s: How old a write may get that the follower does not take, before it becomes a dead letter;
            what it refuses for good becomes one at once. It counts where the writer was given an outbox.
        letters_after_attempts: How often it is sent before that; None: no bound.
        follower: Whether a write waits for the follower.
        follower_in_flight: The most writes that are sent to it at a time in the background.
        close_wait_s: How long `close` waits for writes that are on their way to the follower.
        resolve_timeout_s: How long a write whose outcome is unknown is repeated before the caller is told so.
    """

    migration: str
    writer_id: str
    journal_folder: Path
    sync: SyncPolicy = SyncPolicy.PROCESS
    max_unsent: int = 100_000
    max_unsent_bytes: int = 256 * 2**20
    letters_after_s: float = 3_600.0
    letters_after_attempts: int | None = None
    follower: FollowerPolicy = FollowerPolicy.ASYNCHRONOUS
    follower_in_flight: int = 32
    close_wait_s: float = 5.0
    control_keyspace: str = CONTROL_KEYSPACE
    resolve_timeout_s: float = 10.0
    heartbeat_interval_s: float = HEARTBEAT_INTERVAL_S
    lease_s: float = LEASE_S

    def __post_init__(self) -> None:
        most_s = TARGET_WINDOW_US / 1e6
        if not 0 < self.letters_after_s <= most_s:
            raise WriterSettingsError(
                f"letters_after_s is {self.letters_after_s:g}; allowed: above 0, up to {most_s:g}, beyond which "
                "Keyspaces takes no timestamp"
            )
        if self.letters_after_attempts is not None and self.letters_after_attempts < 1:
            raise WriterSettingsError(
                f"letters_after_attempts is {self.letters_after_attempts}; allowed: 1 or more, or None for no bound"
            )
        if self.follower_in_flight < 1:
            raise WriterSettingsError(f"follower_in_flight is {self.follower_in_flight}; allowed: 1 or more")


class FollowerFate(StrEnum):
    """What became of a write at the follower by the time that the caller was answered."""

    NONE = "NONE"
    """The mode has no follower."""
    ACKNOWLEDGED = "ACKNOWLEDGED"
    QUEUED = "QUEUED"
    """It is in the journal, and on its way."""
    JOURNALLED = "JOURNALLED"
    """It did not take the write; it is in the journal, and sent again or made a dead letter."""


@dataclass(frozen=True, kw_only=True)
class WriteResult:
    """An acknowledged write."""

    timestamp_us: int
    state: FlagState
    follower: FollowerFate


@dataclass(frozen=True, kw_only=True)
class ReadResult:
    """A row as a map of all columns, or None where there is none, and the store that it was read from."""

    row: dict[str, Any] | None
    store: StoreName


class DualWriter:
    """Writes and reads rows of a migration's tables, obeying the flag. Methods may be called from several threads.

    Sessions and flag stay their owners': open them before, close them after.
    """

    def __init__(  # noqa: PLR0913 -- what a writer is made of
        self,
        settings: WriterSettings,
        *,
        stores: Stores,
        tables: Iterable[TableShape],
        flag: FlagSource,
        letters: Outbox | None = None,
        shadow: ShadowSettings | None = None,
        now_us: Callable[[], int] = system_now_us,
    ) -> None:
        """Keep what is needed.

        Args:
            settings: Of this writer.
            stores: Both.
            tables: Of the migration, those that this writer writes to.
            flag: The mode that it obeys.
            letters: Where writes go that the follower does not take for good, such as `sqs_outbox.SqsOutbox`; None:
                they stay in the journal, and count as parked when they are too old to be sent.
            shadow: How many of the reads of rows are compared in both stores, in a dual mode; None: none.
            now_us: Microseconds since 1970.
        """
        self.settings = settings
        self.stores = stores
        self._tables = {shape.name: shape for shape in tables}
        self._flag = flag
        self._now_us = now_us
        self._journal = LocalJournal(
            settings.journal_folder,
            sync=settings.sync,
            max_entries=settings.max_unsent,
            max_bytes=settings.max_unsent_bytes,
        )
        self._tally = Tally()
        self._reads = ReadAccounts()
        self._started_us = now_us()
        self._gate = ModeGate(flag)
        place = RecordPlace(
            migration=settings.migration, writer_id=settings.writer_id, keyspace=settings.control_keyspace
        )
        self._delivery = Delivery(
            stores=stores, tables=self._tables, journal=self._journal, gate=self._gate, place=place
        )
        self._postman = None if letters is None else self._postman_of(letters)
        rule = LetterRule(after_s=settings.letters_after_s, after_attempts=settings.letters_after_attempts)
        self._unsent = UnsentWrites(
            self._deliver_again,
            now_us=now_us,
            in_flight=settings.follower_in_flight,
            rule=None if letters is None else rule,
            send_letters=None if letters is None else self._send_letters,
        )
        self._registration = Registration(
            source=stores.source,
            place=place,
            report=self.report,
            refresh_flag=flag.refresh,
            # Stages judge by it how far writers are apart: a clock that was put back stamps as before it was.
            now_us=lambda: max(now_us(), self._clock.last_us),
            lease_s=settings.lease_s,
        )
        self._shadow = None if shadow is None else ShadowReads(shadow, stores=stores, leader=self._leader)
        self._clock = TimestampClock(now_us=now_us)
        self._stop = threading.Event()
        self._heartbeat: threading.Thread | None = None
        self._was_opened = False
        self._door = Door()

    def open(self) -> None:
        """Take up what an earlier process left, register, and begin. Once: after a failure, or `close`, make a new one.

        Raises:
            WriterClosedError: It was opened before.
            JournalError: The journal can't be used.
            WriteRefusedError: A table can't be dual-written.
            WriterNotRegisteredError: The source does not take the registration.
        """
        for shape in self._tables.values():
            shape.refuse_if_unrepeatable()
        if self._was_opened:
            raise WriterClosedError("this writer was opened before: make a new one, with the same journal")
        self._journal.open()
        self._was_opened = True
        try:
            # What an earlier process stamped last may have been a list, which reserves what is above it.
            last_us = self._journal.last_timestamp_us + RESERVED_US
            self._clock = TimestampClock(now_us=self._now_us, last_us=last_us)
            self._take_up()
            self._require_registration(writes=False)
        except BaseException:
            self._journal.close()
            raise
        self._unsent.start()
        if self._shadow is not None:
            self._shadow.start()
        self._heartbeat = threading.Thread(target=self._beat, name="writer-heartbeat", daemon=True)
        self._heartbeat.start()
        self._door.open()

    def close(self) -> None:
        """End, and take the registration away if nothing is unsent.

        It waits for `close_wait_s` at most for the follower: what is unsent then is sent by the next process with this
        journal, and stages wait for that. See `drain`. Writes that begin meanwhile are refused by WriterClosedError.
        """
        # A call under way may take so long to learn what became of its write.
        if still := self._door.close(timeout_s=self.settings.close_wait_s + self.settings.resolve_timeout_s):
            _log.warning("writer %s closes over %d calls that have not ended", self.settings.writer_id, still)
        self._unsent.wait_until_sent(timeout_s=self.settings.close_wait_s)
        if self._shadow is not None:
            self._shadow.stop()
        self._stop.set()
        if self._heartbeat is not None:
            self._heartbeat.join()
        self._unsent.stop()
        try:
            if self._journal.depth:
                self._registration.beat()
            else:
                self._registration.remove()
        except heartbeat_failures() as error:
            _log.warning("the registration of writer %s stays as it is: %s", self.settings.writer_id, error)
        finally:
            self._journal.close()

    def insert(self, table: str, row: Mapping[str, Any], *, ttl_s: int | None = None) -> WriteResult:
        """Insert a row, or set the columns that are named in one that is there. None deletes a column's value.

        Args:
            table: Its name.
            row: Values by column, those of the key among them.
            ttl_s: How long what is written lives, in seconds; 0 for ever; None as the table has it.

        Raises:
            WriteRefusedError: The write can't be made alike in both stores.
            JournalError, WriterNotRegisteredError, RecordFailedError: Nothing was written.
            OutcomeUnknownError: The leader did not answer; see there.
            cassandra.DriverException: The leader refuses it; nothing was written.
        """
        key, columns = split_row(self._shape(table), row)
        return self.make(self.ask(table, MutationKind.INSERT, key, columns, ttl_s=ttl_s))

    def update(
        self,
        table: str,
        key: Mapping[str, Any],
        columns: Mapping[str, Any],
        *,
        elements: Mapping[str, ElementChange] = MappingProxyType({}),
        ttl_s: int | None = None,
    ) -> WriteResult:
        """Set columns of a row, or static columns of a partition by its partition key; the rest as `insert`.

        Args:
            table: Its name.
            key: Of the row, or of the partition.
            columns: New values by column; it may be empty where `elements` is not.
            elements: What to add to or take from sets and maps that are not frozen, by column.
            ttl_s: How long `columns` live, in seconds; none where there are `elements`.
        """
        return self.make(self.ask(table, MutationKind.UPDATE, key, columns, elements=elements, ttl_s=ttl_s))

    def delete_row(self, table: str, key: Mapping[str, Any]) -> WriteResult:
        """Delete a row. Raises as `insert`."""
        return self.make(self.ask(table, MutationKind.DELETE_ROW, key, {}))

    def delete_partition(self, table: str, key: Mapping[str, Any]) -> WriteResult:
        """Delete all rows of a partition and its static columns, by its partition key. Raises as `insert`."""
        has_rows = bool(self._shape(table).clustering_keys)
        kind = MutationKind.DELETE_PARTITION if has_rows else MutationKind.DELETE_ROW
        return self.make(self.ask(table, kind, key, {}))

    def delete_range(self, table: str, key: Mapping[str, Any], bounds: Sequence[Bound] = ()) -> WriteResult:
        """Delete rows of a partition: those whose clustering key begins as `key` does, and goes on within `bounds`.

        Raises as `insert`.
        """
        return self.make(self.ask(table, MutationKind.DELETE_RANGE, key, {}, bounds=tuple(bounds)))

    @property
    def tables(self) -> Mapping[str, TableShape]:
        """The migration's tables by name."""
        return self._tables

    def route(self, table: str, key: Mapping[str, Any] | None) -> StoreName:
        """Return the store that a read of a partition goes to; `key` has its partition key.

        None is a read of no single partition: it goes to the target when all reads do. While this process has a write
        that one store lacks, the other is read.
        """
        state = self._flag.current()
        if key is None:
            return read_store(state, PERCENT_MAX - 1, holders=self._unsent.holders(None))
        text = asked_partition(self._shape(table), key)
        return read_store(state, partition_slot(text), holders=self._unsent.holders(text))

    def read(self, table: str, key: Mapping[str, Any]) -> ReadResult:
        """Read a row by its whole key, from the store that the flag gives its partition. Errors are the driver's."""
        shape = self._shape(table)
        name = self.route(table, key)
        self.note_read(table, key)
        with self.counted_read(name):
            row = self.stores[name].read_row(shape, key)
        return ReadResult(row=row, store=name)

    def note_read(self, table: str, key: Mapping[str, Any]) -> None:
        """Note that a row was read by its whole key, past `read`: a share of such rows is compared in both stores."""
        if self._shadow is not None and self._flag.current().mode.is_dual:
            self._shadow.offer(self._shape(table), key)

    def counted_read(self, store: StoreName) -> AbstractContextManager[None]:
        """Count the read of a store that is made within, past `read`: the canary watches failures and times."""
        return self._reads.counted(store)

    def drain(self, *, timeout_s: float) -> int:
        """Wait until no write is left in the journal; return how many are.

        Those that became dead letters are not among them: `accounts` has their number.
        """
        return self._unsent.wait_until_sent(timeout_s=timeout_s)

    def accounts(self) -> Accounts:
        """Return what became of every write so far. The counts add up to the calls at any moment."""
        return self._tally.read()

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the newest of the unsent writes is not sent, and why letters are not, in words; empty: all is well."""
        return tuple(each for each in (self._unsent.problem, self._unsent.letters_problem) if each is not None)

    @property
    def shadow_reads(self) -> ShadowReport | None:
        """What was read in both stores and compared so far; None where nothing is."""
        return None if self._shadow is None else self._shadow.report()

    @property
    def reads(self) -> Mapping[StoreName, StoreReads]:
        """What became of the application's reads so far, of both stores."""
        return self._reads.read()

    def _leader(self) -> StoreName:
        return plan_of(self._flag.current().mode).leader

    def report(self) -> WriterReport:
        """Return what the next heartbeat says."""
        shadow = self.shadow_reads
        age_s = getattr(self._flag, "age_s", 0.0)
        return WriterReport(
            settled=self._gate.settled(),
            journal_depth=self._journal.depth,
            parked=len(self._unsent.parked()),
            oldest_unsent_us=self._unsent.oldest_us(),
            flag_age_ms=int(age_s * 1000),
            accounts=self.accounts().counters(),
            reads_compared=0 if shadow is None else shadow.compared,
            reads_differing=0 if shadow is None else shadow.differing,
            reads_not_looked_at=0 if shadow is None else shadow.not_looked_at,
            reads=self.reads,
            started_us=self._started_us,
        )

    def _shape(self, table: str) -> TableShape:
        if table not in self._tables:
            raise WriteRefusedError(f"table {table} is not one of the migration's: {', '.join(sorted(self._tables))}")
        return self._tables[table]

    def ask(  # noqa: PLR0913 # the parts of a write
        self,
        table: str,
        kind: MutationKind,
        key: Mapping[str, Any],
        columns: Mapping[str, Any],
        *,
        bounds: tuple[Bound, ...] = (),
        elements: Mapping[str, ElementChange] = MappingProxyType({}),
        ttl_s: int | None = None,
    ) -> Asked:
        """Check a write without making it, as far as no store is needed. Raises WriteRefusedError."""
        try:
            return ask(self._shape(table), kind, key, columns, bounds=bounds, elements=elements, ttl_s=ttl_s)
        except BaseException:
            self._tally.begin()
            self._tally.end(Fate.REFUSED)
            raise

    def check(self, asked: Asked) -> None:
        """Check a write that was asked for by the store that leads, without making it.

        Raises:
            WriteRefusedError: The driver can't bind its values.
            cassandra.DriverException: The store does not know the table, or can't be asked.
        """
        try:
            self._bind(self._leader(), asked.at(0))
        except BaseException:
            self._tally.begin()
            self._tally.end(Fate.REFUSED)
            raise

    def make(self, asked: Asked) -> WriteResult:
        """Make a write that was asked for. Raises as `insert`."""
        with self._door:
            return self._make(asked)

    def _make(self, asked: Asked) -> WriteResult:
        self._tally.begin()
        try:
            # Before entering: a writer that was not listed reads the flag anew, and only then takes its state.
            self._require_registration(writes=True)
            write, bound = self._enter(asked)
        except BaseException:
            self._tally.end(Fate.REFUSED)
            raise
        self._lead_or_keep(write, bound)
        self._gate.leave(write.gate_pass)
        fate = self._follow(write)
        return WriteResult(timestamp_us=write.mutation.timestamp_us, state=write.state, follower=fate)

    def _enter(self, asked: Asked) -> "tuple[Unsent, BoundStatement]":
        """Take the state of the flag and a timestamp, and journal the write with it; bound for its leader."""
        gate_pass, state = self._gate.enter()
        try:
            barrier_us = state.barrier_us if state.mode.needs_barrier else None
            reserved_us = RESERVED_US if asked.has_lists else 0
            mutation = asked.at(self._clock.next_us(barrier_us=barrier_us, reserved_us=reserved_us))
            plan = plan_of(state.mode)
            # An unknown table and a bad value show before anything is kept.
            bound = self._bind(plan.leader, mutation)
            entry_id = self._append(asked, mutation, state) if plan.journalled else 0
        except BaseException:
            self._gate.leave(gate_pass)
            raise
        lane = lane_of(asked.shape, asked.partition)
        write = Unsent(
            entry_id=entry_id,
            mutation=mutation,
            state=state,
            gate_pass=gate_pass,
            partition=asked.partition,
            lane=lane,
        )
        return write, bound

    def _append(self, asked: Asked, mutation: Mutation, state: FlagState) -> int:
        at_us = mutation.timestamp_us
        payload = {**asked.body, "timestamp_us": str(at_us), "state": state.to_json()}
        return self._journal.append(payload, timestamp_us=at_us)

    def _apply(self, store: StoreName, mutation: Mutation, bound: "BoundStatement | None" = None) -> None:
        self.stores[store].apply_to(self._tables[mutation.table], mutation, bound=bound)

    def _bind(self, leader: StoreName, mutation: Mutation) -> "BoundStatement":
        try:
            return self.stores[leader].bind(mutation)
        except BINDING_FAILURES as error:
            raise WriteRefusedError(f"table {mutation.table}: the driver can't bind the values: {error}") from error

    def _lead_or_keep(self, write: Unsent, bound: "BoundStatement") -> None:
        try:
            self._lead(write, bound)
        except BaseException as error:
            # What is still in the journal may have taken place: it keeps its pass until that is known, so that no
            # stage goes on before.
            if self._journal.holds(write.entry_id):
                self._keep(write)
            else:
                self._gate.leave(write.gate_pass)
                self._tally.end(Fate.REFUSED if isinstance(error, RecordFailedError) else Fate.FAILED_AT_LEADER)
            raise

    def _lead(self, write: Unsent, bound: "BoundStatement") -> None:
        """Record if the mode asks for it, and write to the leader until its answer is known."""
        plan = plan_of(write.state.mode)
        try:
            self._delivery.record(write)
        except driver_failures() as error:
            if write.mutation.deletes and not isinstance(error, StoreAwayError) and not refused_for_good(error):
                # It may be recorded, and what is recorded as deleted, the recopy and the backfill delete.
                raise self._unknown(write, error, whose="recorded on the source") from error
            self._journal.mark_done(write.entry_id)
            raise RecordFailedError(
                f"table {write.mutation.table}: the key could not be recorded on the source, so nothing was written "
                f"({type(error).__name__}: {error})"
            ) from error
        try:
            self._apply(plan.leader, write.mutation, bound)
        except driver_failures() as error:
            if not plan.journalled:
                raise  # as without this library: its caller knows what an answer that does not come means
            if refused_for_good(error):
                self._journal.mark_done(write.entry_id)
                raise
            self._resolve(write, error)
        if plan.journalled and plan.follower is not None:
            self._journal.mark_leader_done(write.entry_id)
        elif plan.journalled:
            self._journal.mark_done(write.entry_id)

    def _resolve(self, write: Unsent, error: Exception) -> None:
        """Repeat a write whose outcome is unknown; with its timestamp it can only have taken place once."""
        deadline = time.monotonic() + self.settings.resolve_timeout_s
        pause_s = max(0.1, apart_s(self._now_us() - write.mutation.timestamp_us))
        while time.monotonic() + pause_s < deadline and not self._stop.wait(pause_s):
            age_us = self._now_us() - write.mutation.timestamp_us
            pause_s = max(min(2 * pause_s, 1.0), apart_s(age_us))
            try:
                self._apply(plan_of(write.state.mode).leader, write.mutation)
            except driver_failures() as again:
                error = again
            else:
                return
        raise self._unknown(write, error, whose="made by the leader") from error

    def _unknown(self, write: Unsent, error: Exception, *, whose: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(
            f"table {write.mutation.table}, key {write.mutation.key!r}: whether the write was {whose} is unknown "
            f"({type(error).__name__}: {error}). It is in the journal and will be made in both stores.",
            entry_id=write.entry_id,
            timestamp_us=write.mutation.timestamp_us,
        )

    def _follow(self, write: Unsent) -> FollowerFate:
        plan = plan_of(write.state.mode)
        if plan.follower is None:
            self._tally.end(Fate.RECORDED if plan.records_writes else Fate.SINGLE_STORE)
            return FollowerFate.NONE
        if not self.settings.follower.waits(write.state):
            self._keep(replace(write, gate_pass=None))
            return FollowerFate.QUEUED
        try:
            self._apply(plan.follower, write.mutation)
        except BaseException as error:
            kept = replace(write, gate_pass=None)
            if isinstance(error, delivery_failures()):
                self._keep(kept.failed(failure_of(error, store=plan.follower)))
                return FollowerFate.JOURNALLED
            self._keep(kept)
            raise
        self._journal.mark_done(write.entry_id)
        self._tally.end(Fate.BOTH)
        return FollowerFate.ACKNOWLEDGED

    def _keep(self, write: Unsent) -> None:
        self._tally.keep()  # first: from then on the background thread may settle it
        self._unsent.add(write)

    def _deliver_again(self, write: Unsent) -> tuple[Unsent, Failure | None]:
        plan = plan_of(write.state.mode)
        store, failures = StoreName.SOURCE, delivery_failures()
        try:
            if write.gate_pass is not None:
                # It is recorded again too: the process may have died between its journal and the record.
                self._delivery.record(write)
        except failures as error:
            # Nothing says that the leader refuses it.
            return write, replace(failure_of(error, store=store), for_good=False)
        try:
            if write.gate_pass is not None:
                store = plan.leader
                self._delivery.lead_again(write)
                self._gate.leave(write.gate_pass)
                write = replace(write, gate_pass=None, attempts=0, failure=None)
            store = plan.follower or store
            if store is StoreName.TARGET and write.is_too_old(now_us=self._now_us()):
                text = "older than 47 hours: the target takes no such timestamp"
                return write, Failure(reason=ReasonClass.OTHER, text=text, for_good=False)
            self._delivery.follow_again(write)
        except failures as error:
            return write, failure_of(error, store=store)
        self._journal.mark_done(write.entry_id)
        self._tally.settle(Fate.RECORDED if plan.follower is None else Fate.BOTH)
        return write, None

    def _postman_of(self, outbox: Outbox) -> Postman:
        return Postman(
            outbox=outbox,
            journal=self._journal,
            tables=self._tables,
            migration=self.settings.migration,
            writer_id=self.settings.writer_id,
            now_us=self._now_us,
        )

    def _send_letters(self, writes: Sequence[Unsent]) -> tuple[set[int], str | None]:
        if self._postman is None:
            return set(), None
        acknowledged, problem = self._postman.send(writes)
        for write in writes:
            if write.entry_id in acknowledged:
                self._gate.leave(write.gate_pass)
                self._tally.settle(Fate.LETTER)
        return acknowledged, problem

    def _take_up(self) -> None:
        for write in reversed(list(self._delivery.left_behind())):
            self._tally.take_up()
            self._unsent.add(write)

    def _require_registration(self, *, writes: bool) -> None:
        # Once the target leads, the source, where the registrations are, must not be able to stop a write; and a writer
        # that nobody sees then still writes to both.
        mode = self._flag.current().mode
        if not mode.target_leads:
            self._registration.require_lease(journalled=writes and plan_of(mode).journalled)

    def _beat(self) -> None:
        while not self._stop.wait(self.settings.heartbeat_interval_s):
            try:
                self._journal.flush()
                self._registration.beat()
            except heartbeat_failures() as error:
                _log.warning("no heartbeat of writer %s: %s", self.settings.writer_id, error)
            except Exception:  # noqa: BLE001 -- it may not end the thread by which stages see this writer
                _log.exception("no heartbeat of writer %s", self.settings.writer_id)

    def __enter__(self) -> Self:
        """Open."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def default_writer_id(application: str, number: int = 0) -> str:
    """Return a name for the writer: host, application and a number that tells processes on one host apart."""
    return f"{socket.gethostname()}/{application}/{number}"
