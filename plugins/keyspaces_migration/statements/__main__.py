"""`python -m keyspaces_migration.statements FILE…`: the check that application teams run in their CI.

Exit code 0: nothing must change. 1: a finding asks for a change, or something could not be judged. 2: a file can't be
used.
"""

import argparse
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from keyspaces_migration.assessment.model import Keyspace
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.statements import (
    Format,
    StatementReport,
    judge_statements,
    read_schema_file,
    statements_section,
)

NOTHING_TO_CHANGE, SOMETHING_TO_CHANGE, NOT_USABLE = 0, 1, 2
_GZIP = b"\x1f\x8b"


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge the files that the arguments name, print a page, and return the exit code."""
    asked = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal or CI that can't show a sign of the page must not end the run as if statements were wrong.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        schema = _schema(asked.schema_file, asked.keyspace)
        reports = [(name, _judge(name, asked, schema)) for name in asked.files]
    except (MigrationError, OSError, EOFError, zlib.error) as reason:
        sys.stderr.write(f"{reason}\n")
        return NOT_USABLE
    for name, report in reports:
        sys.stdout.write("\n".join(statements_section(report, heading=f"## Statements of {name}")) + "\n")
    return SOMETHING_TO_CHANGE if any(report.asks_for_changes for _, report in reports) else NOTHING_TO_CHANGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m keyspaces_migration.statements",
        description="Finds CQL statements that can't be dual-written, and what Amazon Keyspaces refuses or treats "
        "otherwise, in files of statements and in Cassandra's logs.",
        epilog="Exit code 0: nothing must change. 1: something must, or could not be judged. 2: a file can't be used.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a file, plain or .gz; - is the standard input")
    parser.add_argument("--format", choices=list(Format), type=Format, help="by default found by the first lines")
    parser.add_argument("--schema-file", type=Path, help="CREATE TABLE statements, as DESCRIBE KEYSPACE prints them")
    parser.add_argument("--keyspace", default="", help="of tables that a statement does not qualify")
    return parser


def _schema(file: Path | None, keyspace: str) -> Keyspace | None:
    if file is None:
        return None
    with _opened(str(file)) as lines:
        return read_schema_file(lines, keyspace=keyspace)


def _judge(name: str, asked: argparse.Namespace, schema: Keyspace | None) -> StatementReport:
    with _opened(name) as lines:
        return judge_statements(lines, format=asked.format, schema=schema, keyspace=asked.keyspace)


@contextmanager
def _opened(name: str) -> Iterator[io.TextIOWrapper]:
    """The file as text, unpacked when it is gzip. Bytes that are no UTF-8 are shown as such, and never end the run."""
    with open(0, "rb", closefd=False) if name == "-" else Path(name).open("rb") as raw, _unpacked(raw) as content:
        # utf-8-sig: editors of Windows put a mark before the first statement.
        yield io.TextIOWrapper(content, encoding="utf-8-sig", errors="backslashreplace")


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader | gzip.GzipFile:
    return gzip.open(raw) if raw.peek(len(_GZIP)).startswith(_GZIP) else raw


if __name__ == "__main__":
    sys.exit(main())
