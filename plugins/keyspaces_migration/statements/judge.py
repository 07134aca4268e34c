"""Judges a file or log of statements."""

from collections.abc import Iterable, Iterator

from keyspaces_migration.assessment.model import Keyspace
from keyspaces_migration.statements.gather import MAX_SHAPES, Gatherer
from keyspaces_migration.statements.readers import read
from keyspaces_migration.statements.records import Format
from keyspaces_migration.statements.report import StatementReport


class _Counted:
    """Lines passed on and counted."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.lines = 0
        self.chars = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.lines += 1
            self.chars += len(line)
            yield line


def judge_statements(  # noqa: PLR0913 # all by keyword
    lines: Iterable[str],
    *,
    format: Format | None = None,  # noqa: A002 -- the users' word
    schema: Keyspace | None = None,
    keyspace: str = "",
    only: str = "",
    max_shapes: int = MAX_SHAPES,
) -> StatementReport:
    """Find the statements that can't be dual-written, and those that Keyspaces refuses or treats otherwise.

    Args:
        lines: A text stream, or anything that gives lines. It is read once, from front to end, and never kept.
        format: What it is; found by its first lines when not given.
        schema: The source's keyspace, as `assess` reads it. Without it some findings are open ("depends on").
        keyspace: The keyspace of tables that a statement does not qualify; by default the schema's.
        only: Statements whose tables are all in other keyspaces than this are counted and not judged; empty for all.
        max_shapes: How many shapes are kept; further ones are counted by table and kind.

    Raises:
        UnknownFormatError: No format was given, and the first lines are of none.
    """
    counted = _Counted(lines)
    found, items = read(counted, format=format)
    default = keyspace or ("" if schema is None else schema.name)
    gathered = Gatherer(schema=schema, keyspace=default, only=only, max_shapes=max_shapes)
    for item in items:
        gathered.take(item)
    written, clean = gathered.written
    return StatementReport(
        format=found,
        lines=counted.lines,
        chars=counted.chars,
        statements=gathered.statements,
        kinds=dict(gathered.kinds),
        shapes=gathered.shapes,
        tables_written=written,
        tables_written_clean=clean,
        not_understood=gathered.not_understood,
        not_understood_count=gathered.not_understood_count,
        unreadable=tuple(gathered.unreadable),
        unreadable_count=gathered.unreadable_count,
        skipped=dict(gathered.skipped),
        system_statements=gathered.system_statements,
        other_keyspaces=dict(gathered.other_keyspaces),
        protocol_batches=dict(gathered.protocol_batches),
        shapes_left_out=gathered.shapes_left_out,
        schema_known=schema is not None,
    )
