"""The history beside the leader: it explains. It was the target's source, so it is no independent witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.comparison import Difference, history_standing
from keyspaces_migration.consistency.history import HistoryRow
from keyspaces_migration.consistency.kinds import HistoryStanding, MismatchKind, Store
from keyspaces_migration.consistency.reading import CouldNotLook

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from keyspaces_migration.consistency.comparison import RowComparer
    from keyspaces_migration.consistency.evidence import Evidence
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Look, Row
    from keyspaces_migration.consistency.shape import TableShape
    from keyspaces_migration.consistency.stores import HistoryRows, StoreRows
    from keyspaces_migration.consistency.tally import Tally

Unlike = tuple["Row", "Row | None", tuple[str, ...]]
"""The leader's row, the history's, and the columns in which they differ."""


class HistoryWitness:
    """Judges the history's rows by the leader's, as of the history's watermark."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        shape: TableShape,
        plan: CheckPlan,
        leader: StoreRows,
        history: HistoryRows,
        comparer: RowComparer,
        tally: Tally,
        evidence: Evidence,
        now: Callable[[], datetime],
    ) -> None:
        self._shape = shape
        self._plan = plan
        self._leader = leader
        self._history = history
        self._comparer = comparer
        self._tally = tally
        self._evidence = evidence
        self._now = now

    def judge_rows_of(self, rows: Sequence[Row], *, draw: Draw) -> None:
        """Look the leader's rows up in the history, and judge it. Without a watermark nothing could be said of it.

        Raises:
            HistoryUnreadError: The history does not answer.
            HistoryRefusedError: It has several newest rows of a key.
        """
        if self._plan.history_as_of is None:
            return
        known: dict[tuple[object, ...], Row] = {}
        unreadable = set()
        for drawn in self._history.look_up([self._shape.key_of(row) for row in rows]):
            if isinstance(drawn, HistoryRow):
                known[self._identity(drawn.row)] = drawn.row
            else:
                unreadable.add(drawn.reason)
                self._tally.problems[f"history: {drawn.reason}"] += 1
        if not unreadable:
            self.judge([(row, known.get(self._identity(row))) for row in rows], draw=draw)

    def judge(self, pairs: Sequence[tuple[Look, Row | None]], *, draw: Draw) -> None:
        """Judge the history's row, the second of each pair, by the leader's; None is a row it does not have."""
        unlike: list[Unlike] = []
        for leader, history in pairs:
            if leader is None:
                # Deleted or expired since, or never there: an absent row bears no date.
                self._tally.history[HistoryStanding.UNDATED] += 1
            elif isinstance(leader, tuple):
                columns = self._unlike(leader, history)
                if history is None or columns:
                    unlike.append((leader, history, columns))
                else:
                    self._tally.history[HistoryStanding.AGREES] += 1
        for row, look in zip(unlike, self._write_times([leader for leader, _, _ in unlike]), strict=True):
            if isinstance(look, CouldNotLook):
                self._tally.problems[str(look)] += 1
            else:
                self._date(row, look or (), draw=draw)

    def _unlike(self, leader: Row, history: Row | None) -> tuple[str, ...]:
        if history is None:
            return self._shape.dated_columns
        return self._comparer.columns_unlike_history(leader, history)

    def _write_times(self, rows: Sequence[Row]) -> Sequence[Look]:
        if self._plan.history_as_of is None or not self._shape.dated_columns:
            return [()] * len(rows)
        return self._leader.read_write_times([self._shape.key_of(row) for row in rows])

    def _date(self, unlike: Unlike, times: Row, *, draw: Draw) -> None:
        leader, history, columns = unlike
        by_name = {
            name: time if isinstance(time, int) else None
            for name, time in zip(self._shape.dated_columns, times, strict=False)
        }
        standing, wrong = history_standing(columns, by_name, as_of=self._plan.history_as_of)
        self._tally.history[standing] += 1
        if standing is not HistoryStanding.WRONG:
            return
        difference = (
            Difference(MismatchKind.MISSING_IN_HISTORY, Store.HISTORY)
            if history is None
            else Difference(MismatchKind.VALUE_DIFFERS, Store.HISTORY, wrong)
        )
        key = self._shape.key_of(leader)
        self._tally.add_mismatch(
            self._evidence.of_row(key, difference, leader=leader, other=history, draw=draw, seen_at=self._now())
        )

    def _identity(self, row: Row) -> tuple[object, ...]:
        return self._comparer.identity(self._shape.key_of(row))
