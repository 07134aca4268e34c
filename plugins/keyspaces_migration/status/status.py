"""A migration as its ledger has it: where reads and writes are, what is next, who must act, and what stands behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.trend import TrendPoint, trend_points
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.alerts import Alert, AlertLedger
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.canaries import CanaryLedger
from keyspaces_migration.ledger.canary_records import CanaryRecord
from keyspaces_migration.ledger.check_records import CheckedTable, CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.flags import FlagChange, FlagLedger
from keyspaces_migration.ledger.letter_records import LetterOutcome
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.looks import LookLedger, ReadinessLook
from keyspaces_migration.ledger.records import ApprovalRecord, MilestoneReached, Report, ReportKind, RunConfiguration
from keyspaces_migration.lifecycle import Stage
from keyspaces_migration.status.loads import Load, load_of
from keyspaces_migration.status.stages import StageStatus, stage_statuses


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A run whose evidence was kept, and on which no approval was acted yet: somebody may have to answer.

    The ledger knows what was shown and what was acted on, not whether Airflow still waits: the run may have been
    rejected, or have ended without an approval where none was needed.
    """

    stage: Stage
    dag_id: str
    run_id: str
    shown_at: datetime


@dataclass(frozen=True, kw_only=True)
class MigrationStatus:
    """All of it, of one moment.

    Attributes:
        name: The migration's name.
        looked_at: The moment.
        configuration: The migration file as its newest run recorded it.
        stages: Where each stage stands, those of the path first.
        flag: The state that was asked for last; None before dual writes.
        changes: Of the flag, newest first.
        canary: Events of the newest attempt at a cutover, oldest first.
        barrier_us: B, in microseconds since 1970; None before dual writes.
        load: The newest backfill that has a plan; None before one.
        checks: By time, oldest first.
        newest_check: None before one.
        checked_tables: Of the newest check.
        readiness: How the criteria stood when a task looked last; None before a cutover was started.
        letters: How many stand how, by class.
        asked: Runs that may wait for approvers.
        alerts: What people were told of and what still lasts.
        approvals: Newest first.
    """

    name: str
    looked_at: datetime
    configuration: Migration
    stages: tuple[StageStatus, ...]
    flag: FlagState | None
    changes: tuple[FlagChange, ...]
    canary: tuple[CanaryRecord, ...]
    barrier_us: int | None
    load: Load | None
    checks: tuple[TrendPoint, ...]
    newest_check: CheckRun | None
    checked_tables: tuple[CheckedTable, ...]
    readiness: ReadinessLook | None
    letters: Mapping[tuple[LetterOutcome, ReasonClass], int]
    asked: tuple[Asked, ...]
    alerts: tuple[Alert, ...]
    approvals: tuple[ApprovalRecord, ...]


def read_status(ledger: Ledger, migration: str, *, now: datetime) -> MigrationStatus:
    """Read how a migration stands; all of it is of one moment.

    Args:
        ledger: That has it.
        migration: A name that has recorded a run.
        now: With a time zone.

    Raises:
        LedgerUnreachableError, LedgerSchemaError, LedgerSignatureError: The ledger does not answer, is not of this
            code, or is not as it was signed.
    """
    with ledger.one_state():
        runs, milestones = ledger.runs(migration), ledger.milestones(migration)
        changes, checks = FlagLedger(ledger).changes(migration), CheckLedger(ledger)
        checked, approvals = checks.runs(migration), ledger.approvals(migration)
        newest = checked[-1] if checked else None
        return MigrationStatus(
            name=migration,
            looked_at=now,
            configuration=Migration.from_canonical_json(runs[-1].canonical_json),
            stages=stage_statuses(migration, milestones=milestones, runs=runs),
            flag=changes[-1].state if changes else None,
            changes=tuple(reversed(changes)),
            canary=_newest_attempt(CanaryLedger(ledger).records(migration)),
            barrier_us=FlagLedger(ledger).barrier_us(migration),
            load=_load(BackfillLedger(ledger), migration, now=now),
            checks=trend_points(checks, checked),
            newest_check=newest,
            checked_tables=()
            if newest is None
            else checks.tables(dag_id=newest.dag_id, run_id=newest.run_id, attempt=newest.attempt),
            readiness=LookLedger(ledger).newest(migration),
            letters=LetterLedger(ledger).rough_classes(migration),
            asked=_asked(ledger.reports(migration), approvals, runs=runs, milestones=milestones),
            alerts=tuple(each for each in AlertLedger(ledger).alerts(migration) if each.closed_at is None),
            approvals=tuple(reversed(approvals)),
        )


def _newest_attempt(records: Sequence[CanaryRecord]) -> tuple[CanaryRecord, ...]:
    return tuple(each for each in records if each.run_id == records[-1].run_id)


def _load(backfills: BackfillLedger, migration: str, *, now: datetime) -> Load | None:
    plan = backfills.newest_plan(migration)
    if plan is None:
        return None
    return load_of(
        plan,
        states=backfills.rough_states(dag_id=plan.dag_id, run_id=plan.run_id),
        progress=backfills.rough_tables(dag_id=plan.dag_id, run_id=plan.run_id),
        approved_at=backfills.plan_approved_at(plan),
        now=now,
    )


def _asked(
    reports: Sequence[Report],
    approvals: Sequence[ApprovalRecord],
    *,
    runs: Sequence[RunConfiguration],
    milestones: Sequence[MilestoneReached],
) -> tuple[Asked, ...]:
    """The newest run of each stage that showed evidence, unless it was approved or has reached something since."""
    over = {(each.dag_id, each.run_id) for each in approvals} | {(each.dag_id, each.run_id) for each in milestones}
    newest = {run.stage: (run.dag_id, run.run_id) for run in runs}
    shown: dict[Stage, Asked] = {}
    for report in reports:
        run = (report.dag_id, report.run_id)
        if report.kind is ReportKind.EVIDENCE and run == newest.get(report.stage) and run not in over:
            shown[report.stage] = Asked(
                stage=report.stage, dag_id=report.dag_id, run_id=report.run_id, shown_at=report.created_at
            )
    return tuple(shown.values())
