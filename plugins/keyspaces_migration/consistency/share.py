"""A part of a table's check, where a check is too long for one call of a function."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from keyspaces_migration.consistency.wording import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Part `part` (from 0) of `parts` of a table's check; the default is the whole check.

    Of several, part 0 makes all draws but the one by key, whose rows the others share: what overlaps within one of the
    other draws stays together so.

    Raises:
        ValueError: There is no such part.
    """

    part: int = 0
    parts: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.part < self.parts:
            raise ValueError(f"there is no part {self.part} of {self.parts}; the first is 0")

    @property
    def has_units(self) -> bool:
        """Whether the draws of windows, strata and sweep are made in this part."""
        return self.part == 0

    def owns(self, key: Sequence[object]) -> bool:
        """Whether a row of this key, if it is drawn, is compared in this part.

        By the key itself and not by its place in the draw: the parts draw one after the other, and a history that gets
        a row in between has every later row at another place. By places, rows would then be compared twice and others
        never, and the bound would claim more rows than were looked at.
        """
        return self.parts == 1 or int(digest(key), 16) % (self.parts - 1) + 1 == self.part


def digest(key: Sequence[object]) -> str:
    """A short name of a key: the same in every process; no two keys of a table have the same one but by chance."""
    text = json.dumps([shown(part) for part in key], ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
