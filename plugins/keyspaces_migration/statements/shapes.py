"""A statement's shape: its text without what differs from one call to the next."""

import re
from typing import Final

from keyspaces_migration.cql.tokens import Token, TokenKind, significant, tokens

_TIGHT_BEFORE: Final = frozenset({")", "]", "}", ",", ";", ".", ":"})
_TIGHT_AFTER: Final = frozenset({"(", "[", "{", "."})
_OPERANDS: Final = frozenset({")", "]", "}"})
_TRUTHS: Final = frozenset({"TRUE", "FALSE"})
_BEFORE_VALUES: Final = frozenset(
    "AND AS BY FROM IF IN INTO LIKE LIMIT NOT OF OR SELECT SET TTL TIMESTAMP USING VALUES WHERE CONTAINS KEY".split()  # noqa: SIM905 - words are read best as a line
)
_LISTS: Final = (
    # A list, set or map of values only, whatever their number; IN with its values; the statements of a batch.
    (re.compile(r"(?<![\w\")\]])\[\?(?:, \?)*\]"), "[…]"),
    (re.compile(r"\{\?(?:: \?)?(?:, \?(?:: \?)?)*\}"), "{…}"),
    (re.compile(r"\bIN \((\?|\([?, ]+\))(?:, \1)*\)", re.IGNORECASE), r"IN (…)"),
    # Bounded: in a batch without semicolons, each statement would be looked through to the batch's end.
    (re.compile(r"\b((?:INSERT|UPDATE|DELETE) [^;]{0,2000}+; )\1+", re.IGNORECASE), r"\1… "),
)
# What makes the quick key wrong: quotes and comments within which a quote or a digit is no value.
_NOT_QUICK = re.compile(r'["$]|--|//|/\*')
_KEYED: Final = {TokenKind.STRING: "''", TokenKind.NUMBER: "0", TokenKind.COMMENT: " ", TokenKind.SPACE: " "}
_HEX: Final = "[0-9a-fA-F]"
_VALUES = re.compile(
    rf"'[^']*'|(?<![A-Za-z0-9_])(?:{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}(?![A-Za-z0-9_])"
    r"|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[A-Za-z0-9_µ]*)"
)


def quick_key(text: str) -> str:
    """A key under which a statement's analysis may be kept: what it is equal for, is judged equal.

    Every string becomes one sign and every number another, and nothing else but white space and comments changes.
    """
    if _NOT_QUICK.search(text):
        return "".join(_KEYED.get(token.kind) or token.text for token in tokens(text))
    return _VALUES.sub(lambda match: "''" if match.group()[0] == "'" else "0", text)


def fold(text: str) -> str:
    """The shape: words as they are compared, literals and bind markers `?`, lists `…`, white space one blank."""
    parts: list[str] = []
    before: Token | None = None
    negative = False
    for token in significant(text):
        if token.text == "-" and not _is_operand(before):
            negative, before = True, token
            continue
        value = token.is_literal or token.word in _TRUTHS
        if negative and not value:
            parts.append(" -")
        negative = False
        parts.append(_gap(before, token))
        parts.append("?" if value else _written(token))
        before = token
    if negative:
        parts.append(" -")
    folded = "".join(parts).strip().removesuffix(";").rstrip()
    for pattern, short in _LISTS:
        folded = pattern.sub(short, folded)
    return folded


def _is_operand(token: Token | None) -> bool:
    if token is None:
        return False
    if token.kind is TokenKind.SYMBOL:
        return token.text in _OPERANDS
    return token.is_literal or token.word not in _BEFORE_VALUES


def _written(token: Token) -> str:
    if token.kind is TokenKind.WORD:
        return token.word if token.word in KEYWORDS else token.text.lower()
    return token.text


def _gap(before: Token | None, token: Token) -> str:
    if before is None or before.text in _TIGHT_AFTER or token.text in _TIGHT_BEFORE:
        return ""
    name = before.kind is TokenKind.QUOTED_NAME or (before.kind is TokenKind.WORD and before.word not in KEYWORDS)
    return "" if name and token.text in {"(", "["} and before.word not in KEYWORDS else " "


KEYWORDS: Final = frozenset(
    """
    SELECT INSERT UPDATE DELETE BEGIN UNLOGGED LOGGED COUNTER BATCH APPLY TRUNCATE USE CREATE ALTER DROP GRANT REVOKE
    FROM INTO VALUES WHERE AND OR NOT NULL IN SET USING TIMESTAMP TTL IF EXISTS ORDER BY GROUP ASC DESC PER PARTITION
    LIMIT ALLOW FILTERING CONTAINS KEY LIKE IS BETWEEN AS JSON DISTINCT DEFAULT UNSET TABLE KEYSPACE INDEX MATERIALIZED
    VIEW TYPE FUNCTION AGGREGATE TRIGGER ROLE USER WITH ADD RENAME TO ON PRIMARY STATIC ANN OF
    """.split()  # noqa: SIM905 - words are read best as a paragraph
)
