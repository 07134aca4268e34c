"""Both stores, cell by cell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rehearsal.conflicts.table import KEY, VALUES

if TYPE_CHECKING:
    from rehearsal.conflicts.table import Cells, Rows

_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Differences:
    """What the target has otherwise than the source.

    Attributes:
        overwritten_newer: Cells with another value.
        resurrected: Rows and cells that the source has not.
        missing: Rows and cells that only the source has.
        examples: Some of them, to look at.
    """

    overwritten_newer: int
    resurrected: int
    missing: int
    examples: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """The numbers alone."""
        return {name: value for name, value in asdict(self).items() if name != "examples"}


def compare(source: Rows, target: Rows) -> Differences:
    """Count what differs."""
    found: dict[str, list[str]] = {"overwritten_newer": [], "resurrected": [], "missing": []}
    for key in target.keys() - source.keys():
        found["resurrected"].append(f"row {key} {target[key]}")
    for key in source.keys() - target.keys():
        found["missing"].append(f"row {key} {source[key]}")
    for key in source.keys() & target.keys():
        _compare_cells(found, key, source[key], target[key])
    examples = [f"{kind}: {each}" for kind, all_of_kind in found.items() for each in sorted(all_of_kind)[:_SHOWN]]
    return Differences(**{kind: len(each) for kind, each in found.items()}, examples=tuple(examples))


def _compare_cells(found: dict[str, list[str]], key: Cells, source: Cells, target: Cells) -> None:
    for name, wanted, there in zip(VALUES, source, target, strict=True):
        if wanted == there:
            continue
        kind = "resurrected" if wanted is None else "missing" if there is None else "overwritten_newer"
        found[kind].append(f"{name} of {dict(zip(KEY, key, strict=True))}: {there!r} instead of {wanted!r}")
