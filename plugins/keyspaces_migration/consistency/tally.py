"""The counts of a table's check while it runs."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from keyspaces_migration.consistency.kinds import Draw, HistoryStanding, MismatchKind, Store
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import KeyCounts, Mismatch, TableCounts, WindowCounts


@dataclass
class UnitTally:
    """The counts of one draw whose units (windows, partitions, ranges) are compared whole.

    Attributes:
        wanted: How many there are to compare.
        unread: The numbers of those that could not be read to the end.
        mismatched: The numbers of those with a confirmed mismatch.
        rows: Compared in them.
        mismatched_rows: Those of them with a confirmed mismatch.
    """

    wanted: int = 0
    unread: set[int] = field(default_factory=set)
    mismatched: set[int] = field(default_factory=set)
    rows: int = 0
    mismatched_rows: int = 0

    def differs(self, unit: int, *, is_row: bool) -> None:
        """Count a confirmed mismatch, of a row or of a partition's static values."""
        self.mismatched.add(unit)
        self.mismatched_rows += is_row


class Tally:
    """Adds up what a check sees; `counts` is what it comes to."""

    def __init__(self, plan: CheckPlan) -> None:
        self._plan = plan
        self.population = 0
        self.drawn = 0
        self.unread_keys = 0
        self.mismatched_keys = 0
        self.partitions = 0
        self._units: dict[Draw, UnitTally] = {}
        self.transient: Counter[Draw] = Counter()
        self.history: Counter[HistoryStanding] = Counter()
        self.problems: Counter[str] = Counter()
        self.left_out: list[str] = []
        self.mismatches: Counter[tuple[Store, MismatchKind]] = Counter()
        self.examples: list[Mismatch] = []
        self._counted: set[tuple[Store, MismatchKind, Draw, str]] = set()
        self._rows: set[tuple[Store, MismatchKind, str]] = set()

    def add_mismatch(self, mismatch: Mismatch) -> None:
        """Count a confirmed mismatch, and keep it while there is room; once a draw, as windows may overlap."""
        key = json.dumps(mismatch.key, sort_keys=True)
        self._rows.add((mismatch.store, mismatch.kind, key))
        identity = (mismatch.store, mismatch.kind, mismatch.draw, key)
        if identity in self._counted:
            return
        self._counted.add(identity)
        self.mismatches[mismatch.store, mismatch.kind] += 1
        if len(self.examples) < self._plan.max_examples:
            self.examples.append(mismatch)

    def of(self, draw: Draw) -> UnitTally:
        """The counts of a draw whose units are compared whole."""
        return self._units.setdefault(draw, UnitTally())

    def lose(self, draw: Draw, units: Iterable[int], reason: str) -> None:
        """Count units that could not be read to the end."""
        self.of(draw).unread.update(units)
        self.problems[reason] += 1

    def counts(self) -> TableCounts:
        """Everything so far. Rows that were to be drawn and never were count as not looked at."""
        to_draw = min(self._plan.rows_wanted, self.population)
        compared = self.drawn - self.unread_keys
        return TableCounts(
            keys=KeyCounts(
                population=self.population,
                wanted=self._plan.rows_wanted,
                compared=compared,
                mismatched=self.mismatched_keys,
                transient=self.transient[Draw.HISTORY_KEYS],
                could_not_look=to_draw - compared,
            ),
            windows=self._counts_of(Draw.SOURCE_WINDOWS),
            mismatches=dict(self.mismatches),
            partitions=self.partitions,
            history=dict(self.history),
            rows_out_of_line=Counter((store, kind) for store, kind, _ in self._rows),
            others={draw: self._counts_of(draw) for draw in self._units if draw is not Draw.SOURCE_WINDOWS},
        )

    def _counts_of(self, draw: Draw) -> WindowCounts:
        units = self.of(draw)
        return WindowCounts(
            wanted=units.wanted,
            compared=units.wanted - len(units.unread),
            mismatched=len(units.mismatched - units.unread),
            could_not_look=len(units.unread),
            rows=units.rows,
            mismatched_rows=units.mismatched_rows,
            transient=self.transient[draw],
        )
