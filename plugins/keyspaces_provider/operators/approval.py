"""The gates at which people approve, with the evidence in front of them."""

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseNotifier, Param

from keyspaces_migration.approval import CONFIRMATION, digest_line
from keyspaces_migration.config import EventKind
from keyspaces_provider.approvals import gate_ids
from keyspaces_provider.notifications import tell
from keyspaces_provider.run import recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.config import Migration


class EvidenceApprovalOperator(ApprovalOperator):
    """Shows the run's newest evidence to one approver and waits for the answer.

    The gate decides nothing. Marking it successful, or writing its XCom, opens nothing: the task that acts reads
    Airflow's record of the answer itself (`keyspaces_provider.approvals.require_approval`).

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the evidence is recorded.
    """

    # The body is made at run time from what the run kept; nothing of it is a template of the DAG file's.
    template_fields = ()

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> Any:  # noqa: ANN401 - the parent's own
        """Show the evidence and wait.

        Raises:
            EvidenceDamagedError: there is none, or the file is not the one that was recorded.
        """
        evidence = recorded_run(context, ledger_conn_id=self.ledger_conn_id).evidence()
        self.body = f"{evidence.page}\n\n{digest_line(evidence.digest)}\n"
        return super().execute(context)


class ApprovalNeededNotifier(BaseNotifier):
    """What Airflow calls when a gate begins to wait: it tells the migration's channels. It raises nothing.

    Args:
        migration: The migration.
        subject: What is to be approved.
    """

    def __init__(self, *, migration: "Migration", subject: str) -> None:
        super().__init__()
        self.migration = migration
        self.subject = subject

    def notify(self, context: "Context") -> None:
        """Tell."""
        approvals = self.migration.approvals
        happened = (
            f"{self.subject}. Gate {context['ti'].task_id}: one of {', '.join(approvals.approvers)} may answer; "
            f"{approvals.required} of them must approve, each at a gate of their own."
        )
        tell(EventKind.APPROVAL_NEEDED, happened, migration=self.migration, context=context)


def approval_gates(migration: "Migration", *, ledger_conn_id: str, subject: str) -> list[EvidenceApprovalOperator]:
    """One gate for each approver that the migration's file requires, side by side; call it inside a DAG.

    A rejection fails the run. A time-out would choose nothing, so there is none: the gate waits.
    """
    people: list[Any] = [{"id": name, "name": name} for name in migration.approvals.approvers]
    return [
        EvidenceApprovalOperator(
            task_id=gate,
            subject=subject,
            ledger_conn_id=ledger_conn_id,
            assigned_users=people,
            fail_on_reject=True,
            notifiers=ApprovalNeededNotifier(migration=migration, subject=subject),
            params={
                CONFIRMATION: Param(
                    default="",
                    type="string",
                    title="Name of the migration",
                    description=f"Type {migration.name} to confirm.",
                )
            },
        )
        for gate in gate_ids(migration)
    ]
