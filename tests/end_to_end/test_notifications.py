"""What people were told during the whole rehearsal: the obstacles on its way, its gates, and its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.damage import TABLE
from rehearsal.gate_attacks.cutover_run import GATE
from rehearsal.notifications import Message, counts, read_messages
from tests.end_to_end.obstacles import CHECK

if TYPE_CHECKING:
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed


@pytest.fixture
def messages(world: World, rehearsed: Rehearsed) -> tuple[Message, ...]:
    """All of them."""
    assert rehearsed
    return read_messages(world.airflow.notifications)


def test_a_wrong_cell_of_the_target_is_told_of_as_a_failed_verdict_and_not_as_a_failed_task(
    messages: tuple[Message, ...], rehearsed: Rehearsed
) -> None:
    (message,) = [each for each in messages if (each.dag_id, each.run_id) == (CHECK, rehearsed.spoilt.check_run_id)]
    assert (message.kind, message.severity, message.task_id) == ("VERDICT_FAIL", "CRITICAL", "verdict")
    assert TABLE in message.text
    assert "docs/runbooks/verdict-fail.md" in message.text


@pytest.mark.parametrize("stage", ["provision", "historical_backfill", "cutover"])
def test_a_gate_that_waits_is_told_of_with_a_link_to_it(
    messages: tuple[Message, ...], world: World, stage: str
) -> None:
    told = [each for each in messages if each.kind == "APPROVAL_NEEDED" and each.dag_id == f"flights.{stage}"]
    assert told
    # At the cutover, an attack asks for two approvals.
    assert GATE in {each.task_id for each in told} <= {GATE, "approve_2"}
    for message in told:
        if message.task_id != GATE:
            continue
        assert f"{world.airflow.url}/dags/flights.{stage}/runs/" in message.text
        assert f"tasks/{GATE}" in message.text


def test_a_load_that_nobody_allowed_to_cost_that_much_is_told_of_as_such(
    messages: tuple[Message, ...], rehearsed: Rehearsed
) -> None:
    told = [
        each for each in messages if each.run_id == rehearsed.unapproved["marked"].run_id and each.task_id == "load"
    ]
    assert {(each.kind, each.severity) for each in told} == {("BUDGET_STOP", "WARNING")}


def test_the_way_back_is_told_of(messages: tuple[Message, ...], rehearsed: Rehearsed) -> None:
    told = {each.dag_id: each for each in messages if each.kind == "REVERSAL"}
    # By hand, by the canary itself, and by the guard.
    assert set(told) == {"flights.rollback", "flights.cutover", "flights.guard"}
    message = told["flights.rollback"]
    assert message.run_id == rehearsed.last_run_id("rollback")
    assert "All reads of flights go to the source" in message.text


def test_every_attack_on_the_gate_is_told_of_as_a_failed_task(messages: tuple[Message, ...]) -> None:
    told = [each for each in messages if each.task_id == "raise_to_10"]
    assert {(each.kind, each.severity) for each in told} == {("FAILED_TASK", "CRITICAL")}
    assert len(told) >= 3


def test_the_rehearsal_says_how_many_of_which_kind(rehearsed: Rehearsed, messages: tuple[Message, ...]) -> None:
    told = rehearsed.result["notifications"]
    assert set(told) >= {"APPROVAL_NEEDED", "VERDICT_FAIL", "FAILED_TASK", "REVERSAL"}
    # Some may have been told since.
    assert all(counts(messages)[kind] >= count for kind, count in told.items())
