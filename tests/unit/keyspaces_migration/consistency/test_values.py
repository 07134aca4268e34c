# ruff: noqa: DTZ001 -- the driver's and Snowflake's moments are naive
from __future__ import annotations

import datetime as dt
import math
import struct
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from cassandra.util import Date, Time, sortedset
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.errors import HistoryValueError
from keyspaces_migration.consistency.history_values import from_history, to_history
from keyspaces_migration.consistency.values import canonical, same_value
from keyspaces_migration.cql.types import parse_type


def same(cql_type: str, one: object, other: object, *, with_scale: bool = True) -> bool:
    convert = canonical(parse_type(cql_type), with_scale=with_scale)
    equal: bool = convert(one) == convert(other)
    assert not equal or hash(convert(one)) == hash(convert(other))
    return equal


@pytest.mark.parametrize(
    ("cql_type", "one", "other"),
    [
        ("double", math.nan, struct.unpack(">d", bytes.fromhex("7ff8000000000001"))[0]),
        ("list<double>", [1.0, math.nan], (1.0, math.nan)),
        ("list<int>", None, []),
        ("set<int>", None, set()),
        ("map<int, int>", {}, None),
        ("set<int>", sortedset([2, 1]), {1, 2}),
        ("map<text, frozen<list<int>>>", {"a": [1], "b": [2]}, {"b": (2,), "a": (1,)}),
        ("timestamp", dt.datetime(2013, 1, 1, 5, 0, 0, 123000), dt.datetime(2013, 1, 1, 5, 0, 0, 123000, dt.UTC)),
        ("decimal", Decimal("1.50"), Decimal("1.50")),
        ("date", Date("2013-01-01"), dt.date(2013, 1, 1)),
        ("time", Time(1), Time(1)),
        ("uuid", UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("inet", "::1", "0:0:0:0:0:0:0:1"),
        ("tuple<int, text>", (1,), (1, None)),
        ("blob", b"ab", bytearray(b"ab")),
    ],
)
def test_values_that_cassandra_holds_alike_are_equal(cql_type: str, one: object, other: object) -> None:
    assert same(cql_type, one, other)


@pytest.mark.parametrize(
    ("cql_type", "one", "other"),
    [
        ("double", 0.0, -0.0),
        ("float", 0.1, 0.10000000149011612),
        ("decimal", Decimal("1.0"), Decimal("1.00")),
        ("frozen<list<int>>", None, []),
        ("frozen<set<int>>", set(), None),
        ("list<int>", [1, 2], [2, 1]),
        ("list<int>", [1, 1], [1]),
        ("text", "\u00e9", "e\u0301"),
        ("text", "", None),
        ("text", "a", "a "),
        ("timestamp", dt.datetime(2013, 1, 1, 5), dt.datetime(2013, 1, 1, 5, 0, 0, 1000)),
        ("map<int, int>", {1: 2}, {1: None}),
        ("boolean", False, None),
        ("int", 0, None),
        ("blob", b"", None),
    ],
)
def test_values_that_cassandra_tells_apart_differ(cql_type: str, one: object, other: object) -> None:
    assert not same(cql_type, one, other)


def test_the_history_may_have_another_scale_but_no_other_value() -> None:
    assert same("decimal", Decimal("1.5"), Decimal("1.5000"), with_scale=False)
    assert not same("decimal", Decimal("1.5"), Decimal("1.5001"), with_scale=False)


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(),
    "double": st.floats(),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "blob": st.binary(),
    "timestamp": st.datetimes().map(lambda value: value.replace(microsecond=value.microsecond // 1000 * 1000)),
    "uuid": st.uuids(),
}
TYPED = st.sampled_from(sorted(SCALARS)).flatmap(lambda name: st.tuples(st.just(name), SCALARS[name], SCALARS[name]))


# The first text and timestamp that hypothesis makes are slow, on a busy machine for longer than it allows.
@given(TYPED)
def test_a_value_equals_itself_alone_and_in_every_collection(typed: tuple[str, Any, Any]) -> None:
    name, one, other = typed
    assert same(name, one, one)
    assert same(f"list<{name}>", [one, other], [one, other])
    assert same(f"map<{name}, {name}>", {one: other}, {one: other})
    assert same(name, one, other) == same(name, other, one)


@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_lists_are_equal_exactly_when_their_contents_are_in_order(one: list[int], other: list[int]) -> None:
    assert same("list<int>", one, other) == (one == other)
    assert same("set<int>", one, other) == (set(one) == set(other))


@pytest.mark.parametrize(
    ("cql_type", "of_snowflake", "of_driver"),
    [
        ("smallint", 515, 515),
        ("int", Decimal(7), 7),
        ("float", 0.1, 0.10000000149011612),
        ("timestamp", dt.datetime(2013, 1, 1, 5, 0, 0, 123999), dt.datetime(2013, 1, 1, 5, 0, 0, 123000)),
        (
            "timestamp",
            dt.datetime(2013, 1, 1, 5, tzinfo=dt.timezone(dt.timedelta(hours=1))),
            dt.datetime(2013, 1, 1, 4),
        ),
        ("date", dt.date(2013, 1, 1), Date("2013-01-01")),
        ("uuid", "00000000-0000-0000-0000-000000000005", UUID(int=5)),
        ("set<text>", '["ORD", "LAX"]', {"ORD", "LAX"}),
        ("map<tinyint, int>", '{"1": 20}', {1: 20}),
        ("map<tinyint, int>", "[[1, 20]]", {1: 20}),
        ("frozen<list<decimal>>", "[1.10]", [Decimal("1.10")]),
        ("tuple<int, text>", '[1, "a"]', (1, "a")),
        ("list<int>", None, None),
    ],
)
def test_values_of_the_history_become_those_of_the_driver(
    cql_type: str, of_snowflake: object, of_driver: object
) -> None:
    assert from_history(of_snowflake, parse_type(cql_type)) == of_driver


@pytest.mark.parametrize(
    ("cql_type", "of_snowflake"),
    [
        ("tinyint", 128),
        ("int", Decimal("1.5")),
        ("int", True),
        ("int", math.nan),
        ("text", 5),
        ("boolean", 1),
        ("uuid", "no uuid"),
        ("date", dt.datetime(2013, 1, 1, 5)),
        ("set<int>", '{"a": 1}'),
        ("list<int>", "[1"),
        ("map<int, int>", "[[1, 2, 3]]"),
        ("tuple<int, text>", "[1]"),
        ("place", '{"lat": 1}'),
    ],
)
def test_what_a_type_cannot_hold_is_refused_with_type_and_value(cql_type: str, of_snowflake: object) -> None:
    with pytest.raises(HistoryValueError, match=f"{cql_type} cannot hold"):
        from_history(of_snowflake, parse_type(cql_type))


def test_keys_go_back_to_the_history_in_its_own_types() -> None:
    bound = [to_history(value) for value in (Date("2013-01-01"), UUID(int=5), Time("05:06:07"), 3, "a")]
    assert bound == [dt.date(2013, 1, 1), str(UUID(int=5)), dt.time(5, 6, 7), 3, "a"]


@given(st.floats(), st.floats())
def test_a_tolerance_never_makes_a_number_of_what_is_none(one: float, other: float) -> None:
    near = same_value(parse_type("double"), float_tolerance=0.009)
    exact = same_value(parse_type("double"))
    assert near(one, one)
    assert not near(one, None)
    assert near(None, None)
    if not (math.isfinite(one) and math.isfinite(other)):
        assert near(one, other) == exact(one, other)
    elif near(one, other) and not exact(one, other):
        assert abs(one - other) <= 0.009 * max(abs(one), abs(other))


def test_other_types_know_no_tolerance() -> None:
    for cql_type, one, other in [("int", 1000, 1001), ("decimal", Decimal(1000), Decimal(1001)), ("text", "a", "b")]:
        assert not same_value(parse_type(cql_type), float_tolerance=0.009)(one, other)
