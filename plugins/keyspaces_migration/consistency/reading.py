"""Reads one table of one store: thousands of point reads in flight, and every failure kept beside its key.

"Could not look" is a value here and never an exception, so that it cannot be taken for "no row".
"""

import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ResultSet, Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import PreparedStatement, tuple_factory

from keyspaces_migration.clients.translation import DRIVER_ERRORS
from keyspaces_migration.consistency.kinds import Store
from keyspaces_migration.consistency.pace import ReadPace, row_bytes
from keyspaces_migration.consistency.results import StoreReads
from keyspaces_migration.consistency.shape import TableShape
from keyspaces_migration.consistency.windows import Window
from keyspaces_migration.cql.identifiers import quote

Row = tuple[object, ...]
Key = tuple[object, ...]

# Keyspaces has LOCAL_QUORUM and no QUORUM; on the source QUORUM sees every write that was acknowledged at QUORUM.
_CONSISTENCY = {Store.SOURCE: ConsistencyLevel.QUORUM, Store.TARGET: ConsistencyLevel.LOCAL_QUORUM}
# What binding raises for a value that the column's type cannot hold.
_UNBINDABLE = (TypeError, ValueError, OverflowError, struct.error)


@dataclass(frozen=True, slots=True)
class CouldNotLook:
    """Nothing is known about what was asked for."""

    store: Store
    reason: str

    def __str__(self) -> str:
        return f"{self.store.value}: {self.reason}"


Look = Row | CouldNotLook | None
"""A row, that there is none, or that nobody knows."""


class StoreReader:
    """Reads a table with sessions of its caller's. Statements are prepared when first needed.

    Rows are in the order of `TableShape.selected`, with the lives of `dated_columns` behind. Errors that are not
    the store's own are raised as they are.
    """

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        session: Session,
        *,
        store: Store,
        keyspace: str,
        shape: TableShape,
        concurrency: int = 128,
        page_rows: int = 1_000,
        pace: ReadPace | None = None,
    ) -> None:
        """Keep what is needed.

        Args:
            session: Of the store; its execution profile's load balancing, time-out and retries are used.
            store: Source or target; decides the consistency level.
            keyspace: Of the table.
            shape: Of the table.
            concurrency: How many reads are in flight.
            page_rows: Rows in a page of a partition or window.
            pace: Meters and slows all reads; None: as fast as it goes.
        """
        self._pace = pace or ReadPace(units_per_s=None, clock=time.monotonic, wait=time.sleep)
        self._session = session
        self._store = store
        self._keyspace = keyspace
        self._shape = shape
        self._concurrency = concurrency
        self._page_rows = page_rows
        self._prepared: dict[str, PreparedStatement] = {}

    @property
    def reads(self) -> StoreReads:
        """What was read so far."""
        return self._pace.reads

    def read_rows(self, keys: Sequence[Key]) -> list[Look]:
        """Read rows by primary key, in the order of the keys."""
        where = f" WHERE {_equal(self._shape.primary_key)}"
        looks = self._read_one_each(self._select_rows() + where, keys)
        return [self._with_lives(look) if isinstance(look, tuple) else look for look in looks]

    def read_write_times(self, keys: Sequence[Key]) -> list[Look]:
        """Read the WRITETIME of `TableShape.dated_columns` (microseconds since 1970, None for null) by primary key."""
        columns = _columns(self._shape.dated_columns, function="WRITETIME")
        text = f"SELECT {columns} FROM {self._table} WHERE {_equal(self._shape.primary_key)}"  # noqa: S608 # names are quoted
        return self._read_one_each(text, keys)

    def read_statics(self, partitions: Sequence[Key]) -> list[Look]:
        """Read the static columns of partitions; None where the partition does not exist."""
        columns = _columns((*self._shape.partition_key, *self._shape.static_columns))
        where = _equal(self._shape.partition_key)
        # Keyspaces has no SELECT DISTINCT; static values come with each row, and with none of its partition's.
        found = self._read_one_each(f"SELECT {columns} FROM {self._table} WHERE {where} LIMIT 1", partitions)  # noqa: S608 # names are quoted
        skipped = len(self._shape.partition_key)
        return [look[skipped:] if isinstance(look, tuple) else look for look in found]

    def read_partitions(self, partitions: Sequence[Key]) -> list[tuple[Row, ...] | CouldNotLook]:
        """Read whole partitions, in the order given. A partition of static values alone is one row with null keys."""
        text = self._select_rows() + f" WHERE {_equal(self._shape.partition_key)}"
        return [
            look if isinstance(look, CouldNotLook) else tuple(map(self._with_lives, look))
            for look in self._read_many_each(text, partitions)
        ]

    def read_window(self, window: Window) -> Iterator[Row | CouldNotLook]:
        """Yield the rows of a window in token order, and `CouldNotLook` once, as the last, if it ends too early."""
        token = f"TOKEN({', '.join(quote(name) for name in self._shape.partition_key)})"
        text = self._select_rows() + f" WHERE {token} > ? AND {token} <= ?"
        try:
            for bounds in window.ranges:
                statement = self._prepare(text)
                self._pace.before(1)
                found = self._session.execute(statement, bounds, execution_profile=self._profile)
                yield from map(self._with_lives, self._all_pages(found))
        except DRIVER_ERRORS as error:
            yield self._could_not_look(error)

    @cached_property
    def _table(self) -> str:
        return f"{quote(self._keyspace)}.{quote(self._shape.name)}"

    @cached_property
    def _profile(self) -> Any:  # noqa: ANN401 # the driver ships no types
        return self._session.execution_profile_clone_update(
            EXEC_PROFILE_DEFAULT, row_factory=tuple_factory, consistency_level=_CONSISTENCY[self._store]
        )

    @cached_property
    def _has_lives(self) -> bool:
        """Whether times to live are read: the source's always, the target's where its table keeps any."""
        return self._store is Store.SOURCE or self._shape.expires

    def _select_rows(self) -> str:
        lives = _columns(self._shape.dated_columns, function="TTL") if self._has_lives else ""
        columns = ", ".join(part for part in (_columns(self._shape.selected), lives) if part)
        return f"SELECT {columns} FROM {self._table}"  # noqa: S608 # names are quoted

    def _with_lives(self, row: Row) -> Row:
        return row if self._has_lives else row + (None,) * len(self._shape.dated_columns)

    def _prepare(self, text: str) -> PreparedStatement:
        if text not in self._prepared:
            statement = self._session.prepare(text)
            statement.is_idempotent = True
            statement.fetch_size = self._page_rows
            self._prepared[text] = statement
        return self._prepared[text]

    def _read_one_each(self, text: str, keys: Sequence[Key]) -> list[Look]:
        return [
            look if isinstance(look, CouldNotLook) else next(iter(look), None)
            for look in self._read_many_each(text, keys)
        ]

    def _read_many_each(self, text: str, keys: Sequence[Key]) -> Iterator[list[Row] | CouldNotLook]:
        if not keys:
            return
        try:
            statement = self._prepare(text)
        except DRIVER_ERRORS as error:
            yield from [self._could_not_look(error)] * len(keys)
            return
        at_once = self._pace.at_once or len(keys)
        for start in range(0, len(keys), at_once):
            some = keys[start : start + at_once]
            self._pace.before(len(some))
            results = execute_concurrent(
                self._session,
                [(statement, key) for key in some],
                concurrency=self._concurrency,
                raise_on_first_error=False,
                results_generator=True,
                execution_profile=self._profile,
            )
            for succeeded, found in results:
                yield self._rows_of(found) if succeeded else self._failure(found)

    def _rows_of(self, result: ResultSet) -> list[Row] | CouldNotLook:
        try:
            return list(self._all_pages(result))
        except DRIVER_ERRORS as error:
            return self._could_not_look(error)

    def _all_pages(self, result: ResultSet) -> Iterator[Row]:
        """Every row of every page. Keyspaces ends a page by bytes read, so one may be short or empty and not the last.

        The driver's own iteration recurses once an empty page, and so dies of a thousand of them.
        """
        while True:
            self._pace.after([sum(map(row_bytes, result.current_rows))])
            yield from result.current_rows
            if not result.has_more_pages:
                return
            self._pace.before(1)
            result.fetch_next_page()

    def _failure(self, error: Exception) -> CouldNotLook:
        if not isinstance(error, (*DRIVER_ERRORS, *_UNBINDABLE)):
            raise error
        return self._could_not_look(error)

    def _could_not_look(self, error: Exception) -> CouldNotLook:
        return CouldNotLook(self._store, f"{type(error).__name__}: {error}")


def _columns(names: Iterable[str], *, function: str = "") -> str:
    return ", ".join(f"{function}({quote(name)})" if function else quote(name) for name in names)


def _equal(names: Iterable[str]) -> str:
    return " AND ".join(f"{quote(name)} = ?" for name in names)
