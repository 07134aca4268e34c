"""Looks again at what differed, after it had time to settle.

A difference is confirmed only if the leader's row did not change between the looks: a row that is being written has
had no time to settle, and is looked at once more, a few times. What then still changes was not seen well enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

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
        window: The number of the window it was found in.
        seen_at: When it was first seen.
    """

    key: Key
    draw: Draw
    is_static: bool = False
    leader: Look
    difference: Difference | None
    window: int | None = None
    seen_at: datetime


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
            for suspect, leader, follower in zip(some, leaders, followers, strict=True):
                pending.extend(self._judge(suspect, leader, follower))
        return pending

    def _judge(self, suspect: Suspect, leader: Look, follower: Look) -> Iterator[Suspect]:
        if isinstance(leader, CouldNotLook):
            yield replace(suspect, leader=leader)
        elif isinstance(follower, CouldNotLook):
            yield replace(suspect, leader=follower)
        elif (difference := self._difference(suspect, leader, follower)) is None:
            if suspect.difference is not None:
                self._tally.transient[suspect.draw] += 1
        elif isinstance(suspect.leader, CouldNotLook) or self._difference(suspect, leader, suspect.leader):
            yield replace(suspect, leader=leader, difference=difference)
        else:
            self._confirm(suspect, difference, leader, follower)

    def _difference(self, suspect: Suspect, leader: Row | None, other: Row | None) -> Difference | None:
        compare = self._comparer.statics if suspect.is_static else self._comparer.rows
        return compare(leader, other)

    def _confirm(self, suspect: Suspect, difference: Difference, leader: Row | None, follower: Row | None) -> None:
        tally = self._tally
        if suspect.window is not None:
            tally.windows_mismatched.add(suspect.window)
            tally.window_mismatched_rows += not suspect.is_static
        elif not suspect.is_static:
            tally.mismatched_keys += 1
        write_down = self._evidence.of_statics if suspect.is_static else self._evidence.of_row
        tally.add_mismatch(
            write_down(
                suspect.key, difference, leader=leader, other=follower, draw=suspect.draw, seen_at=suspect.seen_at
            )
        )

    def _lose(self, suspect: Suspect) -> None:
        reason = str(suspect.leader) if isinstance(suspect.leader, CouldNotLook) else _UNSETTLED
        if suspect.window is not None:
            self._tally.lose_windows([suspect.window], reason)
            return
        self._tally.problems[reason] += 1
        self._tally.unread_keys += not suspect.is_static
