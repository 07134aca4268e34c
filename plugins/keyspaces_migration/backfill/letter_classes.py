"""Dead letters of one cause together: their reasons are the same but for the values that they quote."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from keyspaces_migration.ledger.backfill_records import DeadLetter

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\([^()]*\)")
_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?\d[\d.,_:eE+-]*")
_LONG_WORD = re.compile(r"\S{40,}")
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class LetterClass:
    """Letters of one cause.

    Attributes:
        shape: Their reason without its values.
        examples: The first of them.
    """

    shape: str
    count: int
    examples: tuple[DeadLetter, ...]


def shape_of(reason: str) -> str:
    """Return a reason without its values."""
    return _NUMBER.sub("…", _QUOTED.sub("…", _LONG_WORD.sub("…", reason)))


def letter_classes(letters: Iterable[DeadLetter]) -> tuple[LetterClass, ...]:
    """Return the letters by cause, the most frequent first."""
    found: dict[str, list[DeadLetter]] = {}
    for letter in letters:
        found.setdefault(shape_of(letter.reason), []).append(letter)
    classes = [
        LetterClass(shape=shape, count=len(each), examples=tuple(each[:_EXAMPLES])) for shape, each in found.items()
    ]
    return tuple(sorted(classes, key=lambda each: (-each.count, each.shape)))
