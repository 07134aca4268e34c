"""The ledger's records of a canary: what each attempt at a cutover has raised, watched and taken back."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class CanaryEvent(StrEnum):
    """What happened to a step.

    Attributes:
        RAISED: Its share is about to be put in force.
        ARRIVED: Every writer follows it: from here on it bakes.
        BAKED: It was watched for long enough, and nothing stood against it: the next may be raised.
        REVERSED: All reads went back to the source: the attempt is over.
    """

    RAISED = "raised"
    ARRIVED = "arrived"
    BAKED = "baked"
    REVERSED = "reversed"


@dataclass(frozen=True, kw_only=True)
class CanaryRecord:
    """One event of one step of one attempt; an attempt is a run of the cutover.

    Attributes:
        dag_id: Of the run.
        run_id: Of the run.
        step: Its number, from 1.
        target_read_percent: The step's share.
        event: What happened.
        flag_version: Of the state that has the step's share; of a reversal, that of the state without.
        base_version: Of the state that was in force when the attempt began: what the approval was given for.
        seen: What was observed, as JSON.
        reason: Why, in words; None where there is nothing to say.
        at: When, with a time zone.
    """

    dag_id: str
    run_id: str
    step: int
    target_read_percent: int
    event: CanaryEvent
    flag_version: int
    base_version: int
    seen: str
    reason: str | None
    at: datetime
