"""Cassandra's audit log: lines of FileAuditLogger, or what `auditlogviewer` prints.

An entry is `user:…|host:…|source:…|port:…|timestamp:…|type:…|category:…|batch:…|ks:…|scope:…|operation:…`, where a
logger's own head may stand before `user:`, parts without a value are left out, and the operation may hold `|` and go
over several lines. `auditlogviewer` puts `Type: audit` and `LogMessage: ` before each.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from keyspaces_migration.statements.readers.lines import Text, numbered, whole_number
from keyspaces_migration.statements.records import Item, ProtocolBatch, Record, Skipped, Unreadable

ENTRY = re.compile(
    r"""(?P<head>.*?)\buser:(?P<user>[^|]*)\|host:[^|]*\|source:(?P<source>[^|]*)(?:\|port:\d+)?
    \|timestamp:(?P<at>\d+)\|type:(?P<type>\w+)\|category:(?P<category>\w+)(?:\|batch:(?P<batch>[^|]*))?
    (?:\|ks:(?P<ks>[^|]*))?(?:\|scope:(?P<scope>[^|]*))?(?:\|operation:(?P<operation>.*))?$""",
    re.VERBOSE | re.DOTALL,
)
_BEGINS = re.compile(r"(?:.{0,300}\W)?user:[^|]*\|host:")
_BATCH = re.compile(r"BatchId:\[[^\]]*\] - BATCH of \[([0-9]{1,9})\] statements")
_LOG_LINE = re.compile(r"(?:[A-Z]+ +\[|\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\[?[A-Z]{4,5}\]? )")
_JUDGED: Final = frozenset({"QUERY", "DML", "DDL", "DCL", "PREPARE"})
VIEWER: Final = "LogMessage: "


def read_audit_log(lines: Iterable[str]) -> Iterator[Item]:
    """The statements of the log; logins and requests that failed are counted, not judged."""
    entry: Text | None = None
    for number, line in numbered(lines):
        if _BEGINS.match(line):
            if entry is not None:
                yield _item(entry)
            entry = Text(line=number)
            entry.add(line)
        elif line.startswith("Type: ") or (not line.strip() and entry is None):
            continue
        elif _LOG_LINE.match(line):
            if entry is not None:
                yield _item(entry)
            entry = None
            yield Skipped(what="lines of other loggers")
        elif entry is None:
            yield Unreadable(line=number, text=line[:200], why="no entry of an audit log")
        else:
            entry.add(f"\n{line}")
    if entry is not None:
        yield _item(entry)


def _item(entry: Text) -> Item:
    match = ENTRY.match(str(entry))
    if match is None or entry.too_long:
        why = "a statement too long to be one" if entry.too_long else "parts of an audit log's entry are missing"
        return Unreadable(line=entry.line, text=str(entry)[:200], why=why)
    category, kind, operation = match["category"], match["type"], (match["operation"] or "").strip()
    if kind == "BATCH" and (batch := _BATCH.match(operation)):
        return ProtocolBatch(size=int(batch.group(1)))
    if category not in _JUDGED or kind == "REQUEST_FAILURE":
        return Skipped(what=f"entries of category {category}")
    if not operation:
        return Unreadable(line=entry.line, text=str(entry)[:200], why="an entry without an operation")
    return Record(
        text=operation,
        times=0 if category == "PREPARE" else 1,
        at_ms=whole_number(match["at"]),
        user=match["user"],
        client=match["source"].lstrip("/"),
        keyspace=match["ks"] or "",
    )
