"""Destroying a disposable environment as tasks: look, and after an approval delete what was looked at."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.operators.provision import plan_evidence
from keyspaces_provider.operators.stack import ActsOnStack, DrivesStack
from keyspaces_provider.run import recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVAL_COUNTS_FOR = timedelta(hours=1)


class PreviewDestroyOperator(DrivesStack):
    """Lists all that the stack has made, and keeps it as evidence for the approvers. It changes nothing.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e6f4ea"

    def execute(self, context: "Context") -> dict[str, Any]:
        """List.

        Returns:
            The number of resources, the digest of the list, and the report's address.

        Raises:
            NotDisposableError: the migration file does not call the environment disposable.
            ProvisionError: the engine could not say; the message has what to do.
        """
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.provisioning import plan_page, read_plan

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        plan = read_plan(self.driver_of(run).preview_destroy(on_line=self.show))
        page = plan_page(plan, migration=run.migration)
        self.log.info("%s", page)
        kept = run.keep_report(
            ReportKind.PROVISION_PLAN, name="destruction.md", media_type="text/markdown", content=page
        )
        run.keep_evidence(plan_evidence(plan, run=run, title=f"Destroy {run.migration.name}", page=page))
        return {"resources": len(plan.changes), "plan_digest": plan.digest, "report": kept}


class DestroyOperator(ActsOnStack):
    """Deletes all that the stack has made, the rows in it too, after verifying the approval in the same call.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#fde7e9"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Reach the milestone `destroyed`, with which all that stood on the target is undone, and destroy.

        Returns:
            The number of resources deleted, and who approved it.

        Raises:
            ConfigurationChangedError: the file has changed since the run began; nothing was done.
            ApprovalRefusedError: the answers at the gates do not allow it; nothing was done.
            ApprovalUnreadableError: Airflow's record could not be read; nothing was done.
            EvidenceDamagedError: the evidence is not the one that the ledger recorded; nothing was done.
            ProvisionError: the engine refused or failed; the message has what to do.
        """
        run = self.unchanged_run(context)
        evidence = run.evidence()
        driver = self.driver_of(run)
        approval = self.verified(run, evidence, valid_for=APPROVAL_COUNTS_FOR)
        # Before: from the first deletion on, nothing of what was loaded and compared can be relied on.
        run.reach(Milestone.DESTROYED)
        result = driver.destroy(digest=evidence.facts["plan_digest"], on_line=self.show)
        return {"deleted": len(result["changes"]), "approved_by": list(approval.approved_by)}
