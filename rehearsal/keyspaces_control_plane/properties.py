"""What the node does not hold, kept in SQLite beside it: tags, auto scaling, and since when things are as they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS creations (
        table_id TEXT PRIMARY KEY,
        created_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS recoveries (
        table_id TEXT PRIMARY KEY,
        since_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS auto_scaling (
        table_id TEXT PRIMARY KEY,
        specification TEXT NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS tags (
        arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
    ) STRICT;
"""


class PropertyStore(SqliteFile):
    """What is kept of tables, and tags by ARN."""

    schema = _SCHEMA

    def created_ms(self, table_id: UUID) -> int:
        """When the table with Cassandra's id `table_id` was made, in ms since 1970; 0 where the API did not make it."""
        with self._transaction() as connection:
            row = connection.execute("SELECT created_ms FROM creations WHERE table_id = ?", (str(table_id),)).fetchone()
        return 0 if row is None else int(row[0])

    def put_created_ms(self, table_id: UUID, created_ms: int) -> None:
        """Keep when a table was made."""
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO creations VALUES (?, ?)", (str(table_id), created_ms))

    def recovery_since_ms(self, table_id: UUID, now_ms: int) -> int:
        """Since when a table has point-in-time recovery, in ms since 1970: `now_ms` where that was not kept before."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO recoveries VALUES (?, ?)", (str(table_id), now_ms))
            found = connection.execute(
                "SELECT since_ms FROM recoveries WHERE table_id = ?", (str(table_id),)
            ).fetchone()
        return int(found[0])

    def forget_recovery(self, table_id: UUID) -> None:
        """A table has no point-in-time recovery any more."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM recoveries WHERE table_id = ?", (str(table_id),))

    def auto_scaling(self, table_id: UUID) -> dict[str, Any] | None:
        """The autoScalingSpecification of a table, or None."""
        query = "SELECT specification FROM auto_scaling WHERE table_id = ?"
        with self._transaction() as connection:
            found = connection.execute(query, (str(table_id),)).fetchone()
        return None if found is None else dict(json.loads(found[0]))

    def put_auto_scaling(self, table_id: UUID, specification: Mapping[str, Any]) -> None:
        """Keep the autoScalingSpecification of a table."""
        row = (str(table_id), json.dumps(specification))
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO auto_scaling VALUES (?, ?)", row)

    def forget_auto_scaling(self, table_id: UUID) -> None:
        """A table scales by itself no more."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM auto_scaling WHERE table_id = ?", (str(table_id),))

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
