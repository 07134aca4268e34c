"""The historical backfill's `load` in Spark: spark-submit on the worker, or EMR Serverless."""

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_migration.config import Migration
from keyspaces_migration.errors import MigrationError
from keyspaces_provider.operators.backfill_cost import require_allowed_load
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.stages import LoadedMigration

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.entrypoints.spark_process import SparkProcess
    from keyspaces_provider.run import MigrationRun

_COUNTS = ("splits", "rows_read", "written", "expired", "dead")
_DAYS = 30
_MINUTES_OF_ALL_DAYS = _DAYS * 24 * 60


class SparkFailedError(MigrationError):
    """A Spark job did not load everything: what is done stays done. Put right what it says and run again."""


class LoadBySparkSubmitOperator(ActsInRun):
    """Loads every split of the run with spark-submit, whose log becomes the task's; safe to run again after any end.

    What the load costs is verified in the same call, as in `LoadTableOperator`.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger, where the splits are kept.
    """

    _process: "SparkProcess | None" = None

    def execute(self, context: "Context") -> dict[str, int]:
        """Submit, and wait for the end.

        Returns:
            Splits, rows read, written, expired and dead, of this job alone.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            CostNotAllowedError, ApprovalUnreadableError, PlanNotRecordedError: as `require_allowed_load`; nothing was
                done.
            ConnectionForSparkError: a connection can't be handed on; nothing was done.
            SparkMissingError: there is no Spark on the worker.
            SparkFailedError: it ended before all was loaded.
        """
        run = self.unchanged_run(context)
        require_allowed_load(run, task_id=self.task_id)
        with tempfile.TemporaryDirectory(prefix="backfill-spark-") as folder:
            last_line = self._submit(run, Path(folder) / "secrets.json")
        counts = json.loads(last_line)
        return {name: counts[name] for name in _COUNTS}

    def _submit(self, run: "MigrationRun", file: Path) -> str:
        """Return the last line of the job's output that is JSON."""
        from keyspaces_migration.backfill import current_barrier_us
        from keyspaces_migration.entrypoints.spark_process import SparkProcess
        from keyspaces_migration.entrypoints.spark_submission import SparkRun, spark_environment, spark_home
        from keyspaces_provider.spark import write_secrets

        home, job = spark_home(os.environ), SparkRun.of(run.migration, dag_id=run.dag_id, run_id=run.run_id)
        secrets_file = None
        if job.spark.secrets is None:
            after_barrier = current_barrier_us(run.ledger, run.migration.name) is not None
            write_secrets(file, run.migration, with_source=after_barrier)
            secrets_file = file
        answers = [""]

        def report(line: str) -> None:
            self.log.info("%s", line)
            if line.startswith("{"):
                answers.append(line)

        command = job.submit_command(spark_home=home, secrets_file=secrets_file)
        self._process = SparkProcess(command, environment=spark_environment(os.environ, home=home), report=report)
        status = self._process.run()
        if status:
            raise SparkFailedError(
                f"spark-submit ended with {status} before everything was loaded: its log above says why, and the "
                "ledger has the reason with each split. What is done is not done twice"
            )
        return answers[-1]

    def on_kill(self) -> None:
        """End Spark and all its processes on this machine."""
        if self._process is not None:
            self._process.stop()


def spark_load(loaded: LoadedMigration, **kwargs: Any) -> BaseOperator:  # noqa: ANN401 - BaseOperator's own
    """The task `load` of a migration whose engine is Spark, as its section `backfill.spark` says."""
    migration = loaded.migration
    common: dict[str, Any] = {
        "migration_file": str(loaded.path),
        "ledger_conn_id": migration.connections.ledger,
        **kwargs,
    }
    if migration.backfill.spark is None or migration.backfill.spark.emr_serverless is None:
        return LoadBySparkSubmitOperator(**common)
    return _on_emr_serverless(migration, common)


def _on_emr_serverless(migration: Migration, common: dict[str, Any]) -> BaseOperator:
    # Here, as only a file that asks for it shall pay for the import of the provider when DAGs are parsed.
    from keyspaces_migration.entrypoints.spark_submission import SparkRun
    from keyspaces_provider.operators.backfill_emr import LoadByEmrServerlessOperator

    job = SparkRun.of(migration, dag_id="{{ dag_run.dag_id }}", run_id="{{ dag_run.run_id }}")
    emr = job.emr
    return LoadByEmrServerlessOperator(
        aws_conn_id=migration.connections.aws,
        region_name=migration.target.region,
        application_id=emr.application_id,
        execution_role_arn=emr.execution_role_arn,
        name="{{ dag_run.dag_id }}",
        job_driver=job.emr_job(),
        configuration_overrides=job.emr_overrides(),
        # AWS ends a job after 12 hours, and Airflow stops waiting after 25 minutes, unless told otherwise.
        config={"executionTimeoutMinutes": _MINUTES_OF_ALL_DAYS},
        waiter_delay=60,
        waiter_max_attempts=_MINUTES_OF_ALL_DAYS,
        deferrable=True,
        **common,
    )
