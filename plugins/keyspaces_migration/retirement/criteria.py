"""Whether the source may be let go: a pure function of facts. What is not known counts as not met."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from keyspaces_migration.config import Migration
from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.criteria import NOT_SEEN, CriterionState, Finding, Judged, cell, state_of
from keyspaces_migration.cutover.facts import LetterQueue
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.registry import WriterRecord, missing_writers
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.check_records import CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.letter_records import LetterCounts
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.records import MilestoneReached
from keyspaces_migration.lifecycle import Milestone, standing

ALL_READS = 100


class Criterion(StrEnum):
    """What must hold before the source stops getting writes, after which there is no way back to it."""

    CUTOVER = "cutover"
    BAKE = "time since the cutover"
    FLAG = "flag"
    WRITERS = "writers"
    LETTERS = "dead letters"
    CHECK = "newest check"


@dataclass(frozen=True, kw_only=True)
class RetirementFacts:
    """What the judgement rests on. None: could not be looked at.

    Attributes:
        milestones: All that the migration reached, oldest first.
        checks: Every attempt of every check, oldest first.
        writers: As listed just now.
        flag: The state in force.
        letters: How the letters stand that the ledger has.
        queue: The dead letter queue.
    """

    milestones: Sequence[MilestoneReached] | None
    checks: Sequence[CheckRun] | None
    writers: Sequence[WriterRecord] | None
    flag: FlagState | None
    letters: LetterCounts | None
    queue: LetterQueue | None

    @property
    def cut_over_at(self) -> datetime | None:
        """When the last cutover that still stands was finished; None where there is none."""
        if self.milestones is None:
            return None
        if Milestone.CUTOVER_FINISHED not in standing(each.milestone for each in self.milestones):
            return None
        return [each.reached_at for each in self.milestones if each.milestone is Milestone.CUTOVER_FINISHED][-1]


@dataclass(frozen=True, kw_only=True)
class Retirement(Judged[Finding]):
    """All criteria, as they were found at a moment."""

    at: datetime

    def markdown(self) -> str:
        """A table for people."""
        rows = [
            f"| {each.criterion} | {each.state} | {cell(each.observed)} | {cell(each.required)} |"
            for each in self.results
        ]
        return "\n".join(("| Criterion | State | Observed | Required |", "|---|---|---|---|", *rows))


def read_retirement_facts(
    ledger: Ledger,
    migration: Migration,
    *,
    writers: Sequence[WriterRecord] | None,
    flag: FlagState | None,
    queue: LetterQueue | None,
) -> RetirementFacts:
    """Return the facts of the ledger, all of one moment, beside those given. Errors are the ledger's."""
    with ledger.one_state():
        return RetirementFacts(
            milestones=ledger.milestones(migration.name),
            checks=CheckLedger(ledger).runs(migration.name),
            letters=LetterLedger(ledger).counts(migration.name),
            writers=writers,
            flag=flag,
            queue=queue,
        )


def judge_retirement(facts: RetirementFacts, migration: Migration, *, now: datetime) -> Retirement:
    """Judge every criterion.

    Args:
        facts: As read just now.
        migration: Whose limits hold.
        now: The real time, in UTC.
    """
    found = (
        _cut_over(facts),
        _baked(facts, migration.cutover.retire_after, now),
        _flag(facts),
        _writers(facts),
        _letters(facts),
        _check(facts, migration.cutover.max_check_age, now),
    )
    return Retirement(
        results=tuple(
            Finding(criterion=criterion, state=state, observed=observed, required=required)
            for criterion, state, observed, required in found
        ),
        at=now,
    )


_Found = tuple[Criterion, CriterionState, str, str]


def _cut_over(facts: RetirementFacts) -> _Found:
    criterion, required = Criterion.CUTOVER, f"milestone {Milestone.CUTOVER_FINISHED}, and no rollback since"
    if facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    at = facts.cut_over_at
    return criterion, state_of(at is not None), f"finished {at:%Y-%m-%d %H:%M:%S}" if at else "not finished", required


def _baked(facts: RetirementFacts, period: timedelta, now: datetime) -> _Found:
    criterion, required = Criterion.BAKE, f"at least {_spoken(period)} (cutover.retire_after)"
    if facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    if facts.cut_over_at is None:
        return criterion, CriterionState.UNMET, "the cutover is not finished", required
    passed = now - facts.cut_over_at
    return criterion, state_of(passed >= period), _spoken(passed), required


def _flag(facts: RetirementFacts) -> _Found:
    criterion, required = Criterion.FLAG, f"{WriteMode.DUAL_TARGET_LEADS}, {ALL_READS} % of reads on the target"
    if facts.flag is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    mode, percent = facts.flag.mode, facts.flag.target_read_percent
    met = mode is WriteMode.DUAL_TARGET_LEADS and percent == ALL_READS
    return criterion, state_of(met), f"{mode}, {percent} %, version {facts.flag.version}", required


def _writers(facts: RetirementFacts) -> _Found:
    criterion = Criterion.WRITERS
    required = "every writer heard of just now and at the flag's state, without unsent or parked writes"
    if facts.writers is None or facts.flag is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    against = list(_against_writers(facts.writers, facts.flag))
    count = len(facts.writers)
    settled = f"{count} writer{'' if count == 1 else 's'}, nothing unsent"
    return criterion, state_of(not against), "; ".join(against) or settled, required


def _against_writers(writers: Sequence[WriterRecord], flag: FlagState) -> Iterator[str]:
    if not writers:
        yield "no writer is registered"
    yield from (str(missing) for missing in missing_writers(writers, flag))
    for each in writers:
        if each.target_read_percent != flag.target_read_percent:
            yield f"{each.writer_id} reads {each.target_read_percent} % on the target"
        if each.journal_depth:
            yield f"{each.writer_id} has {each.journal_depth} writes that are not in both stores"
        if each.parked:
            yield f"{each.writer_id} has parked {each.parked} writes"


def _letters(facts: RetirementFacts) -> _Found:
    criterion, required = Criterion.LETTERS, "none in the queue, none parked"
    if facts.letters is None or facts.queue is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    parked, waiting = facts.letters.parked, facts.queue.letters
    return criterion, state_of(not parked and not waiting), f"{parked} parked; {waiting} in the queue", required


def _check(facts: RetirementFacts, limit: timedelta, now: datetime) -> _Found:
    criterion = Criterion.CHECK
    required = f"{Verdict.PASS}, begun after the cutover, at most {_spoken(limit)} old"
    if facts.checks is None or facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    if not facts.checks:
        return criterion, CriterionState.UNMET, "no check", required
    newest, since = facts.checks[-1], facts.cut_over_at
    age = now - newest.finished_at
    early = since is None or newest.started_at < since
    observed = f"{newest.verdict}, {_spoken(age)} old" + (", begun before the cutover was finished" if early else "")
    met = newest.verdict is Verdict.PASS and not early and timedelta() <= age <= limit
    return criterion, state_of(met), observed, required


def _spoken(duration: timedelta) -> str:
    """A duration to the second, in the file's own form."""
    seconds = timedelta(seconds=round(duration.total_seconds()))
    return f"-{format_duration(-seconds)}" if seconds < timedelta() else format_duration(seconds)
