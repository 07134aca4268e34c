"""CQL text cut into tokens, with nothing lost: the tokens put together are the text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class TokenKind(StrEnum):
    """What a piece of CQL is."""

    SPACE = "space"
    COMMENT = "comment"
    STRING = "string"
    QUOTED_NAME = "quoted name"
    WORD = "word"
    NUMBER = "number"
    MARKER = "marker"
    SYMBOL = "symbol"
    UNENDED = "unended"
    """A quote or comment that does not end, and all that follows it."""


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the text, as it is written there."""

    kind: TokenKind
    text: str

    @property
    def word(self) -> str:
        """The word in upper case, as keywords are compared; empty for what is no word."""
        return self.text.upper() if self.kind is TokenKind.WORD else ""

    @property
    def is_literal(self) -> bool:
        """Whether it is a value by itself."""
        return self.kind in _LITERALS


_LITERALS = frozenset({TokenKind.STRING, TokenKind.NUMBER, TokenKind.MARKER})
_HEX = "[0-9a-fA-F]"
_UUID = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}(?![A-Za-z0-9_])"
# A duration (1h30m) and a blob (0xff) are numbers that go on with letters.
_NUMBER = rf"{_UUID}|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[A-Za-z0-9_µ]*"
# Possessive (`*+`): a repetition that could give back keeps a place for each character, some 200 bytes of memory each.
_TOKEN = re.compile(
    rf"""
      (?P<space>\s+)
    | (?P<comment>--[^\r\n]*|//[^\r\n]*|/\*(?:[^*]++|\*(?!/))*+\*/)
    | (?P<string>'(?:[^']++|'')*+'|\$\$(?:[^$]++|\$(?!\$))*+\$\$)
    | (?P<quoted_name>"(?:[^"]++|"")*+")
    | (?P<unended>/\*.*|'.*|".*|\$\$.*)
    | (?P<number>{_NUMBER})
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<marker>\?|(?<![A-Za-z0-9_'")\]}}?]):(?:[A-Za-z][A-Za-z0-9_]*|"(?:[^"]|"")+"))
    | (?P<symbol><=|>=|!=|\+=|-=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_KINDS = {kind.value.replace(" ", "_"): kind for kind in TokenKind}


def tokens(text: str) -> Iterator[Token]:
    """Every token of `text`; never raises."""
    for match in _TOKEN.finditer(text):
        yield Token(_KINDS[match.lastgroup or "symbol"], match.group())


def significant(text: str) -> list[Token]:
    """The tokens that mean something: without white space and comments."""
    return [token for token in tokens(text) if token.kind not in _BLANK]


_BLANK = frozenset({TokenKind.SPACE, TokenKind.COMMENT})
