"""What is understood of a statement: plain frozen values, judged nowhere in here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from keyspaces_migration.cql.cursor import TableName


class Kind(StrEnum):
    """What a statement does."""

    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    BATCH = "BATCH"
    TRUNCATE = "TRUNCATE"
    SCHEMA = "schema"
    """CREATE, ALTER and DROP of what `Statement.schema` names."""
    ACCESS = "access"
    """Roles, users, permissions, identities."""
    USE = "USE"


WRITES = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.BATCH})


class BatchKind(StrEnum):
    """What a batch promises."""

    LOGGED = "LOGGED"
    UNLOGGED = "UNLOGGED"
    COUNTER = "COUNTER"


class Change(StrEnum):
    """How a column is written."""

    SET = "set"
    ADD = "c = c + …"
    PREPEND = "c = … + c"
    SUBTRACT = "c = c - …"
    ELEMENT = "c[…]"
    FIELD = "c.field"
    REMOVE = "deleted"


class ValueKind(StrEnum):
    """What is written: as far as the text says it."""

    MARKER = "marker"
    NULL = "null"
    LIST = "list"
    SET_OR_MAP = "set or map"
    NUMBER = "number"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A column that is written; `key` says what stands in the brackets of `c[…]`."""

    column: str
    change: Change
    value: ValueKind
    key: ValueKind | None = None


class Comparison(StrEnum):
    """What a column is compared by."""

    EQUAL = "="
    IN = "IN"
    RANGE = "range"
    CONTAINS = "CONTAINS"
    LIKE = "LIKE"
    NOT_EQUAL = "!="
    NOT_NULL = "IS NOT NULL"
    BETWEEN = "BETWEEN"
    ANN = "ANN"


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One condition of WHERE.

    Attributes:
        columns: One, or several for tuples and token().
        token: Whether token() of the columns is compared.
        element: Whether an element (`c[…]`) of the column is compared.
        values: How many values IN has in the text; None when a marker stands for all of them, or for another
            comparison.
    """

    columns: tuple[str, ...]
    comparison: Comparison
    token: bool = False
    element: bool = False
    values: int | None = None


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function that is called; `keyspace` is empty for Cassandra's own and for those that are not qualified."""

    keyspace: str
    name: str
    arguments: int

    def __str__(self) -> str:
        """As it is written, in lower case."""
        name = f"{self.keyspace}.{self.name}" if self.keyspace else self.name
        return f"{name}(…)" if self.arguments else f"{name}()"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The clauses that only a SELECT has; `nearest` is ORDER BY … ANN OF."""

    json: bool = False
    distinct: bool = False
    group_by: bool = False
    order_by: bool = False
    nearest: bool = False
    per_partition_limit: bool = False
    limit: bool = False
    allow_filtering: bool = False


@dataclass(frozen=True, kw_only=True)
class SchemaChange:
    """A change of the schema.

    Attributes:
        action: Verb and object, such as "CREATE TABLE" or "ALTER TABLE DROP".
        name: What is created, altered or dropped; empty when the text leaves it out.
        words: All words and symbols after it in upper case, literals left out; for rules about clauses.
    """

    action: str
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement.

    Attributes:
        calls: Functions in what is selected, written or compared.
        conditional: Whether IF … decides: a lightweight transaction.
        timestamp: What USING TIMESTAMP gives; None without.
        time_to_live: What USING TTL gives; None without.
        json: INSERT JSON; `default_unset` says that what the text leaves out is left alone.
        statements: What is in a batch.
    """

    kind: Kind
    table: TableName | None = None
    assignments: tuple[Assignment, ...] = ()
    relations: tuple[Relation, ...] = ()
    calls: tuple[Call, ...] = ()
    conditional: bool = False
    timestamp: ValueKind | None = None
    time_to_live: ValueKind | None = None
    json: bool = False
    default_unset: bool = False
    reading: Reading = Reading()
    batch: BatchKind | None = None
    statements: tuple["Statement", ...] = ()
    schema: SchemaChange | None = None

    @property
    def is_write(self) -> bool:
        """Whether it is INSERT, UPDATE, DELETE or a batch of them."""
        return self.kind in WRITES

    @property
    def leaves(self) -> Iterator["Statement"]:
        """Itself, or what is in it when it is a batch."""
        if self.kind is Kind.BATCH:
            yield from self.statements
        else:
            yield self

    @property
    def tables(self) -> tuple[TableName, ...]:
        """The tables that it names, each once, in order."""
        return tuple(dict.fromkeys(leaf.table for leaf in self.leaves if leaf.table is not None))

    def in_keyspace(self, keyspace: str) -> "Statement":
        """With `keyspace` for every table that names none."""
        table = self.table
        if table is not None and not table.keyspace:
            table = replace(table, keyspace=keyspace)
        return replace(self, table=table, statements=tuple(one.in_keyspace(keyspace) for one in self.statements))


@dataclass(frozen=True, kw_only=True)
class NotUnderstood:
    """Text that is no statement that we can read, and why; never to be read as "fine"."""

    why: str
