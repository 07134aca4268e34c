"""A range read in both stores at once: a row is held only until the other store's has come too.

Both stores give a range in one order (by token, in a partition by clustering key), so what is held are the rows that
one of them lacks, and memory does not grow with the range, however wide its partitions are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.kinds import Leader, Store
from keyspaces_migration.consistency.reading import CouldNotLook

if TYPE_CHECKING:
    from collections.abc import Iterator

    from keyspaces_migration.consistency.comparison import RowComparer
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.consistency.pairs import Pairs
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Row
    from keyspaces_migration.consistency.shape import TableShape
    from keyspaces_migration.consistency.stores import BothStores
    from keyspaces_migration.consistency.windows import Window

Identity = tuple[object, ...]


class TooManyHeldError(Exception):
    """The stores gave more rows than may be held that the other has not given so far."""


class SideBySide:
    """Compares ranges of one table."""

    def __init__(
        self, *, shape: TableShape, plan: CheckPlan, stores: BothStores, comparer: RowComparer, pairs: Pairs
    ) -> None:
        self._shape, self._plan, self._stores, self._comparer, self._pairs = shape, plan, stores, comparer, pairs

    def compare(self, window: Window, *, draw: Draw, unit: int) -> CouldNotLook | None:
        """Compare all that both stores have in a range; return why it could not be read to the end.

        What differed up to there is left to settle all the same.

        Raises:
            TooManyHeldError: More than `CheckPlan.max_range_rows` rows would have to be held.
        """
        held: dict[Store, dict[Identity, Row]] = {Store.SOURCE: {}, Store.TARGET: {}}
        for store, row in self._in_turn(window):
            if isinstance(row, CouldNotLook):
                return row
            identity = self._comparer.identity(self._shape.key_of(row))
            other = held[Store.TARGET if store is Store.SOURCE else Store.SOURCE].pop(identity, None)
            if other is None:
                held[store][identity] = row
                if sum(map(len, held.values())) > self._plan.max_range_rows:
                    raise TooManyHeldError(self._too_many(window, held))
            else:
                source, target = (row, other) if store is Store.SOURCE else (other, row)
                self._pairs.in_both(source, target, draw=draw, unit=unit)
        self._compare_held(held, draw=draw, unit=unit)
        return None

    def _in_turn(self, window: Window) -> Iterator[tuple[Store, Row | CouldNotLook]]:
        """A row of each store, in turn. The follower first: read later, it could be ahead of what the leader gave."""
        order = (Store.TARGET, Store.SOURCE) if self._plan.leader is Leader.SOURCE else (Store.SOURCE, Store.TARGET)
        by_store = {Store.SOURCE: self._stores.source, Store.TARGET: self._stores.target}
        reading = {store: by_store[store].read_window(window) for store in order}
        while reading:
            for store, rows in list(reading.items()):
                row = next(rows, None)
                if row is None:
                    del reading[store]
                else:
                    yield store, row

    def _compare_held(self, held: dict[Store, dict[Identity, Row]], *, draw: Draw, unit: int) -> None:
        """Compare what only one store has, by partition, as static values may be all that the other has of it."""
        partitions: dict[Identity, tuple[list[Row], list[Row]]] = {}
        for store, side in ((Store.SOURCE, 0), (Store.TARGET, 1)):
            for row in held[store].values():
                identity = self._comparer.identity(self._shape.partition_of(row))
                partitions.setdefault(identity, ([], []))[side].append(row)
        for of_source, of_target in partitions.values():
            self._pairs.partition(of_source, of_target, draw=draw, unit=unit)

    def _too_many(self, window: Window, held: dict[Store, dict[Identity, Row]]) -> str:
        counts = " and ".join(f"{len(rows):,} of the {store.value}" for store, rows in held.items())
        return (
            f"between the tokens {window.ranges[0][0]} and {window.ranges[-1][1]} the stores gave {counts} rows that "
            f"the other had not given so far; no more than {self._plan.max_range_rows:,} are held in memory"
        )
