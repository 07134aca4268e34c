"""A check's numbers as metrics of CloudWatch."""

import logging
from typing import TYPE_CHECKING

from keyspaces_provider.aws import account_client

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration
    from keyspaces_migration.consistency.results import CheckResult

_LOG = logging.getLogger(__name__)
_MOST_AT_ONCE = 1_000
"""PutMetricData's limit."""


def put_check(result: "CheckResult", *, migration: "Migration") -> bool:
    """Send a check's numbers, where the file names a namespace; whether all were sent.

    They are for watching, and what they are about is recorded: a CloudWatch that can't be reached is logged, and fails
    nothing.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from keyspaces_migration.consistency.metrics import DIMENSIONS, numbers_of_table, unit_of

    namespace, target = migration.consistency.cloudwatch_namespace, migration.target
    if namespace is None:
        return False
    data = [
        {
            "MetricName": name,
            "Dimensions": [
                {"Name": key, "Value": value}
                for key, value in zip(DIMENSIONS, (migration.name, table.table), strict=True)
            ],
            "Timestamp": result.finished_at,
            "Value": value,
            "Unit": unit_of(name),
        }
        for table in result.tables
        for name, value in numbers_of_table(table).items()
    ]
    connection = migration.connections.aws
    try:
        client = account_client("cloudwatch", aws_conn_id=connection, region=target.region, roles=target.role_chain)
        for start in range(0, len(data), _MOST_AT_ONCE):
            client.put_metric_data(Namespace=namespace, MetricData=data[start : start + _MOST_AT_ONCE])
    except (BotoCoreError, ClientError) as error:
        _LOG.warning(
            "The check's numbers did not reach CloudWatch, namespace %s (%s). The check is recorded all the same. The "
            "connection %s needs cloudwatch:PutMetricData",
            namespace,
            error,
            connection,
        )
        return False
    return True
