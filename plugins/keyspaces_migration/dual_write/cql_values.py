"""Values of a statement: those in its text, and the places of those that are bound to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from keyspaces_migration.cql.cursor import Cursor
from keyspaces_migration.cql.tokens import TokenKind
from keyspaces_migration.dual_write.errors import WriteRefusedError

_CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}


@dataclass(frozen=True, slots=True)
class Marker:
    """Stands for the value that is bound at a place, counted from 0."""

    place: int


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that stands in the text."""

    value: Any


Value = Marker | Constant
GivenValues = Sequence[object] | Mapping[str, object] | None
"""What a caller gives for the markers: in their order, or by their names."""


def bound(value: Value, values: Sequence[object]) -> Any:  # noqa: ANN401 -- of its column's type
    """Return what a value is, where `values` are bound."""
    return values[value.place] if isinstance(value, Marker) else value.value


class MarkedCursor(Cursor):
    """A cursor that numbers the markers that it passes; `markers` are the columns, or names, that they stand for."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.markers: list[str] = []

    def value(self, column: str) -> Value:
        """Take a value of a column.

        Raises:
            UnreadableError: None comes next that could be sent to two stores: functions, collections, arithmetic.
        """
        negative = bool(self.accept_symbol("-"))
        token = self.peek()
        if token.kind is TokenKind.MARKER and not negative:
            self.take()
            self.markers.append(column if token.text == "?" else _name_of(token.text))
            return Marker(len(self.markers) - 1)
        if token.kind is TokenKind.NUMBER:
            return Constant(self._number(negative=negative))
        if token.kind is TokenKind.STRING and not negative:
            self.take()
            return Constant(_text_of(token.text))
        if token.word in _CONSTANTS and not negative:
            self.take()
            return Constant(_CONSTANTS[token.word])
        raise self.unreadable(f"a marker (?), a number, a text, true, false or null for {column}")

    def _number(self, *, negative: bool) -> int | float:
        text = ("-" if negative else "") + self.peek().text
        for kind in (int, float):
            try:
                number = kind(text)
            except ValueError:
                continue
            self.take()
            return number
        raise self.unreadable("a plain number; bind other values (?)")


def in_order(markers: Sequence[str], values: GivenValues) -> tuple[object, ...]:
    """Return the values to bind in the order of the markers.

    Raises:
        WriteRefusedError: There are too few or too many, or one has no name that a marker has.
    """
    if isinstance(values, Mapping):
        if missing := [name for name in markers if name not in values]:
            raise WriteRefusedError(f"no value for {', '.join(missing)}; found: {', '.join(map(str, values))}")
        if strange := [name for name in values if name not in markers]:
            raise WriteRefusedError(f"{', '.join(strange)} stands for no marker; allowed: {', '.join(markers)}")
        return tuple(values[name] for name in markers)
    given = tuple(values or ())
    if len(given) != len(markers):
        raise WriteRefusedError(f"{len(given)} values for {len(markers)} markers ({', '.join(markers)})")
    return given


def _name_of(marker: str) -> str:
    name = marker[1:]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()


def _text_of(literal: str) -> str:
    return literal[2:-2] if literal.startswith("$$") else literal[1:-1].replace("''", "'")
