"""The texts of the events: what is at risk, and what to do next.

Each event has a page in docs/runbooks/ that says more; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from keyspaces_migration.config import EventKind, Migration, Severity
from keyspaces_migration.events.event import Event, Place
from keyspaces_migration.lifecycle import Stage

RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What is always said of one kind of event; `{migration}` stands for the migration's name.

    Attributes:
        severity: Unless the event says otherwise.
        headline: A few words.
        at_risk: What is at risk while nobody acts.
        next_step: What to do next.
        page: File of docs/runbooks/.
    """

    severity: Severity
    headline: str
    at_risk: str
    next_step: str
    page: str


WORDINGS: Mapping[EventKind, Wording] = {
    EventKind.FAILED_TASK: Wording(
        severity=Severity.WARNING,
        headline="a task failed",
        at_risk="the stage stands still until somebody acts",
        next_step="read the message and the runbook's page, mend the cause, then clear the task or trigger a new run",
        page="failed-task.md",
    ),
    EventKind.VERDICT_FAIL: Wording(
        severity=Severity.CRITICAL,
        headline="the consistency check FAILED: the stores differ",
        at_risk="rows of the target are wrong or missing; reads from it, if there are any, may give wrong answers. The "
        "cutover is not ready while this verdict is the newest",
        next_step="open the check's report, which names store, table and keys. If reads are on the target already, "
        "run {migration}.rollback first",
        page="verdict-fail.md",
    ),
    EventKind.VERDICT_INCONCLUSIVE: Wording(
        severity=Severity.WARNING,
        headline="the consistency check is INCONCLUSIVE: not enough could be looked at",
        at_risk="nobody knows whether the stores agree. The cutover is not ready while this verdict is the newest",
        next_step="open the check's report, which says what could not be looked at and why; mend that, and trigger "
        "{migration}.consistency_check",
        page="verdict-inconclusive.md",
    ),
    EventKind.CHECK_MISSED: Wording(
        severity=Severity.WARNING,
        headline="a scheduled consistency check did not finish in time",
        at_risk="a difference between the stores goes unseen, and the cutover waits for fresh checks",
        next_step="look whether {migration}.consistency_check is paused, still running or failed before its verdict, "
        "then trigger it",
        page="check-missed.md",
    ),
    EventKind.DRIFT: Wording(
        severity=Severity.WARNING,
        headline="others have changed what provision made",
        at_risk="tables, capacity, queue, flag or alarms are not as the migration relies on them",
        next_step="read the drift report; trigger {migration}.provision, whose plan takes it back, or change the "
        "migration file first if the hand was right",
        page="drift.md",
    ),
    EventKind.BARRIER_AT_RISK: Wording(
        severity=Severity.CRITICAL,
        headline="the 48 hours after the barrier run out",
        at_risk="what is stamped with the barrier is refused by Amazon Keyspaces after 48 hours: a load that is not "
        "done by then can't be finished under this barrier. No row is lost, and dual writes go on",
        next_step="look at the log of {migration}.historical_backfill: trigger it if it was not, with dry_run off; "
        "clear a failed load; where it is throttled, raise the table's capacity in the AWS console. Leave the "
        "migration file and the flag alone. If it can't end in time, see the runbook",
        page="barrier-at-risk.md",
    ),
    EventKind.BUDGET_STOP: Wording(
        severity=Severity.WARNING,
        headline="the backfill costs more than was allowed",
        at_risk="the load waits and spends nothing more; what is loaded stays, and is not loaded again",
        next_step="read the plan and the load's log, then clear approval_needed of {migration}.historical_backfill "
        "with what follows it: approvers are asked, and the load goes on where it was",
        page="budget-stop.md",
    ),
    EventKind.LETTERS_GROWING: Wording(
        severity=Severity.WARNING,
        headline="dead letters are growing",
        at_risk="rows that could not be written are missing in a store. Letters in the queue are kept for 14 days, and "
        "within 47 hours they can be replayed at their own timestamps; no replay brings those of a backfill",
        next_step="mend the cause that the letters name. Those in the queue: trigger {migration}.replay_dead_letters. "
        "Those of a backfill are in its report: see the runbook",
        page="letters-growing.md",
    ),
    EventKind.APPROVAL_NEEDED: Wording(
        severity=Severity.INFO,
        headline="an approval is needed",
        at_risk="nothing: the run waits, and holds no worker",
        next_step="read the evidence at the gate (Browse, Required Actions), and approve or reject it",
        page="approval-needed.md",
    ),
    EventKind.REVERSAL: Wording(
        severity=Severity.CRITICAL,
        headline="reads went back to the source",
        at_risk="reads are safe on the source. Writes that are not in both stores yet, if there are any, are named "
        "above",
        next_step="find out why before another cutover: the newest consistency report, and the application's errors",
        page="reversal.md",
    ),
}

_AT_RISK_IN: Mapping[Stage, str] = {
    Stage.ASSESS: "nothing: this stage only reads",
    Stage.PROVISION: "the target may be half made; source, reads and writes are not touched",
    Stage.HISTORICAL_BACKFILL: "rows are missing on the target; what was loaded stays, and is not loaded twice. After "
    "the barrier, its 48 hours run",
    Stage.START_DUAL_WRITES: "writers may be recording, or writing to both stores, without the next step. The source "
    "has every write. If a barrier is fixed, its 48 hours run",
    Stage.CONSISTENCY_CHECK: "a difference between the stores goes unseen",
    Stage.REPAIR: "rows of the follower that a check found out of line are still so, or some of them; what was written "
    "carries timestamps that no newer write loses to. The leader is not touched",
    Stage.CUTOVER: "reads stay where the flag says; look at it before anything else",
    Stage.ROLLBACK: "READS MAY STILL BE ON THE TARGET. Read the log of lower_share now; the runbook has the AWS CLI "
    "command that lowers the share without Airflow",
    Stage.RETIRE: "if task retire had switched the flag (its log says so), writers write to the target alone, and the "
    "record and the last report are missing: clear the task that failed. If not, both stores get every write still",
    Stage.DRIFT: "a change that others made to the target's infrastructure goes unseen",
    Stage.DESTROY: "the disposable target may be half gone",
}
_NOW = frozenset({Stage.ROLLBACK, Stage.CUTOVER, Stage.START_DUAL_WRITES})


def happening(  # noqa: PLR0913 # all by keyword
    kind: EventKind,
    *,
    migration: Migration,
    place: Place,
    happened: str,
    severity: Severity | None = None,
    at_risk: str | None = None,
) -> Event:
    """The event of a kind, with what is always said of it.

    Args:
        kind: What it is.
        migration: The migration; it says where the runbooks are.
        place: Where it happened.
        happened: What happened.
        severity: In place of the kind's own.
        at_risk: In place of the kind's own.
    """
    wording = WORDINGS[kind]
    return Event(
        kind=kind,
        severity=severity or wording.severity,
        place=place,
        headline=wording.headline,
        happened=happened,
        at_risk=at_risk or wording.at_risk,
        next_step=wording.next_step.format(migration=migration.name),
        runbook=f"{(migration.notifications.runbooks or RUNBOOKS).rstrip('/')}/{wording.page}",
    )


def failed_task(*, migration: Migration, stage: Stage | None, place: Place, error: str) -> Event:
    """The event of a task that failed for good.

    Args:
        migration: The migration.
        stage: Its stage, which decides what is at risk; None for a DAG that is no stage.
        place: The task.
        error: What it said.
    """
    happened = f"Task {place.task_id} of {place.dag_id}, run {place.run_id}, failed.\n{error}"
    severity = Severity.CRITICAL if stage in _NOW else None
    at_risk = None if stage is None else _AT_RISK_IN.get(stage)
    return happening(
        EventKind.FAILED_TASK,
        migration=migration,
        place=place,
        happened=happened,
        severity=severity,
        at_risk=at_risk,
    )
