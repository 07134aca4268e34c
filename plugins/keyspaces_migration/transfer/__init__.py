"""Copies the result of a Snowflake query into a table of Cassandra or Amazon Keyspaces.

Importing this package imports the driver, pyarrow and Snowflake's connector.
"""

from keyspaces_migration.transfer.copying import Copied, Copy, fail
from keyspaces_migration.transfer.errors import (
    ColumnMappingError,
    QueryRefusedError,
    RowRefusedError,
    TooManyRefusedError,
    TransferError,
)
from keyspaces_migration.transfer.mapping import ColumnMapping, map_columns
from keyspaces_migration.transfer.query import Query, ResultColumn
from keyspaces_migration.transfer.refused_rows import RefusedRows, refused_rows

__all__ = [
    "ColumnMapping",
    "ColumnMappingError",
    "Copied",
    "Copy",
    "Query",
    "QueryRefusedError",
    "RefusedRows",
    "ResultColumn",
    "RowRefusedError",
    "TooManyRefusedError",
    "TransferError",
    "fail",
    "map_columns",
    "refused_rows",
]
