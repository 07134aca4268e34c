"""The driver of a stack as tasks that look: what others have changed, and what the last update has put out."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_provider import telemetry
from keyspaces_provider.approvals import require_approval
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.run import MigrationRun, acting_run, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.approval import VerifiedApproval
    from keyspaces_provider.provisioning import Driver


class DrivesStack(BaseOperator):
    """What every operator shares that calls the driver.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self._driver: Driver | None = None

    def on_kill(self) -> None:
        """Ask the engine to end cleanly."""
        if self._driver is not None:
            self._driver.stop()

    def driver_of(self, run: MigrationRun) -> "Driver":
        """The driver of a run's stack; the task that is killed stops this one."""
        from keyspaces_provider.provisioning import Driver, account_of
        from keyspaces_provider.stack_files import stack_files
        from keyspaces_provider.stack_lease import LeaseKeeper

        files, target = stack_files(run), run.migration.target
        self._driver = Driver(
            files=files,
            account=account_of(run.migration.connections.aws, region=target.region),
            lease=LeaseKeeper(run, stack=files.stack),
        )
        return self._driver

    def show(self, line: str) -> None:
        """Show a line of the engine in the task's log."""
        self.log.info("%s", line)


class ActsOnStack(DrivesStack):
    """What every operator shares that changes something in AWS.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(ledger_conn_id=ledger_conn_id, **kwargs)
        self.migration_file = migration_file

    def unchanged_run(self, context: "Context") -> MigrationRun:
        """The run, if the migration file is as it was when the run began: see `acting_run`."""
        return acting_run(context, ledger_conn_id=self.ledger_conn_id, migration_file=self.migration_file)

    def verified(self, run: MigrationRun, evidence: Evidence, *, valid_for: timedelta) -> "VerifiedApproval":
        """The approval of `evidence`, verified in Airflow's own record: to be called by what acts, in the same call.

        Raises:
            ApprovalRefusedError: the answers at the gates do not allow it; nothing was done.
            ApprovalUnreadableError: Airflow's record could not be read; nothing was done.
        """
        approval = require_approval(run, task_id=self.task_id, evidence_digest=evidence.digest, valid_for=valid_for)
        self.log.info("Approved by %s at %s", ", ".join(approval.approved_by), approval.approved_at.isoformat())
        return approval


class OutputsOperator(DrivesStack):
    """Keeps the stack's outputs, names and addresses of what was made, as a report.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e6f4ea"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Read them.

        Returns:
            The outputs, secret ones left out, and the report's address.

        Raises:
            ProvisionError: the engine could not say; the message has what to do.
        """
        from keyspaces_migration.ledger import ReportKind

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        outputs = self.driver_of(run).outputs(on_line=self.show)["outputs"]
        for name, value in outputs.items():
            self.log.info("%s: %s", name, value)
        kept = run.keep_report(
            ReportKind.STACK_OUTPUTS,
            name="stack-outputs.json",
            media_type="application/json",
            content=json.dumps(outputs, indent=2, sort_keys=True) + "\n",
        )
        return {"outputs": outputs, "report": kept}


class DriftOperator(DrivesStack):
    """Looks whether others have changed what the last update made. It changes neither AWS nor Pulumi's state.

    Every look is recorded in the ledger, with what it found. A look that could not be made is no look: it fails the
    task, and records nothing.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e6f4ea"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Look.

        Returns:
            The number of drifted resources, which is 0, and the report's address.

        Raises:
            DriftError: something has drifted; the message and the report name each resource and what differs.
            ProvisionError: the engine could not look; the message has what to do.
        """
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.stacks import DriftLook, StackLedger
        from keyspaces_migration.provisioning import DriftError, drift_page, read_drift

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        drift = read_drift(self.driver_of(run).drift(on_line=self.show))
        look = DriftLook(dag_id=run.dag_id, run_id=run.run_id, drifted=len(drift), looked_at=datetime.now(UTC))
        StackLedger(run.ledger).record_look(look)
        telemetry.emit(telemetry.Signal.DRIFTED, len(drift), migration=run.migration.name)
        page = drift_page(drift, migration=run.migration)
        self.log.info("%s", page)
        kept = run.keep_report(ReportKind.DRIFT, name="drift.md", media_type="text/markdown", content=page)
        if drift:
            names = ", ".join(f"{change.name} ({'gone' if change.op == 'delete' else 'changed'})" for change in drift)
            raise DriftError(
                f"Others have changed what the last update made: {names}. The report {kept} says what. Trigger "
                f"{run.migration.name}.provision: its plan takes it back, or change the migration file first."
            )
        return {"drifted": 0, "report": kept}
