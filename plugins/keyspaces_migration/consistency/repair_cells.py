"""What has to be written to the follower, cell by cell, and at which timestamps. Pure.

The replay rule in one formula: a cell is copied at max(leader's WRITETIME, follower's WRITETIME + 1 µs, now - 47 h).
A leader's cell younger than 47 h that the follower lacks, or has older, so keeps its own timestamp. What the follower
has and the leader has not is deleted in the same way, where the leader's WRITETIME is none.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.consistency.values import canonical
from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from keyspaces_migration.dual_write.shape import TableShape

TTL_TOLERANCE_S = 60
"""Times to live are read one after the other, and clocks of nodes differ: nearer than this they are the same."""


class RowParkedError(MigrationError):
    """The replay rule has no timestamp for the row: nothing is written to it, and a person has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A column of a row as a store has it.

    Attributes:
        value: As the driver gives it; None where there is none.
        written_us: Its WRITETIME in microseconds since 1970; None for null, and where CQL tells none.
        ttl_s: How many seconds it has left to live; None where it lives for ever.
    """

    value: Any
    written_us: int | None = None
    ttl_s: int | None = None


Cells = dict[str, Cell]
"""A row, or a partition's static columns, by column."""


class CellComparer:
    """Compares rows of one table that were read cell by cell."""

    def __init__(self, shape: TableShape) -> None:
        self._shape = shape
        self._canonical = {name: canonical(cql_type) for name, cql_type in shape.columns.items()}

    def same(self, one: Cells | None, other: Cells | None) -> bool:
        """Whether two stores have the same row."""
        if one is None or other is None:
            return one is other
        return not self.differing(one, other)

    def unchanged(self, before: Cells | None, now: Cells | None) -> bool:
        """Whether nobody wrote the row between two looks at one store, as far as values and write times show."""
        if before is None or now is None:
            return before is now
        return not any(
            before[name].written_us != now[name].written_us or self._values_differ(name, before[name], now[name])
            for name in before
        )

    def differing(self, one: Cells, other: Cells) -> tuple[str, ...]:
        """The columns in which two rows differ by value or time to live."""
        return tuple(name for name in one if self._differ(name, one[name], other[name]))

    def _differ(self, name: str, one: Cell, other: Cell) -> bool:
        if self._values_differ(name, one, other):
            return True
        if one.ttl_s is None or other.ttl_s is None:
            return one.ttl_s is not other.ttl_s
        return abs(one.ttl_s - other.ttl_s) > TTL_TOLERANCE_S

    def _values_differ(self, name: str, one: Cell, other: Cell) -> bool:
        return bool(self._canonical[name](one.value) != self._canonical[name](other.value))

    def writes(
        self, key: Mapping[str, Any], leader: Cells | None, follower: Cells | None, *, now_us: int
    ) -> tuple[Mutation, ...]:
        """What brings the follower in line; nothing where it is.

        Args:
            key: The row's primary key, or the partition key where static columns are meant.
            leader: What is right; None: there is no row.
            follower: What is there.
            now_us: The clock, in microseconds since 1970.

        Raises:
            RowParkedError: There is no timestamp for it.
        """
        if leader is None:
            return () if follower is None else (self._delete_row(key, follower, now_us=now_us),)
        if follower is None and not any(cell.value is not None for cell in leader.values()):
            raise RowParkedError(
                "the leader's row has a key and no other value: CQL does not tell when it was inserted"
            )
        there = follower or dict.fromkeys(leader, Cell(value=None))
        return self._set_cells(key, leader, there, now_us=now_us)

    def _set_cells(
        self, key: Mapping[str, Any], leader: Cells, follower: Cells, *, now_us: int
    ) -> tuple[Mutation, ...]:
        columns = self.differing(leader, follower)
        self._park_undated(columns)
        groups: defaultdict[tuple[int, int | None], dict[str, Any]] = defaultdict(dict)
        for name in columns:
            cell, there = leader[name], follower[name]
            at_us = _timestamp_us(cell.written_us, there.written_us, now_us=now_us)
            # A TTL of 0 would mean for ever.
            ttl_s = None if cell.value is None or cell.ttl_s is None else max(1, cell.ttl_s)
            groups[at_us, ttl_s][name] = cell.value
        return tuple(
            self._mutation(MutationKind.UPDATE, key, values, at_us, ttl_s=ttl_s)
            for (at_us, ttl_s), values in groups.items()
        )

    def _delete_row(self, key: Mapping[str, Any], follower: Cells, *, now_us: int) -> Mutation:
        there = [name for name, cell in follower.items() if cell.value is not None]
        self._park_undated(there)
        if not there:
            raise RowParkedError(
                "the follower's row has a key and no other value: CQL does not tell when it was inserted"
            )
        newest_us = max(follower[name].written_us or 0 for name in there)
        at_us = _timestamp_us(None, newest_us, now_us=now_us)
        return self._mutation(MutationKind.DELETE_ROW, key, {}, at_us)

    def _park_undated(self, columns: Iterable[str]) -> None:
        if undated := [name for name in columns if not self._shape.columns[name].is_frozen]:
            raise RowParkedError(
                f"{', '.join(undated)}: what is not frozen is many cells, and CQL does not tell when they were written"
            )

    def _mutation(
        self,
        kind: MutationKind,
        key: Mapping[str, Any],
        columns: Mapping[str, Any],
        at_us: int,
        *,
        ttl_s: int | None = None,
    ) -> Mutation:
        return Mutation(table=self._shape.name, kind=kind, key=key, columns=columns, timestamp_us=at_us, ttl_s=ttl_s)


def _timestamp_us(leader_us: int | None, follower_us: int | None, *, now_us: int) -> int:
    """The replay rule's timestamp.

    Raises:
        RowParkedError: It would lie in the future, where it hid what applications write now.
    """
    beats_us = 0 if follower_us is None else follower_us + 1
    at_us = max(leader_us or 0, beats_us, now_us - TARGET_WINDOW_US)
    if at_us > now_us and at_us != leader_us:
        raise RowParkedError(
            f"the follower has a cell stamped {(beats_us - now_us) / 1e6:.0f} s in the future: a timestamp that beats "
            "it would hide what is written until then"
        )
    return at_us
