"""The state machine of a migration: where each stage stands, and what is next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from keyspaces_migration.ledger.records import MilestoneReached, RunConfiguration
from keyspaces_migration.lifecycle import (
    Milestone,
    OutOfOrderError,
    Stage,
    dag_id,
    next_stages,
    refuse_out_of_order,
    standing,
)

PATH = (
    Stage.ASSESS,
    Stage.PROVISION,
    Stage.START_DUAL_WRITES,
    Stage.HISTORICAL_BACKFILL,
    Stage.CUTOVER,
    Stage.RETIRE,
)
"""The stages that take a migration from its file to its end; the others are run beside them."""

_REACHES = {
    Stage.ASSESS: Milestone.ASSESSED,
    Stage.PROVISION: Milestone.PROVISIONED,
    Stage.START_DUAL_WRITES: Milestone.DUAL_WRITES_STARTED,
    Stage.HISTORICAL_BACKFILL: Milestone.BACKFILL_COMPLETE,
    Stage.CUTOVER: Milestone.CUTOVER_FINISHED,
    Stage.RETIRE: Milestone.RETIRED,
}


class StageState(StrEnum):
    """Where a stage stands.

    Attributes:
        DONE: Its milestone holds.
        NEXT: It takes the migration forward.
        OPEN: It may be run.
        WAITING: It is not its turn yet.
        CLOSED: It may not be run any more.
    """

    DONE = "done"
    NEXT = "next"
    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class LastRun:
    """The newest run that a stage has recorded; `by` is None where Airflow named nobody."""

    run_id: str
    began_at: datetime
    by: str | None


@dataclass(frozen=True, kw_only=True)
class StageStatus:
    """One stage.

    Attributes:
        stage: The stage.
        dag_id: Of its DAG.
        state: Where it stands.
        reached_at: When its milestone was reached that holds; None where none does, or it has none.
        needs: Milestones that are missing before it may start.
        last_run: None where it never ran.
    """

    stage: Stage
    dag_id: str
    state: StageState
    reached_at: datetime | None
    needs: tuple[Milestone, ...]
    last_run: LastRun | None


def stage_statuses(
    migration: str, *, milestones: Sequence[MilestoneReached], runs: Sequence[RunConfiguration]
) -> tuple[StageStatus, ...]:
    """Return every stage, those of the path first; milestones and runs are the migration's, oldest first."""
    order = (*PATH, *(stage for stage in Stage if stage not in PATH))
    return tuple(_status(migration, stage, milestones, runs) for stage in order)


def _status(
    migration: str, stage: Stage, milestones: Sequence[MilestoneReached], runs: Sequence[RunConfiguration]
) -> StageStatus:
    reached = [each.milestone for each in milestones]
    mine = _REACHES.get(stage)
    holds = mine is not None and mine in standing(reached)
    state, needs = _turn(migration, stage, reached)
    if holds:
        state = StageState.DONE
    elif stage in next_stages(reached):
        state = StageState.NEXT
    newest = next((each for each in reversed(runs) if each.stage is stage), None)
    return StageStatus(
        stage=stage,
        dag_id=dag_id(migration, stage),
        state=state,
        reached_at=next(each.reached_at for each in reversed(milestones) if each.milestone is mine) if holds else None,
        needs=needs,
        last_run=None
        if newest is None
        else LastRun(run_id=newest.run_id, began_at=newest.recorded_at, by=newest.recorded_by),
    )


def _turn(migration: str, stage: Stage, reached: Sequence[Milestone]) -> tuple[StageState, tuple[Milestone, ...]]:
    try:
        refuse_out_of_order(stage, reached, migration=migration)
    except OutOfOrderError as refused:
        return (StageState.WAITING if refused.missing else StageState.CLOSED), refused.missing
    return StageState.OPEN, ()
