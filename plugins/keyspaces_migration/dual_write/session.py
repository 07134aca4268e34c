"""An application's own CQL over both stores: prepare and execute, as with the driver's session."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from keyspaces_migration.cql.cursor import Cursor
from keyspaces_migration.dual_write.cql_reads import CompiledRead, compile_read
from keyspaces_migration.dual_write.cql_values import GivenValues, in_order
from keyspaces_migration.dual_write.cql_writes import BoundWrite, CompiledWrites, compile_writes
from keyspaces_migration.dual_write.errors import DualWriteError, PartlyWrittenError
from keyspaces_migration.dual_write.newest import Newest
from keyspaces_migration.dual_write.store import driver_failures

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import TracebackType

    from keyspaces_migration.dual_write.asked import Asked
    from keyspaces_migration.dual_write.writer import DualWriter, WriteResult

_log = logging.getLogger(__name__)

STATEMENTS_MOST = 1_000
"""Statements that a session keeps understood."""


@dataclass(frozen=True, kw_only=True)
class DualStatement:
    """A statement that is understood, to be executed as often as wanted."""

    cql: str
    what: CompiledWrites | CompiledRead


class DualSession:
    """Sends an application's statements on the migration's tables where the flag says. May be used by several threads.

    INSERT, UPDATE, DELETE and batches become writes of the `DualWriter`, with its timestamps and its journal. SELECT is
    sent as it is to the store that the flag gives its partition; one that names no single partition is read from the
    source until all reads go to the target. Statements on other tables belong to the application's own session.
    """

    def __init__(self, writer: DualWriter, *, keyspaces: Collection[str] = (), threads: int = 32) -> None:
        """Keep what is needed.

        Args:
            writer: Open; it stays its owner's.
            keyspaces: Other names by which statements call the tables' keyspace; those of both stores are known.
            threads: How many calls of `execute_async` run at once.
        """
        stores = writer.stores
        self._writer = writer
        self._keyspaces = {*keyspaces, stores.source.keyspace, stores.target.keyspace}
        self._statements: Newest[DualStatement] = Newest(STATEMENTS_MOST, on_first_loss=_warn)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dual-session")
        self._unset = _unset()

    def prepare(self, cql: str) -> DualStatement:
        """Understand a statement; each text once while it is among the 1,000 used last.

        Raises:
            WriteRefusedError: It can't be dual-written, or names none of the migration's tables. See the message.
        """
        if (found := self._statements.get(cql)) is None:
            compiler = compile_read if Cursor(cql).at_word("SELECT") else compile_writes
            what = compiler(cql, tables=self._writer.tables, keyspaces=self._keyspaces)
            found = self._statements.keep(cql, DualStatement(cql=cql, what=what))
        return found

    def execute(self, statement: DualStatement | str, values: GivenValues = None) -> Any:  # noqa: ANN401 -- the driver's result set has no type
        """Execute a statement with its values, in the order of its markers or by their names.

        Returns:
            Of a SELECT the driver's result set; of a write one `WriteResult` for each write that it became.

        Raises:
            WriteRefusedError: The statement, or its values, can't be dual-written; nothing was written.
            PartlyWrittenError: Some of the writes of a statement were made and then a store, or the journal, failed.
            Others: As `DualWriter.insert`; of a SELECT the driver's.
        """
        asked = self.prepare(statement) if isinstance(statement, str) else statement
        given = in_order(asked.what.markers, values)
        if isinstance(asked.what, CompiledRead):
            return self._read(asked.what, given)
        return self._write_all(asked.what, given)

    async def execute_async(self, statement: DualStatement | str, values: GivenValues = None) -> Any:  # noqa: ANN401 -- as `execute`
        """Execute a statement as `execute` does, without blocking the event loop.

        A call that is cancelled while it runs still runs to its end: its write is in the journal.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(self.execute, statement, values))

    def close(self) -> None:
        """Wait for calls of `execute_async` that are under way. Writer, sessions and flag stay open."""
        self._pool.shutdown()

    def _read(self, read: CompiledRead, values: tuple[object, ...]) -> Any:  # noqa: ANN401 -- as `execute`
        table = read.shape.name
        name = self._writer.route(table, read.partition_key(values))
        store = self._writer.stores[name]
        with self._writer.counted_read(name):
            found = store.session.execute(store.prepare(read.text(store.keyspace), by_session=True).bind(values))
        if (key := read.row_key(values)) is not None:
            self._writer.note_read(table, key)
        return found

    def _write_all(self, compiled: CompiledWrites, values: tuple[object, ...]) -> tuple[WriteResult, ...]:
        bound = [template.bind(values, unset=self._unset) for template in compiled.writes]
        writes = [self._ask(write) for write in bound if write is not None]
        if len(writes) > 1:
            # What the driver can't bind shows before the first of them is made, too.
            for write in writes:
                self._writer.check(write)
        done: list[WriteResult] = []
        failures: tuple[type[Exception], ...] = (DualWriteError, *driver_failures())
        for write in writes:
            try:
                done.append(self._writer.make(write))
            except failures as error:
                if not done:
                    raise
                raise PartlyWrittenError(
                    f"{len(done)} of {len(writes)} writes of one statement were made; then that of table "
                    f"{write.shape.name}, key {write.key!r}, failed ({type(error).__name__}: {error}). Execute the "
                    "statement again: what is written again is the same."
                ) from error
        return tuple(done)

    def _ask(self, write: BoundWrite) -> Asked:
        return self._writer.ask(
            write.table,
            write.kind,
            write.key,
            write.columns,
            bounds=write.bounds,
            elements=write.elements,
            ttl_s=write.ttl_s,
        )

    def __enter__(self) -> Self:
        """Return it: it is open from the start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


def _unset() -> object:
    from cassandra.query import UNSET_VALUE  # noqa: PLC0415 -- the driver is loaded only where it is needed

    return UNSET_VALUE


def _warn() -> None:
    _log.warning(
        "more than %d statements with different texts were executed; those that are not used are let go, and "
        "understood anew when they come again. Bind values to markers (?) rather than write them into the text.",
        STATEMENTS_MOST,
    )
