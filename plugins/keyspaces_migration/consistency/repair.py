"""Repairs rows of the follower that a check found, from the leader, and looks whether they took.

How rows are read, settled and written is `copying`'s; here they are those of a recorded plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.copying import CellStore, Copied, Row, RowCopier
from keyspaces_migration.consistency.repair_keys import KeyNotReadBackError, key_of
from keyspaces_migration.ledger.repair_records import RepairedRow, RepairOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keyspaces_migration.consistency.kinds import Leader
    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.ledger.repair_records import PlannedRepair

__all__ = ["CellStore", "Repairer"]


class Repairer:
    """Repairs rows of a follower, and looks at them again. Memory holds the rows planned, as both stores have them."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        shapes: Mapping[str, TableShape],
        source: CellStore,
        target: CellStore,
        leader: Leader,
        settle: Callable[[], None],
        now_us: Callable[[], int],
    ) -> None:
        """Keep what is needed.

        Args:
            shapes: Of the tables, by name.
            source: Cassandra.
            target: Keyspaces.
            leader: Whose rows are right; the other store is the only one that is ever written.
            settle: Waits the settle time.
            now_us: The clock, in microseconds since 1970.
        """
        self._shapes = shapes
        self._copier = RowCopier(
            shapes=shapes, source=source, target=target, leader=leader, settle=settle, now_us=now_us
        )

    def preview(self, rows: Sequence[PlannedRepair]) -> tuple[RepairedRow, ...]:
        """Say what `repair` would do to each row as it stands now, at one look; `WRITTEN` is what would be."""
        return self._of_planned(rows, self._copier.preview)

    def repair(self, rows: Sequence[PlannedRepair]) -> tuple[RepairedRow, ...]:
        """Write what is still out of line, and say what became of each row, in their order."""
        return self._of_planned(rows, self._copier.copy)

    def check_again(self, rows: Sequence[PlannedRepair], *, done: Sequence[RepairedRow]) -> tuple[RepairedRow, ...]:
        """Say how each row stands now; nothing is written.

        Args:
            rows: As planned.
            done: What `repair` said of them, in the same order; empty where nobody knows, as after it was killed.
        """
        before = done or [_outcome(row, Copied(outcome=RepairOutcome.WRITTEN)) for row in rows]
        seen = self._of_planned(rows, self._copier.look)
        return tuple(_of_both(one, other) for one, other in zip(before, seen, strict=True))

    def _of_planned(
        self, planned: Sequence[PlannedRepair], act: Callable[[Sequence[Row]], Sequence[Copied]]
    ) -> tuple[RepairedRow, ...]:
        """Do something to the rows whose keys can be read back, and park the others."""
        rows: dict[int, Row] = {}
        parked: dict[int, Copied] = {}
        for number, each in enumerate(planned):
            try:
                rows[number] = Row(table=each.table, key=key_of(each.key, self._shapes[each.table].columns))
            except KeyNotReadBackError as error:
                parked[number] = Copied(outcome=RepairOutcome.PARKED, reason=str(error))
        done = parked | dict(zip(rows, act(list(rows.values())), strict=True))
        return tuple(_outcome(each, done[number]) for number, each in enumerate(planned))


def _of_both(done: RepairedRow, seen: RepairedRow) -> RepairedRow:
    """What became of a row, by what was done to it and how it stands now."""
    was_sent = done.outcome is RepairOutcome.WRITTEN
    match seen.outcome:
        case RepairOutcome.IN_LINE:
            outcome = RepairOutcome.REPAIRED if was_sent else RepairOutcome.IN_LINE
            return RepairedRow(table=done.table, key=done.key, outcome=outcome, cells=done.cells)
        case RepairOutcome.STILL_DIFFERENT if not was_sent and done.outcome is not RepairOutcome.IN_LINE:
            return done
    return RepairedRow(table=done.table, key=done.key, outcome=seen.outcome, reason=seen.reason, cells=done.cells)


def _outcome(row: PlannedRepair, copied: Copied) -> RepairedRow:
    return RepairedRow(table=row.table, key=row.key, outcome=copied.outcome, reason=copied.reason, cells=copied.cells)
