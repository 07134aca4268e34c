"""Cutover and rollback as tasks: raising the share of reads on the target is gated, lowering it is not."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseSensorOperator

from keyspaces_migration.config import EventKind, Migration, load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.approvals import require_approval
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.flag import change_flag, flag_writer, require_flag, writers_of
from keyspaces_provider.letters import look_at_queue
from keyspaces_provider.notifications import tell
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.cutover.readiness import LetterQueue, Readiness
    from keyspaces_migration.dual_write.flag import FlagState

_log = logging.getLogger(__name__)

FULL_SHARE = 100
APPROVAL_VALID_FOR = timedelta(hours=24)


class NotReadyError(MigrationError):
    """The migration is not ready for the cutover (any more); the message lists what is missing. Nothing was done."""


class NotConfirmedError(MigrationError):
    """The name of the migration was not typed, so nothing was done."""


class ReadinessSensor(BaseSensorOperator):
    """Waits until every criterion is met, without holding a worker slot.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseSensorOperator's own
        super().__init__(mode="reschedule", **kwargs)
        self.ledger_conn_id = ledger_conn_id

    def poke(self, context: "Context") -> bool:
        """Judge once, and log what is not met."""
        readiness, _ = _look(recorded_run(context, ledger_conn_id=self.ledger_conn_id))
        for result in readiness.missing:
            self.log.info("Not ready: %s", result)
        return readiness.is_ready


class CutoverEvidenceOperator(BaseOperator):
    """Keeps what the approvers are shown: the act, and every criterion as it stands.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, str]:
        """Keep the evidence.

        Returns:
            Its digest.

        Raises:
            NotReadyError: a criterion is not met any more.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        readiness, state = _look(run)
        _refuse_unready(readiness)
        evidence = _evidence(run, readiness, state)
        self.log.info("%s", evidence.page)
        return {"digest": run.keep_evidence(evidence)}


class RaiseShareOperator(ActsInRun):
    """Moves all reads to the target: the approval and readiness are verified in the same call.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    def execute(self, context: "Context") -> dict[str, Any]:
        """Raise the share to 100 %.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            NotReadyError: a criterion is not met any more.
            ApprovalRefusedError: the answers do not allow it.
            FlagWriteError: the flag was not changed.
        """
        run = self.unchanged_run(context)
        readiness, state = _look(run)
        _refuse_unready(readiness)
        require_approval(
            run,
            task_id=self.task_id,
            evidence_digest=_evidence(run, readiness, state).digest,
            valid_for=APPROVAL_VALID_FOR,
        )
        raised = replace(state, target_read_percent=FULL_SHARE, version=state.version + 1)
        change_flag(run, flag_writer(run.migration), raised, expected_version=state.version)
        self.log.info("All reads go to the target, flag version %d", raised.version)
        return {"target_read_percent": FULL_SHARE, "version": raised.version}


class CutoverFinishedOperator(BaseOperator):
    """Records that every writer reads on the target.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> None:
        """Reach the milestone, if the share is still at 100 %.

        Raises:
            NotReadyError: it was lowered meanwhile.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        state = require_flag(flag_writer(run.migration))
        if state.target_read_percent != FULL_SHARE:
            raise NotReadyError(f"The share of reads on the target is {state.target_read_percent} %: it was lowered.")
        run.reach(Milestone.CUTOVER_FINISHED)


class LowerShareOperator(BaseOperator):
    """Moves all reads back to the source, at once. It needs the migration file and AWS, and no ledger.

    What it can't record or look at, it says, and lowers the share all the same.

    Args:
        migration_file: Path of the migration file, as the worker sees it.
        confirmation: The migration's name, as the person typed it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    template_fields = ("confirmation",)
    ui_color = "#f9d6d5"

    def __init__(
        self,
        *,
        migration_file: str,
        confirmation: str,
        ledger_conn_id: str,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.migration_file = migration_file
        self.confirmation = confirmation
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, Any]:
        """Lower the share to 0 %.

        Returns:
            The flag's version, whether the rollback is recorded, and what stands against calling it lossless.

        Raises:
            NotConfirmedError: the name was not typed.
            FlagWriteError: the flag was not changed.
        """
        migration = load_migration(Path(self.migration_file))
        if self.confirmation != migration.name:
            raise NotConfirmedError(f"confirm_migration is {self.confirmation!r}; type {migration.name} to confirm.")
        writer = flag_writer(migration)
        state = require_flag(writer)
        if state.target_read_percent:
            lowered = replace(state, target_read_percent=0, version=state.version + 1)
            writer.deploy(lowered, expected_version=state.version)
            state = lowered
        self.log.info("All reads go to the source, flag version %d", state.version)
        recorded = self._record(context, state)
        at_risk = self._at_risk(migration)
        lossless = f"Not known to be lossless: {'; '.join(at_risk)}" if at_risk else "Lossless"
        self.log.info("%s", lossless)
        happened = f"All reads of {migration.name} go to the source, flag version {state.version}. {lossless}."
        tell(EventKind.REVERSAL, happened, migration=migration, context=context)
        return {"version": state.version, "recorded": recorded, "lossless": not at_risk, "at_risk": at_risk}

    def _record(self, context: "Context", state: "FlagState") -> bool:
        from keyspaces_migration.ledger.flags import FlagLedger

        try:
            run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
            FlagLedger(run.ledger).record_change(state, dag_id=run.dag_id, run_id=run.run_id, now=datetime.now(UTC))
            run.reach(Milestone.ROLLED_BACK)
        except Exception:  # the share is lowered already, whatever keeps the ledger from saying so
            self.log.exception("The share is lowered, and the ledger does not know: run rollback again when it answers")
            return False
        return True

    def _at_risk(self, migration: Migration) -> list[str]:
        try:
            writers = writers_of(migration)
        except Exception as error:  # noqa: BLE001 - could not look: said as such, in the result
            return [f"the writers could not be looked at: {error}"]
        found = [f"{each.writer_id} has {each.journal_depth} unsent writes" for each in writers if each.journal_depth]
        return found if writers else ["no writer is registered, so no journal could be looked at"]


def _look(run: MigrationRun) -> "tuple[Readiness, FlagState]":
    from keyspaces_migration.cutover.readiness import judge, read_facts

    state = require_flag(flag_writer(run.migration))
    queue = _letter_queue(run.migration)
    facts = read_facts(run.ledger, run.migration, writers=writers_of(run.migration), flag=state, queue=queue)
    return judge(facts, run.migration, now=datetime.now(UTC)), state


def _letter_queue(migration: Migration) -> "LetterQueue | None":
    """The queue; None where it could not be looked at, or is not there, and nobody knows what is in none."""
    from botocore.exceptions import BotoCoreError, ClientError

    from keyspaces_migration.cutover.readiness import LetterQueue

    try:
        found = look_at_queue(migration)
    except (BotoCoreError, ClientError):
        _log.exception("The dead letter queue could not be looked at, so nobody knows whether letters wait")
        return None
    return None if found is None else LetterQueue(letters=found.letters, oldest_age=found.oldest_age)


def _refuse_unready(readiness: "Readiness") -> None:
    if not readiness.is_ready:
        raise NotReadyError("Not ready, so nothing was done: " + "; ".join(str(each) for each in readiness.missing))


def _evidence(run: MigrationRun, readiness: "Readiness", state: "FlagState") -> Evidence:
    """The facts are what is approved; ages and times, which move on, are on the page alone."""
    name = run.migration.name
    title = f"Move all reads of {name} to the target"
    facts = {
        "act": "raise_share",
        "migration": name,
        "configuration": run.migration.digest,
        "from": state.to_json(),
        "to_percent": FULL_SHARE,
        "criteria": [{"criterion": each.criterion.value, "required": each.required} for each in readiness.results],
    }
    page = (
        f"# {title}\n\nFrom {state.target_read_percent} % to {FULL_SHARE} %, flag version {state.version}. Every "
        f"criterion is judged again in the call that raises it. The source keeps getting every write, and `rollback` "
        f"moves reads back at once.\n\n{readiness.markdown()}\n"
    )
    return Evidence(title=title, facts=facts, page=page)
