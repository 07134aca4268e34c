"""What a person who is woken at night reads first: where reads and writes are, what is next, who acts, the way back."""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from keyspaces_migration.backfill.deadline import MAX_AGE, barrier_moment, end_by
from keyspaces_migration.cutover.way_back import LETTERS_LIVE
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.ledger.canary_records import CanaryEvent
from keyspaces_migration.lifecycle import Stage, dag_id
from keyspaces_migration.status.stages import StageState
from keyspaces_migration.status.status import MigrationStatus

_WRITES = {
    WriteMode.SOURCE_ONLY: "Writes go to the source alone.",
    WriteMode.RECORD: "Writes go to the source alone, and writers record the keys that they touch.",
    WriteMode.DUAL_SOURCE_LEADS: "Writes go to both stores; the source leads.",
    WriteMode.DUAL_TARGET_LEADS: "Writes go to both stores; the target leads.",
    WriteMode.TARGET_ONLY: "Writes go to the target alone.",
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_GATED = frozenset({Stage.PROVISION, Stage.HISTORICAL_BACKFILL, Stage.CUTOVER, Stage.RETIRE})
"""Stages of the path that ask for an approval."""


@dataclass(frozen=True, kw_only=True)
class Todo:
    """One thing that somebody may have to do.

    Attributes:
        what: In words.
        who: In words.
        dag_id: Of the DAG to open.
        run_id: Of the run to open; None: the DAG's own page.
    """

    what: str
    who: str
    dag_id: str
    run_id: str | None


def headline(status: MigrationStatus) -> str:
    """Where writes and reads are, by the state of the flag that was asked for last."""
    if status.flag is None:
        return "Dual writes have not begun: the applications use the source alone."
    percent = status.flag.target_read_percent
    reads = "All reads are on the source."
    if status.flag.mode is WriteMode.TARGET_ONLY:
        reads = "All reads are on the target."
    elif percent:
        reads = f"{percent} % of the partitions are read on the target."
    return f"{_WRITES[status.flag.mode]} {reads}"


def todos(status: MigrationStatus) -> tuple[Todo, ...]:
    """What is next, and who must act; runs that may wait for an answer first."""
    approvals = status.configuration.approvals
    answering = " or ".join(approvals.approvers)
    if approvals.required > 1:
        answering = f"{approvals.required} of: {', '.join(approvals.approvers)}"
    waiting = [
        Todo(
            what=f"{each.dag_id} has shown its evidence, and nothing was approved since: answer if it still waits",
            who=answering,
            dag_id=each.dag_id,
            run_id=each.run_id,
        )
        for each in status.asked
    ]
    following = [
        Todo(
            what=f"Run {each.dag_id}",
            who=f"anyone who may trigger it; {answering} will be asked to approve"
            if each.stage in _GATED
            else "anyone who may trigger it",
            dag_id=each.dag_id,
            run_id=None,
        )
        for each in status.stages
        if each.state is StageState.NEXT and each.stage not in {asked.stage for asked in status.asked}
    ]
    return (*waiting, *following)


def way_back(status: MigrationStatus) -> tuple[str, ...]:
    """The clocks of the way back, one sentence each."""
    rollback = dag_id(status.name, Stage.ROLLBACK)
    if status.flag is None:
        return ("Nothing reads on the target: there is nothing to go back from.",)
    if status.flag.mode is WriteMode.TARGET_ONLY:
        return (f"There is no way back since {_moment(status.changes[0].requested_at)}: the source gets no writes.",)
    if not status.flag.mode.target_leads:
        return (
            f"{rollback} is lossless at any time: the source leads, so it has every acknowledged write.",
            *_barrier_clock(status),
        )
    leading = takewhile(lambda change: change.state.mode.target_leads, status.changes)
    since = [change.requested_at for change in leading][-1]
    lossless = (
        f"The target leads since {_moment(since)}. {rollback} is lossless if the journals and the queue toward the "
        "source are empty and a check since then has passed: it looks, waits for them, and says so."
    )
    until = (
        f"One can go back until {dag_id(status.name, Stage.RETIRE)} ends the writes to the source. A letter toward the "
        f"source is kept for {LETTERS_LIVE.days} days: replay the queue before {_moment(since + LETTERS_LIVE)}."
    )
    return lossless, until


def canary_in_words(status: MigrationStatus) -> str | None:
    """How the newest attempt at a cutover stands; None before one."""
    if not status.canary:
        return None
    last = status.canary[-1]
    steps = status.configuration.cutover.canary_steps
    step = f"step {last.step} of {len(steps)} ({last.target_read_percent} %)"
    said = {
        CanaryEvent.RAISED: f"{step} was asked for at {_moment(last.at)}; not every writer follows it yet.",
        CanaryEvent.ARRIVED: f"{step} bakes since {_moment(last.at)}.",
        CanaryEvent.BAKED: f"{step} has baked at {_moment(last.at)} and nothing stood against it.",
        CanaryEvent.REVERSED: f"All reads went back to the source at {_moment(last.at)}: {last.reason or 'no reason'}.",
    }[last.event]
    return said[0].upper() + said[1:]


def ago(moment: datetime, now: datetime) -> str:
    """How long ago, or in how long, roughly: `4 min ago`, `in 3 h`."""
    seconds = (now - moment).total_seconds()
    size, unit = next(each for each in _UNITS if abs(seconds) >= each[0] or each[0] == 1)
    count = int(abs(seconds) // size)
    return f"in {count} {unit}" if seconds < 0 else f"{count} {unit} ago"


def _barrier_clock(status: MigrationStatus) -> tuple[str, ...]:
    if status.barrier_us is None:
        return ()
    barrier, now = barrier_moment(status.barrier_us), status.looked_at
    until = barrier + MAX_AGE
    if now >= until:
        return (f"Barrier B was fixed at {_moment(barrier)}; its 48 hours are over.",)
    if any(each.stage is Stage.HISTORICAL_BACKFILL and each.state is StageState.DONE for each in status.stages):
        return (f"Barrier B was fixed at {_moment(barrier)}; the load under it is complete.",)
    ends = end_by(status.barrier_us)
    return (
        f"Barrier B was fixed at {_moment(barrier)}. A load under it must end by {_moment(ends)} ({ago(ends, now)}).",
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
