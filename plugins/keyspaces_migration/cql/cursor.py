"""A place in a statement's tokens, and the steps that every clause takes from there."""

from dataclasses import dataclass

from keyspaces_migration.cql.tokens import Token, TokenKind, significant

END = Token(TokenKind.SPACE, "")
MAX_DEPTH = 60


@dataclass(frozen=True, kw_only=True)
class TableName:
    """A table as the statement names it, case as Cassandra takes it; `keyspace` is empty when not named."""

    keyspace: str
    name: str

    def __str__(self) -> str:
        """`keyspace.name`, or the name alone."""
        return f"{self.keyspace}.{self.name}" if self.keyspace else self.name


class UnreadableError(ValueError):
    """The text is no statement that we can read; the message says at which word."""


class Cursor:
    """Reads tokens from left to right."""

    def __init__(self, text: str) -> None:
        self._tokens = significant(text)
        self._at = 0
        self._depth = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token so many places on; END after the last."""
        place = self._at + ahead
        return self._tokens[place] if place < len(self._tokens) else END

    def take(self) -> Token:
        """The next token, which is then behind us."""
        token = self.peek()
        self._at += 1
        return token

    def at_word(self, *words: str) -> bool:
        """Whether these keywords come next."""
        return all(self.peek(ahead).word == word for ahead, word in enumerate(words))

    def at_symbol(self, symbol: str, *, ahead: int = 0) -> bool:
        """Whether this symbol comes next."""
        token = self.peek(ahead)
        return token.kind is TokenKind.SYMBOL and token.text == symbol

    def accept(self, *words: str) -> bool:
        """Step over these keywords if they come next."""
        if self.at_word(*words):
            self._at += len(words)
            return True
        return False

    def accept_symbol(self, *symbols: str) -> str:
        """Step over one of these symbols if it comes next, and return it; else empty."""
        for symbol in symbols:
            if self.at_symbol(symbol):
                self._at += 1
                return symbol
        return ""

    def expect(self, *words: str) -> None:
        """Step over these keywords.

        Raises:
            UnreadableError: Something else comes next.
        """
        if not self.accept(*words):
            raise self.unreadable(" ".join(words))

    def expect_symbol(self, symbol: str) -> None:
        """Step over this symbol.

        Raises:
            UnreadableError: Something else comes next.
        """
        if not self.accept_symbol(symbol):
            raise self.unreadable(symbol)

    def name(self) -> str:
        """A name, in lower case unless it is quoted.

        Raises:
            UnreadableError: No name comes next.
        """
        token = self.peek()
        if token.kind is TokenKind.WORD:
            return self.take().text.lower()
        if token.kind is TokenKind.QUOTED_NAME:
            return self.take().text[1:-1].replace('""', '"')
        raise self.unreadable("a name")

    def at_name(self, *, ahead: int = 0) -> bool:
        """Whether a name, or a keyword, comes next."""
        return self.peek(ahead).kind in {TokenKind.WORD, TokenKind.QUOTED_NAME}

    def table(self) -> TableName:
        """`table` or `keyspace.table`."""
        first = self.name()
        if self.accept_symbol("."):
            return TableName(keyspace=first, name=self.name())
        return TableName(keyspace="", name=first)

    def deeper(self) -> None:
        """Note that a bracket was opened.

        Raises:
            UnreadableError: There are more within each other than any statement has.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise UnreadableError(f"more than {MAX_DEPTH} brackets within each other")

    def shallower(self) -> None:
        """Note that it was closed."""
        self._depth -= 1

    def unreadable(self, wanted: str) -> UnreadableError:
        """The error that says what was expected here and what was found."""
        token = self.peek()
        if token.kind is TokenKind.UNENDED:
            return UnreadableError(f"a quote or comment that does not end: {token.text[:30]!r}")
        found = repr(token.text[:30]) if token is not END else "the end"
        return UnreadableError(f"expected {wanted}, found {found}")
