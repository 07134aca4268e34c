"""The cutover as tasks: each step of the canary is verified in the call that raises it, and watched while it bakes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException

from keyspaces_migration.approval import facts_digest
from keyspaces_migration.config import EventKind, load_migration
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider import telemetry
from keyspaces_provider.approvals import require_approval
from keyspaces_provider.cutover import (
    Look,
    NotReadyError,
    attempt_of,
    evidence_facts,
    evidence_of,
    look,
    observe,
    reverse,
)
from keyspaces_provider.flag import change_flag, flag_writer, require_flag
from keyspaces_provider.notifications import tell
from keyspaces_provider.operators.run import ActsInRun, OfRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.cutover.attempt import Attempt
    from keyspaces_migration.cutover.watching import Watched
    from keyspaces_migration.dual_write.flag import FlagState
    from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord

APPROVAL_VALID_FOR = timedelta(hours=24)
"""How old an answer may be when the first step is raised; the later steps stand on the first."""


class CanaryReversedError(MigrationError, AirflowFailException):
    """All reads went back to the source, and the attempt is over; the message says why. It is not tried again."""


class StepNotRaisedError(MigrationError, AirflowFailException):
    """The step was never raised by this run."""


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
        readiness = look(recorded_run(context, ledger_conn_id=self.ledger_conn_id)).readiness
        for result in readiness.missing:
            self.log.info("Not ready: %s", result)
        return readiness.is_ready


class CutoverEvidenceOperator(OfRun):
    """Keeps what the approvers are shown: the act, and every criterion as it stands."""

    def execute(self, context: "Context") -> dict[str, str]:
        """Keep the evidence.

        Returns:
            Its digest.

        Raises:
            NotReadyError: a criterion is not met any more.
            AttemptRefusedError: the flag is not where an attempt begins, or this one was taken back.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        seen = look(run)
        seen.require_ready()
        attempt_of(run).require_raisable(1, seen.state)
        evidence = evidence_of(run, seen)
        self.log.info("%s", evidence.page)
        return {"digest": run.keep_evidence(evidence)}


class _RaisesReads(ActsInRun):
    """What raising a step and letting the target lead share: both are verified in the same way, in the same call."""

    def verified(self, run: MigrationRun, seen: Look, attempt: "Attempt") -> None:
        """Refuse unless every criterion is met, and the approval of this attempt counts.

        Raises:
            NotReadyError: a criterion is not met any more.
            AttemptRefusedError: the ledger does not know the state that the attempt began on.
            ApprovalRefusedError: the answers do not allow it.
            ApprovalUnreadableError: Airflow's record of them can't be read.
        """
        seen.require_ready()
        began = attempt.records[0].at if attempt.records else datetime.now(UTC)
        require_approval(
            run,
            task_id=self.task_id,
            evidence_digest=facts_digest(evidence_facts(run.migration, seen, base=attempt.base(seen.state))),
            valid_for=APPROVAL_VALID_FOR + (datetime.now(UTC) - began),
        )


class RaiseShareOperator(_RaisesReads):
    """Raises the share of reads on the target to that of one step.

    In the same call it verifies: the migration file is unchanged, the flag is as the ledger knows it, the step before
    has baked in this run, every criterion is met, and the approval counts. Run again after it was killed, it goes on.

    Args:
        percent: The step's share.
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, percent: int, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.percent = percent

    def execute(self, context: "Context") -> dict[str, Any]:
        """Raise the share.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            AttemptRefusedError: it is not this step's turn, or the attempt was taken back; nothing was done.
            NotReadyError: a criterion is not met any more; nothing was done.
            ApprovalRefusedError: the answers do not allow it; nothing was done.
            FlagNotDeployedError: AppConfig took the step back at once, such as for an alarm.
            FlagWriteError: the flag was not changed.
        """
        from keyspaces_migration.cutover.attempt import already_raised, refuse_taken_back
        from keyspaces_migration.ledger.canary_records import CanaryEvent

        run = self.unchanged_run(context)
        seen, attempt = look(run), attempt_of(run)
        step = step_of(run, self.percent)
        attempt.require_going()
        before = attempt.newest(step, CanaryEvent.RAISED)
        if already_raised(attempt, step, seen.state):
            self.log.info("%d %% is in force already, flag version %d", self.percent, seen.state.version)
            return {"target_read_percent": self.percent, "version": seen.state.version}
        refuse_taken_back(before, None if before is None else seen.writer.fate(before.flag_version))
        attempt.require_raisable(step, seen.state)
        self.verified(run, seen, attempt)
        raised = self._raise(run, seen, attempt, step)
        telemetry.emit(telemetry.Signal.READS_ON_TARGET, self.percent, migration=run.migration.name)
        self.log.info("%d %% of the partitions are read on the target, flag version %d", self.percent, raised.version)
        return {"target_read_percent": self.percent, "version": raised.version}

    def _raise(self, run: MigrationRun, seen: Look, attempt: "Attempt", step: int) -> "FlagState":
        from keyspaces_migration.cutover.appconfig import Strategy
        from keyspaces_migration.cutover.watching import Baseline
        from keyspaces_migration.ledger.canaries import CanaryLedger
        from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
        from keyspaces_migration.ledger.flags import FlagLedger

        now, base = datetime.now(UTC), attempt.base(seen.state)
        raised = replace(seen.state, target_read_percent=self.percent, version=seen.writer.next_version())
        first = Baseline.from_json(attempt.records[0].seen) if attempt.records else None
        FlagLedger(run.ledger).record_change(raised, dag_id=run.dag_id, run_id=run.run_id, now=now)
        CanaryLedger(run.ledger).record(
            CanaryRecord(
                dag_id=run.dag_id,
                run_id=run.run_id,
                step=step,
                target_read_percent=self.percent,
                event=CanaryEvent.RAISED,
                flag_version=raised.version,
                base_version=base.version,
                seen=Baseline.of(seen.facts.outside.writers or (), before=first).to_json(),
                reason=None,
                at=now,
            )
        )
        seen.writer.deploy(raised, expected_version=seen.state.version, strategy=Strategy.CANARY)
        return raised


class CanarySensor(BaseSensorOperator):
    """Watches one step until it has baked, without holding a worker slot; a breach takes all reads back.

    What it has seen is in the ledger, so that Airflow may die at any moment and go on. When it can't look any more, and
    has no try left, it takes all reads back too, for which it needs AWS alone.

    Args:
        percent: The step's share.
        migration_file: Path of the migration file, as the worker sees it, for taking reads back without the ledger.
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, percent: int, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseSensorOperator's own
        super().__init__(mode="reschedule", **kwargs)
        self.percent = percent
        self.migration_file = migration_file
        self.ledger_conn_id = ledger_conn_id

    def poke(self, context: "Context") -> bool:
        """Look once.

        Raises:
            CanaryReversedError: all reads went back, now or before.
            AttemptRefusedError: the step was never raised.
        """
        try:
            return self._look(context)
        except (CanaryReversedError, StepNotRaisedError):
            raise
        except Exception as error:
            if context["ti"].try_number > context["ti"].max_tries:
                self._give_up(context, error)
            raise

    def _look(self, context: "Context") -> bool:
        from keyspaces_migration.cutover.watching import judge_step
        from keyspaces_migration.ledger.canary_records import CanaryEvent

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        attempt, step = attempt_of(run), step_of(run, self.percent)
        raised = attempt.newest(step, CanaryEvent.RAISED)
        if (back := attempt.reversal) is not None:
            raise CanaryReversedError(f"All reads went back at {back.target_read_percent} %: {back.reason}")
        if raised is None:
            raise StepNotRaisedError(f"This run never raised the share to {self.percent} %: there is nothing to watch")
        if (baked := attempt.newest(step, CanaryEvent.BAKED)) is not None and baked.flag_version == raised.flag_version:
            return True
        writer = flag_writer(run.migration)
        seen = observe(run.migration, run.ledger, writer, raised)
        watched = judge_step(raised, attempt.arrival(raised), seen, run.migration)
        self.log.info("%d %%: %s", self.percent, watched.summary)
        telemetry.emit(telemetry.Signal.CANARY_BREACHES, len(watched.breaches), migration=run.migration.name, step=step)
        if watched.breaches:
            reason = "; ".join(watched.breaches)
            reverse(run.migration, run.ledger, writer, raised=raised, reason=reason, context=context)
            raise CanaryReversedError(f"All reads went back to the source, from {self.percent} %: {reason}")
        if watched.arrived and attempt.arrival(raised) is None:
            _note(run, raised, CanaryEvent.ARRIVED, watched, writers=seen.writers or ())
        for line in watched.waits:
            self.log.info("Not yet: %s", line)
        if watched.has_baked:
            _note(run, raised, CanaryEvent.BAKED, watched, writers=seen.writers or ())
        return watched.has_baked

    def _give_up(self, context: "Context", error: Exception) -> None:
        """Nobody would watch after this: what is not watched is not left on the target."""
        migration = load_migration(Path(self.migration_file))
        lowered = flag_writer(migration).lower()
        telemetry.reads_taken_back(migration=migration.name)
        state = "no flag is deployed" if lowered is None else f"flag version {lowered.state.version}"
        happened = (
            f"The canary at {self.percent} % can't be watched any more ({type(error).__name__}: {error}), so all reads "
            f"went back to the source ({state}). Run rollback when the ledger answers: it records this."
        )
        self.log.error("%s", happened)
        tell(EventKind.REVERSAL, happened, migration=migration, context=context)


class TargetLeadsOperator(_RaisesReads):
    """Makes the target lead once the last step has baked: its answer is the caller's, and the source follows.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    def execute(self, context: "Context") -> dict[str, Any]:
        """Put DUAL_TARGET_LEADS in force. Raises as `RaiseShareOperator`."""
        from keyspaces_migration.cutover.attempt import already_leads
        from keyspaces_migration.dual_write.flag import WriteMode

        run = self.unchanged_run(context)
        seen, attempt = look(run), attempt_of(run)
        attempt.require_going()
        if already_leads(attempt, seen.state):
            return {"mode": seen.state.mode.value, "version": seen.state.version}
        attempt.require_leadable(seen.state)
        self.verified(run, seen, attempt)
        leads = replace(seen.state, mode=WriteMode.DUAL_TARGET_LEADS, version=seen.writer.next_version())
        change_flag(run, seen.writer, leads, expected_version=seen.state.version)
        self.log.info("The target leads, flag version %d; the source gets every write", leads.version)
        return {"mode": leads.mode.value, "version": leads.version}


class CutoverFinishedOperator(OfRun):
    """Records that the target leads and every writer reads there."""

    def execute(self, context: "Context") -> None:
        """Reach the milestone, if this attempt has made the target lead, and it still does.

        Raises:
            NotReadyError: it has not, or reads went back meanwhile.
        """
        from keyspaces_migration.cutover.attempt import already_leads

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        state = require_flag(flag_writer(run.migration))
        if not already_leads(attempt_of(run), state):
            raise NotReadyError(
                f"The flag is in {state.mode} with {state.target_read_percent} % (version {state.version}), which this "
                "attempt did not end in: the cutover is not finished."
            )
        run.reach(Milestone.CUTOVER_FINISHED)


def step_of(run: MigrationRun, percent: int) -> int:
    """The number of the step with a share, from 1, in the file as the run recorded it.

    Raises:
        AttemptRefusedError: the file has no such step: the DAG was read from another version of it.
    """
    from keyspaces_migration.cutover.attempt import AttemptRefusedError

    steps = run.migration.cutover.canary_steps
    if percent not in steps:
        raise AttemptRefusedError(
            f"The migration file that this run recorded has the canary steps {', '.join(map(str, steps))}, and no "
            f"{percent}: it was changed. Nothing was done. Trigger a new run."
        )
    return steps.index(percent) + 1


def _note(run: MigrationRun, raised: "CanaryRecord", event: "CanaryEvent", watched: "Watched", *, writers: Any) -> None:  # noqa: ANN401 - a sequence of writers' records
    from keyspaces_migration.cutover.watching import Baseline
    from keyspaces_migration.ledger.canaries import CanaryLedger

    first = Baseline.from_json(raised.seen)
    seen = Baseline.of(writers, before=first).to_json()
    noted = replace(raised, event=event, seen=seen, reason=watched.summary, at=datetime.now(UTC))
    CanaryLedger(run.ledger).record(noted)
