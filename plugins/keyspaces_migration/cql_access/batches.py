"""Splits bound statements into batches that both stores take."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql_access.errors import BatchRefusedError

if TYPE_CHECKING:
    from cassandra.cluster import Session
    from cassandra.query import BoundStatement


class BatchKind(StrEnum):
    """How the statements of a batch belong together.

    LOGGED batches are carried out whole or not at all, and cost twice as much on Keyspaces. UNLOGGED ones save round
    trips, and hold the rows of one partition.
    """

    LOGGED = "LOGGED"
    UNLOGGED = "UNLOGGED"


MAX_STATEMENTS: Mapping[BatchKind, int] = MappingProxyType({BatchKind.LOGGED: 100, BatchKind.UNLOGGED: 30})
"""Amazon Keyspaces' quotas. Cassandra counts bytes instead (`batch_size_fail_threshold`), and refuses by itself."""

Batch = tuple["BoundStatement", ...]


def split(
    statements: Sequence["BoundStatement"], *, kind: BatchKind, keys: Sequence[Hashable | None], most: int | None = None
) -> Iterator[Batch]:
    """Yield batches in order. LOGGED ones take statements as they come, UNLOGGED ones those of one partition.

    Args:
        statements: Bound; each has its partition's key.
        kind: Of the batches.
        keys: The primary key of each statement, None where it is not known.
        most: Statements in a batch, where fewer than the quota are wanted.

    Raises:
        BatchRefusedError: Before anything is yielded: more in a batch than the quota, an UNLOGGED batch of statements
            that do not bind a partition key, or one row twice. A batch has one timestamp, so of two writes of a cell
            the greater value would win, and not the later one.
    """
    limit = MAX_STATEMENTS[kind] if most is None else most
    if not 0 < limit <= MAX_STATEMENTS[kind]:
        raise BatchRefusedError(f"{limit} statements in a {kind} batch. Allowed: 1 to {MAX_STATEMENTS[kind]}.")
    groups = [list(zip(statements, keys, strict=True))] if kind is BatchKind.LOGGED else _partitions(statements, keys)
    parts = [group[at : at + limit] for group in groups for at in range(0, len(group), limit)]
    for part in parts:
        _require_distinct([key for _, key in part if key is not None])
    return (tuple(statement for statement, _ in part) for part in parts)


def primary_key_of(session: "Session", statement: "BoundStatement") -> Hashable | None:
    """Return the primary key that a statement binds, or None where it binds no whole key or the schema isn't known."""
    markers: list[Any] = list(statement.prepared_statement.column_metadata)
    if not markers:
        return None
    keyspace = session.cluster.metadata.keyspaces.get(markers[0].keyspace_name)
    table = keyspace.tables.get(markers[0].table_name) if keyspace else None
    if table is None:
        return None
    bound = {marker.name: value for marker, value in zip(markers, statement.values, strict=True)}
    names = [column.name for column in table.primary_key]
    return (table.name, *(bound[name] for name in names)) if bound.keys() >= set(names) else None


def _partitions(
    statements: Sequence["BoundStatement"], keys: Sequence[Hashable | None]
) -> list[list[tuple["BoundStatement", Hashable | None]]]:
    groups: dict[Hashable, list[tuple[BoundStatement, Hashable | None]]] = {}
    for statement, key in zip(statements, keys, strict=True):
        partition = statement.routing_key
        if partition is None:
            raise BatchRefusedError(
                "an UNLOGGED batch holds rows of one partition, and the statement binds no whole partition key: "
                f"{statement.prepared_statement.query_string}. Bind every column of it, or use no batch."
            )
        groups.setdefault(partition, []).append((statement, key))
    return list(groups.values())


def _require_distinct(keys: Sequence[Hashable]) -> None:
    if len(set(keys)) < len(keys):
        raise BatchRefusedError(
            "two statements of one batch write the same row. They would have one timestamp, and for each column the "
            "greater value would win. Give each row once, or use no batch."
        )
