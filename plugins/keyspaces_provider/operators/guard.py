"""The task that looks whether the flag is what the ledger allows, and takes back what is not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone, standing
from keyspaces_provider import telemetry
from keyspaces_provider.cutover import observe, reverse, tell_lowered
from keyspaces_provider.flag import flag_writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from keyspaces_migration.cutover.flag_writer import FlagWriter
    from keyspaces_migration.dual_write.flag import FlagState
    from keyspaces_migration.ledger import Ledger
    from keyspaces_migration.ledger.flags import FlagChange


class FlagNotOursError(MigrationError):
    """The flag is not what the ledger has recorded, and nothing reads on the target for it; the message says what."""


class FlagGuardOperator(BaseOperator):
    """Looks at the flag, and at a canary that is under way; it only ever lowers the share of reads on the target.

    What raises reads above what was recorded is taken back at once, whoever did it. A canary whose own task no longer
    watches is judged as that task would. It works from the file as it is now, and records no run.

    Args:
        migration_file: Path of the migration file, as the worker sees it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e8eef7"

    def __init__(self, *, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.migration_file = migration_file
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, Any]:
        """Look, and take back.

        Returns:
            What was found, in words, and whether reads went back.

        Raises:
            FlagNotOursError: the flag is not as recorded, in a way that moves no read to the target.
            SourceStandsStillError: somebody has ended the writes to the source: reads can't go back to it.
            FlagWriteError: reads did not go back, or AppConfig lacks the flag.
            LedgerError: the ledger can't be read.
        """
        from keyspaces_migration.cutover.appconfig import FlagBusyError
        from keyspaces_migration.cutover.attempt import exceeds, foreign
        from keyspaces_migration.dual_write.errors import FlagFormatError
        from keyspaces_migration.ledger.flags import FlagLedger
        from keyspaces_provider.ledger import ledger_from_connection

        migration, ledger = load_migration(Path(self.migration_file)), ledger_from_connection(self.ledger_conn_id)
        telemetry.bind_run(migration)
        held = standing(record.milestone for record in ledger.milestones(migration.name))
        if Milestone.PROVISIONED not in held:
            return {"found": "nothing is provisioned", "went_back": False}
        writer, changes = flag_writer(migration), FlagLedger(ledger).changes(migration.name)
        try:
            state = writer.current()
        except FlagBusyError as error:
            return {"found": str(error), "went_back": False}
        except FlagFormatError as error:
            return self._take_back(context, migration, ledger, writer, changes, why=str(error))
        if state is None:
            return {"found": "no flag is deployed", "went_back": False}
        telemetry.emit(telemetry.Signal.READS_ON_TARGET, state.target_read_percent, migration=migration.name)
        if (why := foreign(state, changes)) is None:
            return self._look_at_canary(context, migration, ledger, writer, state)
        if exceeds(state, changes):
            return self._take_back(context, migration, ledger, writer, changes, why=why)
        raise FlagNotOursError(
            f"{why} No read went to the target for it. If this was the documented way back, run rollback, which "
            "records it; otherwise find out who may deploy this flag."
        )

    def _look_at_canary(
        self, context: "Context", migration: Migration, ledger: "Ledger", writer: "FlagWriter", state: "FlagState"
    ) -> dict[str, Any]:
        from keyspaces_migration.cutover.attempt import Attempt, step_under_way
        from keyspaces_migration.cutover.watching import judge_step
        from keyspaces_migration.ledger.canaries import CanaryLedger

        records = CanaryLedger(ledger).records(migration.name)
        raised = step_under_way(records, state)
        if raised is None:
            return {"found": f"the flag is as recorded, version {state.version}", "went_back": False}
        attempt = Attempt.of(
            steps=migration.cutover.canary_steps,
            records=records,
            changes=(),
            dag_id=raised.dag_id,
            run_id=raised.run_id,
        )
        seen = observe(migration, ledger, writer, raised)
        watched = judge_step(raised, attempt.arrival(raised), seen, migration)
        self.log.info("%d %%: %s; not yet: %s", raised.target_read_percent, watched.summary, "; ".join(watched.waits))
        if not watched.breaches:
            return {"found": f"the canary at {raised.target_read_percent} % goes well", "went_back": False}
        reason = "; ".join(watched.breaches)
        reverse(migration, ledger, writer, raised=raised, reason=reason, context=context)
        return {"found": reason, "went_back": True}

    def _take_back(  # noqa: PLR0913 -- of one call
        self,
        context: "Context",
        migration: Migration,
        ledger: "Ledger",
        writer: "FlagWriter",
        changes: "Sequence[FlagChange]",
        *,
        why: str,
    ) -> dict[str, Any]:
        from keyspaces_migration.cutover.reversal import Origin, record_lowered

        done = writer.lower()
        if done is None:
            return {"found": why, "went_back": False}
        if changes:  # otherwise no run has ever changed the flag, in whose name it could be recorded
            origin = Origin(migration=migration.name, dag_id=changes[-1].dag_id, run_id=changes[-1].run_id)
            record_lowered(ledger, done.state, origin=origin, now=datetime.now(UTC))
        tell_lowered(done, why=why, migration=migration, context=context)
        return {"found": why, "went_back": True}
