"""Pieces of CQL that tests put together at random."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.integration.statement_cases import CASES

CQL_PIECES = st.sampled_from(
    """
    SELECT INSERT UPDATE DELETE BEGIN BATCH UNLOGGED COUNTER APPLY INTO FROM SET WHERE AND IF NOT EXISTS IN VALUES JSON
    DEFAULT UNSET USING TIMESTAMP TTL ORDER BY GROUP ANN OF LIMIT ALLOW FILTERING CONTAINS KEY LIKE TOKEN( CAST( AS
    DISTINCT CREATE ALTER DROP TABLE KEYSPACE INDEX ON TYPE GRANT ADD IDENTITY TRUNCATE USE PRIMARY NULL true NaN a b
    shop.orders "A" "a""b" 'x' 'it''s' $$ $$x$$ ' " ? :a :"A" 1 -1 1.5 0xff 1h30m 50554d6e-29bb-11e5-b345-feff819cdc9f
    ( ) [ ] { } < > , ; : . = + - * / % != <= += -= -- // /* */ now() uuid() count(*)
    """.split()  # noqa: SIM905 - words are read best as a paragraph
).flatmap(lambda word: st.sampled_from([word, f" {word} ", f"{word}\n"]))

STATEMENTS = tuple(dict.fromkeys(case.cql for case in CASES))


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A statement with a stretch of it replaced by something else."""
    text = draw(st.sampled_from(STATEMENTS).filter(lambda one: len(one) < 400))
    first = draw(st.integers(0, len(text)))
    last = draw(st.integers(first, min(len(text), first + 12)))
    instead = draw(st.lists(CQL_PIECES, max_size=3).map("".join) | st.text(max_size=3))
    return text[:first] + instead + text[last:]


ANY_TEXT = st.text() | st.lists(CQL_PIECES, max_size=30).map("".join) | damaged()
