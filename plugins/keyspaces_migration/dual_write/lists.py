"""Lists that are not frozen: written twice at one timestamp they double, so each sending has a timestamp of its own.

`SET l = [a, b] USING TIMESTAMP t` deletes what is older than t, and adds cells whose names the server makes up. The
same statement again leaves the cells of the first one alone, as they are no older, and adds others. At t + 1 it deletes
them. So what is sent again is sent a little above its timestamp: by a step that grows with its age, and is therefore
another one at every sending, in whichever process, as long as sendings are a step apart. Everything else of the write
keeps its timestamp. See ADR 0027.
"""

from collections.abc import Mapping
from typing import Any

from keyspaces_migration.dual_write.shape import TableShape

STEPS: tuple[tuple[int, int], ...] = ((1_000_000, 10_000), (10_000_000, 100_000), (2**63, 1_000_000))
"""Up to which age, in microseconds, a step lasts how long: 10 ms in the first second, 0.1 s up to ten, then 1 s."""

RESERVED_US = 190
"""Timestamps above that of a write with lists which its writer gives to no other: its steps of the first 10 s."""


def lists_in(shape: TableShape, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that are lists of several cells and are given elements, with their values."""
    if not shape.list_columns:
        return {}
    return {name: value for name, value in columns.items() if value and name in shape.list_columns}


def list_step_us(age_us: int) -> int:
    """Return how far above its timestamp a list is sent whose write is so old, in microseconds; it grows with age."""
    steps = began = 0
    for until, width in STEPS:
        if age_us < until:
            return steps + max(0, age_us - began) // width
        steps, began = steps + (until - began) // width, until
    return steps
