"""A file that is another for a while."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def edited(file: Path, what: str, by: str) -> Iterator[None]:
    """Within it, `what` in the file's text is `by`.

    Raises:
        ValueError: The file has no such text; it is left alone.
    """
    kept = file.read_text(encoding="utf-8")
    if what not in kept:
        raise ValueError(f"{file} has no {what!r}")
    file.write_text(kept.replace(what, by), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(kept, encoding="utf-8")
