"""Checks of arguments against AWS's limits: a mistake is found where it was written, not in the middle of a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Collection, Sized


def within(where: str, found: int, *, least: int, most: int, advice: str) -> None:
    """Refuse a number outside bounds, both of them allowed.

    Raises:
        ComponentArgumentError: It is outside.
    """
    if not least <= found <= most:
        raise ComponentArgumentError(where=where, found=found, allowed=f"{least} to {most}", advice=advice)


def at_most(where: str, found: Sized, *, most: int, advice: str) -> None:
    """Refuse a collection of more than so many.

    Raises:
        ComponentArgumentError: It has more.
    """
    if len(found) > most:
        raise ComponentArgumentError(where=where, found=len(found), allowed=f"at most {most}", advice=advice)


def one_of(where: str, found: object, *, allowed: Collection[object], advice: str) -> None:
    """Refuse what is not in a list.

    Raises:
        ComponentArgumentError: It is not.
    """
    if found not in allowed:
        raise ComponentArgumentError(
            where=where, found=found, allowed=", ".join(str(each) for each in allowed), advice=advice
        )


def named(where: str, found: str, *, longest: int, characters: str = "A-Za-z0-9_-") -> None:
    """Refuse a name of a length or with characters that AWS does not take.

    Args:
        where: The component and its argument.
        found: The name.
        longest: In characters.
        characters: As in a regular expression's brackets.

    Raises:
        ComponentArgumentError: AWS does not take it.
    """
    if not re.fullmatch(f"[{characters}]{{1,{longest}}}", found):
        raise ComponentArgumentError(
            where=where, found=found, allowed=f"1 to {longest} of the characters {characters}", advice="Choose another."
        )
