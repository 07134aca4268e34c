"""Pairs of what leader and follower hold: rows, static values, whole partitions. What differs is left to settle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.consistency.reading import CouldNotLook
from keyspaces_migration.consistency.settling import Suspect
from keyspaces_migration.consistency.share import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from keyspaces_migration.consistency.comparison import RowComparer
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Key, Look, Row
    from keyspaces_migration.consistency.settling import Settling
    from keyspaces_migration.consistency.shape import TableShape
    from keyspaces_migration.consistency.tally import Tally


class Pairs:
    """Compares the pairs of one table. `unit` is the number of the draw's unit that a pair is of; None of a key."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        shape: TableShape,
        plan: CheckPlan,
        comparer: RowComparer,
        tally: Tally,
        settling: Settling,
        now: Callable[[], datetime],
    ) -> None:
        self._shape, self._plan, self._comparer, self._now = shape, plan, comparer, now
        self._tally, self._settling = tally, settling
        self._partitions_seen: set[tuple[Draw, tuple[object, ...]]] = set()

    def row(self, key: Key, leader: Look, follower: Look, *, draw: Draw, unit: int | None = None) -> None:
        """Compare a row; what could not be looked at is looked at again later, too."""
        unread = isinstance(leader, CouldNotLook) or isinstance(follower, CouldNotLook)
        difference = None
        if not isinstance(leader, CouldNotLook) and not isinstance(follower, CouldNotLook):
            difference = self._comparer.rows(leader, follower)
        if unread or difference:
            # An unread follower says nothing of whether the leader's row will have changed by the next look.
            last_seen = follower if isinstance(follower, CouldNotLook) else leader
            self._settling.suspect(
                Suspect(key=key, draw=draw, leader=last_seen, difference=difference, unit=unit, seen_at=self._now())
            )

    def statics_once(self, leader: Row | None, follower: Row | None, *, draw: Draw, unit: int | None = None) -> None:
        """Compare the static values of the rows' partition, if the draw has seen no row of it before.

        Each draw for itself, so that its units are judged whole, whatever other draws have seen.
        """
        partition = self._shape.partition_of(leader or follower or ())
        identity = (draw, self._comparer.identity(partition))
        if not self._shape.static_columns or identity in self._partitions_seen:
            return
        self._partitions_seen.add(identity)
        self._tally.partitions.add(digest(partition))
        statics = self._shape.static_of(leader) if leader else None
        difference = self._comparer.statics(statics, self._shape.static_of(follower) if follower else None)
        if difference is not None:
            suspect = Suspect(
                key=partition,
                draw=draw,
                is_static=True,
                leader=statics,
                difference=difference,
                unit=unit,
                seen_at=self._now(),
            )
            self._settling.suspect(suspect)

    def partition(self, of_source: Sequence[Row], of_target: Sequence[Row], *, draw: Draw, unit: int) -> None:
        """Compare a whole partition, as both stores have it."""
        source_leads = self._plan.leader is Leader.SOURCE
        leading, following = (of_source, of_target) if source_leads else (of_target, of_source)
        leaders, followers = self._by_key(leading), self._by_key(following)
        for identity in {**leaders, **followers}:
            leader, follower = leaders.get(identity), followers.get(identity)
            key = self._shape.key_of(leader or follower or ())
            self._tally.of(draw).rows += 1
            self.row(key, leader, follower, draw=draw, unit=unit)
        if (leading and following) or not (leaders or followers):
            one, other = next(iter(leading), None), next(iter(following), None)
            self.statics_once(one, other, draw=draw, unit=unit)

    def in_both(self, source: Row, target: Row, *, draw: Draw, unit: int) -> None:
        """Compare a row that both stores have, and their partition's static values."""
        leader, follower = (source, target) if self._plan.leader is Leader.SOURCE else (target, source)
        if not self.is_static_only(leader):
            self._tally.of(draw).rows += 1
            self.row(self._shape.key_of(leader), leader, follower, draw=draw, unit=unit)
        self.statics_once(leader, follower, draw=draw, unit=unit)

    def is_static_only(self, row: Row) -> bool:
        """A partition that has static values and no row is read as a row whose clustering key is null."""
        return None in self._shape.key_of(row)

    def _by_key(self, rows: Sequence[Row]) -> dict[tuple[object, ...], Row]:
        return {self._comparer.identity(self._shape.key_of(row)): row for row in rows if not self.is_static_only(row)}
