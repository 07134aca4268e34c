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
from keyspaces_migration.ledger.letter_records import LetterRecord

LETTERS_LIVE = timedelta(days=14)
"""How long SQS keeps a letter (its longest retention, which `provision` sets)."""

_MOST_KEYS = 20


@dataclass(frozen=True, kw_only=True)
class Behind:
    """What stands behind a way back. None: could not be looked at.

    Attributes:
        before: The state that was taken back.
        state: The state in force.
        writers: As listed after it was put in force.
        queue: The dead letter queue.
        parked: Letters that wait for a person.
        checks: Every check, oldest first.
        led_since: When the target began to lead; None where it did not, or nobody knows.
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


def judge_way_back(behind: Behind) -> WayBack:
    """Say whether the source has every acknowledged write.

    While the source led, every acknowledged write is on it: its answer was the caller's. Where the target led, the
    source is complete only if no journal, queue or parked letter holds a write, every writer has reported since, and
    a check with the target leading found the source to be the same.
    """
    until = (
        "One can go back until `retire` ends the writes to the source; a letter toward it is kept for "
        f"{LETTERS_LIVE.days} days."
    )
    if not behind.before.mode.target_leads:
        why = "the source led, so every acknowledged write is on it"
        return WayBack(why=why, against=(), at_risk=(), until=until)
    return WayBack(
        why=(
            "journals and queue are empty, every writer has reported, and a check while the target led found the "
            "source to be the same"
        ),
        against=tuple(_against(behind)),
        at_risk=tuple(_at_risk(behind)),
        until=until,
    )


def _against(behind: Behind) -> Iterator[str]:
    yield from _against_writers(behind)
    if behind.queue is None:
        yield "the dead letter queue could not be looked at"
    elif behind.queue.letters:
        yield f"{behind.queue.letters} letters are in the queue: run replay_dead_letters"
    if behind.parked is None:
        yield "the parked letters could not be looked at"
    elif lacking := _toward_source(behind.parked):
        yield f"{len(lacking)} letters toward the source are parked"
    yield from _against_checks(behind)


def _against_writers(behind: Behind) -> Iterator[str]:
    if behind.writers is None:
        yield "the writers could not be looked at"
        return
    if not behind.writers:
        yield "no writer is registered, so no journal could be looked at"
    yield from (str(each) for each in missing_writers(behind.writers, behind.state))
    yield from (
        f"{each.writer_id} has {each.journal_depth} unsent writes, {each.parked} of them parked"
        for each in behind.writers
        if each.journal_depth or each.parked
    )


def _against_checks(behind: Behind) -> Iterator[str]:
    if behind.checks is None:
        yield "the checks could not be looked at"
        return
    led = [each for each in behind.checks if each.leader is Leader.TARGET]
    if behind.led_since is not None:
        led = [each for each in led if each.started_at >= behind.led_since]
    if not led:
        yield "no check has looked at the source since the target leads"
    elif led[-1].verdict is not Verdict.PASS:
        yield f"the newest check since the target leads is {led[-1].verdict}"


def _toward_source(letters: Sequence[LetterRecord]) -> list[LetterRecord]:
    # A letter that can't be read may be for either store.
    return [each for each in letters if each.store is not StoreName.TARGET]


def _at_risk(behind: Behind) -> Iterator[str]:
    for each in behind.writers or ():
        if each.journal_depth:
            oldest = f", the oldest of {each.oldest_unsent_at:%Y-%m-%d %H:%M:%S} UTC" if each.oldest_unsent_at else ""
            yield f"{each.journal_depth} writes in the journal of {each.writer_id} on {each.host}{oldest}"
    letters = _toward_source(behind.parked or ())
    yield from (
        f"{each.table_name or 'table not known'} {each.key_json or 'key not known'}" for each in letters[:_MOST_KEYS]
    )
    if len(letters) > _MOST_KEYS:
        yield f"and {len(letters) - _MOST_KEYS} more parked letters"
