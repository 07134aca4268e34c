"""The historical backfill as tasks: plan, load, verify."""

import random
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.history import snowflake_connection
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from keyspaces_migration.backfill import History, Verification


class CostNotAllowedError(MigrationError):
    """The load would cost more than the migration file's budget allows; nothing was written."""


class CountsDifferError(MigrationError):
    """The load has ended, and its counts do not add up; the report says where."""


class _BackfillOperator(BaseOperator):
    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id


class PlanBackfillOperator(_BackfillOperator):
    """Takes the snapshots of the history, cuts them into splits, and keeps the plan as a report.

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the splits are kept.
    """

    def execute(self, context: "Context") -> dict[str, Any]:
        """Plan.

        Returns:
            Rows, splits, cost in USD and forecast hours.

        Raises:
            PlanRefusedError: some table can't be loaded safely; nothing was recorded.
            CostNotAllowedError: the plan costs more than the budget.
            HistoryUnreachableError: Snowflake can't be reached.
        """
        from keyspaces_migration.backfill import plan_backfill, plan_report
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.backfills import BackfillLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        with _history(run) as history:
            plan = plan_backfill(
                history,
                BackfillLedger(run.ledger),
                run.migration,
                dag_id=run.dag_id,
                run_id=run.run_id,
                barrier_us=barrier_us(run),
                now=datetime.now(UTC),
            )
        page = plan_report(plan)
        self.log.info("%s", page)
        path = run.keep_report(ReportKind.BACKFILL_PLAN, name="plan.md", media_type="text/markdown", content=page)
        if plan.needs_approval:
            raise CostNotAllowedError(
                f"The plan costs more than backfill.budget.max_cost_usd allows; see {path}. Raise the budget in the "
                f"migration file and trigger a new run, or load fewer tables."
            )
        return {**plan.summary(), "report": path}


class LoadTableOperator(ActsInRun):
    """Loads one table's splits, claimed by lease; safe to run again after any end, a kill included.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger, where the splits are kept.
        table: The table; a worker slot of its own for each.
    """

    template_fields = ("table",)

    def __init__(self, *, table: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.table = table

    def execute(self, context: "Context") -> dict[str, Any]:
        """Load until every split of the table is done.

        Returns:
            Splits, rows read, written, expired and dead.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            BackfillError: see `keyspaces_migration.backfill.load_splits`; what was loaded stays, and is not repeated.
        """
        from keyspaces_migration.backfill import Loading, Pacing, load_splits
        from keyspaces_migration.ledger.backfills import BackfillLedger

        run = self.unchanged_run(context)
        hook = KeyspacesHook(run.migration.connections.target)
        with _history(run) as history, hook.session() as session:
            loading = Loading(
                history=history,
                settings=hook.settings(),
                session=session,
                ledger=BackfillLedger(run.ledger),
                migration=run.migration,
                worker=f"{run.dag_id}/{run.run_id}/{self.task_id}/{context['task_instance'].map_index}",
                clock=lambda: datetime.now(UTC),
                pacing=Pacing(wait=time.sleep, chance=random.random),
                progress=self.log.info,
            )
            done = load_splits(
                loading, dag_id=run.dag_id, run_id=run.run_id, barrier_us=barrier_us(run), table=self.table
            )
        return {"table": self.table, **done.summary()}


class VerifyBackfillOperator(_BackfillOperator):
    """Counts the target against the plan and the ledger, keeps the report, and reaches the milestone."""

    def execute(self, context: "Context") -> dict[str, Any]:
        """Count and report.

        Returns:
            Rows loaded, expired and dead.

        Raises:
            CountsDifferError: the counts do not add up; the report is kept all the same.
        """
        from keyspaces_migration.backfill import load_report, verify_counts
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.backfills import BackfillLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        ledger = BackfillLedger(run.ledger)
        with KeyspacesHook(run.migration.connections.target).session() as session:
            found = verify_counts(session, ledger, run.migration, dag_id=run.dag_id, run_id=run.run_id)
        page = load_report(
            found,
            ledger.dead_letters(dag_id=run.dag_id, run_id=run.run_id),
            migration=run.migration.name,
            finished_at=datetime.now(UTC),
        )
        self.log.info("%s", page)
        path = run.keep_report(ReportKind.BACKFILL, name="backfill.md", media_type="text/markdown", content=page)
        _refuse_difference(found, path)
        run.reach(Milestone.SNAPSHOT_LOADED if barrier_us(run) is None else Milestone.BACKFILL_COMPLETE)
        return {**found.summary(), "report": path}


def _refuse_difference(found: "Verification", path: str) -> None:
    if not found.agrees:
        raise CountsDifferError(f"The counts of the backfill do not add up; see {path}. Nothing later may rely on it.")


def barrier_us(run: MigrationRun) -> int | None:
    """The barrier of dual writes in microseconds since 1970; None before they have begun.

    Raises:
        BarrierUnknownError: dual writes have begun, and their barrier is not in the ledger.
    """
    from keyspaces_migration.backfill import current_barrier_us

    return current_barrier_us(run.ledger, run.migration.name)


@contextmanager
def _history(run: MigrationRun) -> "Iterator[History]":
    from snowflake.connector import Error

    from keyspaces_migration.backfill import History

    with snowflake_connection(run.migration.connections.history) as connection, connection.cursor() as cursor:
        yield History(cursor=cursor, database_error=Error)
