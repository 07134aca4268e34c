import subprocess
import sys

import pytest

from keyspaces_migration.lifecycle import (
    Milestone,
    OutOfOrderError,
    Stage,
    next_stages,
    refuse_out_of_order,
    standing,
)

M = Milestone
HISTORY_FIRST: list[tuple[Stage, Milestone]] = [
    (Stage.ASSESS, M.ASSESSED),
    (Stage.PROVISION, M.PROVISIONED),
    (Stage.HISTORICAL_BACKFILL, M.SNAPSHOT_LOADED),
    (Stage.START_DUAL_WRITES, M.DUAL_WRITES_STARTED),
    (Stage.HISTORICAL_BACKFILL, M.BACKFILL_COMPLETE),
    (Stage.CUTOVER, M.CUTOVER_FINISHED),
    (Stage.RETIRE, M.RETIRED),
]
DUAL_WRITES_FIRST = [step for step in HISTORY_FIRST if step[1] is not M.SNAPSHOT_LOADED]
LIVE = [M.ASSESSED, M.PROVISIONED, M.DUAL_WRITES_STARTED, M.BACKFILL_COMPLETE]
CUT_OVER = [*LIVE, M.CUTOVER_FINISHED]


def refused(stage: Stage, reached: list[Milestone]) -> OutOfOrderError:
    with pytest.raises(OutOfOrderError) as caught:
        refuse_out_of_order(stage, reached, migration="flights")
    return caught.value


@pytest.mark.parametrize("order", [HISTORY_FIRST, DUAL_WRITES_FIRST], ids=["history first", "dual writes first"])
def test_both_orders_run_from_end_to_end_and_each_step_is_named_as_the_next(
    order: list[tuple[Stage, Milestone]],
) -> None:
    reached: list[Milestone] = []
    for stage, milestone in order:
        refuse_out_of_order(stage, reached, migration="flights")
        assert stage in next_stages(reached)
        reached.append(milestone)
    assert next_stages(reached) == ()


@pytest.mark.parametrize(
    ("stage", "reached", "missing", "next_dag_ids"),
    [
        (Stage.PROVISION, [], (M.ASSESSED,), ("flights.assess",)),
        (Stage.HISTORICAL_BACKFILL, [M.ASSESSED], (M.PROVISIONED,), ("flights.provision",)),
        (Stage.START_DUAL_WRITES, [M.ASSESSED], (M.PROVISIONED,), ("flights.provision",)),
        (Stage.REPLAY_DEAD_LETTERS, [M.ASSESSED], (M.PROVISIONED,), ("flights.provision",)),
        (
            Stage.CUTOVER,
            [M.ASSESSED, M.PROVISIONED],
            (M.DUAL_WRITES_STARTED, M.BACKFILL_COMPLETE),
            ("flights.historical_backfill", "flights.start_dual_writes"),
        ),
        (Stage.CUTOVER, LIVE[:-1], (M.BACKFILL_COMPLETE,), ("flights.historical_backfill",)),
        (Stage.CONSISTENCY_CHECK, LIVE[:-1], (M.BACKFILL_COMPLETE,), ("flights.historical_backfill",)),
        (Stage.RETIRE, LIVE, (M.CUTOVER_FINISHED,), ("flights.cutover",)),
    ],
)
def test_a_start_out_of_order_is_refused_naming_what_is_missing_and_the_next_step(
    stage: Stage, reached: list[Milestone], missing: tuple[Milestone, ...], next_dag_ids: tuple[str, ...]
) -> None:
    error = refused(stage, reached)
    assert (error.missing, error.next_dag_ids) == (missing, next_dag_ids)
    for name in (f"flights.{stage}", *missing, *next_dag_ids):
        assert name in str(error)


@pytest.mark.parametrize("reached", [[], LIVE, CUT_OVER, [*CUT_OVER, M.RETIRED]])
def test_a_rollback_is_never_refused(reached: list[Milestone]) -> None:
    refuse_out_of_order(Stage.ROLLBACK, reached, migration="flights")


@pytest.mark.parametrize("stage", [Stage.HISTORICAL_BACKFILL, Stage.START_DUAL_WRITES, Stage.CUTOVER])
def test_what_would_overwrite_the_new_leader_is_refused_after_the_cutover_and_open_again_after_a_rollback(
    stage: Stage,
) -> None:
    assert "cutover_finished" in str(refused(stage, CUT_OVER))
    refuse_out_of_order(stage, [*CUT_OVER, M.ROLLED_BACK], migration="flights")
    refused(stage, [*CUT_OVER, M.ROLLED_BACK, M.CUTOVER_FINISHED])


def test_the_source_is_not_retired_after_a_rollback() -> None:
    refuse_out_of_order(Stage.RETIRE, CUT_OVER, migration="flights")
    assert refused(Stage.RETIRE, [*CUT_OVER, M.ROLLED_BACK]).missing == (M.CUTOVER_FINISHED,)


def test_a_load_before_the_newest_barrier_does_not_complete_the_backfill() -> None:
    restarted = [*LIVE, M.DUAL_WRITES_STARTED]
    assert M.BACKFILL_COMPLETE not in standing(restarted)
    assert refused(Stage.CUTOVER, restarted).next_dag_ids == ("flights.historical_backfill",)


def test_a_stage_that_is_repeated_keeps_what_was_reached() -> None:
    assert standing([*LIVE, M.ASSESSED, M.PROVISIONED]) == frozenset(LIVE)


def test_after_retire_nothing_that_moves_rows_or_reads_is_open() -> None:
    for stage in set(Stage) - {Stage.ASSESS, Stage.PROVISION, Stage.ROLLBACK, Stage.DRIFT, Stage.DESTROY}:
        refused(stage, [*CUT_OVER, M.RETIRED])
    refuse_out_of_order(Stage.PROVISION, [*CUT_OVER, M.RETIRED], migration="flights")


def test_importing_the_lifecycle_brings_no_database_library() -> None:
    heavy = "{'sqlalchemy', 'alembic', 'airflow', 'cassandra'} & set(sys.modules)"
    command = f"import sys, keyspaces_migration.lifecycle; sys.exit(str({heavy}) if {heavy} else 0)"
    assert subprocess.run([sys.executable, "-c", command], check=False, timeout=60).returncode == 0


def test_with_the_target_goes_all_that_stood_on_it() -> None:
    assert standing([*CUT_OVER, M.DESTROYED]) == {M.ASSESSED, M.DESTROYED}
    assert next_stages([*CUT_OVER, M.DESTROYED]) == (Stage.PROVISION,)
    assert standing([*CUT_OVER, M.DESTROYED, M.PROVISIONED]) == {M.ASSESSED, M.PROVISIONED}


def test_drift_is_looked_for_once_there_is_something_to_look_at() -> None:
    assert refused(Stage.DRIFT, [M.ASSESSED]).missing == (M.PROVISIONED,)
