"""One fault: what was broken, what a person saw of it, and what the audit found afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.said import newest_line

if TYPE_CHECKING:
    from collections.abc import Iterable


class NotSaidError(Exception):
    """The fault left no message, or another than it should have: perhaps it never took place."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A fault and what came of it.

    Attributes:
        name: What was broken, and when.
        survived: The lifecycle went on, and the message was right.
        said: The line that a person saw; or why the fault was not survived.
        lost: Writes that a store lacked at the audit after it.
        wrong: Rows that were otherwise than they should be, and reads that were.
    """

    name: str
    survived: bool
    said: str
    lost: int = 0
    wrong: int = 0


def line_with(words: str, text: str) -> str:
    """The newest line of a log that has these words, cut to what is around them.

    Raises:
        NotSaidError: None has.
    """
    line = newest_line(words, text)
    if line is None:
        raise NotSaidError(f"expected {words!r} to be said, and found: {text[-3000:] or 'nothing'}")
    return line


def counted(trials: Iterable[Trial]) -> dict[str, int]:
    """The last line of `make soak NAME=faults`."""
    tried = list(trials)
    return {
        "faults": len(tried),
        "survived": sum(each.survived for each in tried),
        "lost": sum(each.lost for each in tried),
        "wrong": sum(each.wrong for each in tried),
    }


def table(trials: Iterable[Trial]) -> str:
    """What was broken and what was seen of it, as Markdown."""
    rows = (
        f"| {each.name} | {'yes' if each.survived else '**no**'} | {each.lost} | {each.wrong} "
        f"| {each.said.replace('|', '/')} |"
        for each in trials
    )
    return "\n".join(("| Fault | Survived | Lost | Wrong | What a person sees |", "|---|---|---|---|---|", *rows))
