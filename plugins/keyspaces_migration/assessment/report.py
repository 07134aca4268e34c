"""The assessment as a page that people read."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from keyspaces_migration.assessment.assessment import Assessment, Verdict
from keyspaces_migration.assessment.clients import Client
from keyspaces_migration.assessment.estimate_page import ASSUMED, estimate_sections, short_rows
from keyspaces_migration.assessment.history import History, TableHistory
from keyspaces_migration.assessment.model import Column, ColumnKind, Part, Table
from keyspaces_migration.assessment.rules import RULES, Finding, Severity
from keyspaces_migration.assessment.wording import bytes_text
from keyspaces_migration.markdown import block, code, table, text

if TYPE_CHECKING:
    from keyspaces_migration.statements import StatementReport

VERDICTS: Final = {
    Verdict.NOTHING_TO_MIGRATE: "**Nothing to migrate.** The keyspace has no tables.",
    Verdict.BLOCKED: "**Some tables can't be migrated as they stand.** Those are left out of the draft below.",
    Verdict.DECISIONS_NEEDED: "**Every table can be migrated; decisions are needed first.**",
    Verdict.NOTHING_IN_THE_WAY: "**Every table can be migrated as it stands.**",
}
NO_STATEMENTS: Final = (
    "Statements. Which of them use an index, an aggregate, TRUNCATE, IN with UPDATE or DELETE, LWT in a batch, large "
    "batches, now() or uuid() on the server, or list appends: give a file or log of them in the parameter "
    "`statements`, and ask the owners of the clients above."
)
CANNOT_SEE: Final = (
    (
        "Consistency levels. Keyspaces writes at LOCAL_QUORUM and reads at ONE, LOCAL_ONE or LOCAL_QUORUM; any other "
        "is refused. They are chosen in the clients."
    ),
    "A time to live that a write gives itself (USING TTL).",
    "Clients that were not connected just now: jobs that run at night, a standby Region.",
    "Permissions and roles. On Keyspaces they are IAM policies.",
)
NOT_ESTIMATED: Final = (
    "Values. The size of rows (at most 1 MB), of keys, of a partition's static data; throughput; hot partitions. Run "
    "it with a sample of rows to see them."
)
SIZES_ARE_ESTIMATES: Final = (
    "Partitions and sizes are estimates: what each node that answered reports of its own ranges "
    "(`system.size_estimates`), without what is not flushed yet, up to five minutes old. A question mark: none yet."
)


def markdown(assessment: Assessment, *, plots: Mapping[str, str] | None = None) -> str:
    """The report; the same assessment gives the same text.

    Args:
        assessment: What was found.
        plots: What each of `plots.plots` shows, by the name of its file, which is to lie beside the report.
    """
    return "\n".join(_lines(assessment, plots or {})).rstrip("\n") + "\n"


def _lines(assessment: Assessment, plots: Mapping[str, str]) -> Iterator[str]:
    yield from _summary(assessment)
    yield from _tables(assessment)
    if assessment.estimate:
        yield from estimate_sections(assessment.estimate, plots)
    yield from _findings(assessment)
    if assessment.statements:
        yield from _statements(assessment.statements)
    yield from _cluster(assessment)
    yield from _clients(assessment)
    yield from _history(assessment)
    yield from _draft(assessment)
    yield from _rules(assessment)
    yield from _limits(assessment)


def _summary(assessment: Assessment) -> Iterator[str]:
    source, counts = assessment.source, assessment.counts
    yield f"# Assessment of keyspace {code(source.keyspace.name)}"
    yield ""
    yield VERDICTS[assessment.verdict]
    yield ""
    if not assessment.is_complete:
        yield "**Not everything could be looked at**: see the last section."
        yield ""
    yield (
        f"{_count(len(source.keyspace.tables), 'table')}, {len(assessment.draft.tables)} of them in the draft. "
        f"{_count(counts[Severity.BLOCKER], 'blocker')}, {counts[Severity.CHANGE]} to decide or change, "
        f"{_count(counts[Severity.NOTE], 'note')}. "
        f"Looked at on {assessment.assessed_at.isoformat(timespec='seconds')}, for reading only."
    )
    yield ""
    yield from table(("in short", ""), [[name, found] for name, found in _in_short(assessment)])


def _in_short(assessment: Assessment) -> Iterator[tuple[str, str]]:
    if assessment.estimate:
        yield from short_rows(assessment.estimate)
    report = assessment.statements
    if report is None:
        yield "statements of the applications", "not looked at: none were given"
        return
    must = sum(shape.must_change for shape in report.shapes)
    found = f"{must:,} of {len(report.shapes):,} kinds must change" if must else "none of those judged must change"
    if not report.shapes:
        found = "none could be judged: what was given says nothing about the applications"
    unknown = report.not_understood_count + report.unreadable_count
    yield "statements of the applications", f"{found}{f'; {unknown:,} not understood' if unknown else ''}"


def _statements(report: "StatementReport") -> Iterator[str]:
    from keyspaces_migration.statements import statements_section  # noqa: PLC0415 # it builds on this room's Markdown

    yield from statements_section(report)


def _tables(assessment: Assessment) -> Iterator[str]:
    found = assessment.source.keyspace.tables
    if not found:
        return
    yield "## Tables"
    yield ""
    yield from table(
        ("table", "primary key", "columns", "partitions", "size", "history rows", "blockers", "to change", "notes"),
        [_table_row(assessment, each) for each in found],
    )
    yield SIZES_ARE_ESTIMATES
    yield ""


def _table_row(assessment: Assessment, each: Table) -> list[str]:
    of_table = [finding for finding in assessment.findings if finding.hit.table == each.name]
    counts = [sum(finding.rule.severity is severity for finding in of_table) for severity in Severity]
    history = assessment.history.of(each.name) if assessment.history else None
    return [
        code(each.name),
        _key(each),
        str(len(each.columns)),
        "?" if each.estimate is None else f"~{each.estimate.partitions:,}",
        "?" if each.estimate is None else bytes_text(each.estimate.bytes),
        f"{history.shape.rows:,}" if history and history.shape else "?",
        *(str(count) for count in counts),
    ]


def _key(each: Table) -> str:
    partition = ", ".join(column.name for column in each.of_kind(ColumnKind.PARTITION_KEY))
    clustering = "".join(
        f", {column.name}{' DESC' if column.descending else ''}" for column in each.of_kind(ColumnKind.CLUSTERING)
    )
    return code(f"({partition}){clustering}")


def _findings(assessment: Assessment) -> Iterator[str]:
    if not assessment.findings:
        return
    yield "## Findings"
    yield ""
    yield "BLOCKER: something must change before the table can be migrated. CHANGE: a person decides, or an"
    yield "application changes, before the cutover. NOTE: good to know. Why, and by which source, stands under"
    yield '"What Keyspaces does".'
    yield ""
    names: list[str | None] = [None, *(each.name for each in assessment.source.keyspace.tables)]
    for name in names:
        of_table = [finding for finding in assessment.findings if finding.hit.table == name]
        yield from _findings_of(assessment, name, of_table)


def _findings_of(assessment: Assessment, name: str | None, findings: Iterable[Finding]) -> Iterator[str]:
    findings = list(findings)
    if name is None and not findings:
        return
    yield "### Keyspace and cluster" if name is None else f"### Table {code(name)}"
    yield ""
    if name is not None:
        found = next(each for each in assessment.source.keyspace.tables if each.name == name)
        yield from table(("column", "type", "part"), [_column_row(column) for column in found.columns])
    for rule in dict.fromkeys(finding.rule for finding in findings):
        found_here = "; ".join(finding.hit.found for finding in findings if finding.rule is rule)
        yield f"- **{rule.severity}** {text(rule.title)} ({code(rule.id)}): {text(found_here)}."
        if rule.severity is not Severity.NOTE:
            yield f"  What to do: {text(rule.advice)}."
    if not findings:
        yield "Nothing found."
    yield ""


def _rules(assessment: Assessment) -> Iterator[str]:
    applied = dict.fromkeys(finding.rule for finding in assessment.findings)
    if not applied:
        return
    yield "## What Keyspaces does"
    yield ""
    for rule in sorted(applied, key=lambda rule: rule.id):
        yield f"- {code(rule.id)}: Keyspaces {text(rule.keyspaces)}."
        if rule.severity is Severity.NOTE:
            yield f"  What to do: {text(rule.advice)}."
        yield f"  Source: *{text(rule.reference)}*."
    yield ""


def _column_row(column: Column) -> list[str]:
    order = " DESC" if column.descending else ""
    return [code(column.name), code(column.type_text), f"{column.kind.value.replace('_', ' ')}{order}"]


def _cluster(assessment: Assessment) -> Iterator[str]:
    cluster = assessment.source.cluster
    yield "## Cluster"
    yield ""
    partitioner = cluster.partitioner.rpartition(".")[2]
    yield (
        f"{text(cluster.name or '(name unknown)')}, Cassandra {text(cluster.version or '(version unknown)')}, "
        f"{text(partitioner or '(partitioner unknown)')}, {_count(len(cluster.nodes), 'node')} seen."
    )
    yield ""
    yield from table(
        ("node", "data centre", "rack", "version"),
        [[code(node.address), text(node.data_center), text(node.rack), text(node.version)] for node in cluster.nodes],
    )


def _clients(assessment: Assessment) -> Iterator[str]:
    found = assessment.clients
    answered = len(found.nodes_asked) - len(found.unseen)
    yield "## Live clients: who may be writing"
    yield ""
    yield (
        f"{answered} of {_count(len(found.nodes_asked), 'node')} told of their clients. Every writer must take part in "
        "the dual writes: find the owner of each of these."
    )
    yield ""
    yield from table(
        ("address", "user", "driver", "application", "protocol", "TLS", "connections", "requests", "keyspaces", ""),
        [_client_row(client) for client in found.clients],
    )
    if found.clients and not any(client.ours for client in found.clients):
        yield (
            "This assessment's own connections could not be told from the others (addresses are translated on the "
            "way): one of these is it."
        )
        yield ""


def _client_row(client: Client) -> list[str]:
    host = f" ({text(client.hostname)})" if client.hostname not in {"", client.address} else ""
    return [
        code(client.address) + host,
        text(client.username) or "-",
        text(client.driver or "unknown"),
        text(client.application) or "-",
        str(client.protocol_version),
        "yes" if client.tls else "no",
        str(client.connections),
        f"{client.requests:,}",
        ", ".join(code(name) for name in client.keyspaces) or "-",
        "this assessment" if client.ours else "",
    ]


def _history(assessment: Assessment) -> Iterator[str]:
    yield "## History"
    yield ""
    history = assessment.history
    if history is None:
        asked = any(part.part is Part.HISTORY for part in assessment.unseen)
        yield "It could not be looked at: see the last section." if asked else "None was given to look at."
        yield ""
        return
    yield (
        f"{code(f'{history.database}.{history.schema}')}. Cost of this look: two statements on the catalogue, and up "
        "to three aggregates of each table found: over its key and version columns, its partitions, and its last day."
    )
    yield ""
    yield from table(
        ("table", "in the history", "rows", "keys", "keys with several rows", "version (newest)", "deleted rows"),
        [_history_row(history, each) for each in history.tables],
    )
    for each in history.tables:
        if not each.candidates:
            yield f"- {code(each.table)}: {text(history.not_found)}"
        yield from (f"- {code(each.table)}: {line}" for line in _history_remarks(each))
    yield ""


def _history_row(history: History, each: TableHistory) -> list[str]:
    shape = each.shape
    name = code(history.address(each.candidates[0])) if each.candidates else "not found"
    versions = ", ".join(f"{code(v.name)} ({text(v.newest or 'no value')})" for v in each.versions)
    if shape is None:
        return [code(each.table), name, "?", "?", "?", versions or "-", "?"]
    deleted = "-" if shape.deleted_rows is None else f"{shape.deleted_rows:,} ({code(each.deleted[0])})"
    counts = [f"{count:,}" for count in (shape.rows, shape.keys, shape.repeated_keys)]
    return [code(each.table), name, *counts, versions or "-", deleted]


def _history_remarks(each: TableHistory) -> Iterator[str]:
    for part in each.unseen:
        yield f"could not look: {text(part.why)}"
    if len(each.candidates) > 1:
        yield f"several tables fit by name: {', '.join(code(name) for name in each.candidates)}"
    if each.candidates and each.missing:
        yield f"columns that the history has not: {', '.join(code(name) for name in each.missing)}"
    if each.extra:
        yield f"columns that only the history has: {', '.join(code(name) for name in each.extra)}"
    for mismatch in each.mismatches:
        accepted = " or ".join(mismatch.accepted) or "a conversion"
        there = text(mismatch.history_type)
        yield f"{code(mismatch.column)} is {there} there; {code(mismatch.cql_type)} needs {accepted}"
    for version in each.versions:
        if version.undecided_keys:
            yield f"{code(version.name)} does not tell apart the rows of {version.undecided_keys:,} keys"
    if each.shape and each.shape.repeated_keys and not each.versions:
        yield "keys repeat, and no column looks like a version: the backfill refuses this table without one"
    if each.shape and each.shape.rows_without_key:
        yield f"{each.shape.rows_without_key:,} rows have a null in their key"


def _draft(assessment: Assessment) -> Iterator[str]:
    yield "## Draft of `tables:`"
    yield ""
    if assessment.draft.tables:
        yield "It passes the migration file's own checks. Decide what the comments ask, and remove them."
        yield ""
    yield from block(assessment.draft.yaml, language="yaml")


def _limits(assessment: Assessment) -> Iterator[str]:
    yield "## What this assessment did not see, and cannot"
    yield ""
    for part in assessment.unseen:
        yield f"- Could not look at **{part.part}**: {text(part.why)}"
    for rule in assessment.not_checked:
        yield f"- Not fully checked: {text(rule.rule.title)} ({code(rule.rule.id)}), for lack of {text(rule.why)}"
    yield from (f"- {line}" for line in _cannot_see(assessment))
    yield ""
    yield f"{len(RULES)} rules were applied."


def _cannot_see(assessment: Assessment) -> Iterator[str]:
    if assessment.statements is None:
        yield NO_STATEMENTS
    if assessment.estimate is None:
        yield NOT_ESTIMATED
    yield from CANNOT_SEE
    if assessment.estimate:
        yield from ASSUMED


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
