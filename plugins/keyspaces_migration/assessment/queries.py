"""What the assessment asks of a Cassandra cluster: rows of a statement, if need be from one certain node."""

from collections.abc import Mapping, Sequence
from typing import Protocol

Row = Mapping[str, object]


class SourceQueries(Protocol):
    """Questions to the source.

    `rows` raises a `CannotLookError` (its three kinds tell why) and nothing else when there is no answer.
    """

    @property
    def nodes(self) -> tuple[str, ...]:
        """`address:port` of every node the cluster is known to have, reachable or not, in a stable order."""
        ...

    @property
    def own_addresses(self) -> frozenset[tuple[str, int]]:
        """Local address and port of our own connections to the cluster; empty when they can't be told."""
        ...

    def rows(self, statement: str, values: Sequence[object] = (), *, node: str | None = None) -> list[Row]:
        """The rows of `statement`, asked of `node` alone when given, else of one node that stays the same."""
        ...
