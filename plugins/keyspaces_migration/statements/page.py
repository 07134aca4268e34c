"""The judgement as a section of a page that people read."""

import datetime as dt
from collections.abc import Iterator
from typing import Final

from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.markdown import block, code, table, text
from keyspaces_migration.statements.report import Shape, ShapeFinding, StatementReport
from keyspaces_migration.statements.rules import Group, Rule
from keyspaces_migration.statements.rules.writes import MAX_LOGGED, MAX_UNLOGGED

MAX_SHAPES: Final = 100
MAX_TEXTS: Final = 20
MAX_EXAMPLE_CHARS: Final = 500


def statements_section(report: StatementReport, *, heading: str = "## Statements") -> list[str]:
    """The lines of the section; the same report gives the same lines."""
    return list(_lines(report, heading))


def _lines(report: StatementReport, heading: str) -> Iterator[str]:
    yield from (heading, "")
    yield from _summary(report)
    yield from _rules(report)
    yield from _shapes(report)
    yield from _could_not_look(report)


def _summary(report: StatementReport) -> Iterator[str]:
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(report.kinds.items(), key=lambda one: -one[1]))
    yield (
        f"Read as {code(report.format.value)}: {_count(report.lines, 'line')}, "
        f"{_count(report.statements, 'statement')} in {_count(len(report.shapes), 'shape')}"
        f"{f' ({kinds})' if kinds else ''}."
    )
    yield ""
    if not report.shapes:
        yield "**No statement was judged**: this says nothing about the applications."
        yield ""
        return
    worst = {severity: sum(shape.severity is severity for shape in report.shapes) for severity in Severity}
    counted = ", ".join(f"{number:,} {severity.value}" for severity, number in worst.items() if number)
    yield f"Shapes by their most urgent finding: {counted or 'none has a finding'}."
    yield ""
    if report.tables_written:
        clean = ", ".join(code(name) for name in report.tables_written_clean) or "none"
        known = "" if report.all_understood else " (what was not understood may write to them too)"
        yield f"Tables written to: {len(report.tables_written)}. With no write that must change{known}: {clean}."
        yield ""
    if not report.schema_known:
        yield "The schema was not given: what depends on a column's type or kind is said to depend on it."
        yield ""


def _rules(report: StatementReport) -> Iterator[str]:
    counts: dict[str, tuple[Rule, int, int]] = {}
    for shape in report.shapes:
        for rule in {one.finding.rule.id: one.finding.rule for one in shape.findings}.values():
            _, shapes, statements = counts.get(rule.id, (rule, 0, 0))
            most = max(one.count for one in shape.findings if one.finding.rule.id == rule.id)
            counts[rule.id] = (rule, shapes + 1, statements + most)
    for group in Group:
        rows = [
            (rule.severity.value, text(rule.title), f"{shapes:,}", f"{number:,}", text(rule.why), text(rule.advice))
            for rule, shapes, number in sorted(counts.values(), key=lambda one: _rank(one[0].severity, -one[2]))
            if rule.group is group
        ]
        if rows:
            yield from (f"### {group.value[0].upper()}{group.value[1:]}", "")
            yield from table(("severity", "what", "shapes", "statements", "why", "what to do"), rows)


def _rank(severity: Severity, number: int) -> tuple[int, int]:
    return list(Severity).index(severity), number


def _shapes(report: StatementReport) -> Iterator[str]:
    found = report.shapes_with_findings
    if not found:
        return
    yield from ("### Shapes with findings", "")
    for shape in found[:MAX_SHAPES]:
        yield from _shape(shape)
    if len(found) > MAX_SHAPES:
        yield from (f"… and {len(found) - MAX_SHAPES:,} more.", "")


def _shape(shape: Shape) -> Iterator[str]:
    seen = [_count(shape.count, "time") if shape.count else "prepared only"]
    if hidden := [name for name in shape.tables if name not in shape.text]:
        seen.append(f"on {', '.join(code(name) for name in hidden)}")
    if shape.first_ms is not None and shape.last_ms is not None:
        seen.append(f"{_time(shape.first_ms)} to {_time(shape.last_ms)}")
    if shape.clients:
        seen.append(f"by {', '.join(code(client) for client in shape.clients)}")
    yield from (f"{code(shape.text[:MAX_EXAMPLE_CHARS])}: {'; '.join(seen)}", "")
    yield from (_finding(one, shape) for one in shape.findings)
    yield ""
    yield from block(shape.example[:MAX_EXAMPLE_CHARS], language="sql")


def _finding(one: ShapeFinding, shape: Shape) -> str:
    rule, hit = one.finding.rule, one.finding.hit
    some = f" ({one.count:,} of them)" if one.count != shape.count else ""
    depends = f"; {text(hit.depends)}" if hit.depends else ""
    return f"- **{rule.severity.value}** {code(rule.id)}: {text(hit.found)}{some}{depends}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _time(at_ms: int) -> str:
    # A log can hold any number; one that is no time of this calendar is shown as it is.
    try:
        return dt.datetime.fromtimestamp(at_ms / 1000, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"


def _could_not_look(report: StatementReport) -> Iterator[str]:
    yield from ("### Not judged", "")
    yield from (f"- {line}" for line in _not_judged(report))
    yield ""
    for unknown in report.not_understood[:MAX_TEXTS]:
        yield from (f"Not understood, {_count(unknown.count, 'time')}: {text(unknown.why)}.", "")
        yield from block(unknown.text[:MAX_EXAMPLE_CHARS], language="text")
    rows = [(str(place.line), code(place.text[:80]), text(place.why)) for place in report.unreadable[:MAX_TEXTS]]
    yield from table(("line", "what stands there", "why it could not be read"), rows)


def _not_judged(report: StatementReport) -> Iterator[str]:
    if report.not_understood_count:
        yield f"Not understood: {_count(report.not_understood_count, 'statement')}. Any of them may have to change."
    if report.unreadable_count:
        yield f"Not readable: {_count(report.unreadable_count, 'place')} of the file. Any statement may stand there."
    if report.system_statements:
        yield f"On Cassandra's own tables, as drivers and tools send them: {report.system_statements:,}."
    for keyspace, number in sorted(report.other_keyspaces.items()):
        yield f"On tables of another keyspace, {code(keyspace)}: {number:,}."
    for what, number in sorted(report.skipped.items()):
        yield f"Skipped, {text(what)}: {number:,}."
    if report.shapes_left_out:
        yield f"Of further shapes, counted by table and kind only: {report.shapes_left_out:,}."
    if report.protocol_batches:
        sizes = report.protocol_batches
        over = sum(number for size, number in sizes.items() if size > MAX_UNLOGGED)
        yield (
            f"Batches of the protocol, whose kind the log does not show: {sum(sizes.values()):,}, the largest of "
            f"{max(sizes):,} statements; {over:,} of more than {MAX_UNLOGGED}. Keyspaces takes {MAX_UNLOGGED} when "
            f"UNLOGGED, {MAX_LOGGED} when LOGGED."
        )
    yield "Bound values, and consistency levels that the log does not have: large rows, large lists, large batches."
