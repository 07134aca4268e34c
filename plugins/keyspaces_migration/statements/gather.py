"""Gathers records into shapes; memory is bounded by the number of shapes, and not by that of statements."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from keyspaces_migration.assessment.model import Keyspace
from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.statements.model import Kind, NotUnderstood, Statement
from keyspaces_migration.statements.parser import parse
from keyspaces_migration.statements.records import Item, ProtocolBatch, Record, Skipped, Unreadable
from keyspaces_migration.statements.report import FAILING, NotUnderstoodText, Shape, ShapeFinding
from keyspaces_migration.statements.rules import Finding, judge, urgency
from keyspaces_migration.statements.shapes import fold, quick_key

MAX_SHAPES: Final = 10_000
MAX_KEPT_CHARS: Final = 2_000
MAX_SAMPLES: Final = 50
MAX_CLIENTS: Final = 20
MAX_ANALYSES: Final = 20_000
MAX_ANALYSED_CHARS: Final = 16_000_000
MAX_KEY_CHARS: Final = 20_000
_SYSTEM: Final = frozenset(
    """
    system system_schema system_auth system_traces system_distributed system_views system_virtual_schema
    system_schema_mcs system_multiregion_info dse_system solr_admin
    """.split()  # noqa: SIM905 - words are read best as a paragraph
)


@dataclass(frozen=True, slots=True)
class _Analysis:
    """What is known of all statements with one quick key."""

    shape: str
    kind: Kind | None
    why: str
    tables: tuple[str, ...]
    system: bool
    findings: tuple[Finding, ...]
    elsewhere: str = ""
    """The keyspace of all its tables, when that is none that was asked for."""


@dataclass(slots=True)
class _Gathered:
    kind: Kind
    example: str
    tables: tuple[str, ...]
    count: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    clients: dict[str, None] = field(default_factory=dict)
    findings: dict[Finding, int] = field(default_factory=dict)


class Gatherer:
    """Takes what readers hand on, and knows at any time what was found."""

    def __init__(self, *, schema: Keyspace | None, keyspace: str, only: str = "", max_shapes: int = MAX_SHAPES) -> None:
        self._schema = schema
        self._keyspace = keyspace
        self._only = only
        self._max_shapes = max_shapes
        self._analyses: dict[tuple[str, str, str], _Analysis] = {}
        self._analysed_chars = 0
        self._shapes: dict[tuple[str, tuple[str, ...]], _Gathered] = {}
        self._not_understood: dict[str, tuple[str, str, int]] = {}
        self.statements = 0
        self.kinds: Counter[Kind] = Counter()
        self.not_understood_count = 0
        self.unreadable: list[Unreadable] = []
        self.unreadable_count = 0
        self.skipped: Counter[str] = Counter()
        self.system_statements = 0
        self.other_keyspaces: Counter[str] = Counter()
        self.protocol_batches: Counter[int] = Counter()
        self.shapes_left_out = 0

    def take(self, item: Item) -> None:
        """Count one item in."""
        match item:
            case Record():
                self._record(item)
            case Unreadable():
                self.unreadable_count += 1
                if len(self.unreadable) < MAX_SAMPLES:
                    self.unreadable.append(item)
            case Skipped():
                self.skipped[item.what] += 1
            case ProtocolBatch():
                self.protocol_batches[item.size] += 1

    def _record(self, record: Record) -> None:
        self.statements += record.times
        found = self._analysis(record)
        if found.kind is None:
            self._note_not_understood(record, found)
        elif found.system:
            self.system_statements += record.times
        elif found.elsewhere:
            self.other_keyspaces[found.elsewhere] += record.times
        else:
            self.kinds[found.kind] += record.times
            self._count(record, found, found.kind)

    def _analysis(self, record: Record) -> _Analysis:
        key = (quick_key(record.text), record.keyspace, record.consistency)
        if (known := self._analyses.get(key)) is not None:
            return known
        made = self._analyse(record)
        # Dropped all at once, and made again as they come: what comes often is soon there.
        if len(self._analyses) >= MAX_ANALYSES or self._analysed_chars >= MAX_ANALYSED_CHARS:
            self._analyses.clear()
            self._analysed_chars = 0
        if len(key[0]) <= MAX_KEY_CHARS:
            self._analyses[key] = made
            self._analysed_chars += len(key[0]) + len(made.shape)
        return made

    def _analyse(self, record: Record) -> _Analysis:
        statement = parse(record.text)
        if isinstance(statement, NotUnderstood):
            why = statement.why
            return _Analysis(shape=fold(record.text), kind=None, why=why, tables=(), system=False, findings=())
        statement = statement.in_keyspace(record.keyspace or self._keyspace)
        return _Analysis(
            shape=fold(record.text),
            kind=statement.kind,
            why="",
            tables=tuple(str(table) for table in statement.tables),
            system=_is_system(statement),
            findings=judge(statement, schema=self._schema, consistency=record.consistency),
            elsewhere=self._elsewhere(statement),
        )

    def _elsewhere(self, statement: Statement) -> str:
        """One of a batch's tables in the keyspace that was asked for is enough to judge it."""
        keyspaces = {table.keyspace for table in statement.tables}
        return "" if not self._only or not keyspaces or self._only in keyspaces else min(keyspaces)

    def _note_not_understood(self, record: Record, found: _Analysis) -> None:
        self.not_understood_count += max(1, record.times)
        kept = self._not_understood.get(found.shape)
        if kept is not None:
            self._not_understood[found.shape] = (kept[0], kept[1], kept[2] + max(1, record.times))
        elif len(self._not_understood) < MAX_SAMPLES:
            text = record.text[:MAX_KEPT_CHARS]
            self._not_understood[found.shape] = (text, found.why, max(1, record.times))

    def _count(self, record: Record, found: _Analysis, kind: Kind) -> None:
        # The same text in two keyspaces writes to two tables.
        gathered = self._shapes.get((found.shape, found.tables)) or self._new_shape(record, found, kind)
        gathered.count += record.times
        if record.at_ms is not None:
            gathered.first_ms = record.at_ms if gathered.first_ms is None else min(gathered.first_ms, record.at_ms)
            gathered.last_ms = record.at_ms if gathered.last_ms is None else max(gathered.last_ms, record.at_ms)
        if (record.user or record.client) and len(gathered.clients) < MAX_CLIENTS:
            gathered.clients[f"{record.user or '?'}@{record.client or '?'}"] = None
        for finding in found.findings:
            gathered.findings[finding] = gathered.findings.get(finding, 0) + record.times

    def _new_shape(self, record: Record, found: _Analysis, kind: Kind) -> _Gathered:
        key = (found.shape, found.tables)
        if len(self._shapes) >= self._max_shapes:
            # One for all further shapes of a kind and table: what they are found to be is kept, their text is not.
            self.shapes_left_out += record.times
            text = f"{kind} … {', '.join(found.tables)} (one of more than {self._max_shapes} shapes)"
            key = (text, found.tables)
        if (known := self._shapes.get(key)) is not None:
            return known
        made = _Gathered(kind=kind, example=_shortened(record.text), tables=found.tables)
        self._shapes[key] = made
        return made

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """All shapes: with findings first, by severity and count."""
        severities = list(Severity)
        made = [_shape(text, one) for (text, _), one in self._shapes.items()]

        def order(shape: Shape) -> tuple[int, int, str, tuple[str, ...]]:
            rank = len(severities) if shape.severity is None else severities.index(shape.severity)
            return rank, -shape.count, shape.text, shape.tables

        return tuple(sorted(made, key=order))

    @property
    def not_understood(self) -> tuple[NotUnderstoodText, ...]:
        """The texts that were kept, the most frequent first."""
        kept = [
            NotUnderstoodText(text=text, why=why, count=count) for text, why, count in self._not_understood.values()
        ]
        return tuple(sorted(kept, key=lambda one: (-one.count, one.text)))

    @property
    def written(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """All tables that are written to; and those of them of which no write that was understood asks for a change."""
        tables: dict[str, bool] = {}
        for one in self._shapes.values():
            if one.kind not in {Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.BATCH, Kind.TRUNCATE}:
                continue
            clean = not any(finding.rule.severity in FAILING for finding in one.findings)
            for table in one.tables:
                tables[table] = tables.get(table, True) and clean
        return tuple(sorted(tables)), tuple(sorted(table for table, clean in tables.items() if clean))


def _is_system(statement: Statement) -> bool:
    tables = statement.tables
    return bool(tables) and all(table.keyspace in _SYSTEM for table in tables)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_KEPT_CHARS else f"{text[:MAX_KEPT_CHARS]} …"


def _shape(text: str, one: _Gathered) -> Shape:
    findings = sorted(one.findings.items(), key=lambda pair: urgency(pair[0]))
    return Shape(
        text=_shortened(text),
        kind=one.kind,
        example=one.example,
        count=one.count,
        findings=tuple(ShapeFinding(finding=finding, count=count) for finding, count in findings),
        tables=one.tables,
        first_ms=one.first_ms,
        last_ms=one.last_ms,
        clients=tuple(one.clients),
    )
