"""Scalable targets and scaling policies of Application Auto Scaling, kept in SQLite beside the other properties."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.keyspaces_control_plane.sqlite_file import SqliteFile

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS scalable_targets (
        resource TEXT NOT NULL, dimension TEXT NOT NULL, table_id TEXT NOT NULL, target TEXT NOT NULL,
        PRIMARY KEY (resource, dimension)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS scaling_policies (
        resource TEXT NOT NULL, dimension TEXT NOT NULL, name TEXT NOT NULL, policy TEXT NOT NULL,
        PRIMARY KEY (resource, dimension, name)
    ) STRICT;
"""


@dataclass(frozen=True, kw_only=True, order=True)
class TargetKey:
    """What a scalable target is known by.

    Attributes:
        resource: keyspace/KS/table/T
        dimension: cassandra:table:ReadCapacityUnits or cassandra:table:WriteCapacityUnits
    """

    resource: str
    dimension: str


class ScalingStore(SqliteFile):
    """Targets and policies. Values are shapes of the service model."""

    schema = _SCHEMA

    def targets(self) -> list[tuple[TargetKey, str, dict[str, Any]]]:
        """Every scalable target with the id of the table that it was registered for, in order of the key."""
        query = "SELECT resource, dimension, table_id, target FROM scalable_targets ORDER BY resource, dimension"
        with self._transaction() as connection:
            rows = connection.execute(query).fetchall()
        return [(TargetKey(resource=row[0], dimension=row[1]), row[2], json.loads(row[3])) for row in rows]

    def put_target(self, key: TargetKey, table_id: str, target: Mapping[str, Any]) -> None:
        """Keep a target."""
        row = (key.resource, key.dimension, table_id, json.dumps(target))
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO scalable_targets VALUES (?, ?, ?, ?)", row)

    def remove_target(self, key: TargetKey) -> None:
        """Remove a target with its policies."""
        where = (key.resource, key.dimension)
        with self._transaction() as connection:
            connection.execute("DELETE FROM scalable_targets WHERE resource = ? AND dimension = ?", where)
            connection.execute("DELETE FROM scaling_policies WHERE resource = ? AND dimension = ?", where)

    def policies(self, key: TargetKey) -> dict[str, dict[str, Any]]:
        """The policies of a target by name, in order."""
        query = "SELECT name, policy FROM scaling_policies WHERE resource = ? AND dimension = ? ORDER BY name"
        with self._transaction() as connection:
            rows = connection.execute(query, (key.resource, key.dimension)).fetchall()
        return {name: json.loads(policy) for name, policy in rows}

    def put_policy(self, key: TargetKey, name: str, policy: Mapping[str, Any]) -> None:
        """Keep a policy."""
        row = (key.resource, key.dimension, name, json.dumps(policy))
        with self._transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO scaling_policies VALUES (?, ?, ?, ?)", row)

    def remove_policy(self, key: TargetKey, name: str) -> None:
        """Remove a policy."""
        row = (key.resource, key.dimension, name)
        with self._transaction() as connection:
            connection.execute("DELETE FROM scaling_policies WHERE resource = ? AND dimension = ? AND name = ?", row)
