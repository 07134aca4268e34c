"""Mismatches as records that a person, and later a repair, can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.results import Mismatch
from keyspaces_migration.consistency.wording import shown, shown_by_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from keyspaces_migration.consistency.comparison import Difference
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Key, Row
    from keyspaces_migration.consistency.shape import TableShape


class Evidence:
    """Writes down the mismatches of one table."""

    def __init__(self, shape: TableShape, *, plan: CheckPlan, now: Callable[[], datetime]) -> None:
        self._shape = shape
        self._plan = plan
        self._now = now

    def of_row(  # noqa: PLR0913 # a record's fields
        self, key: Key, difference: Difference, *, leader: Row | None, other: Row | None, draw: Draw, seen_at: datetime
    ) -> Mismatch:
        """A mismatch of a row; both rows are in the order of `TableShape.selected`."""
        return self._mismatch(self._shape.selected, key, difference, (leader, other), draw=draw, seen_at=seen_at)

    def of_statics(  # noqa: PLR0913 # as above
        self, key: Key, difference: Difference, *, leader: Row | None, other: Row | None, draw: Draw, seen_at: datetime
    ) -> Mismatch:
        """A mismatch of a partition's static values, in the order of `TableShape.static_columns`."""
        return self._mismatch(self._shape.static_columns, key, difference, (leader, other), draw=draw, seen_at=seen_at)

    def _mismatch(  # noqa: PLR0913 # as above
        self,
        names: tuple[str, ...],
        key: Key,
        difference: Difference,
        rows: tuple[Row | None, Row | None],
        *,
        draw: Draw,
        seen_at: datetime,
    ) -> Mismatch:
        stores = (self._plan.leader.store.value, difference.store.value)
        values = {
            column: {
                store: None if row is None else shown(row[names.index(column)])
                for store, row in zip(stores, rows, strict=True)
            }
            for column in difference.columns
        }
        return Mismatch(
            table=self._shape.name,
            kind=difference.kind,
            store=difference.store,
            draw=draw,
            key=shown_by_name(self._shape.primary_key, key),
            columns=difference.columns,
            values=values if values and not self._plan.redact_values else None,
            seen_at=seen_at,
            confirmed_at=self._now(),
        )
