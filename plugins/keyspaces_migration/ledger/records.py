"""The ledger's records, as they go in and come out."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from keyspaces_migration.lifecycle import Milestone, Stage

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration


class ReportKind(StrEnum):
    """What a report is about."""

    ASSESSMENT = "assessment"
    TABLES_DRAFT = "tables_draft"
    CONSISTENCY_CHECK = "consistency_check"
    BACKFILL_PLAN = "backfill_plan"
    BACKFILL = "backfill"
    EVIDENCE = "evidence"
    PROVISION_PLAN = "provision_plan"
    STACK_OUTPUTS = "stack_outputs"
    DRIFT = "drift"
    REPAIR_PLAN = "repair_plan"
    REPAIR = "repair"
    LETTERS = "letters"
    RETIREMENT = "retirement"


@dataclass(frozen=True, kw_only=True)
class RunConfiguration:
    """The migration file as the first task of a run found it; every later task of the run uses this copy.

    Attributes:
        migration: The migration's name.
        stage: The stage that the run belongs to.
        dag_id: Airflow's id of the DAG, `<migration>.<stage>`.
        run_id: Airflow's id of the DAG run.
        digest: SHA-256 of `canonical_json` in UTF-8, in lower-case hexadecimal.
        canonical_json: The validated migration file.
        recorded_at: With a time zone; kept in UTC to the microsecond.
        recorded_by: The user who triggered the run, where Airflow knows it.
    """

    migration: str
    stage: Stage
    dag_id: str
    run_id: str
    digest: str
    canonical_json: str = field(repr=False)
    recorded_at: datetime
    recorded_by: str | None = None

    @classmethod
    def of(  # noqa: PLR0913 # a run's parts, all but the file by keyword
        cls,
        migration: "Migration",
        *,
        stage: Stage,
        dag_id: str,
        run_id: str,
        recorded_at: datetime,
        recorded_by: str | None = None,
    ) -> Self:
        """Return the record of a run that uses this migration file."""
        return cls(
            migration=migration.name,
            stage=stage,
            dag_id=dag_id,
            run_id=run_id,
            digest=migration.digest,
            canonical_json=migration.canonical_json(),
            recorded_at=recorded_at,
            recorded_by=recorded_by,
        )


@dataclass(frozen=True, kw_only=True)
class MilestoneReached:
    """A milestone, and the run that reached it; `digest` is that of the run's configuration."""

    migration: str
    milestone: Milestone
    reached_at: datetime
    dag_id: str
    run_id: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """A file that a run left: `path` is an ObjectStoragePath, `sha256` that of its bytes, in hexadecimal."""

    migration: str
    stage: Stage
    dag_id: str
    run_id: str
    kind: ReportKind
    media_type: str
    path: str
    sha256: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApprovalRecord:
    """An approval that an acting task verified and then acted on.

    Attributes:
        task_id: The acting task.
        evidence_digest: SHA-256, in hexadecimal, of the evidence that was shown and approved.
        approved_by: User ids, in the order of the gates.
        approved_at: The last answer.
        verified_at: When the acting task read and judged the answers.
    """

    dag_id: str
    run_id: str
    task_id: str
    evidence_digest: str
    approved_by: tuple[str, ...]
    approved_at: datetime
    verified_at: datetime
