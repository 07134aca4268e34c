import pytest

from rehearsal.processes import WorldError
from rehearsal.run import Choices


def test_on_a_terminal_a_person_answers_and_the_world_stays_up() -> None:
    assert Choices.of({}, terminal=True) == Choices(approve=False, keep=True)


def test_without_a_terminal_approvals_are_answered_and_the_world_is_taken_down() -> None:
    assert Choices.of({}, terminal=False) == Choices(approve=True, keep=False)


@pytest.mark.parametrize("terminal", [True, False])
def test_what_the_environment_says_wins(terminal: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert Choices.of({"APPROVE": "1", "KEEP": "0"}, terminal=terminal) == Choices(approve=True, keep=False)
    assert Choices.of({"APPROVE": "0", "KEEP": "1"}, terminal=terminal) == Choices(approve=False, keep=True)


@pytest.mark.parametrize("name", ["APPROVE", "KEEP"])
def test_another_value_is_refused_by_name(name: str) -> None:
    with pytest.raises(WorldError, match=f"{name} is 'yes'"):
        Choices.of({name: "yes"}, terminal=True)
