"""Lines with their numbers, and texts that go over several of them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

MAX_TEXT_CHARS: Final = 4 * 1024 * 1024
"""A statement longer than this is not read; Cassandra itself takes no frame of more than 16 MiB by default."""

_WHOLE: Final = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True)
class Text:
    """A text that grows line by line up to a limit, and says where it began."""

    line: int = 0
    parts: list[str] = field(default_factory=list)
    chars: int = 0
    too_long: bool = False

    def add(self, part: str) -> None:
        """Put more at the end; what is beyond the limit is left out and noted."""
        if self.chars + len(part) > MAX_TEXT_CHARS:
            self.too_long = True
            return
        self.parts.append(part)
        self.chars += len(part)

    def __str__(self) -> str:
        """What was put in so far."""
        return "".join(self.parts)


def whole_number(digits: str) -> int | None:
    """The number, or None when the text is none of up to 18 digits: a log can hold anything."""
    return int(digits) if _WHOLE.fullmatch(digits) else None


def numbered(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Lines from 1 on, without their ends."""
    for number, line in enumerate(lines, start=1):
        yield number, line.rstrip("\r\n")
