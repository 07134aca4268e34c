"""What a load may cost: when people are asked, and what every loading task verifies before it writes."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator
from airflow.sdk.exceptions import AirflowFailException

from keyspaces_migration.approval import ApprovalRefusedError
from keyspaces_migration.errors import MigrationError
from keyspaces_provider.approvals import gate_ids, require_approval
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.ledger.plan_records import LoadPlan

log = logging.getLogger(__name__)


class CostNotAllowedError(MigrationError, AirflowFailException):
    """The load costs more, or has cost more, than the file or an approval allows. What is loaded stays.

    The task is not tried again by itself: the answers stay what they are.
    """


class CostApprovalNeededOperator(BaseBranchOperator):
    """Goes past the approval gates when the plan costs no more than the file allows, and past the load in a dry run.

    It only saves people a question. Leading `load` past the gates, or marking them, opens nothing: each loading task
    reads the plan in the ledger itself, and acts on an approval or not at all.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        otherwise: Id of the task that follows when there is nothing to approve.
    """

    def __init__(self, *, ledger_conn_id: str, otherwise: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.otherwise = otherwise

    def choose_branch(self, context: "Context") -> Iterable[str] | None:
        """The gates, or the load, or nothing.

        Raises:
            LedgerError: the ledger can't be read, or the plan is not as it was signed.
        """
        from keyspaces_migration.backfill import Spending
        from keyspaces_migration.ledger.backfills import BackfillLedger
        from keyspaces_migration.ledger.errors import PlanNotRecordedError

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        ledger = BackfillLedger(run.ledger)
        try:
            plan = ledger.plan(dag_id=run.dag_id, run_id=run.run_id)
        except PlanNotRecordedError:
            self.log.info("A dry run: it ends with the plan. To load, start a new run with dry_run off.")
            return None
        self.log.info("%s", _price(plan))
        is_over = Spending(ledger, plan).is_over(now=datetime.now(UTC))
        return list(gate_ids(run.migration)) if plan.needs_approval or is_over else [self.otherwise]


def require_allowed_load(run: MigrationRun, *, task_id: str) -> "LoadPlan":
    """What a loading task calls in the same `execute` in which it writes.

    Args:
        run: The run that loads.
        task_id: The task, for the record of the approval.

    Returns:
        The plan that may be loaded.

    Raises:
        CostNotAllowedError: it costs more than the file allows, and the answers at the gates do not allow it, or it has
            cost more than they did.
        ApprovalUnreadableError: Airflow's record could not be read, which counts as refused.
        PlanNotRecordedError: the run has no plan, as a dry run.
        PlanChangedError: what workers would load is not what was planned.
        LedgerError: the ledger can't be read or written, or is not as it was signed.
    """
    from keyspaces_migration.backfill import OverBudgetError, Spending, approval_counts_for, require_planned
    from keyspaces_migration.ledger.backfills import BackfillLedger

    ledger = BackfillLedger(run.ledger)
    plan = require_planned(ledger, dag_id=run.dag_id, run_id=run.run_id)
    spending = Spending(ledger, plan)
    if not plan.needs_approval and not spending.is_over(now=datetime.now(UTC)):
        log.info("%s", _price(plan))
        return plan
    try:
        approval = require_approval(
            run, task_id=task_id, evidence_digest=plan.digest, valid_for=approval_counts_for(plan)
        )
    except ApprovalRefusedError as error:
        raise CostNotAllowedError(f"{_price(plan)} {error}") from error
    try:
        # The approval may be the one that the load has used up.
        spending.check(now=datetime.now(UTC))
    except OverBudgetError as error:
        raise CostNotAllowedError(str(error)) from error
    log.info(
        "%s Approved by %s at %s.", _price(plan), ", ".join(approval.approved_by), approval.approved_at.isoformat()
    )
    return plan


def _price(plan: "LoadPlan") -> str:
    from keyspaces_migration.capacity.wording import usd

    costs, allowed = f"The plan costs {usd(plan.cost_usd)}", f"backfill.budget.max_cost_usd, {usd(plan.max_cost_usd)}"
    if plan.needs_approval:
        return f"{costs}, more than {allowed}: it needs an approval."
    return f"{costs}, no more than {allowed}: nobody has to approve it."
