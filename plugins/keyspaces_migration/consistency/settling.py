"""Looks again at what differed, after it had time to settle.

A difference is confirmed only if the leader's row did not change between the looks: a row that is being written has
had no time to settle, and is looked at once more, a few times. What then still changes was not seen well enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from keyspaces_migration.consistency.reading import CouldNotLook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from keyspaces_migration.consistency.comparison import Difference, RowComparer
    from keyspaces_migration.consistency.evidence import Evidence
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Key, Look, Row
    from keyspaces_migration.consistency.stores import BothStores
    from keyspaces_migration.consistency.tally import Tally

ROUNDS = 3
_UNSETTLED = "its row in the leading store kept changing while the check looked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A row, or a partition's static values, to be looked at again.

    Attributes:
        key: Primary key, or partition key where static values are meant.
        draw: How it was found.
        is_static: Which of the two it is.
        leader: What the leader held when it was seen last.
        difference: How the follower differed; None where one of them could not be looked at.
        unit: The number of the window, or of the draw's other unit, it was found in; None of a draw by key.
        seen_at: When it was first seen.
    """

    key: Key
    draw: Draw
    is_static: bool = False
    leader: Look
    difference: Difference | None
    unit: int | None = None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A difference that has outlasted its settle time, with what the stores held at the last look."""

    suspect: Suspect
    difference: Difference
    leader: Row | None
    follower: Row | None


class Settling:
    """Collects suspects, and looks at them again when asked to."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        plan: CheckPlan,
        stores: BothStores,
        comparer: RowComparer,
        tally: Tally,
        evidence: Evidence,
        settle: Callable[[float], None],
    ) -> None:
        self._plan = plan
        self._stores = stores
        self._comparer = comparer
        self._tally = tally
        self._evidence = evidence
        self._settle = settle
        self._suspects: list[Suspect] = []

    def suspect(self, suspect: Suspect) -> None:
        """Keep something to look at again."""
        self._suspects.append(suspect)

    def look_again(self) -> None:
        """Let the suspects settle, and count what has become of each."""
        pending, self._suspects = self._suspects, []
        for _ in range(ROUNDS):
            if not pending:
                return
            self._settle(self._plan.settle_time_s)
            self._stores.gave_up = ""
            pending = [*self._look_again_at(pending, is_static=False), *self._look_again_at(pending, is_static=True)]
            if self._stores.gave_up:
                break
        for suspect in pending:
            self._lose(suspect)

    def _look_again_at(self, suspects: Sequence[Suspect], *, is_static: bool) -> list[Suspect]:
        """Count those that are clear by now; return the others, with what is now known of them."""
        wanted = [suspect for suspect in suspects if suspect.is_static is is_static]
        pending: list[Suspect] = []
        for start in range(0, len(wanted), self._plan.batch_rows):
            some = wanted[start : start + self._plan.batch_rows]
            leaders, followers = self._stores.look([each.key for each in some], is_static=is_static)
            confirmed: list[Confirmed] = []
            for suspect, leader, follower in zip(some, leaders, followers, strict=True):
                pending.extend(self._judge(suspect, leader, follower, confirmed))
            for each, times in zip(confirmed, self._write_times(confirmed), strict=True):
                self._confirm(each, times)
        return pending

    def _write_times(self, confirmed: Sequence[Confirmed]) -> Sequence[tuple[Look, Look]]:
        """When the confirmed rows' values were written; where nobody asked, or of static values, nothing."""
        if not self._plan.show_write_times or any(each.suspect.is_static for each in confirmed):
            return [(None, None)] * len(confirmed)
        leaders, followers = self._stores.look_at_write_times([each.suspect.key for each in confirmed])
        return list(zip(leaders, followers, strict=True))

    def _judge(self, suspect: Suspect, leader: Look, follower: Look, confirmed: list[Confirmed]) -> Iterator[Suspect]:
        if isinstance(leader, CouldNotLook):
            yield replace(suspect, leader=leader)
        elif isinstance(follower, CouldNotLook):
            yield replace(suspect, leader=follower)
        elif (difference := self._difference(suspect, leader, follower)) is None:
            if suspect.difference is not None:
                self._tally.transient[suspect.draw] += 1
        elif isinstance(suspect.leader, CouldNotLook) or self._changed(suspect, leader):
            yield replace(suspect, leader=leader, difference=difference)
        else:
            confirmed.append(Confirmed(suspect, difference, leader, follower))

    def _difference(self, suspect: Suspect, leader: Row | None, follower: Row | None) -> Difference | None:
        compare = self._comparer.statics if suspect.is_static else self._comparer.rows
        return compare(leader, follower)

    def _changed(self, suspect: Suspect, leader: Row | None) -> bool:
        before = suspect.leader if isinstance(suspect.leader, tuple) else None
        compare = self._comparer.statics if suspect.is_static else self._comparer.values
        return compare(leader, before) is not None

    def _confirm(self, confirmed: Confirmed, write_times: tuple[Look, Look]) -> None:
        tally, suspect, difference = self._tally, confirmed.suspect, confirmed.difference
        if suspect.unit is not None:
            tally.of(suspect.draw).differs(suspect.unit, is_row=not suspect.is_static)
        elif not suspect.is_static:
            tally.mismatched_keys += 1
        seen: dict[str, Any] = {
            "leader": confirmed.leader,
            "other": confirmed.follower,
            "draw": suspect.draw,
            "seen_at": suspect.seen_at,
        }
        if suspect.is_static:
            tally.add_mismatch(self._evidence.of_statics(suspect.key, difference, **seen))
        else:
            tally.add_mismatch(self._evidence.of_row(suspect.key, difference, **seen, write_times=write_times))

    def _lose(self, suspect: Suspect) -> None:
        reason = str(suspect.leader) if isinstance(suspect.leader, CouldNotLook) else _UNSETTLED
        if suspect.unit is not None:
            self._tally.lose(suspect.draw, [suspect.unit], reason)
            return
        self._tally.problems[reason] += 1
        self._tally.unread_keys += not suspect.is_static
