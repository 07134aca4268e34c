"""The run that a task belongs to: the migration file as the run's first task recorded it, and the ledger."""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from keyspaces_migration.config import Migration, load_migration
from keyspaces_provider import telemetry
from keyspaces_provider.evidence import Evidence, EvidenceDamagedError
from keyspaces_provider.reports import RunFolder, run_folder

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.ledger import Ledger, ReportKind
    from keyspaces_migration.lifecycle import Milestone, Stage


@dataclass(frozen=True, kw_only=True)
class MigrationRun:
    """What every task after the first works from.

    Attributes:
        migration: The migration file as recorded when the run began; not as it is on disk now.
        stage: The stage that the run belongs to.
        ledger: The migration's ledger.
        dag_id: Airflow's id of the DAG.
        run_id: Airflow's id of the run.
    """

    migration: Migration
    stage: "Stage"
    ledger: "Ledger"
    dag_id: str
    run_id: str

    @property
    def folder(self) -> RunFolder:
        """Where this run's reports are kept."""
        return run_folder(self.migration, stage=self.stage, run_id=self.run_id)

    def keep_report(self, kind: "ReportKind", *, name: str, media_type: str, content: str) -> str:
        """Write a report, record it with its digest in the ledger, and return its address.

        Raises:
            ReportNotKeptError: the object store refused.
        """
        path = self.folder.write(name, content)
        self.ledger.record_report(
            kind,
            dag_id=self.dag_id,
            run_id=self.run_id,
            media_type=media_type,
            path=path,
            sha256=sha256(content.encode()).hexdigest(),
            created_at=datetime.now(UTC),
        )
        return path

    def keep_evidence(self, evidence: Evidence) -> str:
        """Keep what an approver will be shown, as a report of this run, and return its digest.

        Raises:
            ReportNotKeptError: the object store refused.
        """
        from keyspaces_migration.ledger import ReportKind

        name = f"evidence-{evidence.digest[:16]}.json"
        self.keep_report(ReportKind.EVIDENCE, name=name, media_type="application/json", content=evidence.to_json())
        return evidence.digest

    def evidence(self) -> Evidence:
        """The newest evidence that this run kept, checked against the ledger.

        Raises:
            EvidenceDamagedError: there is none, or the file is not the one that was recorded.
        """
        from airflow.sdk import ObjectStoragePath

        from keyspaces_migration.ledger import ReportKind

        kept = self.ledger.reports(self.migration.name, run_id=self.run_id, kind=ReportKind.EVIDENCE)
        mine = [report for report in kept if report.dag_id == self.dag_id]
        if not mine:
            raise EvidenceDamagedError(f"Run {self.run_id} of {self.dag_id} has kept no evidence to approve.")
        text = ObjectStoragePath(mine[-1].path).read_text(encoding="utf-8")
        return Evidence.from_json(text, recorded_sha256=mine[-1].sha256)

    def reach(self, milestone: "Milestone") -> None:
        """Record that this run reached `milestone`, now."""
        self.ledger.add_milestone(milestone, dag_id=self.dag_id, run_id=self.run_id, reached_at=datetime.now(UTC))


def recorded_run(context: "Context", *, ledger_conn_id: str) -> MigrationRun:
    """The run of the task whose `context` is given.

    Raises:
        RunNotRecordedError: the run's first task has not recorded it.
        LedgerError: the ledger can't be read.
    """
    from keyspaces_provider.ledger import ledger_from_connection

    run = context["dag_run"]
    ledger = ledger_from_connection(ledger_conn_id)
    recorded = ledger.run_configuration(dag_id=run.dag_id, run_id=run.run_id)
    migration = Migration.from_canonical_json(recorded.canonical_json)
    telemetry.bind_run(migration, stage=recorded.stage.value)
    return MigrationRun(
        migration=migration,
        stage=recorded.stage,
        ledger=ledger,
        dag_id=run.dag_id,
        run_id=run.run_id,
    )


def acting_run(context: "Context", *, ledger_conn_id: str, migration_file: str) -> MigrationRun:
    """The run of a task that is about to act, whose migration file must be as the run's first task recorded it.

    Who changed the file has changed their mind about something, and may think that what runs follows it: so neither
    the old content nor the new is acted on. Lowering the share is exempt: `rollback` must work at any time.

    Args:
        context: Of the task.
        ledger_conn_id: Airflow connection of the ledger.
        migration_file: Path of the migration file, as the worker sees it.

    Raises:
        ConfigurationChangedError: the file has changed since the run began; nothing was done.
        MigrationFileError: the file is not valid (any more); nothing was done.
        RunNotRecordedError: the run's first task has not recorded it.
        LedgerError: the ledger can't be read.
    """
    run = recorded_run(context, ledger_conn_id=ledger_conn_id)
    run.ledger.require_unchanged(
        dag_id=run.dag_id, run_id=run.run_id, digest=load_migration(Path(migration_file)).digest
    )
    return run
