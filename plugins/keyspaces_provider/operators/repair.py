"""Repair as tasks: plan, write after approval, look again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseBranchOperator, BaseOperator

from keyspaces_migration.config import Migration
from keyspaces_migration.errors import MigrationError
from keyspaces_provider import telemetry
from keyspaces_provider.approvals import gate_ids, require_approval
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.flag import leader_of
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from keyspaces_provider.operators.backfill import is_dry_run
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.consistency.kinds import Leader
    from keyspaces_migration.consistency.repair import Repairer
    from keyspaces_migration.ledger.repair_records import RepairedRow, RepairPlan, RepairStep

VALID_FOR = timedelta(hours=24)
"""How long an answer counts: every row is read anew before it is written, so the plan ages only with the check."""


class NotRepairedError(MigrationError):
    """Rows of the plan are not the same in both stores: the report names each with what became of it."""


class LeaderChangedError(MigrationError):
    """Another store leads than when the check looked, so the plan would write over what is right. Nothing was done."""


class ParamError(MigrationError):
    """A parameter of the run is not what it may be."""


def repair_subject(migration: "Migration") -> str:
    """What approvers are asked."""
    return f"Repair of {migration.name}: rows of the follower are written from the leader"


class PlanRepairOperator(BaseOperator):
    """Takes the mismatches of a recorded check, looks at each row, and keeps the plan as a report and as evidence.

    In a dry run (the DAG's param) it records no plan, so that nothing can be repaired. It writes to neither store.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        check_run_id: Of the check whose mismatches are repaired, as text from a template; empty: the newest.
        max_rows: The cap of this run, as text from a template; empty: the migration file's.
    """

    template_fields = ("check_run_id", "max_rows")
    ui_color = "#e8eef7"

    def __init__(
        self,
        *,
        ledger_conn_id: str,
        check_run_id: str,
        max_rows: str,
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.check_run_id = check_run_id
        self.max_rows = max_rows

    def execute(self, context: "Context") -> dict[str, Any]:
        """Plan.

        Returns:
            How many rows are planned, how many are left out, and the report's address.

        Raises:
            RepairRefusedError: the file does not allow repairs, or there is no such check.
            ParamError: a parameter is no number.
            StoreError: a store can't be reached.
            LedgerError: the ledger can't be read, or a record is not as it was signed.
        """
        from keyspaces_migration.consistency.repair_plan import plan_repair
        from keyspaces_migration.consistency.repair_report import plan_report
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.repairs import RepairLedger

        run, dry_run = recorded_run(context, ledger_conn_id=self.ledger_conn_id), is_dry_run(context)
        plan = plan_repair(
            run.ledger,
            migration=run.migration,
            dag_id=run.dag_id,
            run_id=run.run_id,
            check_run_id=_given(self.check_run_id),
            max_rows=_number("max_rows", self.max_rows),
            dry_run=dry_run,
            now=datetime.now(UTC),
        )
        if not dry_run:
            plan = RepairLedger(run.ledger).record_plan(plan)
        with repairer(run, plan.leader) as looks:
            page = plan_report(plan, looks.preview(plan.rows), dry_run=dry_run)
        self.log.info("%s", page)
        path = run.keep_report(ReportKind.REPAIR_PLAN, name="repair_plan.md", media_type="text/markdown", content=page)
        if not dry_run:
            run.keep_evidence(Evidence(title=repair_subject(run.migration), facts=plan.facts(), page=page))
        counts = {"rows": len(plan.rows), "over_cap": plan.over_cap, "not_listed": plan.not_listed}
        return {**counts, "dry_run": dry_run, "report": path}


class RepairApprovalNeededOperator(BaseBranchOperator):
    """Leads a run that has something to repair to the gates, and ends a dry run, or one with nothing to do, here.

    It only saves people a question: the task that writes reads plan and approval itself.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def choose_branch(self, context: "Context") -> list[str] | None:
        """The gates, or nothing.

        Raises:
            LedgerError: the ledger can't be read, or the plan is not as it was signed.
        """
        from keyspaces_migration.ledger.errors import PlanNotRecordedError
        from keyspaces_migration.ledger.repairs import RepairLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        try:
            plan = RepairLedger(run.ledger).plan(dag_id=run.dag_id, run_id=run.run_id)
        except PlanNotRecordedError:
            self.log.info("A dry run: it ends with the plan. To repair, start a new run with dry_run off.")
            return None
        if not plan.rows:
            self.log.info("The check %s found nothing to repair.", plan.check_run_id)
            return None
        return list(gate_ids(run.migration))


class RepairOperator(ActsInRun):
    """Writes the planned rows of the follower from the leader, after it has verified the approval of this very plan.

    It has no retries: clearing it looks at every row anew, and writes what is out of line then.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    def execute(self, context: "Context") -> dict[str, int]:
        """Verify, write, record.

        Returns:
            Rows by what became of them.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            PlanNotRecordedError: the run has no plan, as a dry run; nothing was done.
            RepairPlanChangedError: the plan is not what the check makes now; nothing was done.
            LeaderChangedError: another store leads than when the check looked; nothing was done.
            ApprovalRefusedError: the answers at the gates do not allow it; nothing was done.
            ApprovalUnreadableError: Airflow's record of them could not be read; nothing was done.
            StoreError: a store can't be reached; nothing was done.
            LedgerError: the ledger can't be read or written, or is not as it was signed.
        """
        from keyspaces_migration.ledger.repair_records import RepairStep

        run = self.unchanged_run(context)
        plan = require_approved_plan(run, task_id=self.task_id)
        require_leader(run.migration, plan.leader)
        with repairer(run, plan.leader) as writes:
            rows = writes.repair(plan.rows)
        return _record(run, RepairStep.REPAIR, context, rows)


class CheckAgainOperator(BaseOperator):
    """Looks at every planned row again, records and reports how it stands, and is red unless all are in line.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e6f4ea"

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, int]:
        """Look, record, report.

        Returns:
            Rows by what became of them.

        Raises:
            NotRepairedError: a row is not the same in both stores, or could not be looked at.
            PlanNotRecordedError: the run has no plan.
            StoreError: a store can't be reached.
            LedgerError: the ledger can't be read or written, or is not as it was signed.
        """
        from keyspaces_migration.consistency.repair_report import result_report, sentence
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.repair_records import RepairStep
        from keyspaces_migration.ledger.repairs import RepairLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        ledger = RepairLedger(run.ledger)
        plan = ledger.plan(dag_id=run.dag_id, run_id=run.run_id)
        results = ledger.results(dag_id=run.dag_id, run_id=run.run_id)
        done = [result for result in results if result.step is RepairStep.REPAIR]
        with repairer(run, plan.leader) as looks:
            rows = looks.check_again(plan.rows, done=done[-1].rows if done else ())
        counts = _record(run, RepairStep.CHECK_AGAIN, context, rows)
        page = result_report(plan, rows)
        self.log.info("%s", page)
        path = run.keep_report(ReportKind.REPAIR, name="repair.md", media_type="text/markdown", content=page)
        if not all(row.outcome.is_good for row in rows):
            raise NotRepairedError(
                f"Not every row of {len(rows):,} is the same in both stores: {sentence(rows)}. The report says which, "
                f"and why: {path}"
            )
        return counts


def require_approved_plan(run: MigrationRun, *, task_id: str) -> "RepairPlan":
    """What the writing task calls in the same `execute` in which it writes.

    Args:
        run: The run that repairs.
        task_id: The task, for the record of the approval.

    Raises:
        PlanNotRecordedError: the run has no plan, as a dry run.
        RepairPlanChangedError: the plan is not what the check makes now.
        RepairRefusedError: the file does not allow repairs.
        ApprovalRefusedError: the answers do not allow it.
        ApprovalUnreadableError: Airflow's record could not be read, which counts as refused.
        LedgerError: the ledger can't be read or written, or is not as it was signed.
    """
    from keyspaces_migration.consistency.repair_plan import require_same_plan
    from keyspaces_migration.ledger.repairs import RepairLedger

    plan = RepairLedger(run.ledger).plan(dag_id=run.dag_id, run_id=run.run_id)
    require_same_plan(run.ledger, plan, migration=run.migration)
    require_approval(run, task_id=task_id, evidence_digest=plan.digest, valid_for=VALID_FOR)
    return plan


def require_leader(migration: Migration, planned: "Leader") -> None:
    """Refuse to write over the store that leads by now.

    Raises:
        LeaderChangedError: it is another than the plan was made for.
    """
    leads = leader_of(migration)
    if leads.value != planned.value:
        raise LeaderChangedError(
            f"The check looked while the {planned.value} led, and the {leads.value} leads now: its rows are right, and "
            "the plan would write over them. Nothing was done. Run a check, and plan the repair anew."
        )


@contextmanager
def repairer(run: MigrationRun, leader: "Leader") -> Iterator["Repairer"]:
    """A repairer over sessions of its own.

    Raises:
        StoreError: a store can't be reached.
    """
    from keyspaces_migration.consistency.kinds import Store
    from keyspaces_migration.consistency.repair import CellStore, Repairer
    from keyspaces_migration.dual_write.clock import system_now_us
    from keyspaces_migration.dual_write.shape import TableShape

    migration = run.migration
    settle_s = migration.consistency.settle_time.total_seconds()
    with (
        CassandraHook(migration.connections.source).session() as source,
        KeyspacesHook(migration.connections.target).session() as target,
    ):
        yield Repairer(
            shapes={name: TableShape.from_migration(name, table) for name, table in migration.tables.items()},
            source=CellStore(source, store=Store.SOURCE, keyspace=migration.source.keyspace),
            target=CellStore(target, store=Store.TARGET, keyspace=migration.target.keyspace),
            leader=leader,
            settle=lambda: time.sleep(settle_s),
            now_us=system_now_us,
        )


def _record(
    run: MigrationRun, step: "RepairStep", context: "Context", rows: tuple["RepairedRow", ...]
) -> dict[str, int]:
    from keyspaces_migration.ledger.repair_records import RepairResult
    from keyspaces_migration.ledger.repairs import RepairLedger

    result = RepairResult(
        dag_id=run.dag_id,
        run_id=run.run_id,
        step=step,
        attempt=context["ti"].try_number,
        rows=rows,
        finished_at=datetime.now(UTC),
    )
    RepairLedger(run.ledger).record_result(result)
    counts = {outcome.value: count for outcome, count in result.counts.items()}
    telemetry.rows_repaired(counts, step=step, migration=run.migration.name)
    return counts


def _given(text: str | None) -> str | None:
    """What a template rendered, where a person gave something."""
    return None if str(text).strip() in {"", "None"} else str(text).strip()


def _number(name: str, text: str | None) -> int | None:
    given = _given(text)
    if given is not None and not given.isdecimal():
        raise ParamError(f"{name} is {given!r}; allowed is a whole number from 1, or nothing for the migration file's")
    return None if given is None else int(given)
