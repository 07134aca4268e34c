"""The first task of every run, and what every task shares that acts."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from keyspaces_migration.config import load_migration
from keyspaces_migration.lifecycle import OutOfOrderError, Stage
from keyspaces_provider import telemetry
from keyspaces_provider.run import MigrationRun, acting_run

if TYPE_CHECKING:
    from airflow.sdk import Context

SCHEDULED = "scheduled"
"""Airflow's type of a run that the schedule started; manual, triggered and backfill runs are somebody's wish."""


class RecordRunOperator(BaseOperator):
    """Stores the validated migration file and its digest in the ledger, and refuses a start out of order.

    All later tasks of the run use the stored copy, so that an edit of the file in the middle of a run changes nothing
    that the run does. Run again in the same run, it records nothing anew, and fails if the file has changed since.

    A run that the schedule started out of order is skipped with the reason: nobody asked for it, and before a stage's
    turn there is nothing for it to do. A run that a person started fails.

    Args:
        stage: The stage that the DAG is for.
        migration_file: Path of the migration file, as the worker sees it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#e8eef7"

    def __init__(self, *, stage: Stage, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.stage = stage
        self.migration_file = migration_file
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context") -> dict[str, str]:
        """Record the run.

        Returns:
            The migration's name and the digest of its file.

        Raises:
            MigrationFileError: the file is not valid (any more).
            OutOfOrderError: it is not this stage's turn; the message names the next step.
            AirflowSkipException: as OutOfOrderError, in a run that the schedule started.
            ConfigurationChangedError: this run was recorded with another content of the file.
            LedgerError: the ledger can't be reached, or is not one that this code can use.
        """
        from keyspaces_migration.ledger import RunConfiguration
        from keyspaces_provider.ledger import ledger_from_connection

        migration = load_migration(Path(self.migration_file))
        telemetry.bind_run(migration, stage=self.stage.value)
        run = context["dag_run"]
        configuration = RunConfiguration.of(
            migration,
            stage=self.stage,
            dag_id=run.dag_id,
            run_id=run.run_id,
            recorded_at=datetime.now(UTC),
            recorded_by=run.triggering_user_name,
        )
        try:
            recorded = ledger_from_connection(self.ledger_conn_id).start_run(configuration)
        except OutOfOrderError as error:
            if run.run_type == SCHEDULED:
                raise AirflowSkipException(f"Nothing to do now: {error}") from error
            raise
        self.log.info(
            "Run %s of %s uses the migration file with digest %s, recorded %s",
            recorded.run_id,
            recorded.dag_id,
            recorded.digest,
            recorded.recorded_at.isoformat(timespec="seconds"),
        )
        return {"migration": recorded.migration, "digest": recorded.digest}


class OfRun(BaseOperator):
    """A task of a recorded run.

    Args:
        ledger_conn_id: Airflow connection of the ledger, where the run's migration file is.
    """

    def __init__(self, *, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id


class ActsInRun(BaseOperator):
    """What every operator shares that writes to a store or changes the flag.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#fdebd0"

    def __init__(self, *, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.migration_file = migration_file
        self.ledger_conn_id = ledger_conn_id

    def unchanged_run(self, context: "Context") -> MigrationRun:
        """The run, if the migration file is as it was when the run began: what every such task does first.

        Raises:
            ConfigurationChangedError: the file has changed; nothing was done.
            MigrationFileError: the file is not valid any more; nothing was done.
            LedgerError: the ledger can't be read, or holds no record of the run; nothing was done.
        """
        return acting_run(context, ledger_conn_id=self.ledger_conn_id, migration_file=self.migration_file)
