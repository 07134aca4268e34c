"""A table's columns and settings, as they are asked for and compared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.keyspaces_api.errors import TableDiffersError
from keyspaces_migration.keyspaces_api.throughput import Capacity

_ROLES = ("partitionKeys", "clusteringKeys", "staticColumns")


@dataclass(frozen=True, kw_only=True)
class TableDefinition:
    """The columns of a table.

    Attributes:
        columns: CQL types by name.
        partition_keys: Names, in order.
        clustering_keys: ASC or DESC by name, in order.
        static_columns: Names.
    """

    columns: Mapping[str, str]
    partition_keys: Sequence[str]
    clustering_keys: Mapping[str, str] = field(default_factory=dict)
    static_columns: Sequence[str] = ()

    def to_request(self) -> dict[str, Any]:
        """The API's schemaDefinition."""
        clustering = [{"name": name, "orderBy": order} for name, order in self.clustering_keys.items()]
        static = [{"name": name} for name in self.static_columns]
        return {
            "allColumns": [{"name": name, "type": kind} for name, kind in self.columns.items()],
            "partitionKeys": [{"name": name} for name in self.partition_keys],
            **({"clusteringKeys": clustering} if clustering else {}),
            **({"staticColumns": static} if static else {}),
        }

    def require_same(self, live: Mapping[str, Any], *, table: str) -> None:
        """Compare with the schemaDefinition that GetTable gives.

        Raises:
            TableDiffersError: Every difference.
            CqlTypeError: A type is none.
        """
        if found := list(self._differences(live)):
            raise TableDiffersError(
                f"table {table} is there already, with another definition: {'; '.join(found)}. Drop it, or correct the "
                "task; columns are added by KeyspacesAddColumnsOperator."
            )

    def _differences(self, live: Mapping[str, Any]) -> Iterator[str]:
        wanted = self.to_request()
        there, here = _types(live["allColumns"]), _types(wanted["allColumns"])
        for name in sorted(there.keys() | here.keys()):
            if there.get(name) != here.get(name):
                yield f"column {name} is {there.get(name, 'missing')}, not {here.get(name, 'there')}"
        for role in _ROLES:
            found, asked = live.get(role) or [], wanted.get(role, [])
            if role == "staticColumns":
                found, asked = sorted(found, key=_name), sorted(asked, key=_name)
            if found != asked:
                yield f"{role} are {found}, not {asked}"


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """What else a new table is made with; None leaves AWS's default.

    Attributes:
        ttl: Rows may expire. It can't be turned off again.
        client_side_timestamps: Writers may give timestamps. It can't be turned off again.
        tags: By key.
    """

    capacity: Capacity | None = None
    ttl: bool = False
    default_ttl_s: int | None = None
    point_in_time_recovery: bool = False
    client_side_timestamps: bool = False
    comment: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_request(self) -> dict[str, Any]:
        """Members of CreateTable."""
        enabled = {"status": "ENABLED"}
        members = {
            "capacitySpecification": self.capacity.to_request() if self.capacity else None,
            "ttl": enabled if self.ttl else None,
            "defaultTimeToLive": self.default_ttl_s,
            "pointInTimeRecovery": enabled if self.point_in_time_recovery else None,
            "clientSideTimestamps": enabled if self.client_side_timestamps else None,
            "comment": {"message": self.comment} if self.comment else None,
            "tags": [{"key": key, "value": value} for key, value in self.tags.items()] or None,
        }
        return {name: value for name, value in members.items() if value is not None}


def pending_columns(columns: Mapping[str, str], live: Mapping[str, Any], *, table: str) -> dict[str, Any]:
    """What UpdateTable is still to be asked for so that the table has these columns.

    Raises:
        TableDiffersError: It has one of them with another type.
        CqlTypeError: A type is none.
    """
    there = _types(live["schemaDefinition"]["allColumns"])
    wanted = {name: str(parse_type(kind)) for name, kind in columns.items()}
    if other := {name: there[name] for name, kind in wanted.items() if there.get(name, kind) != kind}:
        raise TableDiffersError(f"table {table} has these columns with other types: {other}; asked for: {wanted}")
    missing = [{"name": name, "type": kind} for name, kind in columns.items() if name not in there]
    return {"addColumns": missing} if missing else {}


def _types(columns: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {column["name"]: str(parse_type(column["type"])) for column in columns}


def _name(column: Mapping[str, str]) -> str:
    return column["name"]
