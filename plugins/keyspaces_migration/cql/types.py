"""CQL types from their text: `parse_type` and what it returns."""

import re
from typing import NoReturn

from keyspaces_migration.cql.identifiers import RESERVED_WORDS
from keyspaces_migration.cql.type_tree import (
    GENERIC_NAMES,
    CqlType,
    Custom,
    Frozen,
    ListOf,
    MapOf,
    Scalar,
    ScalarName,
    SetOf,
    TupleOf,
    UserType,
    Vector,
)
from keyspaces_migration.errors import MigrationError

__all__ = [
    "MAX_NESTING",
    "CqlType",
    "CqlTypeError",
    "Custom",
    "Frozen",
    "ListOf",
    "MapOf",
    "Scalar",
    "ScalarName",
    "SetOf",
    "TupleOf",
    "UserType",
    "Vector",
    "parse_type",
]

# Cassandra refuses far shallower types; the limit keeps a hostile text from exhausting the stack.
MAX_NESTING = 64

_SCALARS = {name.value: name for name in ScalarName} | {"varchar": ScalarName.TEXT}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<word>[A-Za-z0-9][A-Za-z0-9_]*)
    | (?P<quoted>"(?:[^"\0]|"")+")
    | (?P<custom>'(?:[^'\0]|'')+')
    | (?P<mark>[<>,.])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


class CqlTypeError(MigrationError):
    """A text that is no CQL type.

    Attributes:
        text: What was read.
        position: Where in it the trouble is, counted in characters from 0.
        reason: What was found there and what would be allowed.
    """

    def __init__(self, *, text: str, position: int, reason: str) -> None:
        super().__init__(f"{text!r} is no CQL type: at character {position + 1}, {reason}")
        self.text = text
        self.position = position
        self.reason = reason


def parse_type(text: str) -> CqlType:
    """Read the text of a CQL type, as system_schema.columns prints it or as a person writes it.

    `str(parse_type(text))` gives back system_schema's own text. A bare word that is no type of Cassandra's is taken
    for a user type, as CQL does: whether it exists is for the caller to know.

    Raises:
        CqlTypeError: `text` is no type.
    """
    parser = _Parser(text)
    result = parser.read_type(0)
    if parser.kind != "end":
        parser.fail("expected the end of the text")
    return result


class _Parser:
    """Recursive descent over the tokens; `kind` and `value` are the token that comes next."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.start = self.next_start = 0
        self.kind = self.value = ""
        self.advance()

    def fail(self, reason: str) -> NoReturn:
        found = f"found {self.value!r}" if self.value else "found the end of the text"
        raise CqlTypeError(text=self.text, position=self.start, reason=f"{found}, {reason}")

    def advance(self) -> str:
        taken = self.value
        match = _TOKEN.match(self.text, self.next_start)
        if match is None or match.lastgroup is None:
            position = len(self.text) - len(self.text[self.next_start :].lstrip())
            reason = f"found {self.text[position]!r}, expected a type, a name, or one of < > , ."
            raise CqlTypeError(text=self.text, position=position, reason=reason)
        self.kind, self.value = match.lastgroup, match[match.lastgroup]
        self.start, self.next_start = match.start(match.lastgroup), match.end()
        return taken

    def take_mark(self, mark: str) -> None:
        if self.kind != "mark" or self.value != mark:
            self.fail(f"expected {mark!r}")
        self.advance()

    def at_mark(self, mark: str) -> bool:
        return self.kind == "mark" and self.value == mark

    def read_type(self, depth: int) -> CqlType:
        if depth > MAX_NESTING:
            self.fail(f"allowed are {MAX_NESTING} levels of nesting")
        if self.kind == "custom":
            return Custom(self.advance()[1:-1].replace("''", "'"))
        if self.kind == "word":
            word = self.value.lower()
            if word in GENERIC_NAMES and self.next_is_open():
                self.advance()
                return self.read_generic(word, depth)
            if word in _SCALARS and not self.next_is_dot():
                self.advance()
                return Scalar(_SCALARS[word])
        return self.read_user_type()

    def next_is_open(self) -> bool:
        return self.text[self.next_start :].lstrip().startswith("<")

    def next_is_dot(self) -> bool:
        return self.text[self.next_start :].lstrip().startswith(".")

    def read_generic(self, word: str, depth: int) -> CqlType:
        self.take_mark("<")
        result: CqlType
        first = self.read_type(depth + 1)
        match word:
            case "frozen":
                result = Frozen(first)
            case "list":
                result = ListOf(first)
            case "set":
                result = SetOf(first)
            case "map":
                self.take_mark(",")
                result = MapOf(first, self.read_type(depth + 1))
            case "vector":
                self.take_mark(",")
                result = Vector(first, self.read_dimension())
            case _:
                result = self.read_tuple(first, depth)
        self.take_mark(">")
        return result

    def read_tuple(self, first: CqlType, depth: int) -> TupleOf:
        elements = [first]
        while self.at_mark(","):
            self.advance()
            elements.append(self.read_type(depth + 1))
        return TupleOf(tuple(elements))

    def read_dimension(self) -> int:
        digits = self.value
        if self.kind != "word" or not re.fullmatch(r"[1-9][0-9]{0,8}", digits):
            self.fail("expected the vector's number of elements")
        self.advance()
        return int(digits)

    def read_user_type(self) -> UserType:
        first = self.read_name()
        if not self.at_mark("."):
            return UserType(first)
        self.advance()
        return UserType(self.read_name(), keyspace=first)

    def read_name(self) -> str:
        if self.kind == "quoted":
            return self.advance()[1:-1].replace('""', '"')
        if self.kind != "word" or self.value[0].isdigit():
            self.fail("expected a type or the name of a user type")
        if (name := self.value.lower()) in GENERIC_NAMES or name in RESERVED_WORDS:
            self.fail("a reserved word, which must stand in double quotes to name a user type")
        self.advance()
        return name
