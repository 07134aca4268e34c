"""Sources made of little, for tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from keyspaces_migration.assessment.errors import CannotLookError
from keyspaces_migration.assessment.model import (
    Cluster,
    Column,
    ColumnKind,
    Keyspace,
    Node,
    Source,
    Table,
    UserType,
)
from keyspaces_migration.assessment.queries import Row
from keyspaces_migration.assessment.rules import RULES, Rule, Severity, judge
from keyspaces_migration.cql.types import CqlTypeError, parse_type

MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"
SIMPLE = {"class": "org.apache.cassandra.locator.SimpleStrategy", "replication_factor": "3"}


def column(name: str, type_text: str = "int", kind: str = "regular", *, descending: bool = False) -> Column:
    try:
        parsed, problem = parse_type(type_text), ""
    except CqlTypeError as error:
        parsed, problem = None, str(error)
    position = -1 if kind in {"regular", "static"} else 0
    return Column(
        name=name,
        kind=ColumnKind(kind),
        position=position,
        descending=descending,
        type_text=type_text,
        type=parsed,
        type_problem=problem,
    )


def table(*columns: Column, name: str = "events", **more: Any) -> Table:
    """A table with partition key `id int`, unless `columns` has one."""
    has_key = any(each.kind is ColumnKind.PARTITION_KEY for each in columns)
    key = () if has_key else (column("id", "int", "partition_key"),)
    return Table(name=name, columns=(*key, *columns), **more)


def source(
    *tables: Table,
    types: Sequence[UserType] = (),
    cluster: Cluster | None = None,
    **more: Any,
) -> Source:
    keyspace = Keyspace(**({"name": "shop", "replication": SIMPLE} | more), tables=tables, types=tuple(types))
    return Source(cluster=cluster or a_cluster(), keyspace=keyspace)


def a_cluster(**more: Any) -> Cluster:
    node = Node(address="10.0.0.1", data_center="dc1", rack="r1", version="4.1.3")
    return Cluster(**({"name": "c", "version": "4.1.3", "partitioner": MURMUR3, "nodes": (node,)} | more))


def rule(rule_id: str) -> Rule:
    return next(each for each in RULES if each.id == rule_id)


def found(rule_id: str, judged: Source) -> list[str]:
    """What one rule finds, as `table: found` (`-` for the keyspace)."""
    findings, _ = judge(judged, [rule(rule_id)])
    return [f"{finding.hit.table or '-'}: {finding.hit.found}" for finding in findings]


def severity(rule_id: str) -> Severity:
    return rule(rule_id).severity


class FakeQueries:
    """Answers by the table a statement reads; an error in place of rows is raised. Keys may be `table@node`."""

    def __init__(
        self,
        answers: Mapping[str, Sequence[Row] | CannotLookError],
        *,
        nodes: tuple[str, ...] = ("10.0.0.1:9042",),
        own_addresses: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:
        self.answers = dict(answers)
        self.nodes = nodes
        self.own_addresses = own_addresses
        self.asked: list[str] = []

    def rows(self, statement: str, values: Sequence[object] = (), *, node: str | None = None) -> list[Row]:
        name = statement.partition(" FROM ")[2].split(maxsplit=1)[0]
        self.asked.append(f"{name}@{node}" if node else name)
        answer = self.answers.get(f"{name}@{node}", self.answers.get(name, ()))
        if isinstance(answer, CannotLookError):
            raise answer
        keyspace = values[0] if values else None
        return [row for row in answer if keyspace is None or row.get("keyspace_name") == keyspace]
