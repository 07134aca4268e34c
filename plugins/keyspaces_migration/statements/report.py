"""What was found in a file or log of statements: plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.statements.model import Kind
from keyspaces_migration.statements.records import Format, Unreadable
from keyspaces_migration.statements.rules import Finding, Group

FAILING = frozenset({Severity.BLOCKER, Severity.CHANGE})


@dataclass(frozen=True, kw_only=True)
class ShapeFinding:
    """A finding of a shape, and how many of its statements have it."""

    finding: Finding
    count: int


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Statements that differ in their values only.

    Attributes:
        text: Values and bind markers as `?`, lists as `…`.
        example: One of them as it was written, shortened when very long.
        count: How often it ran; 0 when it was only prepared.
        first_ms: When it was seen first, in milliseconds since 1970; None when the log has no times.
        clients: Who sent it, as user@address; at most 20.
        tables: The tables that it names, with their keyspaces where known.
    """

    text: str
    kind: Kind
    example: str
    count: int
    findings: tuple[ShapeFinding, ...]
    tables: tuple[str, ...] = ()
    first_ms: int | None = None
    last_ms: int | None = None
    clients: tuple[str, ...] = ()

    def has(self, group: Group) -> bool:
        """Whether any of its findings is of the group."""
        return any(one.finding.rule.group is group for one in self.findings)

    @property
    def must_change(self) -> bool:
        """Whether one of its findings asks for a change, or is a blocker."""
        return self.severity in FAILING

    @property
    def severity(self) -> Severity | None:
        """The most urgent of its findings; None without any."""
        return self.findings[0].finding.rule.severity if self.findings else None


@dataclass(frozen=True, kw_only=True)
class NotUnderstoodText:
    """Statements that we can't read; never to be read as "fine"."""

    text: str
    why: str
    count: int


@dataclass(frozen=True, kw_only=True)
class StatementReport:
    """The judgement of a file or log.

    Attributes:
        kinds: How many statements of each kind there are, system tables apart.
        shapes: With findings first, by severity and count.
        tables_written_clean: Tables that are written to, all their writes that were understood without a finding that
            asks for a change. It says nothing of what was not understood: see `all_understood`.
        tables_written: All tables that are written to.
        not_understood: Texts that are no statement that we can read, up to a number; `not_understood_count` has all.
        unreadable: Places of the file that could not be read, up to a number; `unreadable_count` has all.
        skipped: What was read and is no statement to judge, and how often.
        system_statements: Statements on Cassandra's own tables, which drivers and tools send.
        other_keyspaces: Statements on other keyspaces than the one that was asked for, by keyspace; not judged.
        protocol_batches: Batches of an audit log, which does not show their kind: size to number.
        shapes_left_out: Statements whose shape was not kept, as there were too many shapes; their findings are in
            shapes that stand for the table and kind.
        schema_known: Whether the source's schema was given.
    """

    format: Format
    lines: int
    chars: int
    statements: int
    kinds: Mapping[Kind, int]
    shapes: tuple[Shape, ...]
    tables_written: tuple[str, ...]
    tables_written_clean: tuple[str, ...]
    not_understood: tuple[NotUnderstoodText, ...] = ()
    not_understood_count: int = 0
    unreadable: tuple[Unreadable, ...] = ()
    unreadable_count: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    system_statements: int = 0
    other_keyspaces: Mapping[str, int] = field(default_factory=dict)
    protocol_batches: Mapping[int, int] = field(default_factory=dict)
    shapes_left_out: int = 0
    schema_known: bool = False

    @property
    def shapes_with_findings(self) -> tuple[Shape, ...]:
        """Those that a person should look at."""
        return tuple(shape for shape in self.shapes if shape.findings)

    @property
    def all_understood(self) -> bool:
        """Whether there is nothing that could not be read or understood."""
        return not (self.not_understood_count or self.unreadable_count)

    @property
    def asks_for_changes(self) -> bool:
        """Whether something must change, or could not be judged: "could not look" is never "nothing there"."""
        return not self.all_understood or any(shape.must_change for shape in self.shapes)
