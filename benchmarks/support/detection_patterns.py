"""Corruption of the target, by kind, and how often theory says that a check finds it."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scipy.stats import hypergeom  # type: ignore[import-untyped]

from benchmarks.support.detection_stores import LIVES, PARTITIONS, ROWS, ROWS_A_PARTITION, row_of, token_of
from keyspaces_migration.consistency.kinds import MismatchKind
from keyspaces_migration.consistency.windows import RING, window_width

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from benchmarks.support.detection_stores import Key, Row
    from keyspaces_migration.consistency.plan import CheckPlan


class Damage(StrEnum):
    """The kinds of the issue; `EXTRA_PARTITION` is an extra row in a partition that the source has not."""

    LOST_ROW = "lost_row"
    LOST_PARTITION = "lost_partition"
    EXTRA_ROW = "extra_row"
    EXTRA_PARTITION = "extra_partition"
    CHANGED_COLUMN = "changed_column"
    NULL_FOR_VALUE = "null_for_value"
    TTL_LOST = "ttl_lost"
    TRUNCATED_TEXT = "truncated_text"
    TIME_ZONE_SHIFT = "time_zone_shift"
    SWAPPED_COLUMNS = "swapped_columns"
    RESURRECTED_DELETE = "resurrected_delete"
    STALE_ROW = "stale_row"


_COLUMNS: Mapping[Damage, tuple[str, ...]] = {
    Damage.CHANGED_COLUMN: ("n",),
    Damage.NULL_FOR_VALUE: ("v",),
    Damage.TTL_LOST: ("v", "w", "t", "n"),
    Damage.TRUNCATED_TEXT: ("w",),
    Damage.TIME_ZONE_SHIFT: ("t",),
    Damage.SWAPPED_COLUMNS: ("v", "w"),
    Damage.STALE_ROW: ("v", "w", "t", "n"),
}
_UNEXPECTED = {Damage.EXTRA_ROW, Damage.EXTRA_PARTITION, Damage.RESURRECTED_DELETE}
_LOST = {Damage.LOST_ROW, Damage.LOST_PARTITION}


def _changed(place: int, change: Callable[[Any], Any]) -> Callable[[Row], Row]:
    return lambda row: (*row[:place], change(row[place]), *row[place + 1 :])


def _stale(row: Row) -> Row:
    return (*row_of(row[0], row[1], version=-1), *LIVES)


_SPOIL: Mapping[Damage, Callable[[Row], Row]] = {
    Damage.CHANGED_COLUMN: _changed(5, lambda value: value + 1),
    Damage.NULL_FOR_VALUE: lambda row: (*row[:2], None, *row[3:6], None, *row[7:]),
    Damage.TTL_LOST: lambda row: (*row[:6], *(None for _ in LIVES)),
    Damage.TRUNCATED_TEXT: _changed(3, lambda value: value[:-1]),
    Damage.TIME_ZONE_SHIFT: _changed(4, lambda value: value + dt.timedelta(hours=5)),
    Damage.SWAPPED_COLUMNS: lambda row: (*row[:2], row[3], row[2], *row[4:]),
    Damage.STALE_ROW: _stale,
}


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """Some rows of the target, damaged in one way.

    Attributes:
        damage: How.
        keys: Which; of rows that the source has, or, of unexpected ones, has not.
    """

    damage: Damage
    keys: frozenset[Key]

    def target(self, rows: Mapping[Key, Row]) -> dict[Key, Row]:
        """What the target holds, where the source holds `rows`."""
        spoilt = dict(rows)
        for key in self.keys:
            if self.damage in _LOST:
                del spoilt[key]
            elif self.damage in _UNEXPECTED:
                spoilt[key] = (*row_of(*key), *LIVES)
            else:
                spoilt[key] = _SPOIL[self.damage](spoilt[key])
        return spoilt

    @property
    def kind(self) -> MismatchKind:
        """What a check must call it."""
        if self.damage in _LOST:
            return MismatchKind.MISSING_IN_TARGET
        if self.damage in _UNEXPECTED:
            return MismatchKind.UNEXPECTED_IN_TARGET
        return MismatchKind.TTL_DIFFERS if self.damage is Damage.TTL_LOST else MismatchKind.VALUE_DIFFERS

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a check must name."""
        return _COLUMNS.get(self.damage, ())

    def by_keys(self, plan: CheckPlan) -> float:
        """Chance that the forward draw finds it: 1 - C(N-D, n) / C(N, n), as it is without replacement.

        D are the damaged rows that the history knows: it does not know unexpected ones.
        """
        known = len(self.keys & ROWS.keys())
        return float(1 - hypergeom.pmf(0, len(ROWS), known, min(plan.rows_wanted, len(ROWS))))

    def by_windows(self, plan: CheckPlan) -> float:
        """Chance that a window, of the source or of the target, finds it.

        A window of width w that starts at s holds the partition with token x where x - w <= s < x, and all places are
        equally likely: one misses all with 1 - |union of those arcs| / ring. A window of the source does not see a
        partition that only the target has.
        """
        width = window_width(rows=len(ROWS), rows_per_window=plan.rows_per_window)
        missed = 1 - _union(token_of(p) for p in {p for p, _ in self.keys})(width) / RING
        windows = plan.target_windows + (0 if self.damage is Damage.EXTRA_PARTITION else plan.windows)
        return float(1 - missed**windows)


def _union(tokens: Iterable[int]) -> Callable[[int], int]:
    """The length of the union of the arcs of a width that end at tokens of a closed ring, by width."""
    ordered = sorted(tokens)
    gaps = [after - before for before, after in pairwise(ordered)]
    gaps.append(ordered[0] + RING - ordered[-1])
    return lambda width: sum(min(width, gap) for gap in gaps)


def pattern(damage: Damage, *, size: int, seed: int) -> Pattern:
    """Damage `size` rows, or partitions where whole ones are lost, at random places."""
    # Reproducible places are the point.
    source = random.Random(f"{damage}:{seed}")  # noqa: S311
    match damage:
        case Damage.LOST_PARTITION:
            lost = source.sample(range(PARTITIONS), size)
            keys = [(p, c) for p in lost for c in range(ROWS_A_PARTITION)]
        case Damage.EXTRA_PARTITION:
            keys = [(PARTITIONS + p, 0) for p in source.sample(range(100 * PARTITIONS), size)]
        case Damage.EXTRA_ROW | Damage.RESURRECTED_DELETE:
            keys = [(p, ROWS_A_PARTITION) for p in source.sample(range(PARTITIONS), size)]
        case _:
            keys = source.sample(sorted(ROWS), size)
    return Pattern(damage=damage, keys=frozenset(keys))


def all_of(*chances: float) -> float:
    """Chance that at least one of several independent draws finds something."""
    return 1 - math.prod(1 - chance for chance in chances)
