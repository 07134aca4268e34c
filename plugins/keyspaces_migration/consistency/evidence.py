"""Mismatches as records that a person, and later a repair, can act on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from keyspaces_migration.consistency.kinds import MismatchKind
from keyspaces_migration.consistency.results import Mismatch
from keyspaces_migration.consistency.wording import moment_of, shown, shown_by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from keyspaces_migration.consistency.comparison import Difference
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Key, Look, Row
    from keyspaces_migration.consistency.shape import TableShape


class Evidence:
    """Writes down the mismatches of one table."""

    def __init__(self, shape: TableShape, *, plan: CheckPlan, now: Callable[[], datetime]) -> None:
        self._shape = shape
        self._plan = plan
        self._now = now

    def of_row(  # noqa: PLR0913 # a record's fields
        self,
        key: Key,
        difference: Difference,
        *,
        leader: Row | None,
        other: Row | None,
        draw: Draw,
        seen_at: datetime,
        write_times: tuple[Look, Look] = (None, None),
    ) -> Mismatch:
        """A mismatch of a row; both rows are in the order of `TableShape.selected`, lives and write times as there."""
        shape, rows = self._shape, (leader, other)
        if difference.kind is MismatchKind.TTL_DIFFERS:
            lives = [None if row is None else shape.lives_of(row) for row in rows]
            values = self._values(shape.dated_columns, difference, lives, suffix=" lives s")
        else:
            values = {} if self._plan.redact_values else self._values(shape.selected, difference, rows)
        times = [tuple(moment_of(time) for time in look) if isinstance(look, tuple) else None for look in write_times]
        if any(times):
            dated = set(shape.dated_columns)
            of_cells = replace(difference, columns=tuple(name for name in difference.columns if name in dated))
            for column, written in self._values(shape.dated_columns, of_cells, times, suffix=" written at").items():
                values.setdefault(column, {}).update(written)
        return self._mismatch(shape.primary_key, key, difference, values, draw=draw, seen_at=seen_at)

    def of_statics(  # noqa: PLR0913 # as above
        self, key: Key, difference: Difference, *, leader: Row | None, other: Row | None, draw: Draw, seen_at: datetime
    ) -> Mismatch:
        """A mismatch of a partition's static values, in the order of `TableShape.static_columns`."""
        shape = self._shape
        values = {} if self._plan.redact_values else self._values(shape.static_columns, difference, (leader, other))
        return self._mismatch(shape.primary_key, key, difference, values, draw=draw, seen_at=seen_at)

    def _values(
        self,
        names: tuple[str, ...],
        difference: Difference,
        rows: Sequence[Row | None],
        *,
        suffix: str = "",
    ) -> dict[str, dict[str, Any]]:
        """Values of the differing columns by column, then by store; `names` are those of a row's values."""
        stores = (self._plan.leader.store.value, difference.store.value)
        return {
            column: {
                f"{store}{suffix}": None if row is None else shown(row[names.index(column)])
                for store, row in zip(stores, rows, strict=True)
            }
            for column in difference.columns
        }

    def _mismatch(  # noqa: PLR0913 # a record's fields
        self,
        names: tuple[str, ...],
        key: Key,
        difference: Difference,
        values: dict[str, dict[str, Any]],
        *,
        draw: Draw,
        seen_at: datetime,
    ) -> Mismatch:
        return Mismatch(
            table=self._shape.name,
            kind=difference.kind,
            store=difference.store,
            draw=draw,
            key=shown_by_name(names, key),
            columns=difference.columns,
            values=values or None,
            seen_at=seen_at,
            confirmed_at=self._now(),
        )
