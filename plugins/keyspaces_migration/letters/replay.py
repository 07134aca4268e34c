"""Brings letters to the store that lacks them, by the replay rule.

A letter younger than 47 hours whose write the leader has is sent as it is: its own timestamp decides what it wins over.
Of an older one, the store no longer takes the timestamp, and a newer one could bring back what was deleted since: so
the leader's state of the rows that it touched is copied, as a repair does it (`consistency.copying`). The same is done
where nobody knows whether the leader has the write.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from keyspaces_migration.consistency.copying import Copied, Row, RowCopier
from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.dual_write.barrier import ALLOWED_SKEW
from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US
from keyspaces_migration.dual_write.delivery import lane_of
from keyspaces_migration.dual_write.failures import Failure, ReasonClass, failure_of
from keyspaces_migration.dual_write.letters import Letter
from keyspaces_migration.dual_write.mutation import MutationKind
from keyspaces_migration.dual_write.routing import partition_text
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.store import StoreName, Stores, delivery_failures
from keyspaces_migration.ledger.letter_records import LetterOutcome
from keyspaces_migration.ledger.repair_records import RepairOutcome

IN_FLIGHT = 8
"""Letters that are sent at once: an outage of an hour leaves millions, and one after the other they take a day."""

MAX_RANGE_ROWS = 1_000
"""Rows of an old delete of a range or partition that are looked at one by one; more are for a repair or a person."""

_PAUSES_S = (1.0, 1.5, 2.0)
"""A second at least: a list that is sent again is sent at a timestamp of its own, by the second."""
MICROSECOND = timedelta(microseconds=1)
_HOUR_US = 3_600_000_000
_AWAY = "the store took nothing just before"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What became of a letter.

    Attributes:
        outcome: REPLAYED or PARKED; None: it is left in the queue for the next run.
        reason_class: Of what stands against it; of the letter itself where nothing does.
        reason: In words.
        cells: Of the store that were set or deleted; a whole write counts as one.
        store_is_away: Whether it was left as the store took nothing, so that the next letters need not be tried.
    """

    outcome: LetterOutcome | None
    reason_class: ReasonClass
    reason: str
    cells: int = 0
    store_is_away: bool = False


class Replayer:
    """Replays the letters of a batch, several at once; old ones of it have their settle time together."""

    def __init__(  # noqa: PLR0913 -- all by keyword
        self,
        *,
        stores: Stores,
        shapes: Mapping[str, TableShape],
        copier: RowCopier | None,
        leader: Leader | None,
        now_us: Callable[[], int],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep what is needed.

        Args:
            stores: Both, for letters that are sent as they are.
            shapes: Of the tables, by name.
            copier: For letters that are too old for that; None where no store leads.
            leader: That the flag names; None: the mode is not a dual one.
            now_us: The clock, in microseconds since 1970.
            pause: Waits seconds before a throttled write is tried again.
        """
        self._stores = stores
        self.shapes = shapes
        self._copier = copier
        self._leader = leader
        self._now_us = now_us
        self._pause = pause

    def replay(self, letters: Sequence[Letter]) -> tuple[Decision, ...]:
        """Replay letters; what became of each, in their order."""
        away: set[StoreName] = set()
        young = [number for number, letter in enumerate(letters) if self._is_young(letter)]
        decisions = self._send_all({number: letters[number] for number in young}, away)
        old: dict[int, list[Row]] = {}
        for number, letter in enumerate(letters):
            if number in decisions:
                continue
            if letter.store in away:
                decisions[number] = _left(letter, _AWAY, away=True)
            elif isinstance(rows := self._rows(letter), list):
                old[number] = rows
            else:
                decisions[number] = rows
        decisions |= self._copy({number: letters[number] for number in old}, old)
        return tuple(decisions[number] for number in range(len(letters)))

    def _send_all(self, letters: Mapping[int, Letter], away: set[StoreName]) -> dict[int, Decision]:
        """Send letters, several at once: their own timestamps decide which wins. A store that takes none is noted."""
        lanes: defaultdict[object, list[int]] = defaultdict(list)
        for number, letter in letters.items():
            shape = self.shapes[letter.mutation.table]
            lanes[lane_of(shape, partition_text(shape, letter.mutation.key)) or number].append(number)

        def send(lane: Sequence[int]) -> dict[int, Decision]:
            found: dict[int, Decision] = {}
            for number in lane:
                letter = letters[number]
                if letter.store in away:
                    found[number] = _left(letter, _AWAY, away=True)
                    continue
                found[number] = decision = self._send(letter)
                if decision.store_is_away:
                    away.add(letter.store)
            return found

        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="replay") as pool:
            return {number: decision for found in pool.map(send, lanes.values()) for number, decision in found.items()}

    def _is_young(self, letter: Letter) -> bool:
        age_us = self._now_us() - letter.mutation.timestamp_us
        return letter.leader_acknowledged and age_us < TARGET_WINDOW_US

    def _send(self, letter: Letter) -> Decision:
        """Send a write at its own timestamp."""
        store, shape = self._stores[letter.store].by_clock(letter.clock_ahead_us), self.shapes[letter.mutation.table]
        failure: Failure | None = None
        for pause_s in (*_PAUSES_S, None):
            try:
                store.apply_to(shape, letter.mutation, older_us=2 * ALLOWED_SKEW // MICROSECOND)
            except delivery_failures() as error:
                failure = failure_of(error, store=letter.store)
            else:
                why = "sent at its own timestamp"
                return Decision(
                    outcome=LetterOutcome.REPLAYED, reason_class=letter.reason, reason=why, cells=_cells(letter)
                )
            if failure.for_good:
                return _parked(failure.reason, failure.text)
            if pause_s is not None:
                self._pause(pause_s)
        text = "" if failure is None else failure.text
        return _left(letter, f"the {letter.store.value.lower()} does not take it now: {text}", away=True)

    def _rows(self, letter: Letter) -> "list[Row] | Decision":
        """The rows that an old letter touched, or why it can't be copied."""
        why_old = _why_copied(letter, now_us=self._now_us())
        if self._copier is None or self._leader is None:
            return _parked(letter.reason, f"{why_old}, and the flag is in no dual mode, so that no store leads")
        if self._leader.follower.value.upper() != letter.store.value:
            led = self._leader.store.value
            return _parked(
                letter.reason,
                f"{why_old}, and the {led}, which lacks the write, leads by now: copying would take it away from the "
                "other store too",
            )
        mutation, shape = letter.mutation, self.shapes[letter.mutation.table]
        if not mutation.kind.deletes_many:
            return [Row(table=mutation.table, key=mutation.key)]
        try:
            found = self._range(letter)
        except delivery_failures() as error:
            failure = failure_of(error, store=letter.store)
            return _left(letter, f"its rows could not be read: {failure.text}", away=failure.reason.may_pass)
        if len(found) > MAX_RANGE_ROWS:
            return _parked(
                ReasonClass.TOO_LARGE,
                f"{why_old}, and its range has more than {MAX_RANGE_ROWS:,} rows: delete them by hand, or let a check "
                "find and a repair delete those that the leader does not have",
            )
        if mutation.kind is MutationKind.DELETE_PARTITION and shape.static_columns:
            found.append(Row(table=mutation.table, key=mutation.key))
        return found

    def _range(self, letter: Letter) -> list[Row]:
        """The rows of a range in either store, up to one more than are looked at."""
        if self._copier is None:
            return []
        mutation, shape = letter.mutation, self.shapes[letter.mutation.table]
        found: dict[str, Row] = {}
        for store in (self._copier.follower, self._copier.leader):
            for key in islice(store.keys(shape, mutation.key, mutation.bounds), MAX_RANGE_ROWS + 1):
                found[repr(sorted(key.items()))] = Row(table=mutation.table, key=key)
        return list(found.values())

    def _copy(self, letters: Mapping[int, Letter], rows: Mapping[int, list[Row]]) -> dict[int, Decision]:
        if self._copier is None or not rows:
            return {}
        flat = [row for each in rows.values() for row in each]
        done = self._copier.copy(flat)
        # Not every write shows: a delete may be newer than anything that CQL tells the time of.
        written = [number for number, each in enumerate(done) if each.outcome is RepairOutcome.WRITTEN]
        seen = dict(zip(written, self._copier.look([flat[number] for number in written]), strict=True))
        fates = iter([_of_both(each, seen.get(number)) for number, each in enumerate(done)])
        return {number: self._of_rows(letters[number], list(islice(fates, len(each)))) for number, each in rows.items()}

    def _of_rows(self, letter: Letter, rows: Sequence[Copied]) -> Decision:
        cells = sum(row.cells for row in rows)
        why = _why_copied(letter, now_us=self._now_us())
        for row in rows:
            if row.outcome in {RepairOutcome.PARKED, RepairOutcome.STILL_DIFFERENT}:
                return _parked(letter.reason, f"{why}; {row.reason or 'the stores still differ'}", cells=cells)
            if row.error is not None:
                failure = failure_of(row.error, store=letter.store)
                if failure.for_good:
                    return _parked(failure.reason, failure.text, cells=cells)
                return _left(letter, f"{why}; {failure.text}", away=failure.reason.may_pass, cells=cells)
            if row.outcome is RepairOutcome.CHANGED_MEANWHILE:
                return _left(letter, f"{why}; {row.reason}", cells=cells)
        what = f"the leader's state was copied, {cells} cells" if cells else "both stores have the same already"
        return Decision(
            outcome=LetterOutcome.REPLAYED, reason_class=letter.reason, reason=f"{why}; {what}", cells=cells
        )


def _of_both(done: Copied, seen: Copied | None) -> Copied:
    """What became of a row: what was done to it, and how it stood afterwards."""
    if seen is None:
        return done
    if seen.outcome is RepairOutcome.IN_LINE:
        return done
    return Copied(outcome=seen.outcome, reason=seen.reason, cells=done.cells, error=seen.error)


def _why_copied(letter: Letter, *, now_us: int) -> str:
    if not letter.leader_acknowledged:
        return "nobody knows whether the leader has the write"
    return f"the write is {(now_us - letter.mutation.timestamp_us) / _HOUR_US:.1f} h old"


def _cells(letter: Letter) -> int:
    return max(1, len(letter.mutation.columns) + len(letter.mutation.elements))


def _parked(reason_class: ReasonClass, reason: str, *, cells: int = 0) -> Decision:
    return Decision(outcome=LetterOutcome.PARKED, reason_class=reason_class, reason=reason, cells=cells)


def _left(letter: Letter, reason: str, *, away: bool = False, cells: int = 0) -> Decision:
    return Decision(outcome=None, reason_class=letter.reason, reason=reason, cells=cells, store_is_away=away)
