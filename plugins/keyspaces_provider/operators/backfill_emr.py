"""The amazon provider's operator for EMR Serverless, with what every acting task of a migration does first.

It is imported where a migration file asks for EMR Serverless, and nowhere else: the provider's modules load slowly.
"""

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators.emr import (  # noqa: TID253 - see above
    EmrServerlessStartJobOperator,
)
from airflow.sdk.exceptions import AirflowException

from keyspaces_provider.operators.backfill_cost import require_allowed_load
from keyspaces_provider.operators.backfill_spark import SparkFailedError
from keyspaces_provider.operators.run import ActsInRun
from keyspaces_provider.run import acting_run

if TYPE_CHECKING:
    from airflow.sdk import Context


class LoadByEmrServerlessOperator(EmrServerlessStartJobOperator):
    """Loads every split of the run as a job of EMR Serverless, without a worker slot while it waits.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger, where the splits are kept.
    """

    ui_color = ActsInRun.ui_color

    def __init__(self, *, migration_file: str, ledger_conn_id: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.migration_file = migration_file
        self.ledger_conn_id = ledger_conn_id

    def execute(self, context: "Context", event: dict[str, Any] | None = None) -> str | None:
        """Start the application if it sleeps, start the job, and wait for its end in the triggerer.

        Returns:
            The id of the job run.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was started.
            CostNotAllowedError, ApprovalUnreadableError, PlanNotRecordedError: as `require_allowed_load`; nothing was
                started.
        """
        run = acting_run(context, ledger_conn_id=self.ledger_conn_id, migration_file=self.migration_file)
        require_allowed_load(run, task_id=self.task_id)
        return super().execute(context, event)

    def execute_complete(self, context: "Context", event: dict[str, Any] | None = None) -> None:
        """Take note of the job's end.

        Raises:
            SparkFailedError: it failed or was cancelled; what is done stays done.
        """
        try:
            return super().execute_complete(context, event)
        except AirflowException as error:
            raise SparkFailedError(
                f"The job of EMR Serverless application {self.application_id} did not load everything: its log says "
                "why, and the ledger has the reason with each split. What is done is not done twice"
            ) from error
