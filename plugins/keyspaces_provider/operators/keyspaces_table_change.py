"""Brings a table of Amazon Keyspaces to a wanted state through the AWS API, waiting in the triggerer."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from keyspaces_provider.aws import keyspaces_client
from keyspaces_provider.links import LINKS
from keyspaces_provider.triggers.keyspaces import ACTIVE, STILL_COMING, TablesActiveTrigger, status_of

if TYPE_CHECKING:
    from airflow.sdk import Context

Live = Mapping[str, Any]
"""GetTable's answer."""


class KeyspacesTableOperator(BaseOperator):
    """What operators share that bring one table to a wanted state.

    They look first, and ask AWS for what is missing only: run again, they do nothing. A change that somebody else has
    under way is waited for. While they wait they hold no worker. The task ends when the table is ACTIVE and as wanted.

    Args:
        keyspace: The keyspace, which must be there.
        table: The table's name.
        aws_conn_id: Airflow connection of the AWS account.
        region: The Region.
        look_every: How often to look while waiting.
        active_within: How long to wait for ACTIVE, each time.
    """

    operator_extra_links = LINKS
    template_fields: Sequence[str] = ("keyspace", "table", "aws_conn_id", "region")
    ui_color = "#fbeedd"

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        keyspace: str,
        table: str,
        aws_conn_id: str,
        region: str,
        look_every: timedelta = timedelta(seconds=10),
        active_within: timedelta = timedelta(hours=1),
        **kwargs: Any,  # noqa: ANN401 - BaseOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.keyspace = keyspace
        self.table = table
        self.aws_conn_id = aws_conn_id
        self.region = region
        self.look_every = look_every
        self.active_within = active_within

    @abstractmethod
    def ask(self, client: Any, live: Live | None) -> bool:  # noqa: ANN401 - boto3's clients have no types
        """Ask AWS for what is missing, and say whether anything was. `live` is None where there is no table.

        Raises:
            MigrationError: What is there can't be brought to what is wanted.
        """

    def execute(self, context: "Context") -> dict[str, Any]:
        """Bring the table to the wanted state.

        Returns:
            keyspace, table, and changed: whether there was anything to do.

        Raises:
            TableMissingError: There is no such keyspace, or no table that could be changed.
            TableDiffersError: The table is there, and can't be brought to what is wanted, or took a change and is not.
            TablesNotActiveError: The table is in a state that it does not leave for ACTIVE by itself.
            TableBusyError: Somebody else's change came in between; a retry waits for it.
            AwsRequestError: AWS refused, or does not answer.
            ConnectionFieldsError: Airflow has no such AWS connection.
        """
        return self._go(context, changed=False)

    def go_on(self, context: "Context", event: dict[str, Any]) -> dict[str, Any]:
        """Go on when somebody else's change has ended. Errors are those of `execute`."""
        return self._go_on(context, event, changed=False)

    def finish(self, context: "Context", event: dict[str, Any]) -> dict[str, Any]:
        """Look at the table when our change has ended. Errors are those of `execute`."""
        return self._go_on(context, event, changed=True)

    def _go_on(self, context: "Context", event: dict[str, Any], *, changed: bool) -> dict[str, Any]:
        from keyspaces_migration.keyspaces_api import TablesNotActiveError

        if "error" in event:
            raise TablesNotActiveError(f"table {self.full_name} could not be looked at: {event['error']}")
        return self._go(context, changed=changed)

    def _go(self, context: "Context", *, changed: bool) -> dict[str, Any]:
        from keyspaces_migration.keyspaces_api import TableDiffersError, aws_errors

        del context
        client = keyspaces_client(self.aws_conn_id, region=self.region)
        with aws_errors(f"table {self.full_name}"):
            live = self._look(client)
            if live is not None and not self._is_active(live):
                self._wait(changed=changed)
            asked = self.ask(client, live)
            if asked and changed:
                raise TableDiffersError(
                    f"table {self.full_name} took the change, became ACTIVE, and is not as asked for. See who "
                    "else changes it, then clear this task."
                )
            if asked:
                self.log.info("AWS was asked to change table %s", self.full_name)
                self._wait(changed=True)
        return {"keyspace": self.keyspace, "table": self.table, "changed": changed}

    def _look(self, client: Any) -> Live | None:  # noqa: ANN401
        try:
            live: Live = client.get_table(keyspaceName=self.keyspace, tableName=self.table)
        except client.exceptions.ResourceNotFoundException:
            return None
        return live

    def _is_active(self, live: Live) -> bool:
        from keyspaces_migration.keyspaces_api import TablesNotActiveError

        status = status_of(live)
        if status != ACTIVE and status not in STILL_COMING:
            raise TablesNotActiveError(
                f"table {self.full_name} is {status}, and will not become ACTIVE. Look at it in AWS."
            )
        return status == ACTIVE

    def _wait(self, *, changed: bool) -> None:
        trigger = TablesActiveTrigger(
            aws_conn_id=self.aws_conn_id,
            region=self.region,
            keyspace=self.keyspace,
            tables=[self.table],
            look_every_s=self.look_every.total_seconds(),
        )
        self.defer(trigger=trigger, method_name="finish" if changed else "go_on", timeout=self.active_within)

    def update(self, client: Any, change: Mapping[str, Any]) -> bool:  # noqa: ANN401
        """Ask for a change, if there is any, and say whether there was. Errors are boto3's."""
        if change:
            client.update_table(keyspaceName=self.keyspace, tableName=self.table, **change)
        return bool(change)

    def required(self, live: Live | None) -> Live:
        """Return the table.

        Raises:
            TableMissingError: There is none.
        """
        from keyspaces_migration.keyspaces_api import TableMissingError

        if live is None:
            raise TableMissingError(
                f"there is no table {self.full_name} in {self.region}. Check its name and keyspace."
            )
        return live

    @property
    def full_name(self) -> str:
        """Keyspace and table, for messages."""
        return f"{self.keyspace}.{self.table}"
