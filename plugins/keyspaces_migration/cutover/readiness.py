"""Whether reads may move to the target: a pure function of facts. What is not known counts as not met."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.registry import WriterRecord, missing_writers
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.check_records import CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.letter_records import LetterCounts
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.records import MilestoneReached
from keyspaces_migration.ledger.sweeps import SweepLedger, SweepRecord
from keyspaces_migration.lifecycle import Milestone, standing


class Criterion(StrEnum):
    """What must hold before the share of reads on the target is raised."""

    PROVISIONED = "provisioned"
    DUAL_WRITES = "dual writes"
    BACKFILL = "backfill"
    CHECKS = "checks"
    CHECK_FRESH = "newest check"
    SWEEP = "complete sweep"
    WAITING_PERIOD = "waiting period"
    LETTERS = "dead letters"
    FOLLOWER_LAG = "follower lag"


class CriterionState(StrEnum):
    """Unknown counts as unmet."""

    MET = "met"
    UNMET = "unmet"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class CriterionResult:
    """One criterion, what was observed of it, what is required, and when it was looked at."""

    criterion: Criterion
    state: CriterionState
    observed: str
    required: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.criterion}: {self.state}; observed: {self.observed}; required: {self.required}"


@dataclass(frozen=True, kw_only=True)
class LetterQueue:
    """The dead letter queue.

    Attributes:
        letters: About how many wait, those included that are being replayed.
        oldest_age: None where nobody knows.
    """

    letters: int
    oldest_age: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the judgement rests on. None: could not be looked at.

    Attributes:
        milestones: All that the migration reached, oldest first.
        checks: Every attempt of every check, oldest first.
        sweeps: With which record of each table the newest pass of a sweep over its whole token ring ended.
        writers: As listed just now.
        flag: The state in force.
        letters: How the letters stand that the ledger has.
        queue: The dead letter queue.
    """

    milestones: Sequence[MilestoneReached] | None
    checks: Sequence[CheckRun] | None
    sweeps: Mapping[str, SweepRecord] | None
    writers: Sequence[WriterRecord] | None
    flag: FlagState | None
    letters: LetterCounts | None
    queue: LetterQueue | None


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """All criteria."""

    results: tuple[CriterionResult, ...]

    @property
    def is_ready(self) -> bool:
        """Whether every criterion is met."""
        return not self.missing

    @property
    def missing(self) -> tuple[CriterionResult, ...]:
        """Those that are not met, or not known to be."""
        return tuple(result for result in self.results if result.state is not CriterionState.MET)

    def markdown(self) -> str:
        """A table for people."""
        rows = [
            f"| {each.criterion} | {each.state} | {_cell(each.observed)} | {_cell(each.required)} "
            f"| {each.at:%Y-%m-%d %H:%M:%S} |"
            for each in self.results
        ]
        return "\n".join(("| Criterion | State | Observed | Required | At (UTC) |", "|---|---|---|---|---|", *rows))


def read_facts(
    ledger: Ledger,
    migration: Migration,
    *,
    writers: Sequence[WriterRecord] | None,
    flag: FlagState | None,
    queue: LetterQueue | None,
) -> Facts:
    """Return the facts of the ledger, all of one moment, beside those given. Errors are the ledger's."""
    with ledger.one_state():
        return Facts(
            milestones=ledger.milestones(migration.name),
            checks=CheckLedger(ledger).runs(migration.name),
            sweeps=SweepLedger(ledger).completed(migration.name),
            writers=writers,
            flag=flag,
            letters=LetterLedger(ledger).counts(migration.name),
            queue=queue,
        )


def judge(facts: Facts, migration: Migration, *, now: datetime) -> Readiness:
    """Judge every criterion.

    Args:
        facts: As read just now.
        migration: Whose limits hold.
        now: The real time, in UTC.
    """
    found = (
        _milestone(Criterion.PROVISIONED, Milestone.PROVISIONED, facts),
        _dual_writes(facts),
        _milestone(Criterion.BACKFILL, Milestone.BACKFILL_COMPLETE, facts),
        _passes(facts, migration.cutover.consecutive_passes),
        _fresh(facts, migration.cutover.max_check_age, now),
        _swept(facts, migration.tables),
        _waited(facts, migration.cutover.waiting_period, now),
        _letters(facts, migration.dead_letters.max_age),
        _lag(facts, migration.dead_letters.max_follower_lag),
    )
    return Readiness(
        results=tuple(
            CriterionResult(criterion=criterion, state=state, observed=observed, required=required, at=now)
            for criterion, state, observed, required in found
        )
    )


_Finding = tuple[Criterion, CriterionState, str, str]
_NOT_SEEN = "could not be looked at"


def _state(met: bool) -> CriterionState:  # noqa: FBT001 -- a plain conversion
    return CriterionState.MET if met else CriterionState.UNMET


def _milestone(criterion: Criterion, milestone: Milestone, facts: Facts) -> _Finding:
    required = f"milestone {milestone}"
    if facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    reached = milestone in standing(record.milestone for record in facts.milestones)
    return criterion, _state(reached), "reached" if reached else "not reached", required


def _dual_writes(facts: Facts) -> _Finding:
    criterion, required = Criterion.DUAL_WRITES, "started; every writer in a dual mode, heard of just now, none parked"
    if facts.milestones is None or facts.writers is None or facts.flag is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    against = list(_against_writers(facts.writers, facts.flag))
    if Milestone.DUAL_WRITES_STARTED not in standing(record.milestone for record in facts.milestones):
        against.insert(0, "not started")
    count = len(facts.writers)
    observed = "; ".join(against) or f"{count} writer{'' if count == 1 else 's'} in {facts.flag.mode}"
    return criterion, _state(not against), observed, required


def _against_writers(writers: Sequence[WriterRecord], flag: FlagState) -> Iterable[str]:
    if not writers:
        yield "no writer is registered"
    if not flag.mode.is_dual:
        yield f"the flag is in {flag.mode}"
    yield from (str(missing) for missing in missing_writers(writers, flag))
    yield from (f"{each.writer_id} has parked {each.parked} writes" for each in writers if each.parked)


def _passes(facts: Facts, wanted: int) -> _Finding:
    criterion, required = Criterion.CHECKS, f"the last {wanted} passed"
    if facts.checks is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    last = [check.verdict for check in facts.checks[-wanted:]]
    met = len(last) == wanted and all(verdict is Verdict.PASS for verdict in last)
    return criterion, _state(met), ", ".join(last) or "no check", required


def _fresh(facts: Facts, limit: timedelta, now: datetime) -> _Finding:
    criterion = Criterion.CHECK_FRESH
    required = f"at most {_spoken(limit)} old, and begun after dual writes and backfill"
    if facts.checks is None or facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    if not facts.checks:
        return criterion, CriterionState.UNMET, "no check", required
    newest = facts.checks[-1]
    age = now - newest.finished_at
    since = _stood_on(facts.milestones)
    early = since is not None and newest.started_at < since
    observed = f"{_spoken(age)} old" + (", begun before dual writes and backfill were done" if early else "")
    return criterion, _state(timedelta() <= age <= limit and not early), observed, required


def _stood_on(milestones: Sequence[MilestoneReached]) -> datetime | None:
    """When both stores were last made complete. Reads that go to one or the other change nothing in them."""
    made = {Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE}
    return max((record.reached_at for record in milestones if record.milestone in made), default=None)


def _swept(facts: Facts, tables: Iterable[str]) -> _Finding:
    criterion = Criterion.SWEEP
    required = "a sweep over the whole token ring of each table, begun after dual writes and backfill"
    if facts.sweeps is None or facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    began = _stood_on(facts.milestones)
    lacking = [
        table
        for table in tables
        if table not in facts.sweeps or (began is not None and facts.sweeps[table].began_at < began)
    ]
    observed = f"none yet of {', '.join(lacking)}" if lacking else "every table was seen whole"
    return criterion, _state(not lacking), observed, required


def _waited(facts: Facts, period: timedelta, now: datetime) -> _Finding:
    criterion, required = Criterion.WAITING_PERIOD, f"{_spoken(period)} since dual writes began"
    if facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    began = [each.reached_at for each in facts.milestones if each.milestone is Milestone.DUAL_WRITES_STARTED]
    if not began:
        return criterion, CriterionState.UNMET, "dual writes have not begun", required
    waited = now - began[-1]
    return criterion, _state(waited >= period), _spoken(waited), required


def _letters(facts: Facts, limit: timedelta) -> _Finding:
    criterion = Criterion.LETTERS
    required = f"none parked, and the oldest in the queue at most {_spoken(limit)} old"
    if facts.letters is None or facts.queue is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    parked, waiting, age = facts.letters.parked, facts.queue.letters, facts.queue.oldest_age
    known = "age not known" if age is None else f"the oldest {_spoken(age)} old"
    observed = f"{parked} parked; {waiting} in the queue" + (f", {known}" if waiting else "")
    if parked or (waiting and age is not None and age > limit):
        return criterion, CriterionState.UNMET, observed, required
    return criterion, CriterionState.UNKNOWN if waiting and age is None else CriterionState.MET, observed, required


def _lag(facts: Facts, limit: timedelta) -> _Finding:
    criterion = Criterion.FOLLOWER_LAG
    required = f"every writer's oldest write that a store lacks is at most {_spoken(limit)} old"
    if facts.writers is None:
        return criterion, CriterionState.UNKNOWN, _NOT_SEEN, required
    if not facts.writers:
        return criterion, CriterionState.UNMET, "no writer is registered", required
    late = [
        f"{each.writer_id} has {each.journal_depth} unsent writes, the oldest {_spoken(each.follower_lag)} old"
        for each in facts.writers
        if each.follower_lag > limit
    ]
    worst = max(each.follower_lag for each in facts.writers)
    return criterion, _state(not late), "; ".join(late) or f"at most {_spoken(worst)}", required


def _spoken(duration: timedelta) -> str:
    """A duration to the second, such as `1 d 2 h`, `2 min 5 s` or `-3 s`."""
    seconds = round(duration.total_seconds())
    rest, parts = abs(seconds), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count} {unit}"] if count else []
    return ("-" if seconds < 0 else "") + (" ".join(parts) or "0 s")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
