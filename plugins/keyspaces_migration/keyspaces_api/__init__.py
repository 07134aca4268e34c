"""Tables of Amazon Keyspaces through the AWS API: what to ask for, what is still to change, and what went wrong."""

from keyspaces_migration.keyspaces_api.definition import TableDefinition, TableSettings, pending_columns
from keyspaces_migration.keyspaces_api.errors import (
    AwsAccessRefusedError,
    AwsQuotaError,
    AwsRequestError,
    AwsRequestRefusedError,
    AwsUnreachableError,
    TableBusyError,
    TableDiffersError,
    TableMissingError,
    TablesNotActiveError,
    aws_errors,
)
from keyspaces_migration.keyspaces_api.throughput import Capacity, ThroughputMode, WarmThroughput

__all__ = [
    "AwsAccessRefusedError",
    "AwsQuotaError",
    "AwsRequestError",
    "AwsRequestRefusedError",
    "AwsUnreachableError",
    "Capacity",
    "TableBusyError",
    "TableDefinition",
    "TableDiffersError",
    "TableMissingError",
    "TableSettings",
    "TablesNotActiveError",
    "ThroughputMode",
    "WarmThroughput",
    "aws_errors",
    "pending_columns",
]
