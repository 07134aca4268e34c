"""Copies a query's result into a table: read ahead by one batch, bound, several writes at a time, memory flat."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cassandra.query import UNSET_VALUE, BoundStatement, PreparedStatement

from keyspaces_migration.clients.errors import StoreError
from keyspaces_migration.cql_access.access import CqlAccess
from keyspaces_migration.cql_access.errors import AccessCancelledError
from keyspaces_migration.cql_access.values import UNBINDABLE
from keyspaces_migration.transfer.errors import RowRefusedError
from keyspaces_migration.transfer.mapping import ColumnMapping
from keyspaces_migration.transfer.rows import Row, bindable, refusal, rows_of

if TYPE_CHECKING:
    import pyarrow as pa

OnRefusal = Callable[[RowRefusedError], None]


@dataclass(frozen=True, kw_only=True)
class Copied:
    """What became of the rows: all that were read were either written or refused."""

    read: int = 0
    written: int = 0
    refused: int = 0


def fail(error: RowRefusedError) -> None:
    """Take no refused row: the first one ends the copy."""
    raise error


@dataclass(kw_only=True)
class Copy:
    """One copy.

    The same rows copied again are the same writes, so throttled ones are tried again, and a copy that broke off is
    begun anew. Rows that somebody else wrote in between are overwritten.

    Attributes:
        access: To the table's store.
        mapping: Which column fills which.
        ttl_s: After how many seconds rows expire; None leaves it to the table.
        write_nulls: Whether a null empties its cell, or leaves it as it is.
        on_refusal: Takes rows that can't be written, or ends the copy by raising.
        on_progress: Is told how far it is, after each batch.
    """

    access: CqlAccess
    mapping: ColumnMapping
    ttl_s: int | None = None
    write_nulls: bool = True
    on_refusal: OnRefusal = fail
    on_progress: Callable[[Copied], None] = lambda _copied: None

    def __post_init__(self) -> None:
        self.so_far = Copied()

    def prepare(self) -> PreparedStatement:
        """Let the store look at the INSERT.

        Raises:
            StatementRefusedError: The store refuses it: a key's column is missing, or the table holds counters.
            CqlAccessError, StoreError: As `CqlAccess.prepare`.
        """
        prepared = self.access.prepare(self.mapping.insert(ttl_s=self.ttl_s))
        prepared.is_idempotent = True
        return prepared

    def run(self, batches: Iterable["pa.Table"]) -> Copied:
        """Write every row of the batches, which have the mapping's columns in order.

        Raises:
            RowRefusedError: As `on_refusal`.
            StoreError, AccessCancelledError: As `CqlAccess.each`; a note says how far it was.
        """
        prepared = self.prepare()
        try:
            for row, refused in self.access.each(self._requests(prepared, batches), repeatable=True):
                if refused is None:
                    self.so_far = replace(self.so_far, written=self.so_far.written + 1)
                else:
                    self._refuse(refusal(row, self.mapping, f"the table refuses it: {refused.found}"))
        except (StoreError, AccessCancelledError) as error:
            error.add_note(f"at least {self.so_far.written} rows were written, of {self.so_far.read} that were read")
            raise
        return self.so_far

    def _requests(
        self, prepared: PreparedStatement, batches: Iterable["pa.Table"]
    ) -> Iterator[tuple[Row, BoundStatement]]:
        null = None if self.write_nulls else UNSET_VALUE
        for batch in read_ahead(self.access, iter(batches)):
            for row in rows_of(batch, first=self.so_far.read + 1):
                self.so_far = replace(self.so_far, read=self.so_far.read + 1)
                try:
                    yield row, self._bound(prepared, row, null)
                except RowRefusedError as error:
                    self._refuse(error)
            self.on_progress(self.so_far)

    def _bound(self, prepared: PreparedStatement, row: Row, null: object) -> BoundStatement:
        values = bindable(row, self.mapping, null=null)
        try:
            return prepared.bind(values)
        except UNBINDABLE as error:
            raise refusal(row, self.mapping, f"the driver can't send it: {error}") from error

    def _refuse(self, error: RowRefusedError) -> None:
        self.so_far = replace(self.so_far, refused=self.so_far.refused + 1)
        self.on_refusal(error)


def read_ahead(access: CqlAccess, batches: Iterator[Any]) -> Iterator[Any]:
    """Yield what an iterator yields; it is asked in a thread of its own, for the next one while this one is used.

    Raises:
        AccessCancelledError: It was cancelled; the iterator may still be waiting for Snowflake.
    """
    wait_for = access.start(next, batches, None)
    while (batch := wait_for()) is not None:
        wait_for = access.start(next, batches, None)
        yield batch
