"""The assessment: looks at source, clients and history, judges, drafts. It reads and never writes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from cassandra.cluster import Session

from keyspaces_migration.assessment.clients import Clients, read_clients
from keyspaces_migration.assessment.draft import Draft, draft
from keyspaces_migration.assessment.draft_hints import draft_hints
from keyspaces_migration.assessment.driver import DriverQueries
from keyspaces_migration.assessment.errors import HistoryUnreadableError
from keyspaces_migration.assessment.estimate import Estimate, EstimateRequest, estimate
from keyspaces_migration.assessment.estimate.sample import RowSource
from keyspaces_migration.assessment.history import History, HistorySource
from keyspaces_migration.assessment.model import Part, Source, Unseen
from keyspaces_migration.assessment.queries import SourceQueries
from keyspaces_migration.assessment.rules import RULES, Finding, NotChecked, Severity, judge
from keyspaces_migration.assessment.source import read_source

if TYPE_CHECKING:
    from keyspaces_migration.statements import Format, StatementReport


class Verdict(StrEnum):
    """What the findings come to. What could not be looked at is told beside it."""

    NOTHING_TO_MIGRATE = "NOTHING_TO_MIGRATE"
    BLOCKED = "BLOCKED"
    DECISIONS_NEEDED = "DECISIONS_NEEDED"
    NOTHING_IN_THE_WAY = "NOTHING_IN_THE_WAY"


@dataclass(frozen=True, kw_only=True)
class StatementLines:
    """A file or log of statements; `lines` are read once, and `format` is found by the first of them if not given."""

    lines: Iterable[str]
    format: "Format | None" = None


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Everything that was seen, judged and drafted.

    Attributes:
        assessed_at: The caller's time.
        history: None when there was none to look at, or when `unseen` says why it could not be read.
        estimate: None when none was asked for.
        statements: The judgement of a file or log of statements; None when none was given.
    """

    assessed_at: datetime
    source: Source
    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    clients: Clients
    history: History | None
    estimate: Estimate | None
    statements: "StatementReport | None"
    draft: Draft
    unseen: tuple[Unseen, ...]

    @property
    def counts(self) -> dict[Severity, int]:
        """Findings by severity."""
        return {each: sum(finding.rule.severity is each for finding in self.findings) for each in Severity}

    @property
    def verdict(self) -> Verdict:
        """See `Verdict`."""
        if not self.source.keyspace.tables:
            return Verdict.NOTHING_TO_MIGRATE
        if self.counts[Severity.BLOCKER] or self.draft.left_out:
            return Verdict.BLOCKED
        decide = self.counts[Severity.CHANGE] or (self.statements is not None and self.statements.asks_for_changes)
        return Verdict.DECISIONS_NEEDED if decide else Verdict.NOTHING_IN_THE_WAY

    @property
    def is_complete(self) -> bool:
        """Whether everything that was to be looked at answered."""
        return not (self.unseen or self.not_checked)


def assess(  # noqa: PLR0913 # all by keyword
    session: Session,
    *,
    keyspace: str,
    history: HistorySource | None,
    now: datetime,
    request: EstimateRequest | None = None,
    statements: StatementLines | None = None,
) -> Assessment:
    """Assesses one keyspace of the source behind `session`.

    Args:
        session: An open session to the source; the caller's, neither changed nor closed.
        keyspace: The keyspace's name as Cassandra stores it.
        history: Where to look for the tables' history; None when there is none.
        now: For the report.
        request: What to estimate sizes, capacity, money and hours with; None leaves the estimate out, which reads rows.
        statements: A file or log of the applications' statements, to be judged by the source's schema.

    Raises:
        SystemKeyspaceError: `keyspace` is one of Cassandra's own.
        SourceKeyspaceNotFoundError: The source has no such keyspace.
        SchemaUnreadableError: Its tables and columns can't be read.
        LoadParameterError: The request gives a load for a table that is not there.
        UnknownFormatError: The statements are of no format that is known.
    """
    queries = DriverQueries(session)
    return assess_with(
        queries, keyspace=keyspace, history=history, now=now, rows=queries, request=request, statements=statements
    )


def assess_with(  # noqa: PLR0913 # all by keyword
    queries: SourceQueries,
    *,
    keyspace: str,
    history: HistorySource | None,
    now: datetime,
    rows: RowSource | None = None,
    request: EstimateRequest | None = None,
    statements: StatementLines | None = None,
) -> Assessment:
    """Like `assess`, with any `SourceQueries` and `RowSource`; without the latter there is no estimate."""
    source = read_source(queries, keyspace=keyspace)
    findings, not_checked = judge(source, RULES)
    clients = read_clients(queries)
    read, history_unseen = _read_history(history, source)
    drafted = draft(source, read, findings)
    estimated = None
    if rows is not None and request is not None:
        names = [*(table.name for table in drafted.tables), *request.tables]
        estimated = estimate(queries, rows, source=source, history=read, names=names, request=request)
    judged = _judge_statements(statements, source) if statements else None
    tables_unseen = [part for found in (read.tables if read else ()) for part in _named(found.table, found.unseen)]
    return Assessment(
        assessed_at=now,
        source=source,
        findings=findings,
        not_checked=not_checked,
        clients=clients,
        history=read,
        estimate=estimated,
        statements=judged,
        draft=draft(source, read, findings, hints=draft_hints(estimated)) if estimated else drafted,
        unseen=(
            *source.cluster.unseen,
            *source.keyspace.unseen,
            *clients.unseen,
            *history_unseen,
            *tables_unseen,
            *(estimated.unseen if estimated else ()),
            *(_not_judged(judged) if judged else ()),
        ),
    )


def _judge_statements(statements: StatementLines, source: Source) -> "StatementReport":
    from keyspaces_migration.statements import judge_statements  # noqa: PLC0415 # it builds on this room's model

    keyspace = source.keyspace
    return judge_statements(statements.lines, format=statements.format, schema=keyspace, only=keyspace.name)


def _not_judged(report: "StatementReport") -> Iterator[Unseen]:
    if not report.shapes:
        yield Unseen(part=Part.STATEMENTS, why="what was given holds no statement that could be judged")
    if report.not_understood_count:
        yield Unseen(part=Part.STATEMENTS, why=f"{report.not_understood_count:,} statements were not understood")
    if report.unreadable_count:
        yield Unseen(part=Part.STATEMENTS, why=f"{report.unreadable_count:,} places of the file could not be read")


def _read_history(history: HistorySource | None, source: Source) -> tuple[History | None, tuple[Unseen, ...]]:
    if history is None:
        return None, ()
    try:
        return history.read(source.keyspace.tables), ()
    except HistoryUnreadableError as reason:
        return None, (Unseen(part=Part.HISTORY, why=str(reason)),)


def _named(table: str, unseen: tuple[Unseen, ...]) -> list[Unseen]:
    return [Unseen(part=part.part, why=f"{table}: {part.why}") for part in unseen]
