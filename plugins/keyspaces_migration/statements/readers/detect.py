"""Which format a file has, by its first lines."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Final

from keyspaces_migration.cql.cursor import Cursor
from keyspaces_migration.statements.errors import UnknownFormatError
from keyspaces_migration.statements.parser import CQLSH
from keyspaces_migration.statements.readers import audit_log, full_query_log, slow_query_log
from keyspaces_migration.statements.readers.cql import read_cql
from keyspaces_migration.statements.readers.json_lines import read_json_lines
from keyspaces_migration.statements.records import Format, Item

FIRST_LINES: Final = 200
READERS: Final[dict[Format, Callable[[Iterable[str]], Iterator[Item]]]] = {
    Format.CQL: read_cql,
    Format.FULL_QUERY_LOG: full_query_log.read_full_query_log,
    Format.AUDIT_LOG: audit_log.read_audit_log,
    Format.SLOW_QUERY_LOG: slow_query_log.read_slow_query_log,
    Format.JSON_LINES: read_json_lines,
}
_FIRST_WORDS: Final = CQLSH | frozenset(
    "SELECT INSERT UPDATE DELETE BEGIN TRUNCATE USE CREATE ALTER DROP GRANT REVOKE LIST ADD".split()  # noqa: SIM905 - words are read best as a line
)


def read(lines: Iterable[str], *, format: Format | None = None) -> tuple[Format, Iterator[Item]]:  # noqa: A002 -- the users' word
    """The format, given or found, and what the lines hold.

    Raises:
        UnknownFormatError: No format was given, and the first lines are of none.
    """
    remaining = iter(lines)
    first = list(islice(remaining, FIRST_LINES))
    found = format or detect(first)
    return found, READERS[found](chain(first, remaining))


def detect(first: list[str]) -> Format:
    """The format of a file that begins with these lines.

    Raises:
        UnknownFormatError: It is none that we know.
    """
    text = "".join(line if line.endswith("\n") else f"{line}\n" for line in first)
    if not text.strip():
        return Format.CQL
    if any(full_query_log.TYPE.match(line) for line in first):
        return Format.FULL_QUERY_LOG
    if any("|host:" in line and audit_log.ENTRY.match(line.rstrip()) for line in first):
        return Format.AUDIT_LOG
    if text.lstrip().startswith("{"):
        return Format.JSON_LINES
    if any(slow_query_log.OPERATION.match(line.strip()) for line in first):
        return Format.SLOW_QUERY_LOG
    if Cursor(text).peek().word in _FIRST_WORDS or not Cursor(text).peek().text:
        return Format.CQL
    raise UnknownFormatError(
        f"the file begins with {text.strip()[:80]!r}, which is none of: {', '.join(Format)}. Name its format, if it is "
        "one of these"
    )
