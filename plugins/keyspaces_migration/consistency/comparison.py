"""Compares a row with its counterparts. Pure: what it is given, it compares."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.consistency.kinds import HistoryStanding, Leader, MismatchKind, Store
from keyspaces_migration.consistency.values import EPOCH, Same, canonical, same_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyspaces_migration.consistency.shape import TableShape

Row = tuple[object, ...]

_ABSENT_FROM_FOLLOWER = {Store.TARGET: MismatchKind.MISSING_IN_TARGET, Store.SOURCE: MismatchKind.MISSING_IN_SOURCE}
_ABSENT_FROM_LEADER = {
    Store.TARGET: MismatchKind.UNEXPECTED_IN_TARGET,
    Store.SOURCE: MismatchKind.UNEXPECTED_IN_SOURCE,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """How a store differs from what it should hold; no `columns` where a whole row is too many or too few."""

    kind: MismatchKind
    store: Store
    columns: tuple[str, ...] = ()


class RowComparer:
    """Compares rows of one table, given in the order of `TableShape.selected`."""

    def __init__(
        self, shape: TableShape, *, leader: Leader, float_tolerance: float = 0.0, ttl_tolerance_s: float = 60.0
    ) -> None:
        """Keep what is needed; the tolerances are as in `CheckPlan`."""
        self._shape = shape
        self._leader = leader
        self._ttl_tolerance_s = ttl_tolerance_s

        def same(names: Sequence[str], *, with_scale: bool = True) -> list[tuple[str, Same]]:
            return [
                (name, same_value(shape.types[name], with_scale=with_scale, float_tolerance=float_tolerance))
                for name in names
            ]

        self._regular, self._static = same(shape.regular_columns), same(shape.static_columns)
        self._against_history = same(shape.regular_columns, with_scale=False)
        self._keys = [canonical(shape.types[name], with_scale=False) for name in shape.primary_key]

    def identity(self, key: Sequence[object]) -> tuple[object, ...]:
        """A hashable form of a primary key, or of a partition key, under which all three stores' keys are equal."""
        return tuple(convert(part) for convert, part in zip(self._keys, key, strict=False))

    def rows(self, leader: Row | None, follower: Row | None) -> Difference | None:
        """How the follower's row differs from the leader's, static columns apart; None where it does not.

        Times to live are told where all values are the same; of a cell that is null in either there is none.
        """
        found = self.values(leader, follower)
        if found is not None or leader is None or follower is None:
            return found
        lives = self._differing_lives(leader, follower)
        return Difference(MismatchKind.TTL_DIFFERS, self._leader.follower, lives) if lives else None

    def values(self, leader: Row | None, follower: Row | None) -> Difference | None:
        """The same but for times to live, which run out while nobody writes."""
        if leader is None or follower is None:
            return self._presence(leader, follower)
        columns = _differing(self._regular, self._shape.regular_of(leader), self._shape.regular_of(follower))
        return self._values(columns)

    def statics(self, leader: Row | None, follower: Row | None) -> Difference | None:
        """How the follower's static values differ from the leader's; both in the order of `static_columns`.

        A partition that is not there has no static values: null, as Cassandra itself reads them.
        """
        nothing = (None,) * len(self._static)
        return self._values(_differing(self._static, leader or nothing, follower or nothing))

    def columns_unlike_history(self, leader: Row, history: Row) -> tuple[str, ...]:
        """The regular columns in which the leader's row and the history's newest version differ.

        Static columns are left out: the history repeats them in each row, and only the partition's newest row counts.
        """
        shape = self._shape
        return _differing(self._against_history, shape.regular_of(leader), shape.regular_of(history))

    def _presence(self, leader: Row | None, follower: Row | None) -> Difference | None:
        if leader is None and follower is None:
            return None
        store = self._leader.follower
        return Difference((_ABSENT_FROM_LEADER if leader is None else _ABSENT_FROM_FOLLOWER)[store], store)

    def _differing_lives(self, leader: Row, follower: Row) -> tuple[str, ...]:
        shape = self._shape
        pairs = zip(shape.dated_columns, shape.lives_of(leader), shape.lives_of(follower), strict=False)
        return tuple(name for name, *lives in pairs if not self._lives_as_long(*lives))

    def _lives_as_long(self, one: object, other: object) -> bool:
        if not isinstance(one, int) or not isinstance(other, int):
            # One of them for ever, or both. A null cell has no life, and is null in both stores here.
            return one is other
        return abs(one - other) <= self._ttl_tolerance_s

    def _values(self, columns: tuple[str, ...]) -> Difference | None:
        return Difference(MismatchKind.VALUE_DIFFERS, self._leader.follower, columns) if columns else None


def history_standing(
    columns: Sequence[str], write_times: dict[str, int | None], *, as_of: dt.datetime | None
) -> tuple[HistoryStanding, tuple[str, ...]]:
    """Judge columns in which the history differs from the leader.

    Args:
        columns: The columns that differ.
        write_times: The leader's WRITETIME of each column that has one, in microseconds since 1970; None for null.
        as_of: The history's watermark: it has every change up to this moment. None if nobody knows one.

    Returns:
        The standing, and the columns in which the history is wrong.
    """
    if not columns:
        return HistoryStanding.AGREES, ()
    if as_of is None:
        return HistoryStanding.UNDATED, ()
    watermark_us = (as_of - EPOCH) // dt.timedelta(microseconds=1)
    times = {name: write_times.get(name) for name in columns}
    wrong = tuple(name for name, time_us in times.items() if time_us is not None and time_us <= watermark_us)
    if wrong:
        return HistoryStanding.WRONG, wrong
    newer = any(time_us is not None for time_us in times.values())
    return (HistoryStanding.OLDER if newer else HistoryStanding.UNDATED), ()


def _differing(columns: Sequence[tuple[str, Same]], one: Sequence[object], other: Sequence[object]) -> tuple[str, ...]:
    return tuple(
        name
        for (name, same), left, right in zip(columns, one, other, strict=True)
        if left is not right and not same(left, right)
    )
