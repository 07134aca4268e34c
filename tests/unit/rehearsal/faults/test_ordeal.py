"""Breaking things while a stage runs: in turn, mended again, and noted whatever becomes of the stage."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.faults.ordeal import Breach, Ordeal
from rehearsal.processes import WorldError
from rehearsal.reporter import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TASK = {"task_id": "load", "state": "running", "try_number": 1, "map_index": -1, "id": "1"}


class Stage:
    """A stage of one task, whose log grows by a line a look; an application does not run."""

    def __init__(self, *, log: list[str], fails: bool = False, looks: int = 6) -> None:
        self._lines, self._fails, self._looks = log, fails, looks
        self.application_runs = False
        self.subject = SimpleNamespace(dag_id=lambda stage: f"flights.{stage}")
        self.log = ""

    def stage(self, api: Stage, stage: str, *, meanwhile: Callable[[str], None]) -> str:
        assert (api, stage) == (self, "load_all")
        for number in range(self._looks):
            meanwhile("run-1")
            self.log += "\n" + "".join(self._lines[number : number + 1])
        if self._fails:
            raise WorldError("the stage failed")
        return "run-1"

    def task_instances(self, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
        assert (dag_id, run_id) == ("flights.load_all", "run-1")
        return [TASK]

    def task_log(self, *_: str, try_number: int, map_index: int) -> str:
        assert (try_number, map_index) == (1, -1)
        return self.log


class Things:
    """What was broken and mended, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def breach(self, name: str, *, says: str, at_most_s: float = 600) -> Breach:
        @contextmanager
        def broken(task: Mapping[str, Any]) -> Iterator[None]:
            assert task is TASK
            self.done.append(f"{name} broken")
            try:
                yield
            finally:
                self.done.append(f"{name} mended")

        return Breach(name=name, task="load", begin=broken, says=says, at_most_s=at_most_s)


def ordeal_of(stage: Any) -> Ordeal:
    return Ordeal(stage, stage, reporter=Silent())


def test_one_thing_breaks_after_the_other_is_mended() -> None:
    things, stage = Things(), Stage(log=["", "one is away", "", "two is away"])
    ordeal = ordeal_of(stage)
    ordeal.during([things.breach("one", says="one is"), things.breach("two", says="two is")], "load_all")
    assert things.done == ["one broken", "one mended", "two broken", "two mended"]
    assert [(each.survived, each.said) for each in ordeal.trials] == [(True, "one is away"), (True, "two is away")]


def test_what_is_not_said_in_time_is_mended_and_not_survived() -> None:
    things, stage = Things(), Stage(log=["something else"])
    ordeal = ordeal_of(stage)
    ordeal.during([things.breach("one", says="one is", at_most_s=-1)], "load_all")
    assert things.done == ["one broken", "one mended"]
    (trial,) = ordeal.trials
    assert not trial.survived
    assert "expected 'one is' to be said" in trial.said


def test_what_was_broken_when_the_stage_failed_is_noted_and_what_was_not_is_not() -> None:
    things, stage = Things(), Stage(log=[], fails=True)
    ordeal = ordeal_of(stage)
    with pytest.raises(WorldError, match="the stage failed"):
        ordeal.during([things.breach("one", says="one is"), things.breach("two", says="two is")], "load_all")
    assert things.done == ["one broken", "one mended"]
    assert [(each.name, each.survived, each.said) for each in ordeal.trials] == [("one", False, "the stage failed")]


def test_a_stage_that_ends_too_soon_survives_nothing() -> None:
    things, stage = Things(), Stage(log=[], looks=0)
    ordeal = ordeal_of(stage)
    ordeal.during([things.breach("one", says="one is")], "load_all")
    assert things.done == []
    assert [each.survived for each in ordeal.trials] == [False]
