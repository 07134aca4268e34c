"""CQL cut into tokens: nothing is lost, and what stands in quotes or comments is one piece."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.tokens import Token, TokenKind, significant, tokens
from tests.unit.keyspaces_migration.statements.texts import CQL_PIECES


def kinds(text: str) -> list[TokenKind]:
    return [token.kind for token in significant(text)]


def texts(text: str) -> list[str]:
    return [token.text for token in significant(text)]


@given(st.text())
def test_tokens_put_together_are_the_text(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text


@given(st.lists(CQL_PIECES).map("".join))
def test_tokens_of_something_like_cql_put_together_are_the_text(text: str) -> None:
    assert "".join(token.text for token in tokens(text)) == text
    assert all(token.text for token in tokens(text))


@given(st.text(alphabet=st.characters(exclude_characters="'", codec="utf-8")))
def test_whatever_stands_in_a_string_is_one_token(content: str) -> None:
    quoted = content.replace("'", "''")
    assert significant(f"'{quoted}'") == [Token(TokenKind.STRING, f"'{quoted}'")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("'it''s; -- /* now() */'", TokenKind.STRING),
        ("$$ it's; a $ \n body $$", TokenKind.STRING),
        ('"a ""quoted"" name; now()"', TokenKind.QUOTED_NAME),
        ("0xCAFE", TokenKind.NUMBER),
        ("1h30m", TokenKind.NUMBER),
        ("1.5e-10", TokenKind.NUMBER),
        ("50554d6e-29bb-11e5-b345-feff819cdc9f", TokenKind.NUMBER),
        ("?", TokenKind.MARKER),
        (":name", TokenKind.MARKER),
        (':"Name"', TokenKind.MARKER),
        ("a1_b", TokenKind.WORD),
        ("<=", TokenKind.SYMBOL),
    ],
)
def test_a_piece_is_one_token_of_its_kind(text: str, kind: TokenKind) -> None:
    assert significant(text) == [Token(kind, text)]


@pytest.mark.parametrize("comment", ["-- it's\n", "// it's\r\n", "/* it's; \n * now() **/"])
def test_a_comment_means_nothing(comment: str) -> None:
    assert texts(f"a {comment} b") == ["a", "b"]


@pytest.mark.parametrize("text", ["'abc", '"abc', "$$abc $", "/* abc *", "'it''s", "''''' x"])
def test_what_does_not_end_is_told_from_what_does(text: str) -> None:
    assert kinds(text)[-1] is TokenKind.UNENDED


def test_a_minus_between_names_begins_no_comment() -> None:
    assert texts("a - b-c") == ["a", "-", "b", "-", "c"]


def test_a_colon_in_a_map_is_no_marker() -> None:
    assert kinds("{'a': b, c:d, ?:e}").count(TokenKind.MARKER) == 1
    assert texts("VALUES (:a, :b)") == ["VALUES", "(", ":a", ",", ":b", ")"]


@pytest.mark.parametrize("quote", ["'", '"', "$$"])
def test_a_value_of_some_megabytes_takes_no_more_memory_than_itself(quote: str) -> None:
    text = f"{quote}{'x' * 4_000_000}{quote}"
    tracemalloc.start()
    assert len(significant(text)) == 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(text)
