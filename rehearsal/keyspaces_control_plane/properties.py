"""What the node does not hold, kept in SQLite beside it: tags, and when a table was made."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from uuid import UUID

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS creations (
        table_id TEXT PRIMARY KEY,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS tags (
        arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
    ) STRICT;
"""


class PropertyStore:
    """A SQLite file. Every call opens it anew: calls are few, and a handle would tie the store to a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            connection.executescript(_SCHEMA)
            yield connection

    def created_ms(self, table_id: UUID) -> int:
        """When the table with Cassandra's id `table_id` was made, in ms since 1970; 0 where the API did not make it."""
        with self._transaction() as connection:
            row = connection.execute("SELECT created_ms FROM creations WHERE table_id = ?", (str(table_id),)).fetchone()
        return 0 if row is None else int(row[0])

    def put_created_ms(self, table_id: UUID, created_ms: int) -> None:
        """Keep when a table was made."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO creations VALUES (?, ?)", (str(table_id), created_ms))

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a resource, by key."""
        with self._transaction() as connection:
            return dict(connection.execute("SELECT key, value FROM tags WHERE arn = ? ORDER BY key", (arn,)).fetchall())

    def put_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add tags, or give the ones there a new value."""
        with self._transaction() as connection:
            rows = [(arn, key, value) for key, value in tags.items()]
            connection.executemany("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)", rows)

    def remove_tags(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags by key."""
        with self._transaction() as connection:
            connection.executemany("DELETE FROM tags WHERE arn = ? AND key = ?", [(arn, key) for key in keys])

    def forget(self, arn: str) -> None:
        """Remove every tag of a resource that was deleted."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM tags WHERE arn = ?", (arn,))
