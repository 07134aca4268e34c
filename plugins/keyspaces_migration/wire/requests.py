"""Requests that belong together: rows of one statement, encoded, and framed when a connection has room for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keyspaces_migration.wire.cells import Cells
from keyspaces_migration.wire.frames import Frames, Offsets, batch_frames, execute_frames


@dataclass(frozen=True, kw_only=True, eq=False)
class Requests:
    """Some rows of one statement.

    Attributes:
        statement: The text of the prepared statement.
        columns: Its values, in its order; each of n rows, at least one.
        consistency: The level, as the protocol's number.
        order: The rows in the order in which they are sent; shape (n,). None: as they are.
        starts: None sends each row as a request of its own. Otherwise each request is an UNLOGGED batch, and `starts`
            says with which place of that order each begins, and where the last one ends.
        units: What each row costs, in the units of the budget; shape (n,). None counts each as one.
    """

    statement: str
    columns: Sequence[Cells]
    consistency: int
    order: Offsets | None = None
    starts: Offsets | None = None
    units: "np.ndarray[tuple[int], np.dtype[np.float64]] | None" = None

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.columns[0])

    @property
    def count(self) -> int:
        """How many requests."""
        return self.rows if self.starts is None else len(self.starts) - 1

    def rows_of(self, request: int) -> Sequence[int]:
        """Return the rows that a request carries."""
        first, end = (request, request + 1) if self.starts is None else map(int, self.starts[request : request + 2])
        return range(first, end) if self.order is None else self.order[first:end].tolist()

    def costs(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """Return what all requests up to each cost together; shape (count + 1,), from 0."""
        units = np.ones(self.rows) if self.units is None else self.units
        upto = np.concatenate([[0.0], np.cumsum(units if self.order is None else units[self.order])])
        return upto if self.starts is None else upto[self.starts]

    def frames(self, *, statement_id: bytes, first_stream: int) -> Frames:
        """Return the frames of all requests, in the order in which they are sent."""
        if self.starts is None:
            return execute_frames(
                self.columns,
                statement_id=statement_id,
                consistency=self.consistency,
                first_stream=first_stream,
                order=self.order,
            )
        return batch_frames(
            self.columns,
            order=self.order,
            starts=self.starts,
            statement_id=statement_id,
            consistency=self.consistency,
            first_stream=first_stream,
        )
