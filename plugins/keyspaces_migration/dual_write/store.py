"""One of the two stores, as a writer uses it."""

import logging
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.errors import StoreAwayError
from keyspaces_migration.dual_write.late_session import LateSession
from keyspaces_migration.dual_write.lists import list_step_us, lists_in
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.newest import Newest
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import Statement, mutation_statement, select_range_keys, select_row

if TYPE_CHECKING:
    from cassandra.cluster import Session
    from cassandra.query import BoundStatement, PreparedStatement

_log = logging.getLogger(__name__)

PREPARED_MOST = 1_000
"""Prepared statements that a store keeps."""


class StoreName(StrEnum):
    """Which of the two."""

    SOURCE = "SOURCE"
    TARGET = "TARGET"


class Store:
    """A keyspace of a cluster, reached through a session of the driver. The session stays its owner's.

    Errors of statements are the driver's own. The session's default profile decides on the time-out, and on the
    consistency of the application's own reads; writes, and reads that this library rests on, have the store's.
    """

    def __init__(
        self,
        *,
        name: StoreName,
        session: "Session | LateSession",
        keyspace: str,
        consistency: str = "LOCAL_QUORUM",
        now_us: Callable[[], int] = system_now_us,
    ) -> None:
        """Keep what is needed.

        Args:
            name: Which of the two.
            session: Open; or, of a store without which the application is to start, one that is opened when needed.
            keyspace: Of the tables.
            consistency: Name of the driver's level. Keyspaces takes no other than LOCAL_QUORUM for writes. Where the
                source has several data centres whose applications are to see one another's records, it is QUORUM.
            now_us: Microseconds since 1970.
        """
        self._now_us = now_us
        self.name = name
        self._session = session
        self.keyspace = keyspace
        self._consistency = consistency
        self._prepared: Newest[PreparedStatement] = Newest(PREPARED_MOST, on_first_loss=self._warn)

    @property
    def session(self) -> "Session":
        """The session.

        Raises:
            StoreAwayError: It is opened late, and can't be opened now.
        """
        return self._session.get() if isinstance(self._session, LateSession) else self._session

    def age_us(self, timestamp_us: int) -> int:
        """Return how long ago a timestamp was by this store's clock, in microseconds."""
        return self._now_us() - timestamp_us

    def by_clock(self, ahead_us: int) -> "Store":
        """Return this store, with times to live reckoned by a clock that is so many microseconds ahead."""
        if not ahead_us:
            return self
        other, now_us = copy(self), self._now_us
        other._now_us = lambda: now_us() + ahead_us  # noqa: SLF001 -- it is one of these
        return other

    def prepare(self, cql: str, *, by_session: bool = False) -> "PreparedStatement":
        """Return the prepared statement of a text, which is prepared once while it is among the 1,000 used last.

        Args:
            cql: The text.
            by_session: Whether the session's default profile decides on its consistency.
        """
        if (found := self._prepared.get(cql)) is not None:
            return found
        statement = self.session.prepare(cql)
        # All statements of this room bind their timestamps: sent twice, they do what they do sent once.
        statement.is_idempotent = True
        if not by_session:
            # The driver's default, LOCAL_ONE, is refused by Keyspaces, and leaves a recorded key where nobody finds it.
            statement.consistency_level = consistency_level(self._consistency)
        return self._prepared.keep(cql, statement)

    def execute(self, statement: Statement) -> Any:  # noqa: ANN401 -- the driver's result set has no type
        """Prepare, bind and run a statement."""
        return self.session.execute(self.prepare(statement.cql).bind(statement.values))

    def bind(self, mutation: Mutation) -> "BoundStatement":
        """Prepare and bind a write without sending it: an unknown table or a bad value shows here."""
        statement = mutation_statement(self.keyspace, mutation, now_us=self._now_us())
        bound = self.prepare(statement.cql).bind(statement.values)
        # Sent again by the driver, at the same timestamp, a list would double.
        bound.is_idempotent = not any(isinstance(value, list) for value in mutation.columns.values())
        return bound

    def apply(self, mutation: Mutation, *, bound: "BoundStatement | None" = None) -> None:
        """Carry a write out and wait for the acknowledgement. Of a table with lists use `apply_to`.

        Args:
            mutation: The write.
            bound: What `bind` gave for it just now.
        """
        self.session.execute(self.bind(mutation) if bound is None else bound)

    def apply_to(
        self, shape: TableShape, mutation: Mutation, *, older_us: int = 0, bound: "BoundStatement | None" = None
    ) -> None:
        """Carry a write out as `apply`; lists for themselves where it may have been sent before.

        A delete of many rows is made row by row where the store refuses it as a whole. Amazon Keyspaces deletes at most
        1,000 rows with one statement, and only those that are there: row by row at the same timestamp is the same.

        Args:
            shape: Of the table.
            mutation: The write.
            older_us: By how much its age is to be taken for more, where it was sent before by another clock.
            bound: What `bind` gave for it just now.
        """
        lists = lists_in(shape, mutation.columns)
        if lists and (step_us := list_step_us(self._now_us() - mutation.timestamp_us + older_us)):
            self._apply_again(mutation, lists, step_us=step_us)
            return
        try:
            self.apply(mutation, bound=bound)
        except invalid_request():
            if not mutation.kind.deletes_many:
                raise
            for smaller in deletes_by_row(self, shape, mutation):
                self.apply(smaller)
            # What is left is newer. Where few enough are, a row that comes late with an older timestamp still loses.
            with suppress(invalid_request()):
                self.apply(mutation)

    def _apply_again(self, mutation: Mutation, lists: Mapping[str, Any], *, step_us: int) -> None:
        others = {name: value for name, value in mutation.columns.items() if name not in lists}
        if others or mutation.kind is MutationKind.INSERT:
            self.apply(replace(mutation, columns=others))
        later = mutation.timestamp_us + step_us
        self.apply(replace(mutation, kind=MutationKind.UPDATE, columns=lists, timestamp_us=later))

    def read_row(self, shape: TableShape, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a row as a map of all its columns, or None where there is none."""
        found = self.execute(select_row(self.keyspace, shape, key)).one()
        return None if found is None else dict(zip(shape.columns, found, strict=True))

    def _warn(self) -> None:
        _log.warning(
            "keyspace %s of the %s: more than %d different statements were prepared; those that are not used are let "
            "go, and prepared anew when they come again. Bind values to markers (?) rather than write them into the "
            "text.",
            self.keyspace,
            self.name.value.lower(),
            PREPARED_MOST,
        )


def deletes_by_row(store: Store, shape: TableShape, mutation: Mutation) -> Iterator[Mutation]:
    """Yield the deletes of each row that a delete of many takes away from a store, and of the static columns."""
    if mutation.kind is MutationKind.DELETE_PARTITION and shape.static_columns:
        nulls = dict.fromkeys(shape.static_columns)
        yield replace(mutation, kind=MutationKind.UPDATE, columns=nulls)
    rows = store.execute(select_range_keys(store.keyspace, shape, mutation.key, mutation.bounds))
    for row in rows:
        # A partition of static columns only comes as a row whose clustering key is null.
        if row[-1] is not None:
            key = dict(zip(shape.primary_key, row, strict=True))
            yield replace(mutation, kind=MutationKind.DELETE_ROW, key=key, bounds=())


@dataclass(frozen=True, kw_only=True)
class Stores:
    """The two stores of a migration."""

    source: Store
    target: Store

    def __getitem__(self, name: StoreName) -> Store:
        """Return one by its name."""
        return self.source if name is StoreName.SOURCE else self.target


@cache
def consistency_level(name: str) -> int:
    """Return the driver's number of a consistency level."""
    from cassandra import ConsistencyLevel  # noqa: PLC0415 -- the driver is loaded only where it is needed

    return int(ConsistencyLevel.name_to_value[name])


@cache
def invalid_request() -> type[Exception]:
    """Return the class of the driver's errors for what a store refuses."""
    from cassandra import InvalidRequest  # noqa: PLC0415 -- the driver is loaded only where it is needed

    refused: type[Exception] = InvalidRequest
    return refused


@cache
def driver_failures() -> tuple[type[Exception], ...]:
    """Return every class of errors for what a store did or did not do: the driver's, and that it is not open."""
    from cassandra import DriverException  # noqa: PLC0415 -- the driver is loaded only where it is needed
    from cassandra.cluster import NoHostAvailable  # noqa: PLC0415
    from cassandra.connection import ConnectionException  # noqa: PLC0415
    from cassandra.protocol import ErrorMessage  # noqa: PLC0415

    return DriverException, NoHostAvailable, ConnectionException, ErrorMessage, StoreAwayError


BINDING_FAILURES: tuple[type[Exception], ...] = (TypeError, ValueError, KeyError, struct.error)
"""What the driver raises for values that a column's type can't hold: the two stores may disagree on a type."""


@cache
def delivery_failures() -> tuple[type[Exception], ...]:
    """Return every class by which sending a write, bound or not, can fail. Loads the driver."""
    return (*driver_failures(), *BINDING_FAILURES)


def refused_for_good(error: Exception) -> bool:
    """Whether an error says that the write did not take place, rather than that nobody knows."""
    from cassandra import RequestValidationException  # noqa: PLC0415 -- the driver is loaded only where it is needed

    return isinstance(error, RequestValidationException)
