"""What an application's SELECT reads: which table, and of which partition, so that the flag says from which store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.cursor import UnreadableError
from keyspaces_migration.cql.tokens import TokenKind, tokens
from keyspaces_migration.dual_write.cql_values import MarkedCursor, Marker, Value, bound
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.statements import table_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from keyspaces_migration.cql.cursor import TableName
    from keyspaces_migration.dual_write.shape import TableShape

_BLANK = {TokenKind.SPACE, TokenKind.COMMENT}
_AFTER_WHERE = {"GROUP", "ORDER", "PER", "LIMIT", "ALLOW", "AND", ""}


@dataclass(frozen=True, kw_only=True)
class CompiledRead:
    """A SELECT of one of the migration's tables.

    Attributes:
        before: The text up to the table's name.
        after: The text after it.
        partition: The values of the partition key, where the text restricts all of it by `=`; else None.
        row: The same of the primary key.
        markers: Names of what is bound, in order.
    """

    shape: TableShape
    before: str
    after: str
    partition: Mapping[str, Value] | None
    row: Mapping[str, Value] | None
    markers: tuple[str, ...]

    def text(self, keyspace: str) -> str:
        """Return the statement for a store's keyspace."""
        return f"{self.before}{table_name(keyspace, self.shape.name)}{self.after}"

    def partition_key(self, values: Sequence[object]) -> dict[str, Any] | None:
        """Return the partition key, where the text names one partition."""
        return _bound(self.partition, values)

    def row_key(self, values: Sequence[object]) -> dict[str, Any] | None:
        """Return the primary key, where the text names one row."""
        return _bound(self.row, values)


def _bound(key: Mapping[str, Value] | None, values: Sequence[object]) -> dict[str, Any] | None:
    return None if key is None else {name: bound(value, values) for name, value in key.items()}


def compile_read(cql: str, *, tables: Mapping[str, TableShape], keyspaces: Collection[str]) -> CompiledRead:
    """Understand a SELECT, as far as is needed to send it to one of the two stores.

    Raises:
        WriteRefusedError: It reads no table of the migration.
    """
    pieces = list(tokens(cql))
    words = [place for place, token in enumerate(pieces) if token.kind not in _BLANK]
    start = next((number for number, place in enumerate(words) if _is_from(pieces[place].word, number)), None)
    if start is None:
        raise WriteRefusedError(f"no FROM is found. The statement: {cql.strip()}")
    qualified = [pieces[place].text for place in words[start + 2 : start + 3]] == ["."]
    last = start + (3 if qualified else 1)
    name = MarkedCursor("".join(pieces[place].text for place in words[start + 1 : last + 1])).table()
    shape = _shape(name, tables, keyspaces)
    first, end = words[start + 1], words[last]
    # In the text before there may be markers too, as in a function's arguments.
    counted = sum(token.kind is TokenKind.MARKER for token in pieces[:first])
    after = "".join(token.text for token in pieces[end + 1 :])
    equal, names = _equalities(after, already=counted)
    return CompiledRead(
        shape=shape,
        before="".join(token.text for token in pieces[:first]),
        after=after,
        partition=_whole(shape.partition_keys, equal),
        row=_whole(shape.primary_key, equal),
        markers=(*(f"[{number}]" for number in range(counted)), *names),
    )


def _whole(columns: Sequence[str], equal: Mapping[str, Value]) -> dict[str, Value] | None:
    return {column: equal[column] for column in columns} if all(column in equal for column in columns) else None


def _is_from(word: str, number: int) -> bool:
    return word == "FROM" and number > 1


def _shape(name: TableName, tables: Mapping[str, TableShape], keyspaces: Collection[str]) -> TableShape:
    shape = tables.get(name.name)
    if shape is None or (name.keyspace and name.keyspace not in keyspaces):
        raise WriteRefusedError(f"table {name} is not one of the migration's: {', '.join(sorted(tables))}")
    return shape


def _equalities(text: str, *, already: int) -> tuple[dict[str, Value], list[str]]:
    """The columns that the text restricts by `=` to one value, and the names of all its markers."""
    at = MarkedCursor(text)
    equal: dict[str, Value] = {}
    column = ""
    while (token := at.peek()).text:
        if token.kind in {TokenKind.WORD, TokenKind.QUOTED_NAME}:
            column = at.name()
            if at.accept_symbol("="):
                _note_equal(at, column, equal, already=already)
        elif token.kind is TokenKind.MARKER:
            at.value(column)
        else:
            at.take()
    return equal, at.markers


def _note_equal(at: MarkedCursor, column: str, equal: dict[str, Value], *, already: int) -> None:
    try:
        value = at.value(column)
    except UnreadableError:
        return  # a function or an expression: which partition it names, only the store knows
    if at.peek().word in _AFTER_WHERE:
        equal[column] = Marker(already + value.place) if isinstance(value, Marker) else value
