"""What a check asks of the stores, as protocols, and the look at both of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.consistency.reading import CouldNotLook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keyspaces_migration.consistency.history import Drawn, DrawnBatch, WidePartition
    from keyspaces_migration.consistency.reading import Key, Look, Row
    from keyspaces_migration.consistency.results import StoreReads
    from keyspaces_migration.consistency.windows import Window

_ENOUGH_TO_CALL_IT_DOWN = 16


class StoreRows(Protocol):
    """What `reading.StoreReader` does; a failure is a `CouldNotLook` in the place of what was asked for."""

    @property
    def reads(self) -> StoreReads:
        """What was read so far."""

    def read_rows(self, keys: Sequence[Key], /) -> Sequence[Look]:
        """Rows by primary key."""

    def read_write_times(self, keys: Sequence[Key], /) -> Sequence[Look]:
        """Write times by primary key."""

    def read_statics(self, partitions: Sequence[Key], /) -> Sequence[Look]:
        """Static values by partition key."""

    def read_partitions(self, partitions: Sequence[Key], /) -> Sequence[tuple[Row, ...] | CouldNotLook]:
        """Whole partitions."""

    def read_window(self, window: Window, /) -> Iterator[Row | CouldNotLook]:
        """A token window's rows."""


class HistoryRows(Protocol):
    """What `history.HistoryReader` does."""

    def draw(self, *, size: int, seed: int, batch_size: int) -> Iterator[DrawnBatch]:
        """Rows at random."""

    def look_up(self, keys: Sequence[Key], /) -> Iterator[Drawn]:
        """Rows by primary key."""

    def widest(self, count: int, /) -> Sequence[WidePartition]:
        """The partitions with the most rows, the widest first."""

    def newest(self, count: int, /) -> Iterator[Drawn]:
        """The keys written last, deleted ones too."""


class BothStores:
    """Looks at the leader and the follower.

    The follower is read first. A write reaches the leader before the follower, so a follower read first can never be
    seen ahead of the leader; one that is late is what settling is for.

    Attributes:
        gave_up: Why going on makes no sense: a store answered none of a batch, and a thousand more time-outs would
            say no more. Empty while it makes sense.
    """

    def __init__(self, *, source: StoreRows, target: StoreRows, leader: Leader) -> None:
        self.source, self.target = source, target
        self.leader, self._follower = (source, target) if leader is Leader.SOURCE else (target, source)
        self.gave_up = ""

    def look_at_write_times(self, keys: Sequence[Key]) -> tuple[Sequence[Look], Sequence[Look]]:
        """The write times of the leader's and the follower's rows by primary key."""
        return self.leader.read_write_times(keys), self._follower.read_write_times(keys)

    def look(self, keys: Sequence[Key], *, is_static: bool = False) -> tuple[Sequence[Look], Sequence[Look]]:
        """The leader's and the follower's rows by primary key, or static values by partition key."""
        followers = self._follower.read_statics(keys) if is_static else self._follower.read_rows(keys)
        leaders = self.leader.read_statics(keys) if is_static else self.leader.read_rows(keys)
        for looks in (leaders, followers):
            unread = [look for look in looks if isinstance(look, CouldNotLook)]
            if len(unread) == len(looks) >= _ENOUGH_TO_CALL_IT_DOWN:
                self.gave_up = str(unread[0])
        return leaders, followers
