"""Statements that differ in their values only have one shape, and are analysed once."""

import time

import pytest
from hypothesis import given

from keyspaces_migration.statements.model import Statement
from keyspaces_migration.statements.parser import parse
from keyspaces_migration.statements.rules import judge
from keyspaces_migration.statements.shapes import fold, quick_key
from tests.unit.keyspaces_migration.statements.texts import ANY_TEXT, STATEMENTS


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("select A,b  from ks.T where k=1", "SELECT a, b FROM ks.t WHERE k = ?"),
        ("SELECT a, b FROM ks.t WHERE k = ? -- why\n;", "SELECT a, b FROM ks.t WHERE k = ?"),
        ("SELECT a, b FROM ks.t WHERE k = -17.5", "SELECT a, b FROM ks.t WHERE k = ?"),
        ("SELECT * FROM t WHERE k IN (1,2, 3)", "SELECT * FROM t WHERE k IN (…)"),
        ("SELECT * FROM t WHERE (a, b) IN ((1, 2), (3, 4))", "SELECT * FROM t WHERE (a, b) IN (…)"),
        ("INSERT INTO t (a, b) VALUES ([1, 2], {'x': 1})", "INSERT INTO t(a, b) VALUES ([…], {…})"),
        ("UPDATE t SET a = a - 1 WHERE k = 'it''s'", "UPDATE t SET a = a - ? WHERE k = ?"),
        ('SELECT "A" FROM t WHERE v = true', 'SELECT "A" FROM t WHERE v = ?'),
        (
            "BEGIN BATCH DELETE FROM t WHERE k = 1; DELETE FROM t WHERE k = 2; DELETE FROM t WHERE k = 3; APPLY BATCH",
            "BEGIN BATCH DELETE FROM t WHERE k = ?; … APPLY BATCH",
        ),
    ],
)
def test_the_shape_is_the_text_without_its_values(text: str, shape: str) -> None:
    assert fold(text) == shape


def test_what_does_something_else_has_another_shape() -> None:
    texts = (
        "UPDATE t SET a = a + 1 WHERE k = 1",
        "UPDATE t SET a = a - 1 WHERE k = 1",
        "UPDATE t SET a = 1 WHERE k = 1",
        "UPDATE t SET b = 1 WHERE k = 1",
        "UPDATE t SET a = null WHERE k = 1",
        "UPDATE t SET a = 1 WHERE k = 1 IF EXISTS",
    )
    assert len({fold(text) for text in texts}) == len(texts)


@given(ANY_TEXT)
def test_no_text_makes_it_raise(text: str) -> None:
    assert isinstance(fold(text), str)
    assert isinstance(quick_key(text), str)


@given(ANY_TEXT)
def test_a_text_with_the_same_key_is_judged_the_same(text: str) -> None:
    one, other = parse(text), parse(quick_key(text))
    if isinstance(one, Statement):
        assert isinstance(other, Statement)
        assert judge(one) == judge(other)
        assert fold(text) == fold(quick_key(text))


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_with_other_values_has_the_same_key_and_judgement(text: str) -> None:
    one, other = parse(text), parse(quick_key(text))
    assert isinstance(one, Statement)
    assert isinstance(other, Statement)
    assert [finding.rule.id for finding in judge(one)] == [finding.rule.id for finding in judge(other)]
    assert quick_key(text.replace("2026", "1999")) == quick_key(text)


def test_a_digit_within_a_quoted_name_or_comment_is_no_value() -> None:
    assert quick_key('SELECT "a1" FROM t') != quick_key('SELECT "a2" FROM t')
    assert quick_key("SELECT a1 FROM t") != quick_key("SELECT a2 FROM t")


def test_comments_and_quoted_names_keep_no_value_in_the_key() -> None:
    one, other = (f"SELECT \"a1\" FROM t WHERE k = 'it''s {value}' -- {value}\n AND b = $${value}$$" for value in "xy")
    assert quick_key(one) == quick_key(other) != quick_key(one.replace("a1", "a2"))


def test_a_large_batch_without_semicolons_is_folded_at_once() -> None:
    statements = " ".join(f"INSERT INTO t (k, v) VALUES ({number}, 'x')" for number in range(40_000))
    began = time.process_time()
    assert fold(f"BEGIN BATCH {statements} APPLY BATCH").endswith("APPLY BATCH")
    assert time.process_time() - began < 20
