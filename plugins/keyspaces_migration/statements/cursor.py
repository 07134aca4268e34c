"""A place in a statement's tokens, that also gathers the functions which the statement calls."""

from typing import TYPE_CHECKING

from keyspaces_migration.cql.cursor import Cursor

if TYPE_CHECKING:
    from keyspaces_migration.statements.model import Call


class StatementCursor(Cursor):
    """Reads tokens from left to right; `calls` gathers the functions met on the way."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.calls: list[Call] = []
