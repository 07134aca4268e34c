"""Whether reads may move to the target: a pure function of facts. What is not known counts as not met."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.attempt import foreign
from keyspaces_migration.cutover.criteria import (
    NOT_SEEN,
    Criterion,
    CriterionResult,
    CriterionState,
    Readiness,
    state_of,
)
from keyspaces_migration.cutover.facts import Facts
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.registry import WriterRecord, missing_writers
from keyspaces_migration.ledger.records import MilestoneReached
from keyspaces_migration.lifecycle import Milestone, standing


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
        _drift(facts, migration.cutover.max_check_age, now),
        _flag(facts),
        _alarms(facts),
        _throttles(facts, migration.cutover.watch.max_throttled_share),
    )
    return Readiness(
        results=tuple(
            CriterionResult(criterion=criterion, state=state, observed=observed, required=required, at=now)
            for criterion, state, observed, required in found
        )
    )


_Finding = tuple[Criterion, CriterionState, str, str]


def _milestone(criterion: Criterion, milestone: Milestone, facts: Facts) -> _Finding:
    required = f"milestone {milestone}"
    if facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    reached = milestone in standing(record.milestone for record in facts.milestones)
    return criterion, state_of(reached), "reached" if reached else "not reached", required


def _dual_writes(facts: Facts) -> _Finding:
    criterion, required = Criterion.DUAL_WRITES, "started; every writer in a dual mode, heard of just now, none parked"
    if facts.milestones is None or facts.outside.writers is None or facts.outside.flag is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    against = list(_against_writers(facts.outside.writers, facts.outside.flag))
    if Milestone.DUAL_WRITES_STARTED not in standing(record.milestone for record in facts.milestones):
        against.insert(0, "not started")
    count = len(facts.outside.writers)
    observed = "; ".join(against) or f"{count} writer{'' if count == 1 else 's'} in {facts.outside.flag.mode}"
    return criterion, state_of(not against), observed, required


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
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    last = [check.verdict for check in facts.checks[-wanted:]]
    met = len(last) == wanted and all(verdict is Verdict.PASS for verdict in last)
    return criterion, state_of(met), ", ".join(last) or "no check", required


def _fresh(facts: Facts, limit: timedelta, now: datetime) -> _Finding:
    criterion = Criterion.CHECK_FRESH
    required = f"at most {_spoken(limit)} old, and begun after dual writes, backfill and the last time the target led"
    if facts.checks is None or facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    if not facts.checks:
        return criterion, CriterionState.UNMET, "no check", required
    newest = facts.checks[-1]
    age = now - newest.finished_at
    since = _stood_on(facts.milestones)
    early = since is not None and newest.started_at < since
    back = _led_back(facts.milestones)
    led_else = back is not None and newest.started_at < back
    observed = f"{_spoken(age)} old" + (", begun before dual writes and backfill were done" if early else "")
    observed += ", begun before the source led again" if led_else else ""
    return criterion, state_of(timedelta() <= age <= limit and not early and not led_else), observed, required


def _stood_on(milestones: Sequence[MilestoneReached]) -> datetime | None:
    """When both stores were last made complete. Reads that go to one or the other change nothing in them."""
    made = {Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE}
    return max((record.reached_at for record in milestones if record.milestone in made), default=None)


def _led_back(milestones: Sequence[MilestoneReached]) -> datetime | None:
    """When the source began to lead again after the target had; None where it never did."""
    led, back = False, None
    for record in milestones:
        if record.milestone is Milestone.CUTOVER_FINISHED:
            led = True
        elif record.milestone is Milestone.ROLLED_BACK and led:
            led, back = False, record.reached_at
    return back


def _swept(facts: Facts, tables: Iterable[str]) -> _Finding:
    criterion = Criterion.SWEEP
    required = "a sweep over the whole token ring of each table, begun after dual writes and backfill"
    if facts.sweeps is None or facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    began = _stood_on(facts.milestones)
    lacking = [
        table
        for table in tables
        if table not in facts.sweeps or (began is not None and facts.sweeps[table].began_at < began)
    ]
    observed = f"none yet of {', '.join(lacking)}" if lacking else "every table was seen whole"
    return criterion, state_of(not lacking), observed, required


def _waited(facts: Facts, period: timedelta, now: datetime) -> _Finding:
    criterion, required = Criterion.WAITING_PERIOD, f"{_spoken(period)} since dual writes began"
    if facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    began = [each.reached_at for each in facts.milestones if each.milestone is Milestone.DUAL_WRITES_STARTED]
    if not began:
        return criterion, CriterionState.UNMET, "dual writes have not begun", required
    waited = now - began[-1]
    return criterion, state_of(waited >= period), _spoken(waited), required


def _letters(facts: Facts, limit: timedelta) -> _Finding:
    criterion = Criterion.LETTERS
    required = f"none parked, and the oldest in the queue at most {_spoken(limit)} old"
    if facts.letters is None or facts.outside.queue is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    parked, waiting, age = facts.letters.parked, facts.outside.queue.letters, facts.outside.queue.oldest_age
    known = "age not known" if age is None else f"the oldest {_spoken(age)} old"
    observed = f"{parked} parked; {waiting} in the queue" + (f", {known}" if waiting else "")
    if parked or (waiting and age is not None and age > limit):
        return criterion, CriterionState.UNMET, observed, required
    return criterion, CriterionState.UNKNOWN if waiting and age is None else CriterionState.MET, observed, required


def _lag(facts: Facts, limit: timedelta) -> _Finding:
    criterion = Criterion.FOLLOWER_LAG
    required = f"every writer's oldest write that a store lacks is at most {_spoken(limit)} old"
    if facts.outside.writers is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    if not facts.outside.writers:
        return criterion, CriterionState.UNMET, "no writer is registered", required
    late = [
        f"{each.writer_id} has {each.journal_depth} unsent writes, the oldest {_spoken(each.follower_lag)} old"
        for each in facts.outside.writers
        if each.follower_lag > limit
    ]
    worst = max(each.follower_lag for each in facts.outside.writers)
    return criterion, state_of(not late), "; ".join(late) or f"at most {_spoken(worst)}", required


def _drift(facts: Facts, limit: timedelta, now: datetime) -> _Finding:
    criterion = Criterion.DRIFT
    required = f"none at a look at most {_spoken(limit)} old, after the last provision"
    if facts.drift is None or facts.milestones is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    if not facts.drift:
        return criterion, CriterionState.UNMET, "nobody has looked: run the DAG drift", required
    look = facts.drift[-1]
    age = now - look.looked_at
    provisioned = [each.reached_at for each in facts.milestones if each.milestone is Milestone.PROVISIONED]
    early = bool(provisioned) and look.looked_at < provisioned[-1]
    found = f"{look.drifted} resources" if look.drifted else "none"
    observed = f"{found}, {_spoken(age)} ago" + (", before the last provision" if early else "")
    return criterion, state_of(not look.drifted and timedelta() <= age <= limit and not early), observed, required


def _flag(facts: Facts) -> _Finding:
    criterion, required = Criterion.FLAG, "as the ledger has recorded it"
    if facts.outside.flag is None or facts.changes is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    why = foreign(facts.outside.flag, facts.changes)
    return criterion, state_of(why is None), why or f"version {facts.outside.flag.version}", required


def _alarms(facts: Facts) -> _Finding:
    criterion, required = Criterion.ALARMS, "every alarm of the flag's environment is OK, and there is one"
    if facts.outside.alarms is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    against = [str(alarm) for alarm in facts.outside.alarms if not alarm.is_ok]
    observed = "; ".join(against) or f"{len(facts.outside.alarms)} OK"
    return criterion, state_of(bool(facts.outside.alarms) and not against), observed, required


def _throttles(facts: Facts, limit: float) -> _Finding:
    criterion = Criterion.THROTTLES
    required = f"at most {limit:.2%} of the requests to the target in the last hour, or since the last load"
    share = None if facts.outside.throttling is None else facts.outside.throttling.share
    if facts.outside.throttling is None or share is None:
        return criterion, CriterionState.UNKNOWN, NOT_SEEN, required
    counted = facts.outside.throttling
    observed = f"{share:.2%}: {counted.throttled} of {counted.throttled + counted.successful}"
    return criterion, state_of(share <= limit), observed, required


def _spoken(duration: timedelta) -> str:
    """A duration to the second, such as `1 d 2 h`, `2 min 5 s` or `-3 s`."""
    seconds = round(duration.total_seconds())
    rest, parts = abs(seconds), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count} {unit}"] if count else []
    return ("-" if seconds < 0 else "") + (" ".join(parts) or "0 s")
