"""A store that could not be reached at all: every look at it is a `CouldNotLook`, and the others are still compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.consistency.errors import HistoryUnreadError
from keyspaces_migration.consistency.reading import CouldNotLook
from keyspaces_migration.consistency.results import StoreReads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keyspaces_migration.consistency.history import Drawn, DrawnBatch, WidePartition
    from keyspaces_migration.consistency.kinds import Store
    from keyspaces_migration.consistency.reading import Key, Look, Row
    from keyspaces_migration.consistency.windows import Window


@dataclass(frozen=True, slots=True)
class Unopened:
    """Stands where a session or cursor would; `reason` says why there is none, and goes into the report."""

    reason: str


class UnopenedStore:
    """Reads nothing of the source or the target, in the place of `reading.StoreReader`."""

    def __init__(self, unopened: Unopened, *, store: Store) -> None:
        self._look = CouldNotLook(store, unopened.reason)

    @property
    def reads(self) -> StoreReads:
        """None."""
        return StoreReads(requests=0, units=0)

    def read_rows(self, keys: Sequence[Key]) -> Sequence[Look]:
        """Nothing is known of any."""
        return [self._look] * len(keys)

    def read_write_times(self, keys: Sequence[Key]) -> Sequence[Look]:
        """Nothing is known of any."""
        return [self._look] * len(keys)

    def read_statics(self, partitions: Sequence[Key]) -> Sequence[Look]:
        """Nothing is known of any."""
        return [self._look] * len(partitions)

    def read_partitions(self, partitions: Sequence[Key]) -> Sequence[tuple[Row, ...] | CouldNotLook]:
        """Nothing is known of any."""
        return [self._look] * len(partitions)

    def read_window(self, _window: Window) -> Iterator[Row | CouldNotLook]:
        """Nothing is known of it."""
        yield self._look


class UnopenedHistory:
    """Draws nothing, in the place of `history.HistoryReader`."""

    def __init__(self, unopened: Unopened) -> None:
        self._reason = unopened.reason

    def draw(self, *, size: int, seed: int, batch_size: int) -> Iterator[DrawnBatch]:
        """Raise HistoryUnreadError: a check says so in its verdict."""
        del size, seed, batch_size
        raise HistoryUnreadError(self._reason)

    def look_up(self, keys: Sequence[Key]) -> Iterator[Drawn]:
        """Raise HistoryUnreadError, as `draw`."""
        del keys
        raise HistoryUnreadError(self._reason)

    def widest(self, count: int) -> Sequence[WidePartition]:
        """Raise HistoryUnreadError, as `draw`."""
        del count
        raise HistoryUnreadError(self._reason)

    def newest(self, count: int) -> Iterator[Drawn]:
        """Raise HistoryUnreadError, as `draw`."""
        del count
        raise HistoryUnreadError(self._reason)
