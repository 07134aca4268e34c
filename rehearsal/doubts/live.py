"""A writer of both stores that goes on while they are checked: the target gets each write a moment after the source."""

from __future__ import annotations

import heapq
import random
import threading
import time
from typing import TYPE_CHECKING, Self

from keyspaces_migration.consistency.kinds import Store
from rehearsal.doubts.scenario import KEYSPACES, PARTITIONS, ROWS_A_PARTITION, TABLE

if TYPE_CHECKING:
    from types import TracebackType

    from cassandra.cluster import Session

_LONGEST_LAG_S = 0.3
_MOST_ROWS = 2 * ROWS_A_PARTITION
_DELETED = 0.2
_INSERT = f"INSERT INTO {{}}.{TABLE} (sensor, n, v) VALUES (%s, %s, %s) USING TIMESTAMP %s"  # noqa: S608 # ours
_DELETE = f"DELETE FROM {{}}.{TABLE} USING TIMESTAMP %s WHERE sensor = %s AND n = %s"  # noqa: S608 # ours


class LiveWriter:
    """Inserts, changes and deletes rows, each with one timestamp for both stores. A context manager.

    Attributes:
        written: How many writes both stores have taken.
    """

    def __init__(self, session: Session, *, writes_per_s: float, seed: int) -> None:
        self.written = 0
        self._session, self._pause_s = session, 1 / writes_per_s
        self._random = random.Random(seed)  # noqa: S311 # which row is written keeps no secret
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, once the target has all that the source has; raise what the writer failed of."""
        self._ended.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        late: list[tuple[float, int, str, tuple[object, ...]]] = []
        try:
            while not self._ended.is_set() or late:
                while late and (self._ended.is_set() or late[0][0] <= time.monotonic()):
                    _, _, statement, values = heapq.heappop(late)
                    self._session.execute(statement.format(KEYSPACES[Store.TARGET]), values)
                    self.written += 1
                if not self._ended.wait(self._pause_s):
                    statement, values = self._write()
                    self._session.execute(statement.format(KEYSPACES[Store.SOURCE]), values)
                    due = time.monotonic() + self._random.uniform(0, _LONGEST_LAG_S)
                    heapq.heappush(late, (due, time.monotonic_ns(), statement, values))
        except Exception as error:  # noqa: BLE001 # raised where the block ends
            self._failure = error

    def _write(self) -> tuple[str, tuple[object, ...]]:
        sensor, n = self._random.randrange(PARTITIONS), self._random.randrange(_MOST_ROWS)
        stamp = time.time_ns() // 1_000
        if self._random.random() < _DELETED:
            return _DELETE, (stamp, sensor, n)
        return _INSERT, (sensor, n, f"v{stamp}", stamp)
