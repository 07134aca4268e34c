"""Going back to the source: gated by one person's confirmation alone, and needing no ledger."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.config import EventKind, Migration, load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider import telemetry
from keyspaces_provider.cutover import letter_queue
from keyspaces_provider.flag import FlagNotReadyError, flag_writer, require_flag, writers_of
from keyspaces_provider.notifications import tell
from keyspaces_provider.run import recorded_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from keyspaces_migration.cutover.flag_writer import Lowered
    from keyspaces_migration.cutover.way_back import WayBack
    from keyspaces_migration.dual_write.registry import WriterRecord

REPORT_WITHIN_S = 60.0
"""How long the statement waits for writers to say that they follow: an application polls the flag every 15 s."""

_POLL_S = 2.0


class NotConfirmedError(MigrationError):
    """The name of the migration was not typed, so nothing was done."""


class LowerShareOperator(BaseOperator):
    """Moves all reads back to the source, and says whether that loses anything. It needs the file and AWS, no ledger.

    What it can't record or look at, it says, and lowers the share all the same. Where the target leads, writers may
    have writes that the source lacks; it gives them `drain_s` to bring them there first.

    Args:
        migration_file: Path of the migration file, as the worker sees it.
        confirmation: The migration's name, as the person typed it.
        drain_s: How long to wait for empty journals before, in seconds, as text from a template; 0 goes back at once.
        ledger_conn_id: Airflow connection of the ledger.
    """

    template_fields = ("confirmation", "drain_s")
    ui_color = "#f9d6d5"

    def __init__(
        self,
        *,
        migration_file: str,
        confirmation: str,
        drain_s: str | float,
        ledger_conn_id: str,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.migration_file = migration_file
        self.confirmation = confirmation
        self.drain_s = drain_s
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, Any]:
        """Lower the share to 0 %.

        Returns:
            The flag's version, whether the rollback is recorded, and what stands against calling it lossless.

        Raises:
            NotConfirmedError: the name was not typed.
            FlagNotReadyError: no flag was ever deployed.
            FlagWriteError: the flag was not changed.
        """
        migration = load_migration(Path(self.migration_file))
        telemetry.bind_run(migration)
        if self.confirmation != migration.name:
            raise NotConfirmedError(f"confirm_migration is {self.confirmation!r}; type {migration.name} to confirm.")
        self._drain(migration)
        done = flag_writer(migration).lower()
        if done is None:
            raise FlagNotReadyError("No flag is deployed yet: nothing reads on the target.")
        telemetry.reads_taken_back(migration=migration.name)
        self.log.info("All reads go to the source, flag version %d", done.state.version)
        if done.problem:
            self.log.error("%s", done.problem)
        recorded = self._record(context, done)
        back = self._way_back(migration, done)
        self.log.info("%s", back)
        happened = f"All reads of {migration.name} go to the source, flag version {done.state.version}. {back}"
        if done.problem:
            happened += f" And {done.problem}."
        tell(EventKind.REVERSAL, happened, migration=migration, context=context)
        return {
            "version": done.state.version,
            "recorded": recorded,
            "lossless": back.is_lossless,
            "statement": str(back),
            "at_risk": [*back.against, *back.at_risk],
        }

    def _drain(self, migration: Migration) -> None:
        """Where the target leads, wait for the journals, and no longer than was asked for."""
        wait_s = float(self.drain_s)
        if not wait_s:
            return
        try:
            leads = require_flag(flag_writer(migration)).mode.target_leads
        except Exception:  # whatever keeps us from looking must not keep reads on the target
            self.log.exception("The flag could not be looked at before: reads go back at once")
            return
        if leads:
            empty = self._wait_for(
                migration, lambda writers: not any(each.journal_depth for each in writers), timeout_s=wait_s
            )
            self.log.info(
                "The writers' journals are %s", "empty" if empty else "not known to be empty: going back all the same"
            )

    def _wait_for(
        self, migration: Migration, wanted: "Callable[[tuple[WriterRecord, ...]], bool]", *, timeout_s: float
    ) -> bool:
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                writers = writers_of(migration)
            except Exception:  # said here, and the statement says it again
                self.log.exception("The writers could not be looked at")
                return False
            if wanted(writers):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)

    def _record(self, context: "Context", done: "Lowered") -> bool:
        from keyspaces_migration.cutover.reversal import Origin, record_lowered

        try:
            run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
            origin = Origin(migration=run.migration.name, dag_id=run.dag_id, run_id=run.run_id)
            record_lowered(run.ledger, done.state, origin=origin, now=datetime.now(UTC))
            run.reach(Milestone.ROLLED_BACK)
        except Exception:  # the share is lowered already, whatever keeps the ledger from saying so
            self.log.exception("The share is lowered, and the ledger does not know: run rollback again when it answers")
            return False
        return True

    def _way_back(self, migration: Migration, done: "Lowered") -> "WayBack":
        from keyspaces_migration.cutover.way_back import Basis, judge_way_back, since_when, taken_back
        from keyspaces_migration.dual_write.registry import missing_writers
        from keyspaces_migration.ledger.checks import CheckLedger
        from keyspaces_migration.ledger.flags import FlagLedger
        from keyspaces_migration.ledger.letters import LetterLedger
        from keyspaces_provider.ledger import ledger_from_connection

        if done.before.mode.target_leads:
            self._wait_for(
                migration,
                lambda writers: (
                    bool(writers)
                    and not missing_writers(writers, done.state)
                    and not any(each.journal_depth for each in writers)
                ),
                timeout_s=REPORT_WITHIN_S,
            )
        ledger = self._unless_blind("the ledger", lambda: ledger_from_connection(self.ledger_conn_id))
        before, checks, parked, led_since = done.before, None, None, None
        if ledger is not None:
            checks = self._unless_blind("the checks", lambda: CheckLedger(ledger).runs(migration.name))
            parked = self._unless_blind("the parked letters", lambda: LetterLedger(ledger).parked(migration.name))
            changes = self._unless_blind("the flag's changes", lambda: FlagLedger(ledger).changes(migration.name))
            before = taken_back(changes or (), done.before, now=done.state)
            led_since = since_when(changes or (), before)
        return judge_way_back(
            Basis(
                before=before,
                state=done.state,
                writers=self._unless_blind("the writers", lambda: writers_of(migration)),
                queue=self._unless_blind("the dead letter queue", lambda: letter_queue(migration)),
                parked=parked,
                checks=checks,
                led_since=led_since,
            )
        )

    def _unless_blind(self, what: str, ask: "Callable[[], Any]") -> Any:  # noqa: ANN401 - what is asked for
        try:
            return ask()
        except Exception:  # the statement says that it could not be looked at: that is never "nothing"
            self.log.exception("Could not look at %s", what)
            return None
