"""What CloudWatch says of a migration's target, through its AWS connection."""

from typing import TYPE_CHECKING, Any

from keyspaces_provider.aws import account_client, require_aws_connection

if TYPE_CHECKING:
    from datetime import datetime

    from keyspaces_migration.config import Migration
    from keyspaces_migration.observed.throttles import Throttling
    from keyspaces_migration.observed.use import CapacityUse


def target_use(migration: "Migration", *, since: "datetime", until: "datetime") -> "CapacityUse":
    """What the target's tables used.

    Args:
        migration: The migration.
        since: From when, with a time zone.
        until: The clock.

    Raises:
        MetricsUnavailableError: CloudWatch did not say what it has.
        ConnectionFieldsError: there is no such AWS connection.
        ClientError: a role can't be assumed.
    """
    from keyspaces_migration.observed.use import capacity_use

    client = _cloudwatch(migration)
    keyspace, tables = migration.target.keyspace, tuple(migration.tables)
    return capacity_use(client, keyspace=keyspace, tables=tables, since=since, until=until)


def target_throttling(migration: "Migration", *, since: "datetime", until: "datetime") -> "Throttling":
    """What was throttled on the target's tables, all together; arguments and errors as of `target_use`."""
    from keyspaces_migration.observed.throttles import read_throttling

    client = _cloudwatch(migration)
    keyspace, tables = migration.target.keyspace, tuple(migration.tables)
    return read_throttling(client, keyspace=keyspace, tables=tables, since=since, until=until)


def _cloudwatch(migration: "Migration") -> Any:  # noqa: ANN401 - boto3's clients have no types
    require_aws_connection(migration.connections.aws)
    target = migration.target
    return account_client(
        "cloudwatch", aws_conn_id=migration.connections.aws, region=target.region, roles=target.role_chain
    )
