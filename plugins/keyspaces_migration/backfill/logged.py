"""The deletes that applications logged since RECORD, brought to what a load wrote: after each split, and at the end.

A load stamps B, and dual writes delete above B; yet Amazon Keyspaces does not say whether it keeps a delete of a row
that is not there yet. So every logged delete is applied again once the row that it deletes was written
(docs/adr/0021-logged-deletes.md).
"""

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from keyspaces_migration.backfill.confirmed import confirmed
from keyspaces_migration.backfill.deadline import barrier_moment
from keyspaces_migration.backfill.deletes import DeletesApplied, DeletesNotAppliedError, apply_deletes
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.write import Pacing
from keyspaces_migration.config import Migration
from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US
from keyspaces_migration.dual_write.control_tables import CONTROL_KEYSPACE
from keyspaces_migration.dual_write.recorded import RecordedKey, StoredRecord, iterate_recorded, iterate_stored
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import Store, StoreName
from keyspaces_migration.wire.driver_types import driver_type, serialise

if TYPE_CHECKING:
    from cassandra.cluster import Session

_OVERLAP = timedelta(minutes=5)
"""How far the clocks of writers may be off, and how long a record may be on its way: records that are read again."""
_SHARE = 4
"""Of the time, one part in so many may go into reading what is new in the log."""
_NEVER_READ_S = float("-inf")


@dataclass(frozen=True, kw_only=True)
class LoggedDeletes:
    """Applies the logged deletes of a migration's tables.

    Attributes:
        source: Session with the source cluster, where they are logged.
        target: Session with the target.
        clock: The time now, with a time zone.
    """

    source: "Session"
    target: "Session"
    migration: Migration
    barrier_us: int
    pacing: Pacing
    clock: Callable[[], datetime]
    control_keyspace: str = CONTROL_KEYSPACE
    _spools: dict[str, "_Spool"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def after_split(
        self, table: str, partitions: Collection[bytes], *, each_chunk: Callable[[], None] = lambda: None
    ) -> DeletesApplied:
        """Apply those of the partitions that a split has just written; they are named as by `partition_bytes`.

        Raises:
            DeletesNotAppliedError: The target did not take them. The split must not count as done.
            cassandra.DriverException: A store does not answer.
        """
        spool = self._spools.setdefault(table, _Spool(self._shape(table)))
        spool.read_new(self)
        return self._apply(table, spool.of(partitions), each_chunk=each_chunk)

    def at_end(self, table: str) -> DeletesApplied:
        """Apply all of a table, once nothing more is written to it by a load.

        Raises:
            DeletesNotAppliedError: The target did not take them; no count may be trusted.
            cassandra.DriverException: A store does not answer.
        """
        shape = self._shape(table)
        recorded = iterate_recorded(self.source, self.migration.name, shape, keyspace=self.control_keyspace)
        return self._apply(table, recorded, each_chunk=lambda: None)

    def _apply(self, table: str, recorded: Iterator[RecordedKey], *, each_chunk: Callable[[], None]) -> DeletesApplied:
        target = Target.of(self.migration, table)
        self._refuse_too_late(target)
        source = Store(name=StoreName.SOURCE, session=self.source, keyspace=self.migration.source.keyspace)
        recorded = confirmed(source, self._shape(table), recorded)
        return apply_deletes(
            self.target, target, recorded, barrier_us=self.barrier_us, pacing=self.pacing, each_chunk=each_chunk
        )

    def _refuse_too_late(self, target: Target) -> None:
        window = timedelta(microseconds=TARGET_WINDOW_US)
        age = self.clock() - barrier_moment(self.barrier_us)
        if age >= window:
            raise DeletesNotAppliedError(
                f"{target.address}: the barrier is {age / timedelta(hours=1):.1f} h old, and logged deletes have "
                f"timestamps from then on, which the target takes for {window / timedelta(hours=1):.0f} h only: rows "
                "that were deleted may be there. Load with order HISTORY_FIRST under a new barrier, which a migration "
                'of another name gets (docs/guides/dual-writes.md, "Beginning again")'
            )

    def _shape(self, table: str) -> TableShape:
        return TableShape.from_migration(table, self.migration.tables[table])

    def read(self, table: str, *, since: datetime | None) -> Iterator[StoredRecord]:
        """Yield what was logged of a table."""
        return iterate_stored(self.source, self.migration.name, table, since=since, keyspace=self.control_keyspace)


def partition_bytes(shape: TableShape, record: RecordedKey) -> bytes:
    """Return a partition key as a load's frames have it: of each value its length in four bytes, and its bytes."""
    values = [serialise(record.key[name], driver_type(shape.columns[name])) for name in shape.partition_keys]
    return b"".join(len(value).to_bytes(4, "big") + value for value in values)


class _Spool:
    """The deletes of one table in a file of this process, by partition, so that each is read from the source once.

    They may be more than memory holds; SQLite's unnamed database is a file that goes with the process.
    """

    def __init__(self, shape: TableShape) -> None:
        self._shape = shape
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute(
            "CREATE TABLE deletes (seq BLOB PRIMARY KEY, partition BLOB NOT NULL, record TEXT NOT NULL) WITHOUT ROWID"
        )
        self._connection.execute("CREATE INDEX by_partition ON deletes (partition)")
        self._connection.execute("CREATE TEMP TABLE wanted (partition BLOB PRIMARY KEY) WITHOUT ROWID")
        self._began: datetime | None = None
        self._ended_s = _NEVER_READ_S
        self._took_s = 0.0

    def read_new(self, logged: LoggedDeletes) -> None:
        """Read what was logged since the last time.

        A long log is read less often, so that it does not stop the load: what is missed is applied at the end.
        """
        began_s = time.monotonic()
        if began_s - self._ended_s < _SHARE * self._took_s:
            return
        began, since = logged.clock(), None if self._began is None else self._began - _OVERLAP
        deletes = (stored for stored in logged.read(self._shape.name, since=since) if stored.is_delete)
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR IGNORE INTO deletes VALUES (?, ?, ?)", map(self._row, deletes))
        self._connection.execute("COMMIT")
        self._began, self._ended_s = began, time.monotonic()
        self._took_s = self._ended_s - began_s

    def of(self, partitions: Collection[bytes]) -> Iterator[RecordedKey]:
        """Yield the deletes of some partitions."""
        self._connection.execute("DELETE FROM wanted")
        self._connection.executemany("INSERT INTO wanted VALUES (?)", ((each,) for each in partitions))
        found = "SELECT seq, record FROM wanted JOIN deletes USING (partition) ORDER BY partition"
        with closing(self._connection.execute(found)) as rows:
            for seq, record in rows:
                yield _from_text(seq, record).decoded(self._shape)

    def _row(self, stored: StoredRecord) -> tuple[bytes, bytes, str]:
        return stored.seq.bytes, partition_bytes(self._shape, stored.decoded(self._shape)), _text(stored)


def _text(stored: StoredRecord) -> str:
    return json.dumps(
        [
            stored.kind,
            stored.mode,
            stored.key_json,
            stored.bounds_json,
            stored.deleted_columns,
            stored.timestamp_us,
        ]
    )


def _from_text(seq: bytes, text: str) -> StoredRecord:
    kind, mode, key_json, bounds_json, deleted_columns, timestamp_us = json.loads(text)
    return StoredRecord(
        seq=UUID(bytes=seq),
        kind=kind,
        mode=mode,
        key_json=key_json,
        bounds_json=bounds_json,
        deleted_columns=tuple(deleted_columns),
        timestamp_us=timestamp_us,
    )
