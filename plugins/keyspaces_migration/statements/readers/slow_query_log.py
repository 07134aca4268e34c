"""The reads that Cassandra's debug.log shows as slow or timed out; it has no writes.

`<SELECT …>, time 612 msec - slow timeout 500 msec`, or `…, was slow 3 times: avg/min/max …`, or `…, total time …` and
`… timed out 3 times, …`, each on a line after the log's own.

The text is not the application's: the node writes it from what it read, in 5.0 with ALLOW FILTERING behind every read,
with a LIMIT that is the page's size, and without the functions and aggregates that were asked for.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from keyspaces_migration.statements.readers.lines import numbered
from keyspaces_migration.statements.records import Item, Record, Skipped, Unreadable

OPERATION = re.compile(
    r"<(?P<text>.*)>(?:, time \d+ msec - slow timeout|, was slow (?P<slow>[0-9]{1,9}) times:"
    r"|, total time \d+ msec, timeout| timed out (?P<out>[0-9]{1,9}) times,) .*msec"
)
_ALWAYS: Final = " ALLOW FILTERING"


def read_slow_query_log(lines: Iterable[str]) -> Iterator[Item]:
    """The reads; other lines are counted."""
    for number, line in numbered(lines):
        if match := OPERATION.match(line.strip()):
            text = match["text"].removesuffix(_ALWAYS)
            yield Record(text=text, times=int(match["slow"] or match["out"] or 1))
        elif line.startswith("<"):
            yield Unreadable(line=number, text=line[:200], why="no operation of a slow query log")
        elif line.strip():
            yield Skipped(what="other lines of the log")
