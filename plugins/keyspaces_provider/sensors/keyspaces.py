"""Waiting for Amazon Keyspaces, whose changes of a schema come into force some time after they are asked for."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from keyspaces_provider.run import recorded_run
from keyspaces_provider.triggers.keyspaces import TablesActiveTrigger, TableStatuses

if TYPE_CHECKING:
    from airflow.sdk import Context


class TablesActiveSensor(BaseSensorOperator):
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
            EngineFailedError: a table is in a state that it does not leave for ACTIVE by itself.
            ClientError: AWS refused, or has no such table.
        """
        migration = recorded_run(context, ledger_conn_id=self.ledger_conn_id).migration
        trigger = TablesActiveTrigger(
            aws_conn_id=migration.connections.aws,
            region=migration.target.region,
            roles=list(migration.target.role_chain),
            keyspace=migration.target.keyspace,
            tables=list(migration.tables),
            look_every_s=self.look_every.total_seconds(),
        )
        statuses = trigger.look()
        if self._are_active(statuses):
            return
        self.defer(trigger=trigger, method_name="execute_complete", timeout=timedelta(seconds=self.timeout))

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> None:
        """Judge what the triggerer saw last.

        Raises:
            EngineFailedError: a table is in a state that it does not leave for ACTIVE by itself, or the triggerer could
                not look.
        """
        from keyspaces_migration.provisioning import EngineFailedError

        del context
        if "error" in event:
            raise EngineFailedError(f"The tables could not be looked at: {event['error']}")
        self._are_active(TableStatuses(keyspace=event["keyspace"], found=event["found"]))

    def _are_active(self, statuses: TableStatuses) -> bool:
        from keyspaces_migration.provisioning import EngineFailedError

        if statuses.stuck:
            raise EngineFailedError(
                f"tables of keyspace {statuses.keyspace} will not become ACTIVE: {statuses.stuck}. Look at them in AWS"
            )
        active = len(statuses.found) - len(statuses.missing)
        self.log.info(
            "%s of %s tables are ACTIVE; not yet: %s", active, len(statuses.found), statuses.missing or "none"
        )
        return not statuses.missing
