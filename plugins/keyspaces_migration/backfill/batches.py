"""Writes of one partition, put into one UNLOGGED batch: a third of the client's work, and the same writes."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cassandra.query import BatchStatement, BatchType

if TYPE_CHECKING:
    from cassandra.query import BoundStatement

    from keyspaces_migration.backfill.rows import RowWrite

MAX_STATEMENTS = 30
"""Of an UNLOGGED batch (functional differences, Keyspaces Developer Guide)."""
MAX_BYTES = 32 * 1024
"""Well below what one frame holds; a larger row goes alone."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A write whose statement is bound; `partition` are its partition key's values."""

    write: "RowWrite"
    statement: "BoundStatement"
    partition: Hashable


Group = Sequence[Bound]


def group_by_partition(bound: Iterable[Bound]) -> list[list[Bound]]:
    """Put each write with others of its partition, as far as a batch's limits go."""
    groups: list[list[Bound]] = []
    open_groups: dict[Hashable, tuple[list[Bound], int]] = {}
    for each in bound:
        size = _size(each.statement)
        group, filled = open_groups.get(each.partition, ([], 0))
        if not group or len(group) == MAX_STATEMENTS or filled + size > MAX_BYTES:
            group, filled = [], 0
            groups.append(group)
        group.append(each)
        open_groups[each.partition] = (group, filled + size)
    return groups


def statement_of(group: Group, *, is_idempotent: bool) -> Any:  # noqa: ANN401 # what the driver executes
    """Return the statement that carries a group: its only one, or a batch, each part with its own timestamp."""
    if len(group) == 1:
        return group[0].statement
    batch = BatchStatement(batch_type=BatchType.UNLOGGED)
    for each in group:
        batch.add(each.statement)
    batch.is_idempotent = is_idempotent
    return batch


def _size(statement: "BoundStatement") -> int:
    return sum(len(value) for value in statement.values if isinstance(value, bytes))
