"""What Cassandra can't hold of a table, kept in SQLite beside the node: capacity, recovery, timestamps, tags."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from uuid import UUID

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS table_properties (
        table_id TEXT PRIMARY KEY,
        specifications TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        changed_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS tags (
        arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
    ) STRICT;
"""


@dataclass(frozen=True, kw_only=True)
class TableProperties:
    """Properties of one table.

    Attributes:
        specifications: Members of the API's table, by their name there (`capacitySpecification`, `ttl`, …).
        created_ms: When it was made, in milliseconds since 1970.
        changed_ms: When it was last changed through the API.
    """

    specifications: Mapping[str, Any] = field(default_factory=dict)
    created_ms: int = 0
    changed_ms: int = 0


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

    def table(self, table_id: UUID) -> TableProperties:
        """The properties of the table with Cassandra's id `table_id`; defaults where the API did not make it."""
        with self._transaction() as connection:
            query = "SELECT specifications, created_ms, changed_ms FROM table_properties WHERE table_id = ?"
            row = connection.execute(query, (str(table_id),)).fetchone()
        if row is None:
            return TableProperties()
        return TableProperties(specifications=json.loads(row[0]), created_ms=row[1], changed_ms=row[2])

    def put_table(self, table_id: UUID, properties: TableProperties) -> None:
        """Keep the properties of a table."""
        specifications = json.dumps(properties.specifications, sort_keys=True)
        values = (str(table_id), specifications, properties.created_ms, properties.changed_ms)
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO table_properties VALUES (?, ?, ?, ?)", values)

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
