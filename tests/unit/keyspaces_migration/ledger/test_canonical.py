"""What is signed means one record alone."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.ledger.canonical import Signable, as_stored, rows_digest
from keyspaces_migration.lifecycle import Stage

MOMENT = datetime(2026, 11, 26, 12, 0, 0, 5, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    texts,
    st.datetimes(timezones=st.just(UTC)),
)
rows = st.dictionaries(texts, values, max_size=4)


def signed(**changes: Any) -> bytes:
    given_values: dict[str, Any] = {"table": "reports", "migration": "flights", "number": 1, "values": {"a": 1}}
    return Signable(**(given_values | changes)).to_bytes()


def told_apart(row: dict[str, Any]) -> dict[str, Any]:
    """As Python compares them but for types: 1 == 1.0 == True, and 0.0 == -0.0. Null is as if it were not there."""
    return {name: (type(value).__name__, repr(value)) for name, value in row.items() if value is not None}


@given(rows, rows)
def test_two_records_have_the_same_bytes_only_if_they_are_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    same = told_apart(one) == told_apart(other)
    assert (signed(values=one) == signed(values=other)) == same


@given(st.lists(rows, max_size=3), st.lists(rows, max_size=3))
def test_two_lists_of_rows_have_the_same_digest_only_if_they_are_the_same(
    one: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    same = [told_apart(row) for row in one] == [told_apart(row) for row in other]
    assert (rows_digest(one) == rows_digest(other)) == same


@given(rows)
def test_the_order_in_which_fields_are_given_does_not_matter(row: dict[str, Any]) -> None:
    assert signed(values=row) == signed(values=dict(reversed(row.items())))


@pytest.mark.parametrize(
    "changes",
    [
        {"table": "approvals"},
        {"migration": "orders"},
        {"number": 2},
        {"table": "report", "migration": "sflights"},
        {"values": {"a": 1.0}},
        {"values": {"a": "1"}},
        {"values": {"a": True}},
        {"values": {"a": 1, "b": ""}},
        {"values": {"a": "", "b": 1}},
    ],
)
def test_each_part_matters(changes: dict[str, Any]) -> None:
    assert signed(**changes) != signed()


def test_a_field_that_is_null_is_as_if_it_were_not_there() -> None:
    """So that a column that is added later does not spoil the signatures of records that are there."""
    assert signed(values={"a": 1, "added": None}) == signed()
    assert signed(values={"a": 1, "added": ""}) != signed()


def test_the_bytes_stay_what_they_are_from_release_to_release() -> None:
    """Whoever changes them makes every ledger unreadable: raise the number in the domain, and write a way over."""
    row = {"stage": Stage.ASSESS, "at": MOMENT, "rate": 0.1, "ok": True, "n": -7, "nothing": None}
    assert signed(values=row) == (
        b"s35:keyspaces-migration ledger record 1s7:reportss7:flightsi1:1"
        b"s2:att32:2026-11-26T12:00:00.000005+00:00s1:ni2:-7s2:okb1:1s4:ratef20:0x1.999999999999ap-4s5:stages6:assess"
    )


def test_a_moment_is_the_same_in_every_time_zone() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=9)))
    assert signed(values={"at": elsewhere}) == signed(values={"at": MOMENT})
    with pytest.raises(ValueError, match="no time zone"):
        signed(values={"at": MOMENT.replace(tzinfo=None)})


def test_what_has_no_bytes_is_refused() -> None:
    with pytest.raises(TypeError, match="signs no list"):
        signed(values={"a": []})


def test_a_whole_number_in_a_column_of_floats_is_signed_as_it_comes_back() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("rate", sa.Double), sa.Column("count", sa.Integer))
    stored = as_stored(table, {"rate": 1, "count": 1})
    assert (type(stored["rate"]), type(stored["count"])) == (float, int)
