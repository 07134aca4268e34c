"""The order of a migration's stages: what each stage needs to have been reached before it may start.

Pure and light: the provider layer imports it when Airflow parses DAG files.
"""

from collections.abc import Iterable
from enum import StrEnum

from keyspaces_migration.errors import MigrationError


class Stage(StrEnum):
    """One stage is one DAG, `<migration>.<stage>`."""

    ASSESS = "assess"
    PROVISION = "provision"
    HISTORICAL_BACKFILL = "historical_backfill"
    START_DUAL_WRITES = "start_dual_writes"
    CONSISTENCY_CHECK = "consistency_check"
    REPAIR = "repair"
    REPLAY_DEAD_LETTERS = "replay_dead_letters"
    CUTOVER = "cutover"
    ROLLBACK = "rollback"
    RETIRE = "retire"
    DRIFT = "drift"
    DESTROY = "destroy"


class Service(StrEnum):
    """A DAG of a migration that is no stage: it has no turn, and records no run."""

    WATCH = "watch"
    GUARD = "guard"


class Milestone(StrEnum):
    """A fact about a migration that later stages stand on.

    `SNAPSHOT_LOADED` is the first half of "history first": a load before dual writes. `BACKFILL_COMPLETE` is a
    load after barrier B, whether of the delta or of everything.
    """

    ASSESSED = "assessed"
    PROVISIONED = "provisioned"
    SNAPSHOT_LOADED = "snapshot_loaded"
    DUAL_WRITES_STARTED = "dual_writes_started"
    BACKFILL_COMPLETE = "backfill_complete"
    CUTOVER_FINISHED = "cutover_finished"
    ROLLED_BACK = "rolled_back"
    RETIRED = "retired"
    DESTROYED = "destroyed"


EPOCH_BEGUN_BY = frozenset(
    {
        Milestone.SNAPSHOT_LOADED,
        Milestone.DUAL_WRITES_STARTED,
        Milestone.BACKFILL_COMPLETE,
        Milestone.CUTOVER_FINISHED,
        Milestone.ROLLED_BACK,
    }
)
"""Milestones after which the stores are no longer those that checks looked at before."""


class OutOfOrderError(MigrationError):
    """The stage may not start now; `missing` are the milestones it needs, `next_dag_ids` what may be started."""

    def __init__(
        self, message: str, *, stage: Stage, missing: tuple[Milestone, ...], next_dag_ids: tuple[str, ...]
    ) -> None:
        super().__init__(message)
        self.stage = stage
        self.missing = missing
        self.next_dag_ids = next_dag_ids


# Rollback needs nothing and is never closed: lowering the share of reads on the target must work at any time.
_REQUIRES: dict[Stage, tuple[Milestone, ...]] = {
    Stage.ASSESS: (),
    Stage.PROVISION: (Milestone.ASSESSED,),
    Stage.HISTORICAL_BACKFILL: (Milestone.PROVISIONED,),
    Stage.START_DUAL_WRITES: (Milestone.PROVISIONED,),
    Stage.CONSISTENCY_CHECK: (Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE),
    Stage.REPAIR: (Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE),
    Stage.REPLAY_DEAD_LETTERS: (Milestone.PROVISIONED,),
    Stage.CUTOVER: (Milestone.DUAL_WRITES_STARTED, Milestone.BACKFILL_COMPLETE),
    Stage.ROLLBACK: (),
    Stage.RETIRE: (Milestone.CUTOVER_FINISHED,),
    Stage.DRIFT: (Milestone.PROVISIONED,),
    # What a provision that failed half-way has made is there without its milestone.
    Stage.DESTROY: (Milestone.ASSESSED,),
}

# Once the target leads, another load from the history or another barrier would write old data over new.
# `provision` stays open after `retire`, which proposes capacity that it applies.
_CLOSED_BY: dict[Stage, tuple[Milestone, ...]] = {
    Stage.HISTORICAL_BACKFILL: (Milestone.CUTOVER_FINISHED, Milestone.RETIRED),
    Stage.START_DUAL_WRITES: (Milestone.CUTOVER_FINISHED, Milestone.RETIRED),
    Stage.CONSISTENCY_CHECK: (Milestone.RETIRED,),
    Stage.REPAIR: (Milestone.RETIRED,),
    Stage.REPLAY_DEAD_LETTERS: (Milestone.RETIRED,),
    Stage.CUTOVER: (Milestone.CUTOVER_FINISHED, Milestone.RETIRED),
    Stage.RETIRE: (Milestone.RETIRED,),
}

# A new barrier makes what was loaded before it incomplete; a rollback takes the cutover back; with the target goes all
# that stood on it.
_WITHDRAWS: dict[Milestone, frozenset[Milestone]] = {
    Milestone.DUAL_WRITES_STARTED: frozenset({Milestone.BACKFILL_COMPLETE}),
    Milestone.ROLLED_BACK: frozenset({Milestone.CUTOVER_FINISHED}),
    Milestone.DESTROYED: frozenset(Milestone) - {Milestone.ASSESSED},
    Milestone.PROVISIONED: frozenset({Milestone.DESTROYED}),
}


def dag_id(migration: str, stage: Stage | Service) -> str:
    """The id of the DAG that runs `stage`, or a service, of the migration named `migration`."""
    return f"{migration}.{stage.value}"


def standing(milestones: Iterable[Milestone]) -> frozenset[Milestone]:
    """The milestones that still hold, of those reached, given in the order in which they were reached."""
    held: set[Milestone] = set()
    for milestone in milestones:
        held -= _WITHDRAWS.get(milestone, frozenset())
        held.add(milestone)
    return frozenset(held)


def next_stages(milestones: Iterable[Milestone]) -> tuple[Stage, ...]:
    """The stages that take the migration forward from here: two where both orders are open, none at the end."""
    held = standing(milestones)
    if Milestone.ASSESSED not in held:
        return (Stage.ASSESS,)
    if Milestone.PROVISIONED not in held:
        return (Stage.PROVISION,)
    if Milestone.DUAL_WRITES_STARTED not in held:
        history_first = Milestone.SNAPSHOT_LOADED in held
        return (Stage.START_DUAL_WRITES,) if history_first else (Stage.HISTORICAL_BACKFILL, Stage.START_DUAL_WRITES)
    if Milestone.BACKFILL_COMPLETE not in held:
        return (Stage.HISTORICAL_BACKFILL,)
    if Milestone.CUTOVER_FINISHED not in held:
        return (Stage.CUTOVER,)
    return () if Milestone.RETIRED in held else (Stage.RETIRE,)


def refuse_out_of_order(stage: Stage, milestones: Iterable[Milestone], *, migration: str) -> None:
    """Refuse to start `stage` where DESIGN §2 says it is not its turn.

    Args:
        stage: The stage about to start.
        milestones: What the migration has reached, oldest first; repeats are allowed.
        migration: The migration's name, for the DAG ids in the message.

    Raises:
        OutOfOrderError: A milestone is missing, or one reached since closes the stage.
    """
    reached = tuple(milestones)
    held = standing(reached)
    missing = tuple(milestone for milestone in _REQUIRES[stage] if milestone not in held)
    closed_by = tuple(milestone for milestone in _CLOSED_BY.get(stage, ()) if milestone in held)
    if not missing and not closed_by:
        return
    next_dag_ids = tuple(dag_id(migration, step) for step in next_stages(reached))
    why = f"it needs {_names(missing)}" if missing else f"the migration has already reached {_names(closed_by)}"
    todo = f"next: run {' or '.join(next_dag_ids)}" if next_dag_ids else "nothing is left to run"
    message = f"{dag_id(migration, stage)} may not start now: {why} (reached so far: {_names(held)}); {todo}"
    raise OutOfOrderError(message, stage=stage, missing=missing, next_dag_ids=next_dag_ids)


def _names(milestones: Iterable[Milestone]) -> str:
    """The milestones in the order of the lifecycle, for a message."""
    found = set(milestones)
    return ", ".join(milestone.value for milestone in Milestone if milestone in found) or "nothing"
