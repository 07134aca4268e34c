"""Makes the DAG of one stage of one migration; the files in `dags/` fill it with tasks."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, ExceptionRetryPolicy, Param, RetryAction, RetryRule, get_parsing_context

from keyspaces_migration.config import LoadedMigration, Migration, read_folder
from keyspaces_migration.errors import MigrationError, StandingError
from keyspaces_migration.lifecycle import Service, Stage, dag_id
from keyspaces_provider.access import access_control
from keyspaces_provider.airflow_version import require_supported_airflow
from keyspaces_provider.notifications import FailureCallback

__all__ = [
    "LOAD_RETRIES",
    "READ_ONLY_RETRIES",
    "InvalidMigrationFilesError",
    "LoadedMigration",
    "Service",
    "Stage",
    "raise_for_invalid_files",
    "stage_dag",
    "valid_migrations",
]

TAG = "keyspaces-migration"

_TRIED_AGAIN: Mapping[str, Any] = {
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": ExceptionRetryPolicy(
        [RetryRule(StandingError, RetryAction.FAIL, reason="it stays until a person acts: see the error")]
    ),
}
READ_ONLY_RETRIES: Mapping[str, Any] = {"retries": 2, **_TRIED_AGAIN}
"""Task arguments for tasks that only look. Tasks that act on infrastructure or on the flag have no retries."""
LOAD_RETRIES: Mapping[str, Any] = {"retries": 6, **_TRIED_AGAIN}
"""Task arguments for tasks that load, each of which goes on where the one before it ended.

Together they outlast an outage of ten minutes: 10, 20, 40, 80, 160 and 300 seconds apart.
"""


class InvalidMigrationFilesError(MigrationError):
    """At least one migration file is invalid; the message holds every problem of every such file."""


def valid_migrations(folder: Path, *, stage: Stage | Service) -> Iterator[LoadedMigration]:
    """The migrations whose file in `folder` is valid and far enough for `stage`, in the order of their names.

    A file without tables is far enough for `assess` alone, whose report drafts them.

    Invalid files are skipped here and named by `dags/migration_file_errors.py` alone, so that one bad file takes
    away its own DAGs and no others. When Airflow parses a DAG file to run one task, only the migration of that
    task is given.

    Raises:
        UnsupportedAirflowError: this Airflow is not one that the package was written for.
    """
    require_supported_airflow()
    wanted = get_parsing_context().dag_id
    for loaded in read_folder(folder).valid:
        ready = stage is Stage.ASSESS or loaded.migration.tables
        if ready and wanted in {None, dag_id(loaded.migration.name, stage)}:
            yield loaded


def stage_dag(  # noqa: PLR0913 # all by keyword
    migration: Migration,
    *,
    stage: Stage | Service,
    summary: str,
    doc_md: str,
    params: Mapping[str, Param] | None = None,
    schedule: str | None = None,
) -> DAG:
    """The DAG `<migration>.<stage>`, one run at a time, with no retries unless a task says so.

    It is not paused when it is created: a stage started by hand waits for a person anyway, and a scheduled run that
    comes before its stage's turn skips with the reason (`RecordRunOperator`).

    Args:
        migration: the migration whose stage it is.
        stage: one stage of the lifecycle, or a service.
        summary: one line for the DAG list.
        doc_md: what the stage does and leaves, in Markdown: the docstring of its DAG file.
        params: what the person who triggers it may choose.
        schedule: cron fields or a preset, UTC, from the migration file; None: started by hand alone. It can be started
            by hand in either case. Runs that were missed are not made up for.
    """
    return DAG(
        dag_id=dag_id(migration.name, stage),
        description=summary,
        doc_md=doc_md,
        schedule=schedule,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=[TAG, migration.name],
        default_args={
            "owner": migration.owner,
            "retries": 0,
            "on_failure_callback": FailureCallback(migration, stage=stage if isinstance(stage, Stage) else None),
        },
        params=dict(params or {}),
        access_control=access_control(migration.access),
    )


def raise_for_invalid_files(folder: Path) -> None:
    """Raise one error that holds the problems of every invalid migration file in `folder`, if there is any.

    Raises:
        InvalidMigrationFilesError: at least one file is invalid.
    """
    if invalid := read_folder(folder).invalid:
        raise InvalidMigrationFilesError("\n\n".join(str(error) for error in invalid))
