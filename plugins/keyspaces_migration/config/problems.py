"""What can be wrong with a migration file, and how it is said."""

import difflib
import re
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from keyspaces_migration.errors import MigrationError

Location = tuple[str | int, ...]

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxdict, _SHORT.maxlist, _SHORT.maxstring, _SHORT.maxother = 2, 3, 4, 80, 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file.

    Attributes:
        path: Where in the file, such as `tables.events.schema.columns[2]`; empty for the file as a whole.
        line: Line in the file, counted from 1; None where the file could not be read as lines.
        column: Column in that line, counted from 1.
        found: What stands there.
        allowed: What may stand there, with the reason where it is not plain.
        hint: What to do, where there is a likely way out; else empty.
    """

    path: str
    line: int | None
    column: int | None
    found: str
    allowed: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"line {self.line}, column {self.column}: " if self.line else ""
        subject = f"{self.path}: " if self.path else ""
        tail = f"; {self.hint}" if self.hint else ""
        return f"{place}{subject}found {self.found}; allowed: {self.allowed}{tail}"


class MigrationFileError(MigrationError):
    """A migration file that can't be used: every problem of it that could be told at once.

    Attributes:
        path: The file, as it was asked for.
        problems: What is wrong with it, in the order of its lines; never empty.
    """

    def __init__(self, *, path: Path, problems: Iterable[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda each: (each.line or 0, each.column or 0)))
        count = len(self.problems)
        lines = [f"{path}: {count} problem{'' if count == 1 else 's'}", *(f"  {each}" for each in self.problems)]
        super().__init__("\n".join(lines))


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule broken by a part of a migration, placed relative to that part."""

    location: Location
    found: str
    allowed: str
    hint: str = ""


class RuleError(ValueError):
    """Raised inside a model's validation; becomes one `Problem` for each violation."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"found {each.found}; allowed: {each.allowed}" for each in self.violations))


def broken(found: object, allowed: str, hint: str = "") -> RuleError:
    """Return the error for a value that breaks a rule by itself; `found` is shown shortened."""
    return RuleError([Violation((), show(found), allowed, hint)])


def show(value: object) -> str:
    """Return a short text for any value, however large or deep."""
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    return _SHORT.repr(value)


def path_text(location: Iterable[str | int]) -> str:
    """Return a location as text: `tables.events.schema.columns[2]`; keys that are no plain words in quotes."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{show(part)}]"
    return text


def near_miss(found: str, candidates: Iterable[str]) -> str:
    """Return "did you mean …?" if one of the candidates is close to what was found, else an empty text."""
    by_folded = {each.casefold(): each for each in candidates}
    close = difflib.get_close_matches(found.casefold(), by_folded, n=1)
    return f"did you mean {by_folded[close[0]]!r}?" if close else ""
