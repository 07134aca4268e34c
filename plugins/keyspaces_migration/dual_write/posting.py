"""Turns unsent writes into letters, and marks in the journal what the queue has acknowledged."""

from collections.abc import Callable, Mapping, Sequence

from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US, system_now_us
from keyspaces_migration.dual_write.delivery import plan_of
from keyspaces_migration.dual_write.errors import LettersUnavailableError, WriteRefusedError
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.journal import LocalJournal
from keyspaces_migration.dual_write.letters import Letter, Outbox, body_of
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.dual_write.unsent import Unsent


class Postman:
    """Sends letters of one writer. The journal's entry is done only when the queue has acknowledged its letter."""

    def __init__(  # noqa: PLR0913 -- all by keyword
        self,
        *,
        outbox: Outbox,
        journal: LocalJournal,
        tables: Mapping[str, TableShape],
        migration: str,
        writer_id: str,
        now_us: Callable[[], int] = system_now_us,
    ) -> None:
        self._outbox = outbox
        self._journal = journal
        self._tables = tables
        self._migration = migration
        self._writer_id = writer_id
        self._now_us = now_us

    def send(self, writes: Sequence[Unsent]) -> tuple[set[int], str | None]:
        """Send letters; return the entries that are done with it, and why others are not."""
        bodies: dict[int, str] = {}
        problem: str | None = None
        for write in writes:
            try:
                bodies[write.entry_id] = self._body(write)
            except (LettersUnavailableError, WriteRefusedError) as error:
                problem = f"{type(error).__name__}: {error}"
        try:
            taken = self._outbox.send(list(bodies.values())) if bodies else []
        except LettersUnavailableError as error:
            return set(), f"{type(error).__name__}: {error}"
        acknowledged = {entry for entry, is_taken in zip(bodies, taken, strict=True) if is_taken}
        if len(acknowledged) < len(bodies) and problem is None:
            problem = f"the queue took {len(acknowledged)} of {len(bodies)} letters"
        for entry_id in acknowledged:
            self._journal.mark_done(entry_id)
        return acknowledged, problem

    def _body(self, write: Unsent) -> str:
        follower = plan_of(write.state.mode).follower
        failure = write.failure
        letter = Letter(
            migration=self._migration,
            writer_id=self._writer_id,
            entry_id=write.entry_id,
            # A write of RECORD that only the source could have: the target gets its state from there.
            store=StoreName.TARGET if follower is None else follower,
            mode=write.state.mode,
            barrier_us=write.state.barrier_us,
            flag_version=write.state.version,
            leader_acknowledged=write.gate_pass is None,
            mutation=write.mutation,
            reason=ReasonClass.TIMEOUT if failure is None else failure.reason,
            text=_TOO_OLD if failure is None else failure.text,
            attempts=write.attempts,
            sent_us=self._now_us(),
        )
        return body_of(letter, self._tables[write.mutation.table], outbox=self._outbox)


_TOO_OLD = (
    "it was not sent by this process: it had waited for too long already, at most "
    f"{TARGET_WINDOW_US // 3_600_000_000} h"
)
