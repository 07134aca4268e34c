"""Waiting for Amazon Keyspaces, whose changes of a schema come into force some time after they are asked for."""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from keyspaces_provider.aws import require_aws_connection
from keyspaces_provider.links import LINKS
from keyspaces_provider.run import recorded_run
from keyspaces_provider.triggers.keyspaces import TablesActiveTrigger, TableStatuses

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.errors import MigrationError


class WaitsForTables(BaseSensorOperator):
    """What sensors share that wait in the triggerer, holding no worker, until tables are ACTIVE."""

    def wait_for(self, trigger: TablesActiveTrigger) -> None:
        """Look once, and hand the rest of the waiting to the triggerer.

        Raises:
            MigrationError: As `refusal`: a table is in a state that it does not leave for ACTIVE by itself.
            ClientError: AWS refused, or has no such table.
        """
        if not self._are_active(trigger.look()):
            self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> None:
        """Judge what the triggerer saw last.

        Raises:
            MigrationError: As `refusal`: a table is in a state that it does not leave for ACTIVE by itself, or the
                triggerer could not look.
        """
        del context
        if "error" in event:
            raise self.refusal(f"The tables could not be looked at: {event['error']}")
        self._are_active(TableStatuses(keyspace=event["keyspace"], found=event["found"]))

    @abstractmethod
    def refusal(self, message: str) -> "MigrationError":
        """The error for tables that will not become ACTIVE."""

    def _are_active(self, statuses: TableStatuses) -> bool:
        if statuses.stuck:
            raise self.refusal(
                f"tables of keyspace {statuses.keyspace} will not become ACTIVE: {statuses.stuck}. Look at them in AWS"
            )
        active = len(statuses.found) - len(statuses.missing)
        self.log.info(
            "%s of %s tables are ACTIVE; not yet: %s", active, len(statuses.found), statuses.missing or "none"
        )
        return not statuses.missing


class TablesActiveSensor(WaitsForTables):
    """Waits in the triggerer, holding no worker, until Amazon Keyspaces calls every table of the migration ACTIVE.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        look_every: How often to look.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, ledger_conn_id: str, look_every: timedelta, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.look_every = look_every

    def execute(self, context: "Context") -> None:
        """Look once, and hand the rest of the waiting to the triggerer.

        Raises:
            EngineFailedError: a table is in a state that it does not leave for ACTIVE by itself, or the triggerer could
                not look.
            ClientError: AWS refused, or has no such table.
        """
        migration = recorded_run(context, ledger_conn_id=self.ledger_conn_id).migration
        self.wait_for(
            TablesActiveTrigger(
                aws_conn_id=migration.connections.aws,
                region=migration.target.region,
                roles=list(migration.target.role_chain),
                keyspace=migration.target.keyspace,
                tables=list(migration.tables),
                look_every_s=self.look_every.total_seconds(),
            )
        )

    def refusal(self, message: str) -> "MigrationError":
        """Of provisioning."""
        from keyspaces_migration.provisioning import EngineFailedError

        return EngineFailedError(message)


class KeyspacesTableActiveSensor(WaitsForTables):
    """Waits in the triggerer, holding no worker, until Amazon Keyspaces calls tables ACTIVE.

    Args:
        keyspace: The keyspace.
        tables: Names of tables.
        aws_conn_id: Airflow connection of the AWS account.
        region: The Region.
        look_every: How often to look.
    """

    operator_extra_links = LINKS
    template_fields: Sequence[str] = ("keyspace", "tables", "aws_conn_id", "region")
    ui_color = "#f2eee1"

    def __init__(
        self,
        *,
        keyspace: str,
        tables: Sequence[str],
        aws_conn_id: str,
        region: str,
        look_every: timedelta = timedelta(seconds=10),
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.keyspace = keyspace
        self.tables = tables
        self.aws_conn_id = aws_conn_id
        self.region = region
        self.look_every = look_every

    def execute(self, context: "Context") -> None:
        """Look once, and hand the rest of the waiting to the triggerer.

        Raises:
            TableMissingError: There is no such table.
            TablesNotActiveError: A table is in a state that it does not leave for ACTIVE by itself, or the triggerer
                could not look.
            AwsRequestError: AWS refused, or does not answer.
            ConnectionFieldsError: Airflow has no such AWS connection.
        """
        from keyspaces_migration.keyspaces_api import aws_errors

        del context
        require_aws_connection(self.aws_conn_id)
        with aws_errors(f"tables {', '.join(self.tables)} of keyspace {self.keyspace}"):
            self.wait_for(
                TablesActiveTrigger(
                    aws_conn_id=self.aws_conn_id,
                    region=self.region,
                    keyspace=self.keyspace,
                    tables=list(self.tables),
                    look_every_s=self.look_every.total_seconds(),
                )
            )

    def refusal(self, message: str) -> "MigrationError":
        """Of the API."""
        from keyspaces_migration.keyspaces_api import TablesNotActiveError

        return TablesNotActiveError(message)
