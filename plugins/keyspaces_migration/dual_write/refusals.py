"""Statements that no dual write can carry, told from their text."""

import re
from enum import StrEnum

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.types import CqlType, ListOf
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.shape import TableShape


class Unrepeatable(StrEnum):
    """Why a statement can't be sent to two stores, or twice, with one result. The value says what to do."""

    LIGHTWEIGHT_TRANSACTION = (
        "IF decides by what one store holds, and takes its timestamp from the server: decide in the application"
    )
    COUNTER = "a counter is added to, and counts twice what is sent twice: keep the count in an ordinary column"
    LIST_CHANGE = (
        "appending to, prepending to or taking by index from a list gives another list when sent twice: write the "
        "whole list, or make it a set or frozen"
    )
    SERVER_VALUE = (
        "now(), uuid() and the current… functions are evaluated by each server for itself: evaluate them in the "
        "application and bind the value"
    )


_LITERALS = re.compile(r"""'(?:[^']|'')*'|\$\$.*?\$\$|--[^\n]*|//[^\n]*|/\*.*?\*/""", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_NAME = r'(?:"(?:[^"]|"")*"|[A-Za-z][A-Za-z0-9_]*)'
_SERVER_VALUE = re.compile(
    r"\b(?:now|uuid|current_?timestamp|current_?date|current_?time|current_?timeuuid)\s*\(\s*\)", re.IGNORECASE
)
_CONDITION = re.compile(r"\bIF\b", re.IGNORECASE)


def refuse_unrepeatable(cql: str, shape: TableShape) -> None:
    """Refuse an INSERT, UPDATE, DELETE or batch whose repetition would not give the same result.

    Args:
        cql: The statement. Text in quotes and comments is not looked at.
        shape: The table that it writes to: whether `c = c + ?` may be repeated depends on the column's type.

    Raises:
        WriteRefusedError: It is one; the message gives the reason and the way out.
    """
    if (reason := unrepeatable_reason(cql, shape)) is not None:
        raise WriteRefusedError(f"table {shape.name}: {reason.name}: {reason.value}. The statement: {cql.strip()}")


def unrepeatable_reason(cql: str, shape: TableShape) -> Unrepeatable | None:
    """Return why a statement can't be repeated, or None where it can."""
    text = _LITERALS.sub("''", cql)
    bare = _QUOTED.sub('"q"', text)
    if _CONDITION.search(bare):
        return Unrepeatable.LIGHTWEIGHT_TRANSACTION
    if _SERVER_VALUE.search(bare):
        return Unrepeatable.SERVER_VALUE
    for column, cql_type in shape.columns.items():
        if (reason := _of_type(cql_type)) is not None and _is_changed_in_place(column, text):
            return reason
    return None


def _of_type(cql_type: CqlType) -> Unrepeatable | None:
    if cql_type.is_counter:
        return Unrepeatable.COUNTER
    return Unrepeatable.LIST_CHANGE if isinstance(cql_type, ListOf) else None


def _is_changed_in_place(column: str, text: str) -> bool:
    """Whether `c = c + …`, `c = … + c`, `c += …` or `c[…]` stands in the text, with the column's name in any form."""
    name = rf'(?<![\w"])(?:{re.escape(quote(column))}|(?i:{re.escape(column)}))(?![\w"])'
    return re.search(rf"{name}\s*(?:=\s*{name}\s*[+-]|[+-]=|\[)|\+\s*{name}", text) is not None
