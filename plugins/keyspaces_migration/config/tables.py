"""A table of the migration file: its schema, its capacity, and where its history is."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema, model_validator

from keyspaces_migration.config.columns import Column, ColumnInFile
from keyspaces_migration.config.durations import Duration
from keyspaces_migration.config.model import ByName, FileModel
from keyspaces_migration.config.names import COLUMN_NAME, ColumnName, KmsKeyArn, SnowflakeColumn, SnowflakeTable
from keyspaces_migration.config.problems import RuleError, broken, near_miss
from keyspaces_migration.config.table_rules import schema_violations, table_violations
from keyspaces_migration.config.throughput import Throughput
from keyspaces_migration.cql.types import CqlType

# Comment of the Keyspaces API's CreateTable has no bound of its own; rows of system_schema have this one.
MAX_COMMENT = 2_000


class SortOrder(StrEnum):
    """The order of a clustering key."""

    ASC = "ASC"
    DESC = "DESC"


class LoadOrder(StrEnum):
    """Whether a table's history is loaded before dual writes start (then only the delta after), or all after."""

    HISTORY_FIRST = "HISTORY_FIRST"
    DUAL_WRITES_FIRST = "DUAL_WRITES_FIRST"


class TableType(StrEnum):
    """The value of the tag `Table-type`, by the table's name."""

    UNARCHIVED = "unarchived"
    STANDARD = "standard"


class ClusteringKey(FileModel):
    """A clustering key: the column's name and its order."""

    name: str
    order: SortOrder


def _read_clustering_key(value: object) -> ClusteringKey:
    if isinstance(value, ClusteringKey):
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise broken(value, "a map of one column to its order, such as {event_id: ASC}")
    ((name, order),) = value.items()
    COLUMN_NAME.check(name)
    orders = [each.value for each in SortOrder]
    if order not in orders:
        raise broken(order, " or ".join(orders), near_miss(order, orders) if isinstance(order, str) else "")
    return ClusteringKey(name=name, order=SortOrder(order))


ClusteringKeyInFile = Annotated[
    ClusteringKey,
    PlainValidator(_read_clustering_key),
    PlainSerializer(lambda key: {key.name: key.order.value}, return_type=dict[str, str]),
    WithJsonSchema(
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "propertyNames": {"pattern": f"^{COLUMN_NAME.pattern}$"},
            "additionalProperties": {"enum": [order.value for order in SortOrder]},
            "examples": [{"event_id": "ASC"}],
        }
    ),
]


class Schema(FileModel):
    """A table's columns and keys, as they are on the source and will be on the target."""

    columns: tuple[ColumnInFile, ...] = Field(min_length=1)
    """Every column, as one-key maps of name to CQL type, in order; keys and static columns included."""
    partition_keys: tuple[ColumnName, ...] = Field(min_length=1)
    """The columns of the partition key, in order."""
    clustering_keys: tuple[ClusteringKeyInFile, ...] = ()
    """The clustering columns, in order, as one-key maps of name to ASC or DESC."""
    static_columns: tuple[ColumnName, ...] = ()
    """The columns that a whole partition shares; only in a table with clustering keys."""

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        if violations := tuple(schema_violations(self)):
            raise RuleError(violations)
        return self

    @property
    def column_types(self) -> dict[str, CqlType]:
        """The type of each column by its name, in the file's order."""
        return {column.name: column.cql_type for column in self.columns}

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The names of the partition keys, then of the clustering keys."""
        return (*self.partition_keys, *(key.name for key in self.clustering_keys))

    @property
    def regular_columns(self) -> tuple[Column, ...]:
        """The columns that are neither part of the key nor static."""
        others = {*self.primary_key, *self.static_columns}
        return tuple(column for column in self.columns if column.name not in others)


class History(FileModel):
    """Where a table's past is kept in Snowflake, and which of its columns is which."""

    table: SnowflakeTable
    """The table or view: DATABASE.SCHEMA.TABLE."""
    columns: ByName[ColumnName, SnowflakeColumn] = Field(default_factory=dict)
    """Snowflake's column for a column of the schema; those not named have their own name in capitals."""
    version_column: SnowflakeColumn | None = None
    """The column whose greatest value marks the newest row of a primary key; needed where keys repeat."""
    deleted_column: SnowflakeColumn | None = None
    """The BOOLEAN column that marks a row as deleted; needed where the history keeps deleted rows."""
    write_time_column: SnowflakeColumn | None = None
    """The TIMESTAMP column of when a row was written to the source; with default_ttl it gives the remaining life."""
    expiry_column: SnowflakeColumn | None = None
    """The TIMESTAMP column of when a row expires, for rows written with a time to live of their own."""


class Table(FileModel):
    """A table to migrate."""

    schema_: Schema = Field(alias="schema")
    """Columns and keys."""
    throughput: Throughput
    """Capacity on Amazon Keyspaces."""
    history: History
    """Where the past of the table is kept."""
    default_ttl: Duration | None = None
    """The table's default time to live, as on the source: a row written without one lives so long."""
    comment: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=MAX_COMMENT)] | None = None
    """The table's comment on Keyspaces. Changing it would make the table anew, so a plan that does is refused."""
    encryption_key_arn: KmsKeyArn | None = None
    """Overrides target.encryption_key_arn for this table."""
    order: LoadOrder | None = None
    """Overrides backfill.order for this table."""

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        if violations := tuple(table_violations(self)):
            raise RuleError(violations)
        return self

    @property
    def default_ttl_s(self) -> int | None:
        """The default time to live in seconds, or None where rows live for ever."""
        return None if self.default_ttl is None else self.default_ttl // timedelta(seconds=1)

    @property
    def expires(self) -> bool:
        """Whether rows have a time to live."""
        return self.default_ttl is not None or self.history.expiry_column is not None

    def history_column(self, column: str) -> str:
        """Return Snowflake's name for a column of the schema."""
        return self.history.columns.get(column, column.upper())
