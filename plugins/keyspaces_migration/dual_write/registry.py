"""Which writers there are, and what each of them has arrived at: their rows on the source cluster."""

import datetime as dt
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from keyspaces_migration.cql.json_scalars import EPOCH
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import CONTROL_KEYSPACE, WRITERS
from keyspaces_migration.dual_write.errors import DualWriteError, WriterNotRegisteredError
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.read_accounts import StoreReads, reads_from_counters, reads_to_counters
from keyspaces_migration.dual_write.recorded import RecordPlace
from keyspaces_migration.dual_write.statements import Statement, delete_text, insert_text, select_text, table_name
from keyspaces_migration.dual_write.store import Store, StoreName, driver_failures

if TYPE_CHECKING:
    from cassandra.cluster import Session

ROW_TTL_S = 60
"""How long a writer whose journal is empty stays in the table after its last heartbeat."""

UNSENT_ROW_TTL_S = 14 * 24 * 3600
"""How long one stays whose journal is not: its writes are missing on one side, and that must not go unnoticed."""

LEASE_S = 45.0
"""How long a writer writes after its last heartbeat. Shorter than its row lives, so what writes is listed."""

HEARTBEAT_INTERVAL_S = 5.0
MAX_HEARTBEAT_AGE_S = 20.0
"""An older heartbeat says nothing about now."""

_COLUMNS_READ = (
    "writer_id",
    "mode",
    "flag_version",
    "barrier_us",
    "target_read_percent",
    "host",
    "pid",
    "journal_depth",
    "parked",
    "follower_lag_ms",
    "oldest_unsent_at",
    "accounts",
    "reads_compared",
    "reads_differing",
    "reads_not_looked_at",
    "reads",
    "started_at",
    "heartbeat_at",
    "server_at",
)


@dataclass(frozen=True, kw_only=True)
class WriterReport:
    """What a writer says with a heartbeat.

    Attributes:
        settled: The state that all its work has arrived at.
        journal_depth: Writes that are not yet in both stores.
        parked: Those among them that are too old to be sent.
        oldest_unsent_us: Timestamp of the oldest write that the follower has not taken.
        flag_age_ms: Since when AppConfig has not confirmed the flag.
        accounts: What became of the writes of its process, as `Accounts.counters` gives it.
        reads_compared: Shadow reads of which both stores gave a clear answer.
        reads_differing: Those of them whose stores do not hold the same.
        reads_not_looked_at: Shadow reads that a store did not answer.
        reads: What became of the application's own reads, by store.
        started_us: When the counters began, by the writer's clock; None: it does not say.
    """

    settled: FlagState
    journal_depth: int
    parked: int
    oldest_unsent_us: int | None
    flag_age_ms: int
    accounts: Mapping[str, int] = field(default_factory=dict)
    reads_compared: int = 0
    reads_differing: int = 0
    reads_not_looked_at: int = 0
    reads: Mapping[StoreName, StoreReads] = field(default_factory=dict)
    started_us: int | None = None


@dataclass(frozen=True, kw_only=True)
class WriterRecord:
    """A writer as its row shows it.

    Attributes:
        clock_skew: How far its clock is ahead of the server's, the way of the heartbeat included.
        heartbeat_age: By the server's clock alone.
        accounts: What became of the writes of its process, by fate; `CALLS`, `TAKEN_UP` and `PENDING` among them.
        reads_compared: Shadow reads of which both stores gave a clear answer.
        reads_differing: Those of them whose stores do not hold the same.
        reads_not_looked_at: Shadow reads that a store did not answer.
        reads: What became of the application's own reads, by store; empty from a writer of an earlier release.
        started_at: When its counters began, by its own clock: where it is another than before, all of them began anew.
            None from a writer of an earlier release.
    """

    writer_id: str
    mode: WriteMode
    flag_version: int
    barrier_us: int | None
    target_read_percent: int
    host: str
    pid: int
    journal_depth: int
    parked: int
    follower_lag: dt.timedelta
    oldest_unsent_at: dt.datetime | None
    clock_skew: dt.timedelta
    heartbeat_age: dt.timedelta
    accounts: Mapping[str, int] = field(default_factory=dict)
    reads_compared: int = 0
    reads_differing: int = 0
    reads_not_looked_at: int = 0
    reads: Mapping[StoreName, StoreReads] = field(default_factory=dict)
    started_at: dt.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class MissingWriter:
    """A writer that is not where it should be, and why."""

    writer_id: str
    host: str
    pid: int
    reason: str

    def __str__(self) -> str:
        return f"{self.writer_id} (process {self.pid} on {self.host}): {self.reason}"


def heartbeat_failures() -> tuple[type[Exception], ...]:
    """Return every class by which a heartbeat can fail: the source, or the flag that it reads anew."""
    return (*driver_failures(), DualWriteError)


class Registration:
    """The row of one writer, renewed by heartbeats."""

    def __init__(  # noqa: PLR0913 -- what a heartbeat is made of
        self,
        *,
        source: Store,
        place: RecordPlace,
        report: Callable[[], WriterReport],
        refresh_flag: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        now_us: Callable[[], int] = system_now_us,
        lease_s: float = LEASE_S,
    ) -> None:
        self._source = source
        self._place = place
        self._report = report
        self._refresh_flag = refresh_flag
        self._clock = clock
        self._now_us = now_us
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._renewed_at: float | None = None
        self._kept = False
        self._appended = False
        self._failed: tuple[float, Exception] | None = None

    def beat(self) -> None:
        """Write the row. Errors are the driver's, or the flag's.

        A writer that was not listed for a while, or never, reads the flag again once it is: stages may have gone on
        without it. Whoever changes the flag after that sees it in the list.

        Raises:
            WriterNotRegisteredError: The row is not there once it is written: something newer hides it.
        """
        with self._lock:
            self._try_to_beat()

    def require_lease(self, *, journalled: bool) -> None:
        """Return if the registration is good, renewing it if it has run out.

        Args:
            journalled: Whether a write is about to be journalled: the row must then outlive this process, which may die
                before its next heartbeat says that there is something unsent.

        Raises:
            WriterNotRegisteredError: It has run out and the source does not take the heartbeat.
            FlagUnavailableError: It has run out and the flag can't be read again.
        """
        asked_at = self._clock()
        self._appended = self._appended or journalled
        if self._is_good(asked_at, journalled=journalled):
            return
        with self._lock:
            # Of many that wait one asks the source; the answer is the others' too.
            if self._is_good(self._clock(), journalled=journalled):
                return
            try:
                if self._failed is not None and self._failed[0] >= asked_at:
                    raise self._failed[1]
                self._try_to_beat()
            except driver_failures() as error:
                raise WriterNotRegisteredError(
                    f"writer {self._place.writer_id}: no heartbeat for {self._lease_s:.0f} s, and none is taken now "
                    f"({type(error).__name__}: {error}). Stages no longer wait for this writer, so it must not write."
                ) from error

    def _try_to_beat(self) -> None:
        try:
            self._beat()
        except heartbeat_failures() as error:
            self._failed = self._clock(), error
            raise

    def _beat(self) -> None:
        begun = self._clock()  # before the write, so that the lease ends before the row does
        lapsed = not self._is_good(begun)
        report = self._report()
        if not (self._appended or report.journal_depth):
            # First: who is about to journal a write sees that the row is no longer kept, or is seen in the next line.
            self._kept = False
        kept, self._appended = self._appended or report.journal_depth > 0, False
        self._source.execute(self._insert(report, ttl_s=UNSENT_ROW_TTL_S if kept else ROW_TTL_S))
        if lapsed:
            self._require_listed()
            self._refresh_flag()
        self._renewed_at, self._kept = begun, kept

    def _require_listed(self) -> None:
        """See the row itself: one that was taken away by a clock that is ahead hides it until that time has come."""
        key = {"migration": self._place.migration, "writer_id": self._place.writer_id}
        cql = select_text(table_name(self._place.keyspace, WRITERS), ("host", "pid"), tuple(key))
        row = self._source.execute(Statement(cql=cql, values=tuple(key.values()))).one()
        if row is None or (row.host, row.pid) != (socket.gethostname(), os.getpid()):
            found = "it is not there" if row is None else f"it is that of process {row.pid} on {row.host}"
            raise WriterNotRegisteredError(
                f"writer {self._place.writer_id}: its row was written, and {found}. A row, or its removal, by a clock "
                "that is ahead of this machine's hides it until then, or another process has the same id. Mend the "
                "time services, give each process an id of its own, and try again."
            )

    def remove(self) -> None:
        """Take the row away: the writer has ended and left nothing unsent. Errors are the driver's."""
        table = table_name(self._place.keyspace, WRITERS)
        cql = delete_text(table, ("migration", "writer_id"))
        self._source.execute(Statement(cql=cql, values=(self._place.migration, self._place.writer_id)))

    def _is_good(self, now: float, *, journalled: bool = False) -> bool:
        recent = self._renewed_at is not None and now - self._renewed_at < self._lease_s
        return recent and (self._kept or not journalled)

    def _insert(self, report: WriterReport, *, ttl_s: int) -> Statement:
        # The clock that stamps writes: stages judge by it how far writers are apart.
        now = _moment(self._now_us())
        oldest = None if report.oldest_unsent_us is None else _moment(report.oldest_unsent_us)
        values = {
            "migration": self._place.migration,
            "writer_id": self._place.writer_id,
            "mode": report.settled.mode.value,
            "flag_version": report.settled.version,
            "barrier_us": report.settled.barrier_us,
            "target_read_percent": report.settled.target_read_percent,
            "heartbeat_at": now,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "journal_depth": report.journal_depth,
            "parked": report.parked,
            "follower_lag_ms": 0 if oldest is None else (now - oldest) // dt.timedelta(milliseconds=1),
            "oldest_unsent_at": oldest,
            "flag_age_ms": report.flag_age_ms,
            "accounts": dict(report.accounts),
            "reads_compared": report.reads_compared,
            "reads_differing": report.reads_differing,
            "reads_not_looked_at": report.reads_not_looked_at,
            "reads": reads_to_counters(report.reads),
            "started_at": None if report.started_us is None else _moment(report.started_us),
        }
        table = table_name(self._place.keyspace, WRITERS)
        # The server's own time beside the writer's: the difference is the writer's skew.
        cql = f"{insert_text(table, values, server_time='server_at')} USING TTL ?"
        return Statement(cql=cql, values=(*values.values(), ttl_s))


def list_writers(session: "Session", migration: str, *, keyspace: str = CONTROL_KEYSPACE) -> tuple[WriterRecord, ...]:
    """Return the registered writers of a migration, by id. Errors are the driver's."""
    selectors = (*_COLUMNS_READ, "toTimestamp(now()) AS seen_at")
    statement = session.prepare(select_text(table_name(keyspace, WRITERS), selectors, ("migration",)))
    return tuple(
        WriterRecord(
            writer_id=row.writer_id,
            mode=WriteMode(row.mode),
            flag_version=row.flag_version,
            barrier_us=row.barrier_us,
            target_read_percent=row.target_read_percent,
            host=row.host,
            pid=row.pid,
            journal_depth=row.journal_depth,
            parked=row.parked,
            follower_lag=dt.timedelta(milliseconds=row.follower_lag_ms),
            oldest_unsent_at=row.oldest_unsent_at,
            clock_skew=row.heartbeat_at - row.server_at,
            heartbeat_age=row.seen_at - row.server_at,
            accounts=dict(row.accounts or {}),
            reads_compared=row.reads_compared or 0,
            reads_differing=row.reads_differing or 0,
            reads_not_looked_at=row.reads_not_looked_at or 0,
            reads=reads_from_counters(row.reads or {}),
            started_at=row.started_at,
        )
        for row in session.execute(statement.bind((migration,)))
    )


def missing_writers(
    writers: Iterable[WriterRecord],
    wanted: FlagState,
    *,
    max_heartbeat_age: dt.timedelta = dt.timedelta(seconds=MAX_HEARTBEAT_AGE_S),
) -> tuple[MissingWriter, ...]:
    """Return the writers that have not arrived at `wanted`, each with the reason; empty when all have.

    No writers at all gives an empty answer too: the caller says how many it expects.
    """
    found = ((writer, _why_missing(writer, wanted, max_heartbeat_age)) for writer in writers)
    return tuple(
        MissingWriter(writer_id=writer.writer_id, host=writer.host, pid=writer.pid, reason=reason)
        for writer, reason in found
        if reason is not None
    )


def forget_writer(session: "Session", migration: str, writer_id: str, *, keyspace: str = CONTROL_KEYSPACE) -> None:
    """Take away the row of a writer that will not come back, such as one whose host is lost.

    What its journal held may be missing in one store: run the consistency check, with repair, afterwards.
    """
    statement = session.prepare(delete_text(table_name(keyspace, WRITERS), ("migration", "writer_id")))
    session.execute(statement.bind((migration, writer_id)))


def _why_missing(writer: WriterRecord, wanted: FlagState, max_age: dt.timedelta) -> str | None:
    if writer.heartbeat_age > max_age:
        age_s = writer.heartbeat_age.total_seconds()
        if writer.journal_depth:
            return (
                f"last heard of {age_s:.0f} s ago, with {writer.journal_depth} unsent writes in its journal: start it "
                "again with its journal; if that is lost, forget the writer and repair by the consistency check"
            )
        return (
            f"last heard of {age_s:.0f} s ago: start it again with its journal. Where it wrote nothing in its last "
            "seconds, its row goes by itself in a minute"
        )
    if writer.mode is not wanted.mode:
        return f"still in {writer.mode} (flag version {writer.flag_version}); wanted {wanted.mode}"
    if writer.barrier_us != wanted.barrier_us:
        return f"has barrier {writer.barrier_us}; wanted {wanted.barrier_us}"
    if writer.flag_version != wanted.version:
        return f"has flag version {writer.flag_version}; wanted {wanted.version}"
    return None


def _moment(timestamp_us: int) -> dt.datetime:
    return EPOCH + dt.timedelta(microseconds=timestamp_us)
