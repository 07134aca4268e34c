"""Elements that a statement adds to a set or a map, or takes from it, as its text gives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from keyspaces_migration.cql.cursor import UnreadableError
from keyspaces_migration.dual_write.cql_values import MarkedCursor, Value, bound
from keyspaces_migration.dual_write.elements import ElementChange, ElementSign

if TYPE_CHECKING:
    from collections.abc import Sequence

GivenElements = Value | tuple[Value, ...] | tuple[tuple[Value, Value], ...]
"""The whole of the elements; or each of a set, or key and value of each of a map, as the text has them."""


@dataclass(frozen=True, kw_only=True)
class ElementTemplate:
    """A change of a set's or a map's elements, whose values are bound later."""

    sign: ElementSign
    given: GivenElements

    def bind(self, values: Sequence[object], *, unset: object) -> ElementChange | None:
        """Return the change; None where it changes nothing: unset, null or without elements, as Cassandra has it.

        A key of a map that is set to null is taken away; with others it can't stand in one text.
        """
        if not isinstance(self.given, tuple):
            elements = bound(self.given, values)
            return None if elements is unset or elements is None or not elements else ElementChange(self.sign, elements)
        pairs = [each for each in self.given if isinstance(each, tuple)]
        if not pairs:
            ones = {bound(each, values) for each in self.given if not isinstance(each, tuple)}
            return ElementChange(self.sign, ones) if ones else None
        found = {bound(key, values): bound(value, values) for key, value in pairs}
        if len(found) == 1 and None in found.values():
            return ElementChange(ElementSign.REMOVE, set(found))
        return None if unset in found.values() else ElementChange(self.sign, found)


def elements_of(at: MarkedCursor, column: str) -> GivenElements:
    """Take the elements that come next: a marker, or braces with values.

    Raises:
        UnreadableError: Something else does.
    """
    if not at.accept_symbol("{"):
        return at.value(column)
    ones: list[Value] = []
    pairs: list[tuple[Value, Value]] = []
    while not at.accept_symbol("}"):
        first = at.value(column)
        if at.accept_symbol(":"):
            pairs.append((first, at.value(column)))
        else:
            ones.append(first)
        if not at.accept_symbol(",") and not at.at_symbol("}"):
            raise at.unreadable(", or }")
    if ones and pairs:
        raise UnreadableError(f"elements of a set and of a map for {column}")
    return tuple(pairs) if pairs else tuple(ones)
