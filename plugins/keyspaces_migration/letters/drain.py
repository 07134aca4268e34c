"""Empties the queue: each letter is replayed or parked, is in the ledger, and only then is taken off the queue.

At-least-once, as SQS is: a letter that comes twice is told by its id, and one whose process was killed between store,
ledger and queue comes again, and does again what changes nothing.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from keyspaces_migration.cql.json_codec import canonical_text, encode_columns
from keyspaces_migration.dual_write.errors import LetterFormatError, LettersUnavailableError
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.letters import Envelope, Letter, PayloadPlace, read_envelope, verified_payload
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.ledger.letter_records import LetterOutcome, LetterRecord
from keyspaces_migration.letters.calls import failed_call
from keyspaces_migration.letters.inbox import Inbox, PayloadMissingError, Received
from keyspaces_migration.letters.replay import Decision, Replayer

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_log = logging.getLogger(__name__)

BATCH = 50
"""Letters that are recorded together: memory holds so many messages."""

MAX_LEFT = 1_000
"""Letters left for the next run, at which a run ends: more would come again within this one."""


class LetterBook(Protocol):
    """The ledger of one run: `ledger.letters`, bound to a migration and a run."""

    def standing(self, letter_ids: Sequence[str]) -> dict[str, LetterOutcome]:
        """How letters stand that were recorded before."""

    def record(self, letters: Sequence[LetterRecord]) -> Sequence[LetterRecord]:
        """Record letters; return those that were new. When it returns, all outlive this process."""


@dataclass(frozen=True, kw_only=True)
class LeftLetter:
    """A letter that stays in the queue, and why."""

    letter_id: str
    table: str | None
    reason_class: ReasonClass
    reason: str


@dataclass(kw_only=True)
class Drained:
    """What a run did.

    Attributes:
        counts: Letters that this run recorded, by outcome and class.
        cells: Of stores that were set or deleted.
        again: Messages whose letter the ledger had already.
        left: Letters that stay in the queue.
        oldest_sent_at: Of the messages received; None where there were none.
        store_is_away: Whether the run ended early, as a store took nothing.
    """

    counts: Counter[tuple[LetterOutcome, ReasonClass]] = field(default_factory=Counter)
    cells: int = 0
    again: int = 0
    left: list[LeftLetter] = field(default_factory=list)
    oldest_sent_at: datetime | None = None
    store_is_away: bool = False

    def of(self, outcome: LetterOutcome) -> int:
        """How many letters this run recorded with an outcome."""
        return sum(count for (each, _), count in self.counts.items() if each is outcome)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A message as far as it could be read; `known_id` where the ledger has it already."""

    body: str
    sent_at: datetime | None
    handle: str | None
    known_id: str | None = None
    envelope: Envelope | None = None
    letter: Letter | None = None
    decision: Decision | None = None

    @property
    def taken_us(self) -> int | None:
        """When the queue took it, in microseconds since 1970."""
        return None if self.sent_at is None else (self.sent_at - _EPOCH) // timedelta(microseconds=1)

    @property
    def letter_id(self) -> str:
        """The letter's id, or that of what could not be opened.

        Nobody may pass something else off as another letter: the id that a message claims counts only where its write
        was found to fit it. Of the others, the content alone tells which it is.
        """
        if self.known_id is not None:
            return self.known_id
        if self.letter is not None and self.envelope is not None:
            return self.envelope.letter_id
        return f"unreadable-{sha256(self.body.encode()).hexdigest()[:32]}"


class Drain:
    """Takes letters off a queue into stores and ledger."""

    def __init__(
        self,
        *,
        migration: str,
        shapes: Mapping[str, TableShape],
        inbox: Inbox,
        replayer: Replayer,
        book: LetterBook,
    ) -> None:
        self._migration = migration
        self._shapes = shapes
        self._inbox = inbox
        self._replayer = replayer
        self._book = book

    def run(
        self, *, retried: Sequence[LetterRecord] = (), progress: Callable[[Drained], None] = lambda _: None
    ) -> Drained:
        """Replay letters that were parked, then what the queue has.

        Args:
            retried: Parked letters as the ledger has them.
            progress: Called after each batch.

        Raises:
            LettersUnavailableError: The queue does not answer. What was done is recorded.
            LedgerError: The ledger can't be read or written. What it lacks comes again.
        """
        done = Drained()
        for first in range(0, len(retried), BATCH):
            some = retried[first : first + BATCH]
            parked = [
                _Opened(body=each.body or "", sent_at=each.sent_at, handle=None, known_id=each.letter_id)
                for each in some
            ]
            self._finish([], [self._open(each) for each in parked], done)
            progress(done)
        left: list[str] = []
        try:
            while not done.store_is_away and len(left) < MAX_LEFT and (received := self._receive()):
                left += self._batch(received, done)
                progress(done)
        finally:
            self._give_back(left)
        return done

    def _receive(self) -> list[Received]:
        found: list[Received] = []
        while len(found) < BATCH and (some := self._inbox.receive()):
            found += some
        return found

    def _batch(self, received: Sequence[Received], done: Drained) -> list[str]:
        """Decide, record, delete; return the handles of what is left."""
        opened = [self._open(_Opened(body=each.body, sent_at=each.sent_at, handle=each.handle)) for each in received]
        standing = self._book.standing([each.letter_id for each in opened])
        known = [each for each in opened if each.letter_id in standing]
        return self._finish(known, [each for each in opened if each.letter_id not in standing], done)

    def _finish(self, known: Sequence[_Opened], fresh: Sequence[_Opened], done: Drained) -> list[str]:
        """Decide on what is new, record it, and take it and what is known off the queue."""
        decided = self._decide(fresh)
        records = [
            _record(each, each.decision, self._shapes) for each in decided if each.decision and each.decision.outcome
        ]
        new = self._book.record(records)
        kept = [each for each in decided if each.decision is None or each.decision.outcome is None]
        lefts = {id(each) for each in kept}
        finished = [*known, *(each for each in decided if id(each) not in lefts)]
        self._inbox.delete([each.handle for each in finished if each.handle])
        self._note(done, [*known, *fresh], new, kept, again=len(finished) - len(new))
        return [each.handle for each in kept if each.handle]

    def _open(self, message: _Opened) -> _Opened:
        """Read a message as far as it can be, and fetch a large letter's write."""
        if (call := failed_call(message.body)) is not None:
            closed = Decision(outcome=LetterOutcome.CLOSED, reason_class=ReasonClass.OTHER, reason=call)
            return replace(message, decision=closed)
        try:
            envelope = read_envelope(message.body)
        except LetterFormatError as error:
            return replace(message, decision=_unreadable(str(error)))
        message = replace(message, envelope=envelope)
        if envelope.migration != self._migration:
            why = f"it is of migration {envelope.migration!r}: is its writer given the right queue?"
            return replace(message, decision=_unreadable(why))
        try:
            text = envelope.write
            if isinstance(text, PayloadPlace):
                text = verified_payload(text, self._inbox.fetch(text))
            return replace(message, letter=envelope.opened(text, self._shapes, taken_us=message.taken_us))
        except (LetterFormatError, PayloadMissingError) as error:
            return replace(message, decision=_unreadable(str(error)))
        except LettersUnavailableError as error:
            left = Decision(outcome=None, reason_class=envelope.reason, reason=str(error))
            return replace(message, decision=left)

    def _decide(self, messages: Sequence[_Opened]) -> list[_Opened]:
        # The same letter twice in one batch is one letter: the second is decided as the first.
        first: dict[str, Letter] = {
            each.letter_id: each.letter for each in messages if each.letter is not None and each.decision is None
        }
        decisions = dict(zip(first, self._replayer.replay(list(first.values())), strict=True))
        return [
            each if each.decision is not None else replace(each, decision=decisions[each.letter_id])
            for each in messages
        ]

    def _note(
        self,
        done: Drained,
        messages: Sequence[_Opened],
        records: Sequence[LetterRecord],
        kept: Sequence[_Opened],
        *,
        again: int,
    ) -> None:
        done.counts.update((each.outcome, each.reason_class) for each in records)
        done.cells += sum(each.cells for each in records)
        done.again += again
        for each in kept:
            decision = each.decision
            if decision is not None:
                done.left.append(
                    LeftLetter(
                        letter_id=each.letter_id,
                        table=each.letter.mutation.table if each.letter else None,
                        reason_class=decision.reason_class,
                        reason=decision.reason,
                    )
                )
                done.store_is_away = done.store_is_away or decision.store_is_away
        moments = [each.sent_at for each in messages if each.sent_at is not None]
        done.oldest_sent_at = min([*moments, *([done.oldest_sent_at] if done.oldest_sent_at else [])], default=None)

    def _give_back(self, handles: Sequence[str]) -> None:
        try:
            self._inbox.give_back(handles)
        except LettersUnavailableError as error:
            _log.warning("letters that were left come again only when they are no longer hidden: %s", error)


def _unreadable(why: str) -> Decision:
    return Decision(outcome=LetterOutcome.PARKED, reason_class=ReasonClass.UNREADABLE, reason=why)


def _record(message: _Opened, decision: Decision, shapes: Mapping[str, TableShape]) -> LetterRecord:
    envelope, letter = message.envelope, message.letter
    outcome = decision.outcome or LetterOutcome.PARKED
    return LetterRecord(
        letter_id=message.letter_id,
        outcome=outcome,
        reason_class=decision.reason_class,
        reason=decision.reason,
        table_name=letter.mutation.table if letter else None,
        store=envelope.store if envelope else None,
        writer_id=envelope.writer_id if envelope else None,
        key_json=None if letter is None else _key(letter, shapes),
        timestamp_us=letter.mutation.timestamp_us if letter else None,
        cells=decision.cells,
        sent_at=message.sent_at,
        body=message.body if outcome is LetterOutcome.PARKED else None,
        body_sha256=sha256(message.body.encode()).hexdigest(),
    )


def _key(letter: Letter, shapes: Mapping[str, TableShape]) -> str:
    return canonical_text(encode_columns(letter.mutation.key, shapes[letter.mutation.table].columns))
