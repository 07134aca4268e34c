"""The counts of a table's check while it runs."""

import json
from collections import Counter
from collections.abc import Iterable

from keyspaces_migration.consistency.kinds import Draw, HistoryStanding, MismatchKind, Store
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import KeyCounts, Mismatch, TableCounts, WindowCounts


class Tally:
    """Adds up what a check sees; `counts` is what it comes to."""

    def __init__(self, plan: CheckPlan) -> None:
        self._plan = plan
        self.population = 0
        self.drawn = 0
        self.unread_keys = 0
        self.mismatched_keys = 0
        self.partitions = 0
        self.window_rows = 0
        self.window_mismatched_rows = 0
        self.windows_unread: set[int] = set()
        self.windows_mismatched: set[int] = set()
        self.transient: Counter[Draw] = Counter()
        self.history: Counter[HistoryStanding] = Counter()
        self.problems: Counter[str] = Counter()
        self.mismatches: Counter[tuple[Store, MismatchKind]] = Counter()
        self.examples: list[Mismatch] = []
        self._counted: set[tuple[Store, MismatchKind, Draw, str]] = set()

    def add_mismatch(self, mismatch: Mismatch) -> None:
        """Count a confirmed mismatch, and keep it while there is room; once a draw, as windows may overlap."""
        identity = (mismatch.store, mismatch.kind, mismatch.draw, json.dumps(mismatch.key, sort_keys=True))
        if identity in self._counted:
            return
        self._counted.add(identity)
        self.mismatches[mismatch.store, mismatch.kind] += 1
        if len(self.examples) < self._plan.max_examples:
            self.examples.append(mismatch)

    def lose_windows(self, windows: Iterable[int], reason: str) -> None:
        """Count windows that could not be read to the end."""
        self.windows_unread.update(windows)
        self.problems[reason] += 1

    def counts(self) -> TableCounts:
        """Everything so far. Rows that were to be drawn and never were count as not looked at."""
        to_draw = min(self._plan.rows_wanted, self.population)
        compared = self.drawn - self.unread_keys
        windows_read = self._plan.windows - len(self.windows_unread)
        return TableCounts(
            keys=KeyCounts(
                population=self.population,
                wanted=self._plan.rows_wanted,
                compared=compared,
                mismatched=self.mismatched_keys,
                transient=self.transient[Draw.HISTORY_KEYS],
                could_not_look=to_draw - compared,
            ),
            windows=WindowCounts(
                wanted=self._plan.windows,
                compared=windows_read,
                mismatched=len(self.windows_mismatched - self.windows_unread),
                could_not_look=len(self.windows_unread),
                rows=self.window_rows,
                mismatched_rows=self.window_mismatched_rows,
                transient=self.transient[Draw.SOURCE_WINDOWS],
            ),
            mismatches=dict(self.mismatches),
            partitions=self.partitions,
            history=dict(self.history),
        )
