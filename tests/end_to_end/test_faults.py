"""What the lifecycle stands on breaks while it runs: nothing is lost, and a person reads what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.faults.trial import counted

if TYPE_CHECKING:
    from tests.end_to_end.conftest import Rehearsed


def test_each_fault_is_survived_and_said(rehearsed: Rehearsed) -> None:
    assert [trial for trial in rehearsed.faults if not trial.survived] == []
    assert {trial.name for trial in rehearsed.faults} == {
        "AppConfig is away when dual writes begin",
        "the target and SQS are away, and the application is killed",
        "AppConfig is away during a rollback",
    }


def test_after_each_fault_nothing_is_lost_or_wrong(rehearsed: Rehearsed) -> None:
    assert counted(rehearsed.faults) == {"faults": 3, "survived": 3, "lost": 0, "wrong": 0}
