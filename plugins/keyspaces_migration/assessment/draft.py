"""A draft of a migration file's `tables:` section, from the source's schema and the history's shape.

Every table of the draft has passed the migration file's own validation; one that can't is left out, with the reason.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from keyspaces_migration.assessment.draft_hints import NOT_ESTIMATED, DraftHint
from keyspaces_migration.assessment.draft_text import as_yaml
from keyspaces_migration.assessment.history import History, TableHistory
from keyspaces_migration.assessment.model import ColumnKind, Source, Table
from keyspaces_migration.assessment.rules.finding import Finding, Severity
from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.config.problems import RuleError, path_text
from keyspaces_migration.config.tables import Table as TableInFile
from keyspaces_migration.snowflake_names import quote_name, written_name

UNKNOWN_HISTORY_PLACE = "DATABASE.SCHEMA"


@dataclass(frozen=True, kw_only=True)
class DraftTable:
    """One table of the draft: its value in the file, and what a person has to decide about it."""

    name: str
    value: Mapping[str, Any]
    decisions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A table of the source that is not in the draft, and why."""

    table: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The draft."""

    tables: tuple[DraftTable, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def value(self) -> dict[str, Any]:
        """The section as a value: `{"tables": {…}}`."""
        return {"tables": {table.name: dict(table.value) for table in self.tables}}

    @property
    def yaml(self) -> str:
        """The section as text, with what a person has to decide as comments."""
        return as_yaml(
            [(table.name, table.value, table.decisions) for table in self.tables],
            [(table.table, table.reasons) for table in self.left_out],
        )


def draft(
    source: Source,
    history: History | None,
    findings: Iterable[Finding],
    *,
    hints: Mapping[str, DraftHint] | None = None,
) -> Draft:
    """Drafts `tables:`, of each table without a blocker that the migration file takes.

    Args:
        source: The source.
        history: The history; None when there was none to look at: its place is then left to fill in.
        findings: What the rules found; a BLOCKER keeps a table out, one about the keyspace keeps out all.
        hints: What the estimate says of a table.
    """
    blockers = [finding for finding in findings if finding.rule.severity is Severity.BLOCKER]
    tables: list[DraftTable] = []
    left_out: list[LeftOut] = []
    for table in source.keyspace.tables:
        reasons = [
            f"{finding.rule.title}: {finding.hit.found}"
            for finding in blockers
            if finding.hit.table in {None, table.name}
        ]
        found = history.of(table.name) if history else None
        drafted = _draft_table(table, history, found, (hints or {}).get(table.name, NOT_ESTIMATED))
        reasons = reasons or _refusals(drafted.value)
        if reasons:
            left_out.append(LeftOut(table=table.name, reasons=tuple(reasons)))
        else:
            tables.append(drafted)
    return Draft(tables=tuple(tables), left_out=tuple(left_out))


def _draft_table(table: Table, history: History | None, found: TableHistory | None, hint: DraftHint) -> DraftTable:
    value: dict[str, Any] = {
        "schema": {
            "columns": [{column.name: str(column.type or column.type_text)} for column in table.columns],
            "partition_keys": [column.name for column in table.of_kind(ColumnKind.PARTITION_KEY)],
            "clustering_keys": [
                {column.name: "DESC" if column.descending else "ASC"} for column in table.of_kind(ColumnKind.CLUSTERING)
            ],
            "static_columns": [column.name for column in table.of_kind(ColumnKind.STATIC)],
        },
        "throughput": dict(hint.throughput),
        "history": _history_value(table, history, found),
    }
    if table.default_time_to_live_s:
        value["default_ttl"] = format_duration(timedelta(seconds=table.default_time_to_live_s))
    if hint.order is not None:
        value["order"] = hint.order.value
    decisions = (*hint.decisions, *_decisions(history, found))
    return DraftTable(name=table.name, value=value, decisions=decisions)


def _history_value(table: Table, history: History | None, found: TableHistory | None) -> dict[str, Any]:
    if history is None or found is None or not found.candidates:
        place = history.address(table.name.upper()) if history else f"{UNKNOWN_HISTORY_PLACE}.{table.name.upper()}"
        return {"table": place}
    value: dict[str, Any] = {"table": history.address(found.candidates[0])}
    renamed = {name: quote_name(column) for name, column in found.columns.items() if column != name.upper()}
    if renamed:
        value["columns"] = renamed
    deciding = sorted(found.versions, key=lambda candidate: candidate.undecided_keys)
    if deciding:
        value["version_column"] = written_name(deciding[0].name)
    if found.deleted:
        value["deleted_column"] = written_name(found.deleted[0])
    if table.default_time_to_live_s and found.write_times:
        value["write_time_column"] = written_name(found.write_times[0])
    if found.expiries:
        value["expiry_column"] = written_name(found.expiries[0])
    return value


def _decisions(history: History | None, found: TableHistory | None) -> Iterable[str]:
    if history is None or found is None:
        yield "history: it was not looked at; give DATABASE.SCHEMA.TABLE and its columns"
        return
    if not found.candidates:
        yield f"history: {history.not_found}; name the table"
        return
    if len(found.candidates) > 1:
        yield f"history: {', '.join(found.candidates)} fit by name; the first was taken"
    if found.missing:
        yield f"history: it has no {', '.join(found.missing)}; loaded rows will be without"
    for mismatch in found.mismatches:
        yield (
            f"history: {mismatch.column} is {mismatch.history_type}, and {mismatch.cql_type} needs "
            f"{' or '.join(mismatch.accepted) or 'a conversion'}; convert it in a view"
        )
    yield from _version_decisions(found)
    if not found.deleted:
        yield "deletions: no column marks deleted rows; if the history keeps them, add one"


def _version_decisions(found: TableHistory) -> Iterable[str]:
    shape = found.shape
    if shape is None:
        yield f"history: {'; '.join(part.why for part in found.unseen)}"
        return
    undecided = min((candidate.undecided_keys for candidate in found.versions), default=shape.repeated_keys)
    if undecided:
        yield (
            f"version: {undecided} keys have several rows that no likely column tells apart; without a version "
            "column that does, this table's backfill is refused"
        )
    deciding = [candidate.name for candidate in found.versions if not candidate.undecided_keys]
    if len(deciding) > 1:
        yield f"version: {', '.join(deciding)} would do; the first was taken"
    if shape.rows_without_key:
        yield f"history: {shape.rows_without_key} rows have a null in their key and can't be loaded"


def _refusals(value: Mapping[str, Any]) -> list[str]:
    """Why the migration file would refuse the table: nothing when it takes it."""
    try:
        TableInFile.model_validate_json(json.dumps(value))
    except ValidationError as refusal:
        return [f"{path_text(error['loc'])}: {_message(error)}" for error in refusal.errors()]
    return []


def _message(error: Mapping[str, Any]) -> str:
    cause = error.get("ctx", {}).get("error")
    return str(cause) if isinstance(cause, RuleError) else str(error["msg"])
