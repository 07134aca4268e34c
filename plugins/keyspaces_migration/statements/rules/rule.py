"""What a rule about statements is, and what it sees of one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from keyspaces_migration.assessment.model import Column, ColumnKind, Keyspace, Table
from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.cql.types import CqlType
from keyspaces_migration.statements.model import BatchKind, Statement


class Group(StrEnum):
    """What a finding is about, in the order in which people deal with it."""

    DUAL_WRITE = "can't be dual-written"
    REFUSED = "refused by Keyspaces"
    DIFFERENT = "different on Keyspaces"


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a rule sees.

    Attributes:
        statement: One statement; those of a batch come one by one, and the batch as a whole before them.
        batch: The kind of batch that it is in, or is; None for none.
        table: The source's table, when the schema is known and has it.
        keyspace: The source's keyspace, when the schema is known.
        consistency: Consistency level in upper case, where the log has it; else empty.
    """

    statement: Statement
    batch: BatchKind | None = None
    table: Table | None = None
    keyspace: Keyspace | None = None
    consistency: str = ""

    def column(self, name: str) -> Column | None:
        """The source's column of this name; None when the schema or the column is not known."""
        columns = () if self.table is None else self.table.columns
        return next((column for column in columns if column.name == name), None)

    def type_of(self, name: str) -> CqlType | None:
        """The type of a column; None when it is not known."""
        column = self.column(name)
        return None if column is None else column.type

    def names(self, kind: ColumnKind) -> frozenset[str]:
        """The names of the table's columns of one kind; empty when the table is not known."""
        return frozenset() if self.table is None else frozenset(column.name for column in self.table.of_kind(kind))


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A place where a rule applies.

    Attributes:
        found: What was seen.
        depends: On what it depends whether the rule applies, as neither text nor schema say it; empty when it does.
    """

    found: str
    depends: str = ""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way in which a statement can't be dual-written, or is refused or different on Keyspaces.

    Attributes:
        id: Stable name, for tests, reports and people's notes.
        why: What happens, and why.
        advice: What to do.
        reference: Where that is written: a page of the Amazon Keyspaces Developer Guide, or what else is named.
        find: Where it applies.
    """

    id: str
    group: Group
    title: str
    severity: Severity
    why: str
    advice: str
    reference: str
    find: Callable[[Sight], Iterator[Hit]]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that applies, and what was seen."""

    rule: Rule
    hit: Hit

    @property
    def is_certain(self) -> bool:
        """Whether it applies whatever the schema and the bound values are."""
        return not self.hit.depends
