"""What something said, as one line to show."""

from __future__ import annotations

_SHOWN = 200
_BEFORE = 60


def newest_line(words: str, text: str) -> str | None:
    """The newest line of a text that has these words, cut to what is around them; None where none has."""
    line = next((each for each in reversed(text.splitlines()) if words in each), None)
    if line is None:
        return None
    start = max(0, line.find(words) - _BEFORE)
    return line[start : start + _SHOWN].strip()
