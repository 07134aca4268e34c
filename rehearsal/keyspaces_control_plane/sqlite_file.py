"""A SQLite file that several stores of the control plane share, each with tables of its own."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class SqliteFile:
    """Every call opens the file anew: calls are few, and a handle would tie the store to a thread."""

    schema: ClassVar[str]
    """Makes the store's tables where they are not there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            connection.executescript(self.schema)
            yield connection
