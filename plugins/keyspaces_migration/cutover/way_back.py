"""Whether going back to the source loses nothing, and until when: a pure function of what was seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyspaces_migration.consistency.kinds import Leader, Verdict
from keyspaces_migration.cutover.facts import LetterQueue
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.registry import WriterRecord, missing_writers
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.ledger.check_records import CheckRun
from keyspaces_migration.ledger.flags import FlagChange
from keyspaces_migration.ledger.letter_records import LetterRecord

LETTERS_LIVE = timedelta(days=14)
"""How long SQS keeps a letter (its longest retention, which `provision` sets)."""

_MOST_KEYS = 20


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What the statement rests on. None: could not be looked at.

    Attributes:
        before: The state that was taken back.
        state: The state in force.
        writers: As listed after it was put in force.
        queue: The dead letter queue.
        parked: Letters that wait for a person.
        checks: Every check, oldest first.
        led_since: When the state that was taken back was asked for.
    """

    before: FlagState
    state: FlagState
    writers: Sequence[WriterRecord] | None
    queue: LetterQueue | None
    parked: Sequence[LetterRecord] | None
    checks: Sequence[CheckRun] | None
    led_since: datetime | None


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """The statement.

    Attributes:
        why: What it rests on, in words.
        against: What stands against calling it lossless; empty: it is.
        at_risk: Keys, or writers, whose writes the source may lack.
        until: Until when one can go back, in words.
    """

    why: str
    against: tuple[str, ...]
    at_risk: tuple[str, ...]
    until: str

    @property
    def is_lossless(self) -> bool:
        """Whether the source is known to have every acknowledged write."""
        return not self.against

    def __str__(self) -> str:
        if self.is_lossless:
            return f"Lossless: {self.why}. {self.until}"
        risk = f" At risk: {'; '.join(self.at_risk)}." if self.at_risk else ""
        return f"Not known to be lossless: {'; '.join(self.against)}.{risk} {self.until}"


def since_when(changes: Sequence[FlagChange], state: FlagState) -> datetime | None:
    """When `state` was asked for, by the ledger's changes of the flag; None: no run recorded that it asked for it."""
    return next((each.requested_at for each in reversed(changes) if each.state == state), None)


def taken_back(changes: Sequence[FlagChange], before: FlagState, *, now: FlagState) -> FlagState:
    """Return the state that is taken back: the newest that was asked for, where the target was to lead in it.

    `before` is what was found, which somebody may have put in force without us, as by the AWS CLI; then the target led.

    Args:
        changes: The ledger's, oldest first.
        before: What was in force when the share was lowered.
        now: What is in force, which the ledger may have already.
    """
    newest = next((each.state for each in reversed(changes) if each.state not in {before, now}), None)
    asked_for = any(each.state == before for each in changes)
    return newest if newest is not None and newest.mode.target_leads and not asked_for else before


def judge_way_back(basis: Basis) -> WayBack:
    """Say whether the source has every acknowledged write.

    While the source led, every acknowledged write is on it: its answer was the caller's. Where the target led, the
    source is complete only if no journal, queue or parked letter holds a write, every writer has reported since, and
    a check with the target leading found the source to be the same.
    """
    until = (
        "One can go back until `retire` ends the writes to the source; a letter toward it is kept for "
        f"{LETTERS_LIVE.days} days."
    )
    if not basis.before.mode.target_leads:
        why = "the source led, so every acknowledged write is on it"
        return WayBack(why=why, against=(), at_risk=(), until=until)
    return WayBack(
        why=(
            "journals and queue are empty, every writer has reported, and a check while the target led found the "
            "source to be the same"
        ),
        against=tuple(_against(basis)),
        at_risk=tuple(_at_risk(basis)),
        until=until,
    )


def _against(basis: Basis) -> Iterator[str]:
    yield from _against_writers(basis)
    if basis.queue is None:
        yield "the dead letter queue could not be looked at"
    elif basis.queue.letters:
        yield f"{basis.queue.letters} letters are in the queue: run replay_dead_letters"
    if basis.parked is None:
        yield "the parked letters could not be looked at"
    elif lacking := _toward_source(basis.parked):
        yield f"{len(lacking)} letters toward the source are parked"
    yield from _against_checks(basis)


def _against_writers(basis: Basis) -> Iterator[str]:
    if basis.writers is None:
        yield "the writers could not be looked at"
        return
    if not basis.writers:
        yield "no writer is registered, so no journal could be looked at"
    yield from (str(each) for each in missing_writers(basis.writers, basis.state))
    yield from (
        f"{each.writer_id} has {each.journal_depth} unsent writes, {each.parked} of them parked"
        for each in basis.writers
        if each.journal_depth or each.parked
    )


def _against_checks(basis: Basis) -> Iterator[str]:
    if basis.checks is None:
        yield "the checks could not be looked at"
        return
    if basis.led_since is None:
        yield "since when the target leads is not known, so no check counts"
        return
    led = [each for each in basis.checks if each.leader is Leader.TARGET and each.started_at >= basis.led_since]
    if not led:
        yield "no check has looked at the source since the target leads"
    elif led[-1].verdict is not Verdict.PASS:
        yield f"the newest check since the target leads is {led[-1].verdict}"


def _toward_source(letters: Sequence[LetterRecord]) -> list[LetterRecord]:
    # A letter that can't be read may be for either store.
    return [each for each in letters if each.store is not StoreName.TARGET]


def _at_risk(basis: Basis) -> Iterator[str]:
    for each in basis.writers or ():
        if each.journal_depth:
            oldest = f", the oldest of {each.oldest_unsent_at:%Y-%m-%d %H:%M:%S} UTC" if each.oldest_unsent_at else ""
            yield f"{each.journal_depth} writes in the journal of {each.writer_id} on {each.host}{oldest}"
    letters = _toward_source(basis.parked or ())
    yield from (
        f"{each.table_name or 'table not known'} {each.key_json or 'key not known'}" for each in letters[:_MOST_KEYS]
    )
    if len(letters) > _MOST_KEYS:
        yield f"and {len(letters) - _MOST_KEYS} more parked letters"
