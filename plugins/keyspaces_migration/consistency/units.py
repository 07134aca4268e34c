"""The draws whose units are compared whole: windows, ranges of the sweep, partitions, keys of a stratum."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 # a field's type, by which a sweep's start is read from JSON
from typing import TYPE_CHECKING, TypeVar

from keyspaces_migration.consistency.errors import HistoryUnreadError
from keyspaces_migration.consistency.history import HistoryRow, UnreadableHistoryRow
from keyspaces_migration.consistency.kinds import Draw, Leader
from keyspaces_migration.consistency.reading import CouldNotLook
from keyspaces_migration.consistency.results import SweepSlice
from keyspaces_migration.consistency.side_by_side import SideBySide, TooManyHeldError
from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN, Window, draw_windows, window_width
from keyspaces_migration.consistency.wording import shown_by_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from keyspaces_migration.consistency.comparison import RowComparer
    from keyspaces_migration.consistency.pairs import Pairs
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Key, Row
    from keyspaces_migration.consistency.shape import TableShape
    from keyspaces_migration.consistency.stores import BothStores, HistoryRows, StoreRows
    from keyspaces_migration.consistency.tally import Tally
    from keyspaces_migration.consistency.witness import HistoryWitness

Unit = TypeVar("Unit")
_UNREAD_IN_A_ROW = 3
"""After so many units that could not be read, the rest is not tried: a thousand time-outs would say no more."""
_SPARSE = 4
"""A sweep reads at most so many times the ranges that its rows should be in, lest an empty table be swept for hours."""


@dataclass(frozen=True, kw_only=True)
class SweepStart:
    """Where a sweep goes on, and when its pass over the ring began."""

    place: int = FIRST_TOKEN
    began_at: datetime


class UnitDraws:
    """Makes these draws of one table. What it finds is in the tally and, to be looked at again, in `pairs`."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        shape: TableShape,
        plan: CheckPlan,
        stores: BothStores,
        history: HistoryRows,
        comparer: RowComparer,
        tally: Tally,
        pairs: Pairs,
        witness: HistoryWitness,
    ) -> None:
        self._shape, self._plan = shape, plan
        self._stores, self._history, self._witness = stores, history, witness
        self._tally, self._pairs = tally, pairs
        self._side_by_side = SideBySide(shape=shape, plan=plan, stores=stores, comparer=comparer, pairs=pairs)
        self._unread: CouldNotLook | None = None
        self._unread_in_a_row = 0
        self._swept: list[tuple[int, int]] = []

    def source_windows(self) -> None:
        """Windows of the source's ring; of each partition in them the target's rows, and the history's."""
        draw = Draw.SOURCE_WINDOWS
        for number, window in self._units(draw, self._windows(draw, self._plan.windows)):
            try:
                for partitions in self._whole_partitions(number, window):
                    self._compare_partitions(draw, number, partitions)
                    self._judge_history(partitions)
            except HistoryUnreadError as error:
                self._tally.lose(draw, [number], str(error))

    def target_windows(self) -> None:
        """Windows at other places, read in both stores."""
        draw = Draw.TARGET_WINDOWS
        for number, window in self._units(draw, self._windows(draw, self._plan.target_windows)):
            self._compare_range(draw, number, window)

    def widest_partitions(self) -> None:
        """The partitions with the most rows, by the history."""
        draw, plan = Draw.WIDEST_PARTITIONS, self._plan
        try:
            found = self._history.widest(plan.widest_partitions) if plan.widest_partitions else ()
        except HistoryUnreadError as error:
            self._lose_all(draw, plan.widest_partitions, str(error))
            return
        for number, partition in self._units(draw, found):
            if partition.rows > plan.max_partition_rows:
                key = json.dumps(shown_by_name(self._shape.partition_key, partition.key), ensure_ascii=False)
                reason = (
                    f"the partition {key} has {partition.rows:,} rows, more than the {plan.max_partition_rows:,} that "
                    "are compared at once"
                )
                self._tally.left_out.append(reason)
                self._tally.of(draw).wanted -= 1
                continue
            source, target = self._read_partitions([partition.key])
            self._compare_looks(draw, number, source[0], target[0])

    def newest_writes(self) -> None:
        """The keys that the history saw written last; of a deleted one, that it is in neither store or in both."""
        draw, plan = Draw.NEWEST_WRITES, self._plan
        try:
            drawn = list(self._history.newest(plan.newest_writes)) if plan.newest_writes else []
        except HistoryUnreadError as error:
            self._lose_all(draw, plan.newest_writes, str(error))
            return
        counts = self._tally.of(draw)
        counts.wanted = len(drawn)
        for number, row in enumerate(drawn):
            if isinstance(row, UnreadableHistoryRow):
                self._tally.lose(draw, [number], f"history: {row.reason}")
        keys = {number: self._shape.key_of(row.row) for number, row in enumerate(drawn) if isinstance(row, HistoryRow)}
        if self._stores.gave_up:
            self._tally.lose(draw, keys, self._stores.gave_up)
            return
        leaders, followers = self._stores.look(list(keys.values()))
        for (number, key), leader, follower in zip(keys.items(), leaders, followers, strict=True):
            counts.rows += 1
            self._pairs.row(key, leader, follower, draw=draw, unit=number)

    def sweep(self, start: SweepStart) -> None:
        """Ranges from `start` on, until about so many rows as the plan says were compared; see `swept`."""
        if not self._plan.sweep_rows:
            return
        plan, counts = self._plan, self._tally.of(Draw.SWEEP)
        width = window_width(rows=self._tally.population, rows_per_window=plan.rows_of_range)
        most = _SPARSE * max(1, plan.sweep_rows // plan.rows_of_range)
        place = start.place
        while counts.rows < plan.sweep_rows and place < LAST_TOKEN and len(self._swept) < most:
            end = min(place + width, LAST_TOKEN)
            counts.wanted += 1
            self._swept.append((place, end))
            if not self._compare_range(Draw.SWEEP, counts.wanted - 1, Window(((place, end),))):
                return
            place = end

    def swept(self, start: SweepStart) -> SweepSlice | None:
        """What was swept, once differences have settled: up to the first range that could not be looked at."""
        if not self._swept:
            return None
        unread = self._tally.of(Draw.SWEEP).unread
        done = self._swept[: min(unread, default=len(self._swept))]
        end = done[-1][1] if done else start.place
        return SweepSlice(
            from_token=start.place,
            to_token=end,
            began_at=start.began_at,
            rows=self._tally.of(Draw.SWEEP).rows,
            is_end=end == LAST_TOKEN,
        )

    def _windows(self, draw: Draw, count: int) -> Sequence[Window]:
        width = window_width(rows=self._tally.population, rows_per_window=self._plan.rows_per_window)
        # Seeded by table and draw too: the same places would miss the same hosts in all of them.
        label = self._shape.name if draw is Draw.SOURCE_WINDOWS else f"{self._shape.name}/{draw}"
        return draw_windows(seed=self._plan.seed, table=label, count=count, width=width)

    def _units(self, draw: Draw, units: Sequence[Unit]) -> Iterator[tuple[int, Unit]]:
        """Yield units with their numbers, while reading makes sense; count the others as not looked at."""
        counts = self._tally.of(draw)
        counts.wanted = len(units)
        for number, unit in enumerate(units):
            if self._stores.gave_up:
                self._tally.lose(draw, range(number, len(units)), self._stores.gave_up)
                return
            self._unread = None
            yield number, unit
            self._give_up_in_time()

    def _give_up_in_time(self) -> None:
        self._unread_in_a_row = self._unread_in_a_row + 1 if self._unread else 0
        if self._unread and self._unread_in_a_row >= _UNREAD_IN_A_ROW:
            self._stores.gave_up = str(self._unread)

    def _lose(self, draw: Draw, number: int, look: CouldNotLook) -> None:
        """Count a unit that a store could not be read of."""
        self._unread = look
        self._tally.lose(draw, [number], str(look))

    def _lose_all(self, draw: Draw, count: int, reason: str) -> None:
        self._tally.of(draw).wanted = count
        self._tally.lose(draw, range(count), reason)

    def _whole_partitions(self, number: int, window: Window) -> Iterator[list[list[Row]]]:
        """The window's partitions as the source has them, about `batch_rows` rows at a time."""
        batch: list[list[Row]] = []
        for row in self._stores.source.read_window(window):
            if isinstance(row, CouldNotLook):
                self._lose(Draw.SOURCE_WINDOWS, number, row)
                # The last partition may have been cut off, and would look as if the source lacked rows.
                yield batch[:-1]
                return
            if batch and self._shape.partition_of(batch[-1][0]) == self._shape.partition_of(row):
                batch[-1].append(row)
                continue
            if sum(map(len, batch)) >= self._plan.batch_rows:
                yield batch
                batch = []
            batch.append([row])
        yield batch

    def _compare_partitions(self, draw: Draw, number: int, partitions: list[list[Row]]) -> None:
        keys = [self._shape.partition_of(rows[0]) for rows in partitions]
        of_target = _twice(self._stores.target, keys)
        for rows, found in zip(partitions, of_target, strict=True):
            self._compare_looks(draw, number, tuple(rows), found)

    def _compare_looks(
        self, draw: Draw, number: int, source: tuple[Row, ...] | CouldNotLook, target: tuple[Row, ...] | CouldNotLook
    ) -> None:
        if isinstance(source, CouldNotLook):
            self._lose(draw, number, source)
        elif isinstance(target, CouldNotLook):
            self._lose(draw, number, target)
        else:
            self._pairs.partition(source, target, draw=draw, unit=number)

    def _read_partitions(
        self, keys: Sequence[Key]
    ) -> tuple[list[tuple[Row, ...] | CouldNotLook], list[tuple[Row, ...] | CouldNotLook]]:
        target = _twice(self._stores.target, keys)
        return _twice(self._stores.source, keys), target

    def _judge_history(self, partitions: list[list[Row]]) -> None:
        if self._plan.leader is Leader.SOURCE:
            rows = [row for rows in partitions for row in rows if not self._pairs.is_static_only(row)]
            self._witness.judge_rows_of(rows, draw=Draw.SOURCE_WINDOWS)

    def _compare_range(self, draw: Draw, number: int, window: Window) -> bool:
        """Compare all that both stores have in a range; whether it could be read to the end."""
        try:
            unread = self._side_by_side.compare(window, draw=draw, unit=number)
        except TooManyHeldError as error:
            self._tally.lose(draw, [number], str(error))
            return False
        if unread is not None:
            self._lose(draw, number, unread)
        return unread is None


def _twice(store: StoreRows, keys: Sequence[Key]) -> list[tuple[Row, ...] | CouldNotLook]:
    """The store's partitions; what could not be read is tried once more, as a slow read says nothing."""
    found = list(store.read_partitions(keys))
    unread = [place for place, rows in enumerate(found) if isinstance(rows, CouldNotLook)]
    for place, rows in zip(unread, store.read_partitions([keys[place] for place in unread]), strict=True):
        found[place] = rows
    return found
