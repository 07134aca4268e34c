"""The target's infrastructure as tasks: preview, apply what was approved, wait, compare with the file."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator, BaseOperator

from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.approvals import gate_ids
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.operators.stack import ActsOnStack, DrivesStack
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.provisioning import Plan

APPROVAL_COUNTS_FOR = timedelta(hours=24)
"""A plan that was approved longer ago is previewed anew."""


class PreviewOperator(DrivesStack):
    """Previews what the target lacks, keeps the plan for `apply`, and keeps it as evidence for the approvers.

    It changes nothing in AWS. A plan that would delete or replace a keyspace or a table fails the task.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e6f4ea"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Preview.

        Returns:
            The number of resources by what would happen to them, the plan's digest, and the report's address.

        Raises:
            PlanRefusedError: the plan would lose data; the report says what, and why.
            ProvisionError: the engine could not say; the message has what to do.
        """
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.provisioning import error_of, plan_page, read_plan

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        plan = read_plan(self.driver_of(run).preview(on_line=self.show))
        page = plan_page(plan, migration=run.migration)
        self.log.info("%s", page)
        kept = run.keep_report(
            ReportKind.PROVISION_PLAN, name="provision-plan.md", media_type="text/markdown", content=page
        )
        if plan.refused:
            reasons = "\n".join(f"  {refusal.name}: {refusal.reason}" for refusal in plan.refused)
            raise error_of(exit_code=10, message=f"the plan would lose data, so nothing will be done:\n{reasons}")
        title = f"Apply the provision plan of {run.migration.name}"
        run.keep_evidence(plan_evidence(plan, run=run, title=title, page=page))
        return {"changes": plan.counts(), "plan_digest": plan.digest, "report": kept}


class ApprovalNeededOperator(BaseBranchOperator):
    """Goes past the approval gates when nothing would change.

    It only saves people a question. Leading `apply` past the gates, or marking them, opens nothing: `apply` looks at
    the plan itself, and acts on an approval or not at all.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        otherwise: Id of the task that follows when there is nothing to approve.
    """

    def __init__(self, *, ledger_conn_id: str, otherwise: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.otherwise = otherwise

    def choose_branch(self, context: "Context") -> Iterable[str]:
        """The gates, or the task after them.

        Raises:
            EvidenceDamagedError: the run has kept no evidence, or it is not the one that the ledger recorded.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        return list(gate_ids(run.migration)) if run.evidence().facts["changes"] else [self.otherwise]


class ApplyOperator(ActsOnStack):
    """Applies the plan that was approved, and nothing else.

    The approval is verified in the same call that acts. The driver previews once more, and refuses if the result is
    not what was approved. A task that is killed leaves the engine to end what is in flight.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#fde7e9"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Apply.

        Returns:
            The number of resources changed, and who approved it.

        Raises:
            ConfigurationChangedError: the file has changed since the run began; nothing was done.
            ApprovalRefusedError: the answers at the gates do not allow it; nothing was done.
            ApprovalUnreadableError: Airflow's record could not be read; nothing was done.
            EvidenceDamagedError: the evidence is not the one that the ledger recorded; nothing was done.
            ProvisionError: the engine refused or failed; the message has what to do.
        """
        from keyspaces_migration.provisioning import error_of

        run = self.unchanged_run(context)
        evidence = run.evidence()
        if not evidence.facts["changes"]:
            self.log.info("The preview of this run found nothing to change: nothing is done.")
            return {"changed": 0, "approved_by": []}
        driver = self.driver_of(run)
        approval = self.verified(run, evidence, valid_for=APPROVAL_COUNTS_FOR)
        result = driver.up(digest=evidence.facts["plan_digest"], on_line=self.show)
        if result["command"] != "up" or "changes" not in result:
            raise error_of(exit_code=1, message=f"it did not say what it changed: {result}")
        return {"changed": len(result["changes"]), "approved_by": list(approval.approved_by)}


class CompareSchemaOperator(BaseOperator):
    """Holds the live schema of the target against the migration file, column by column, through CQL.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e6f4ea"

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, str]:
        """Compare, keep the report, and reach the milestone `provisioned`.

        Returns:
            The report's address.

        Raises:
            SchemaNotAsFileError: at least one column, key or table differs; the message has each.
            StoreError: the target can't be reached, or refused.
        """
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.parity import compare_schema
        from keyspaces_migration.provisioning import SchemaNotAsFileError, parity_page
        from keyspaces_provider.hooks.keyspaces import KeyspacesHook

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        migration = run.migration
        with KeyspacesHook(migration.connections.target).session() as session:
            differences = compare_schema(session, keyspace=migration.target.keyspace, tables=migration.tables)
        page = parity_page(differences, migration=migration)
        self.log.info("%s", page)
        kept = run.keep_report(
            ReportKind.PROVISION_PLAN, name="live-schema.md", media_type="text/markdown", content=page
        )
        if differences:
            listed = "\n".join(f"  {difference}" for difference in differences)
            raise SchemaNotAsFileError(
                f"The live schema of keyspace {migration.target.keyspace} is not what the file says:\n{listed}\n"
                "Change the file, or the table by hand, then trigger a new run."
            )
        run.reach(Milestone.PROVISIONED)
        return {"report": kept}


def plan_evidence(plan: "Plan", *, run: MigrationRun, title: str, page: str) -> Evidence:
    """What stands behind carrying out a plan; its digest covers the plan's, which covers every change in it."""
    migration = run.migration
    return Evidence(
        title=title,
        facts={
            "stage": run.stage.value,
            "migration": migration.name,
            "migration_digest": migration.digest,
            "stack": plan.stack,
            "plan_digest": plan.digest,
            "changes": [change.model_dump(mode="json") for change in plan.changes],
        },
        page=page,
    )
