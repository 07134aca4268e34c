"""The counts of a table's check while it runs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from keyspaces_migration.consistency.kinds import Draw, HistoryStanding
from keyspaces_migration.consistency.part import Found, found_of
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import KeyCounts, Mismatch, WindowCounts


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
    """Adds up what a check, or its part, sees.

    Attributes:
        population: Rows that the history knows.
        drawn: Rows drawn by key, to be compared.
        passed_over: Rows drawn by key that another part compares.
        unread_keys: Those drawn that could not be looked at.
        mismatched_keys: Those with a confirmed mismatch.
        partitions: Digests of the partitions whose static columns were compared.
        found: Every confirmed mismatch; the first of them in full are `examples`.
    """

    def __init__(self, plan: CheckPlan) -> None:
        self._plan = plan
        self.population = 0
        self.drawn = 0
        self.passed_over = 0
        self.unread_keys = 0
        self.mismatched_keys = 0
        self.partitions: set[str] = set()
        self._units: dict[Draw, UnitTally] = {}
        self.transient: Counter[Draw] = Counter()
        self.history: Counter[HistoryStanding] = Counter()
        self.problems: Counter[str] = Counter()
        self.left_out: list[str] = []
        self.examples: list[Mismatch] = []
        self.found: set[Found] = set()

    def add_mismatch(self, mismatch: Mismatch) -> None:
        """Count a confirmed mismatch, and keep it while there is room; once a draw, as windows may overlap."""
        found = found_of(mismatch)
        if found in self.found:
            return
        self.found.add(found)
        if len(self.examples) < self._plan.max_examples:
            self.examples.append(mismatch)

    def of(self, draw: Draw) -> UnitTally:
        """The counts of a draw whose units are compared whole."""
        return self._units.setdefault(draw, UnitTally())

    def lose(self, draw: Draw, units: Iterable[int], reason: str) -> None:
        """Count units that could not be read to the end."""
        self.of(draw).unread.update(units)
        self.problems[reason] += 1

    @property
    def drew_all(self) -> bool:
        """Whether the history gave every row it knows, this part's and others'."""
        return self.drawn + self.passed_over >= self.population

    def keys(self) -> KeyCounts:
        """The rows drawn by key. Those that were to be drawn and never were count as not looked at."""
        to_draw = min(self._plan.rows_wanted, self.population)
        compared = self.drawn - self.unread_keys
        return KeyCounts(
            population=self.population,
            wanted=self._plan.rows_wanted,
            compared=compared,
            mismatched=self.mismatched_keys,
            transient=self.transient[Draw.HISTORY_KEYS],
            could_not_look=max(0, to_draw - self.passed_over - compared),
        )

    def units(self) -> dict[Draw, WindowCounts]:
        """The other draws."""
        return {draw: self._counts_of(draw) for draw in self._units}

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
