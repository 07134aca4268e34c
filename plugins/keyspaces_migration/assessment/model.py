"""What was read of the source: plain frozen values, as they were found, judged nowhere in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from keyspaces_migration.cql.types import CqlType


class Part(StrEnum):
    """What is read of a source; each can be unreadable on its own."""

    CLUSTER = "cluster"
    NODES = "nodes"
    REPLICATION = "replication"
    DROPPED_COLUMNS = "dropped columns"
    INDEXES = "secondary indexes"
    VIEWS = "materialized views"
    TYPES = "user types"
    TRIGGERS = "triggers"
    FUNCTIONS = "functions"
    AGGREGATES = "aggregates"
    COLUMN_MASKS = "column masks"
    SIZES = "size estimates"
    CLIENTS = "live clients"
    HISTORY = "history"
    LOAD = "load"
    ROWS = "row sizes"
    STATEMENTS = "statements"


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """A part, or a part of it, that could not be looked at: never to be read as "there is none"."""

    part: Part
    why: str


class ColumnKind(StrEnum):
    """A column's place in its table, in the words of `system_schema.columns`."""

    PARTITION_KEY = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Attributes:
        position: Place among the columns of its kind; -1 for static and regular ones, which have none.
        descending: Clustering order; False for what is no clustering column.
        type: None when `type_text` is none of CQL's types that we know; then `type_problem` says why.
    """

    name: str
    kind: ColumnKind
    position: int
    descending: bool
    type_text: str
    type: CqlType | None
    type_problem: str = ""


@dataclass(frozen=True, kw_only=True)
class SizeEstimate:
    """What the nodes' own estimates add up to for one table: primary ranges, flushed data, refreshed every 5 min."""

    partitions: int
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """One base table.

    Attributes:
        columns: Partition key, clustering, static, regular; the last two in the order of their names.
        options: Every table option the source reports, by its name there.
        flags: Storage flags; a table without `compound` among them is of compact storage.
    """

    name: str
    columns: tuple[Column, ...]
    options: Mapping[str, object] = field(default_factory=dict)
    flags: frozenset[str] = frozenset({"compound"})
    dropped_columns: tuple[str, ...] = ()
    masked_columns: tuple[str, ...] = ()
    estimate: SizeEstimate | None = None

    def of_kind(self, kind: ColumnKind) -> tuple[Column, ...]:
        """The columns of one kind, in their order."""
        return tuple(column for column in self.columns if column.kind is kind)

    @property
    def primary_key(self) -> tuple[Column, ...]:
        """Partition key and clustering columns, in order."""
        return self.of_kind(ColumnKind.PARTITION_KEY) + self.of_kind(ColumnKind.CLUSTERING)

    @property
    def default_time_to_live_s(self) -> int:
        """Seconds that a row lives when its write says nothing else; 0 is for ever."""
        found = self.options.get("default_time_to_live") or 0
        return int(str(found))

    @property
    def is_counter(self) -> bool:
        """Whether it counts: then every column outside the key is a counter."""
        return "counter" in self.flags or any(column.type_text == "counter" for column in self.columns)


@dataclass(frozen=True, kw_only=True)
class Index:
    """One secondary index; `implementation` is empty for Cassandra's own kind, else SAI, SASI or a class."""

    name: str
    table: str
    target: str
    implementation: str


@dataclass(frozen=True, kw_only=True)
class View:
    """One materialized view."""

    name: str
    base_table: str
    where: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, kw_only=True)
class TypeField:
    """One field of a user type; `type` is None when `type_text` can't be read."""

    name: str
    type_text: str
    type: CqlType | None


@dataclass(frozen=True, kw_only=True)
class UserType:
    """One user-defined type."""

    name: str
    fields: tuple[TypeField, ...]


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """One trigger of a table."""

    name: str
    table: str


@dataclass(frozen=True, kw_only=True)
class Keyspace:
    """One keyspace of the source; what is listed in `unseen` is empty here for lack of an answer."""

    name: str
    tables: tuple[Table, ...]
    replication: Mapping[str, str] = field(default_factory=dict)
    durable_writes: bool = True
    indexes: tuple[Index, ...] = ()
    views: tuple[View, ...] = ()
    types: tuple[UserType, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    functions: tuple[str, ...] = ()
    aggregates: tuple[str, ...] = ()
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node as the node that answered knows it; `version` is empty when it doesn't know."""

    address: str
    data_center: str
    rack: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster; texts are empty and `nodes` too where `unseen` says that they could not be read."""

    name: str
    version: str
    partitioner: str
    nodes: tuple[Node, ...]
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source:
    """Everything the rules judge."""

    cluster: Cluster
    keyspace: Keyspace
