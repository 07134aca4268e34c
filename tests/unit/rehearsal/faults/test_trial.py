"""What is counted of faults, and the line that is shown of each."""

from __future__ import annotations

import pytest

from rehearsal.faults.trial import NotSaidError, Trial, counted, line_with, table


def test_the_newest_line_with_the_words_is_shown() -> None:
    said = "first: the disk is full\nnothing of note\nthen: the disk is full again\nbye"
    assert line_with("disk is full", said) == "then: the disk is full again"


def test_a_long_line_is_cut_around_the_words() -> None:
    line = line_with("the words", "x" * 500 + "the words" + "y" * 500)
    assert "the words" in line
    assert len(line) == 200


@pytest.mark.parametrize("said", ["", "something else"])
def test_words_that_were_not_said_are_an_error_with_what_was(said: str) -> None:
    with pytest.raises(NotSaidError, match=said or "nothing"):
        line_with("the words", said)


def test_only_what_survived_counts_as_survived() -> None:
    trials = [
        Trial(name="a", survived=True, said="x"),
        Trial(name="b", survived=False, said="y", lost=2, wrong=1),
        Trial(name="c", survived=True, said="z", wrong=3),
    ]
    assert counted(trials) == {"faults": 3, "survived": 2, "lost": 2, "wrong": 4}


def test_the_table_marks_what_was_not_survived_and_keeps_its_columns() -> None:
    lines = table([Trial(name="a", survived=False, said="one | two")]).splitlines()
    assert lines[2] == "| a | **no** | 0 | 0 | one / two |"
