"""The historical backfill as tasks: plan, load, verify."""

import random
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, BaseOperator

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider import telemetry
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.history import snowflake_connection
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from keyspaces_provider.links import ReportLink
from keyspaces_provider.operators.backfill_cost import CostNotAllowedError, require_allowed_load
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context
    from cassandra.cluster import Session

    from keyspaces_migration.backfill import History, LoggedDeletes, Verification
    from keyspaces_migration.config import Migration

DRY_RUN = "dry_run"
"""The DAG's param."""


class CountsDifferError(MigrationError):
    """The load has ended, and its counts do not add up; the report says where."""


def backfill_asset(migration: str) -> Asset:
    """The asset that every load of `migration` updates whose counts add up; the event's extra says what it loaded."""
    return Asset(f"keyspaces-migration/{migration}/backfill")


class _BackfillOperator(BaseOperator):
    operator_extra_links = (ReportLink(),)

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id


class PlanBackfillOperator(_BackfillOperator):
    """Takes the snapshots of the history, cuts them into splits, and keeps the plan as a report and as evidence.

    In a dry run (the DAG's param) it records no plan, so that nothing can be loaded, and leaves no snapshot.

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the splits are kept.
    """

    def execute(self, context: "Context") -> dict[str, Any]:
        """Plan.

        Returns:
            Rows, splits, cost in USD and forecast hours.

        Raises:
            PlanRefusedError: some table can't be loaded safely; nothing was recorded but the report of why.
            HistoryUnreachableError: Snowflake can't be reached.
        """
        from keyspaces_migration.backfill import PlanRefusedError, plan_backfill, plan_report, refusal_report
        from keyspaces_migration.ledger.backfills import BackfillLedger

        run, dry_run = recorded_run(context, ledger_conn_id=self.ledger_conn_id), is_dry_run(context)
        ledger = BackfillLedger(run.ledger)
        now = datetime.now(UTC)
        try:
            with _history(run) as history:
                plan = plan_backfill(
                    history,
                    ledger,
                    run.migration,
                    dag_id=run.dag_id,
                    run_id=run.run_id,
                    barrier_us=barrier_us(run),
                    now=now,
                    dry_run=dry_run,
                )
        except PlanRefusedError as error:
            self._keep(run, refusal_report(error.refusals, migration=run.migration.name, refused_at=now))
            raise
        page = plan_report(plan, dry_run=dry_run)
        path = self._keep(run, page)
        if not dry_run:
            facts = ledger.plan(dag_id=run.dag_id, run_id=run.run_id).facts()
            run.keep_evidence(Evidence(title=load_subject(run.migration), facts=facts, page=page))
        return {**plan.summary(), "dry_run": dry_run, "report": path}

    def _keep(self, run: MigrationRun, page: str) -> str:
        from keyspaces_migration.ledger import ReportKind

        self.log.info("%s", page)
        return run.keep_report(ReportKind.BACKFILL_PLAN, name="plan.md", media_type="text/markdown", content=page)


class LoadTableOperator(ActsInRun):
    """Loads one table's splits, claimed by lease; safe to run again after any end, a kill included.

    What the load costs is verified in the same call: that the plan in the ledger costs no more than the file allows, or
    that this very plan was approved.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger, where the splits are kept.
        table: The table.
        slot: Which of the table's workers it is, from 1.
    """

    template_fields = ("table", "slot")

    def __init__(self, *, table: str, slot: int = 1, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.table = table
        self.slot = slot

    def execute(self, context: "Context") -> dict[str, Any]:
        """Load until every split of the table is done.

        Returns:
            Splits, rows read, written, expired and dead.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            CostNotAllowedError: the plan costs more than the file allows, and no approval counts, so nothing was done;
                or the load has cost more than was allowed, and stopped. What is loaded stays.
            ApprovalUnreadableError: Airflow's record of the approval could not be read; nothing was done.
            PlanNotRecordedError: the run has no plan, as a dry run; nothing was done.
            BackfillError: see `keyspaces_migration.backfill.load_splits`; what was loaded stays, and is not repeated.
        """
        from keyspaces_migration.backfill import Loading, OverBudgetError, Pacing, load_splits
        from keyspaces_migration.ledger.backfills import BackfillLedger
        from keyspaces_provider.object_files import unloaded_storage

        run = self.unchanged_run(context)
        plan = require_allowed_load(run, task_id=self.task_id)
        telemetry.bind(table=self.table, slot=self.slot)
        hook = KeyspacesHook(run.migration.connections.target)
        barrier, unload = barrier_us(run), run.migration.backfill.unload
        with (
            _history(run) as history,
            hook.session() as session,
            _logged_deletes(run, session, barrier=barrier) as deletes,
        ):
            loading = Loading(
                history=history,
                settings=hook.settings(),
                session=session,
                ledger=BackfillLedger(run.ledger),
                migration=run.migration,
                worker=f"{run.dag_id}/{run.run_id}/{self.task_id}/{context['task_instance'].map_index}",
                clock=lambda: datetime.now(UTC),
                pacing=Pacing(wait=time.sleep, chance=random.random),
                deletes=deletes,
                barrier_now=lambda: barrier_us(run),
                progress=lambda line: self.log.info("%s", line),
                plan=plan,
                begun=telemetry.split_begun,
                finished=partial(telemetry.split_finished, migration=run.migration.name, slot=self.slot),
                unloaded=None if unload is None else unloaded_storage(unload.path),
            )
            try:
                done = load_splits(loading, dag_id=run.dag_id, run_id=run.run_id, barrier_us=barrier, table=self.table)
            except OverBudgetError as error:
                raise CostNotAllowedError(str(error)) from error
        return {"table": self.table, "slot": self.slot, **done.summary()}


class VerifyBackfillOperator(_BackfillOperator):
    """Applies what applications deleted meanwhile, counts, keeps the report, and reaches the milestone.

    Where the counts add up, it updates the migration's asset: the event's extra has rows, money and dead letters.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        migration: The migration's name, for the asset.
    """

    def __init__(self, *, ledger_conn_id: str, migration: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(ledger_conn_id=ledger_conn_id, outlets=[backfill_asset(migration)], **kwargs)
        self.migration = migration

    def execute(self, context: "Context") -> dict[str, Any]:
        """Count and report.

        Returns:
            Rows loaded, expired and dead.

        Raises:
            CountsDifferError: the counts do not add up; the report is kept all the same.
            DeletesNotAppliedError: the target did not take what applications deleted meanwhile.
        """
        from keyspaces_migration.backfill import load_facts, load_report, require_planned, verify_counts
        from keyspaces_migration.ledger import ReportKind
        from keyspaces_migration.ledger.backfills import BackfillLedger

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        ledger, of_run = BackfillLedger(run.ledger), {"dag_id": run.dag_id, "run_id": run.run_id}
        barrier = barrier_us(run)
        with (
            KeyspacesHook(run.migration.connections.target).session() as session,
            _logged_deletes(run, session, barrier=barrier) as deletes,
        ):
            found = verify_counts(session, ledger, run.migration, **of_run, deletes=deletes)
        plan, now = require_planned(ledger, **of_run), datetime.now(UTC)
        letters = {each.table: ledger.dead_letters(**of_run, table=each.table) for each in plan.tables}
        page = load_report(found, letters, plan=plan, finished_at=now)
        self.log.info("%s", page)
        path = run.keep_report(ReportKind.BACKFILL, name="backfill.md", media_type="text/markdown", content=page)
        telemetry.emit(telemetry.Signal.COUNTS_AGREE, found.agrees, migration=run.migration.name)
        _refuse_difference(found, path)
        run.reach(Milestone.SNAPSHOT_LOADED if barrier is None else Milestone.BACKFILL_COMPLETE)
        context["outlet_events"][backfill_asset(self.migration)].extra = load_facts(found, plan, finished_at=now)
        return {**found.summary(), "report": path}


def _refuse_difference(found: "Verification", path: str) -> None:
    if not found.agrees:
        raise CountsDifferError(f"The counts of the backfill do not add up; see {path}. Nothing later may rely on it.")


def load_subject(migration: "Migration") -> str:
    """What approvers are asked."""
    return f"Load the history of {migration.name} for more than backfill.budget.max_cost_usd"


def is_dry_run(context: "Context") -> bool:
    """Whether the run ends with the plan, as the person who triggered it chose."""
    return bool(context["params"][DRY_RUN])


def barrier_us(run: MigrationRun) -> int | None:
    """The barrier of dual writes in microseconds since 1970; None before they have begun.

    Raises:
        DualWritesStartingError: a barrier is fixed, and start_dual_writes has not ended.
        BarrierUnknownError: dual writes have begun, and their barrier is not in the ledger.
    """
    from keyspaces_migration.backfill import current_barrier_us

    return current_barrier_us(run.ledger, run.migration.name)


@contextmanager
def _logged_deletes(run: MigrationRun, target: "Session", *, barrier: int | None) -> "Iterator[LoggedDeletes | None]":
    """Yield the deletes that applications log on the source; None before dual writes, when they log none."""
    from keyspaces_migration.backfill import LoggedDeletes, Pacing

    if barrier is None:
        yield None
        return
    with CassandraHook(run.migration.connections.source).session() as source:
        yield LoggedDeletes(
            source=source,
            target=target,
            migration=run.migration,
            barrier_us=barrier,
            pacing=Pacing(wait=time.sleep, chance=random.random),
            clock=lambda: datetime.now(UTC),
        )


@contextmanager
def _history(run: MigrationRun) -> "Iterator[History]":
    from snowflake.connector import Error

    from keyspaces_migration.backfill import History

    with snowflake_connection(run.migration.connections.history) as connection, connection.cursor() as cursor:
        yield History(cursor=cursor, database_error=Error)
