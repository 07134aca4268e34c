"""CQL for anybody's task: bound, paged, batched within the stores' limits, with answers as Arrow and Parquet.

Importing this package imports the driver and pyarrow.
"""

from keyspaces_migration.cql_access.access import Backoff, CqlAccess, Written
from keyspaces_migration.cql_access.arrow import Column, schema_of, to_record_batch
from keyspaces_migration.cql_access.batches import BatchKind
from keyspaces_migration.cql_access.errors import (
    AccessCancelledError,
    BatchRefusedError,
    CqlAccessError,
    NotAQueryError,
    ResultTypeError,
    StatementValuesError,
    TokenRangeError,
    TooManyRowsError,
)
from keyspaces_migration.cql_access.export import read_table
from keyspaces_migration.cql_access.metadata import (
    ColumnKind,
    TableColumn,
    TableDescription,
    describe_table,
    list_keyspaces,
    list_tables,
)
from keyspaces_migration.cql_access.paging import Answer
from keyspaces_migration.cql_access.parquet import GroupSize, write_parquet
from keyspaces_migration.cql_access.plain import to_json_rows
from keyspaces_migration.cql_access.tokens import TokenRange
from keyspaces_migration.cql_access.values import Values, bind

__all__ = [
    "AccessCancelledError",
    "Answer",
    "Backoff",
    "BatchKind",
    "BatchRefusedError",
    "Column",
    "ColumnKind",
    "CqlAccess",
    "CqlAccessError",
    "GroupSize",
    "NotAQueryError",
    "ResultTypeError",
    "StatementValuesError",
    "TableColumn",
    "TableDescription",
    "TokenRange",
    "TokenRangeError",
    "TooManyRowsError",
    "Values",
    "Written",
    "bind",
    "describe_table",
    "list_keyspaces",
    "list_tables",
    "read_table",
    "schema_of",
    "to_json_rows",
    "to_record_batch",
    "write_parquet",
]
