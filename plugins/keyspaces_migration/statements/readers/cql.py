"""A file of CQL statements, cut at its semicolons."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from keyspaces_migration.cql.tokens import Token, TokenKind, significant
from keyspaces_migration.statements.readers.lines import Text, numbered
from keyspaces_migration.statements.records import Item, Record, Unreadable

_ENDS: Final = {"'": "'", '"': '"', "$$": "$$", "/*": "*/"}
_LONGEST_USE: Final = 1_000
_OPENING = re.compile(r"'|\"|\$\$|/\*|--|//|;|[A-Za-z_][A-Za-z0-9_]*|[^\s]")


class _Splitter:
    """Knows, from line to line, whether it is within quotes, a comment or a batch."""

    def __init__(self) -> None:
        self.inside = ""
        self.in_batch = False
        self.begun = False
        self._words: tuple[str, str] = ("", "")

    def cut(self, line: str) -> Iterator[tuple[str, bool]]:
        """The line in pieces; True with the last piece of a statement."""
        start = at = 0
        while at < len(line):
            if self.inside:
                end = line.find(self.inside, at)
                if end < 0:
                    break
                at, self.inside = end + len(self.inside), ""
                continue
            match = _OPENING.search(line, at)
            if match is None:
                break
            at, found = match.end(), match.group()
            if found in {"--", "//"}:
                break
            if found in _ENDS:
                self.inside = _ENDS[found]
                self.begun = self.begun or found != "/*"
            elif found == ";" and not self.in_batch:
                yield line[start:at], True
                start, self.begun, self._words = at, False, ("", "")
            else:
                self._note(found.upper())
        yield line[start:], False

    def _note(self, word: str) -> None:
        if not self.begun:
            self.begun, self.in_batch = True, word == "BEGIN"
        self._words = (self._words[1], word)
        if self._words == ("APPLY", "BATCH"):
            self.in_batch = False


def read_cql(lines: Iterable[str]) -> Iterator[Item]:
    """The statements of a file, one at a time, each in the keyspace of the last USE; the last needs no semicolon."""
    keyspace = ""
    for text in _texts(lines):
        if text.too_long:
            yield Unreadable(line=text.line, text=str(text)[:200], why="a statement too long to be one")
        elif stripped := str(text).strip().removesuffix(";").strip():
            keyspace = _used(stripped) or keyspace
            yield Record(text=stripped, keyspace=keyspace)


def _texts(lines: Iterable[str]) -> Iterator[Text]:
    splitter, text = _Splitter(), Text()
    for number, line in numbered(lines):
        for piece, ends in splitter.cut(line):
            if not text.parts or not splitter.begun:
                text.line = number
            text.add(piece if ends else f"{piece}\n")
            if ends:
                yield text
                text = Text(line=number)
    if splitter.begun:
        yield text


def _used(text: str) -> str:
    """The keyspace that a USE names; empty for any other statement."""
    if len(text) > _LONGEST_USE:
        return ""
    match significant(text):
        case [Token(kind=TokenKind.WORD) as use, Token(kind=TokenKind.WORD) as name] if use.word == "USE":
            return name.text.lower()
        case [Token(kind=TokenKind.WORD) as use, Token(kind=TokenKind.QUOTED_NAME) as name] if use.word == "USE":
            return name.text[1:-1].replace('""', '"')
    return ""
