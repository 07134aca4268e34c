"""Cassandra's full query log, as `fqltool dump` prints it.

An entry begins with `Type: single-query` or `Type: batch`, goes on with `Query start time`, `Protocol version`,
`Generated timestamp`, `Generated nowInSeconds`, for a batch `Batch type`, and then, once or for each statement,
`Query: ` (which may go over several lines) and `Values: ` with a dump in hexadecimal.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from keyspaces_migration.statements.readers.lines import Text, numbered, whole_number
from keyspaces_migration.statements.records import Item, Record, Unreadable

TYPE = re.compile(r"Type: (single-query|batch)\s*$")
_HEAD = re.compile(r"(?:Protocol version|Generated timestamp|Generated nowInSeconds):")
_VALUES = re.compile(r"[0-9a-f]{8} |null$|-----$|\.{3} truncated$|\.{8}$")
_START: Final = "Query start time: "
_BATCH: Final = "Batch type: "
_QUERY: Final = "Query: "


@dataclass(slots=True)
class _Entry:
    line: int
    batch: bool
    at_ms: int | None = None
    kind: str = ""
    queries: list[Text] = field(default_factory=list)
    in_query: bool = False


def read_full_query_log(lines: Iterable[str]) -> Iterator[Item]:
    """The statements of the log; a batch as one statement."""
    entry: _Entry | None = None
    for number, line in numbered(lines):
        if match := TYPE.match(line):
            if entry is not None:
                yield _item(entry)
            entry = _Entry(line=number, batch=match.group(1) == "batch")
        elif entry is None:
            if line.strip():
                yield Unreadable(line=number, text=line[:200], why="it stands before the first entry")
        elif not _take(entry, number, line):
            yield Unreadable(line=number, text=line[:200], why="no line of a full query log")
    if entry is not None:
        yield _item(entry)


def _take(entry: _Entry, number: int, line: str) -> bool:
    """Put a line into its entry. Returns whether it is one of an entry's lines."""
    if line.startswith("Values:"):
        entry.in_query = False
    elif line.startswith(_QUERY) and not (entry.in_query and not entry.batch):
        entry.queries.append(Text(line=number))
        entry.queries[-1].add(line[len(_QUERY) :])
        entry.in_query = True
    elif entry.in_query:
        entry.queries[-1].add(f"\n{line}")
    elif line.startswith(_START):
        entry.at_ms = whole_number(line[len(_START) :].strip())
    elif line.startswith(_BATCH):
        entry.kind = line[len(_BATCH) :].strip()
    else:
        return not line.strip() or _HEAD.match(line) is not None or _VALUES.match(line) is not None
    return True


def _item(entry: _Entry) -> Item:
    if not entry.queries or any(query.too_long for query in entry.queries):
        why = "a statement too long to be one" if entry.queries else "an entry without a query"
        return Unreadable(line=entry.line, text="Type: …", why=why)
    texts = [str(query).strip().rstrip(";") for query in entry.queries]
    if not entry.batch:
        return Record(text=texts[0], at_ms=entry.at_ms)
    kind = "" if entry.kind == "LOGGED" else f"{entry.kind} "
    # Each on a line of its own: a comment at the end of one must not swallow the next.
    return Record(
        text=f"BEGIN {kind}BATCH\n" + "".join(f"{text}\n;\n" for text in texts) + "APPLY BATCH", at_ms=entry.at_ms
    )
