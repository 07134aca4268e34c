"""A ledger of the migration `flights`, into which a test records as tasks do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from keyspaces_migration.config import load_migration
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.ledger import ApprovalRecord, Ledger, ReportKind, RunConfiguration
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.lifecycle import Milestone, Stage, dag_id
from keyspaces_migration.status.status import MigrationStatus, read_status

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BARRIER_US = int((NOW - timedelta(hours=3)).timestamp() * 1e6)
FLIGHTS = load_migration(Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml")


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Records what stages of `flights` would; each moment is so many minutes before NOW."""

    ledger: Ledger
    migration: Migration = FLIGHTS

    def run(self, stage: Stage, run_id: str = "one", *, minutes: float = 60) -> dict[str, str]:
        at = NOW - timedelta(minutes=minutes)
        of_run = {"dag_id": dag_id(self.migration.name, stage), "run_id": run_id}
        self.ledger.record_run(
            RunConfiguration.of(self.migration, stage=stage, **of_run, recorded_at=at, recorded_by="alice")
        )
        return of_run

    def reach(self, stage: Stage, milestone: Milestone, *, minutes: float = 60, run_id: str = "one") -> None:
        of_run = self.run(stage, run_id, minutes=minutes)
        self.ledger.add_milestone(milestone, **of_run, reached_at=NOW - timedelta(minutes=minutes))

    def until_ready(self) -> None:
        """Everything before the cutover."""
        for stage, milestone in (
            (Stage.ASSESS, Milestone.ASSESSED),
            (Stage.PROVISION, Milestone.PROVISIONED),
            (Stage.START_DUAL_WRITES, Milestone.DUAL_WRITES_STARTED),
            (Stage.HISTORICAL_BACKFILL, Milestone.BACKFILL_COMPLETE),
        ):
            self.reach(stage, milestone)
        of_run = {"dag_id": "flights.start_dual_writes", "run_id": "one"}
        FlagLedger(self.ledger).fix_barrier(BARRIER_US, **of_run, now=NOW)
        self.flag(WriteMode.DUAL_SOURCE_LEADS, version=2, stage=Stage.START_DUAL_WRITES, minutes=50)

    def flag(
        self, mode: WriteMode, *, version: int, percent: int = 0, stage: Stage = Stage.CUTOVER, minutes: float = 0
    ) -> FlagState:
        of_run = self.run(stage, "one", minutes=60)
        state = FlagState(mode=mode, barrier_us=BARRIER_US, target_read_percent=percent, version=version)
        FlagLedger(self.ledger).record_change(state, **of_run, now=NOW - timedelta(minutes=minutes))
        return state

    def show_evidence(self, stage: Stage, run_id: str = "one") -> None:
        of_run = {"dag_id": dag_id(self.migration.name, stage), "run_id": run_id}
        report = {"media_type": "application/json", "path": f"s3://b/{run_id}.json", "sha256": "a" * 64}
        self.ledger.record_report(ReportKind.EVIDENCE, **of_run, **report, created_at=NOW)

    def approve(self, stage: Stage, run_id: str = "one") -> None:
        self.ledger.record_approval(
            ApprovalRecord(
                dag_id=dag_id(self.migration.name, stage),
                run_id=run_id,
                task_id="act",
                evidence_digest="b" * 64,
                approved_by=("admin",),
                approved_at=NOW,
                verified_at=NOW,
            )
        )

    def status(self) -> MigrationStatus:
        return read_status(self.ledger, self.migration.name, now=NOW)
