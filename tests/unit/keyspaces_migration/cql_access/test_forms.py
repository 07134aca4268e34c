"""Values and types where no node is needed: what Keyspaces does not have, and what is hard to store."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pytest
from cassandra.cqltypes import (
    BytesType,
    DateType,
    DurationType,
    Int32Type,
    SimpleDateType,
    TupleType,
    lookup_casstype,
)
from cassandra.util import Date, Duration

from keyspaces_migration.cql_access import Column, ResultTypeError, schema_of, to_json_rows, to_record_batch
from keyspaces_migration.cql_access.paging import Answer, Page
from keyspaces_migration.cql_access.values import read_text


def column(cql_type: Any) -> Column:
    return Column(name="v", cql_type=cql_type)


def test_a_duration_keeps_its_three_parts() -> None:
    value = Duration(1, -2, 3)
    assert to_json_rows([column(DurationType)], [(value,)]) == [{"v": {"months": 1, "days": -2, "nanoseconds": 3}}]


def test_a_date_that_python_does_not_have_is_a_number_of_days() -> None:
    assert to_json_rows([column(SimpleDateType)], [(Date(10_000_000),)]) == [{"v": 10_000_000}]


def test_a_short_tuple_ends_in_nulls() -> None:
    pair = TupleType.apply_parameters([Int32Type, Int32Type])
    assert to_json_rows([column(pair)], [((1,),)]) == [{"v": {"f0": 1, "f1": None}}]


def test_a_vector_has_its_length() -> None:
    vector = lookup_casstype("org.apache.cassandra.db.marshal.VectorType(org.apache.cassandra.db.marshal.FloatType, 2)")
    assert to_json_rows([column(vector)], [([0.5, 1.5],)]) == [{"v": [0.5, 1.5]}]
    with pytest.raises(ResultTypeError, match="column v"):
        to_record_batch([column(vector)], [([0.5],)])


def test_a_value_that_arrow_cannot_hold_names_its_column() -> None:
    with pytest.raises(ResultTypeError, match=r"column v of type int"):
        to_record_batch([column(Int32Type)], [(2**40,)])


def test_a_type_without_a_form_names_its_column() -> None:
    unknown = lookup_casstype("com.example.Odd")
    with pytest.raises(ResultTypeError, match=r"column v.*Leave it out"):
        schema_of([column(unknown)])


@pytest.mark.parametrize(
    ("text", "typename", "value"),
    [
        ("12", "bigint", 12),
        ("-0.5", "double", -0.5),
        (" True ", "boolean", True),
        ("1.20", "decimal", Decimal("1.20")),
        ("0x00ff", "blob", b"\x00\xff"),
        ("2026-11-01T12:00:00Z", "timestamp", dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)),
        (str(uuid.UUID(int=7)), "timeuuid", uuid.UUID(int=7)),
        ("12", "text", "12"),
        ("2026-11-01", "date", "2026-11-01"),
    ],
)
def test_text_is_read_as_its_columns_type(text: str, typename: str, value: object) -> None:
    found = read_text(text, typename)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "typename"),
    [("1.5", "int"), ("yes", "boolean"), ("00ff", "blob"), ("soon", "timestamp"), ("x", "decimal")],
)
def test_text_that_stands_for_nothing_is_refused(text: str, typename: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        read_text(text, typename)


def test_a_value_that_is_no_text_stays_as_it_is() -> None:
    assert read_text(b"12", BytesType.typename) == b"12"
    assert read_text(None, DateType.typename) is None


def test_ten_thousand_empty_pages_are_no_end_and_no_recursion() -> None:
    def fetch(paging_state: bytes | None) -> tuple[Page, bytes | None]:
        at = int(paging_state or b"0")
        return ([(at,)] if at == 9_999 else []), str(at + 1).encode() if at < 9_999 else None

    answer = Answer(columns=(column(Int32Type),), fetch=fetch)
    assert list(answer.pages()) == [[(9_999,)]]
    assert answer.count(up_to=5) == 1
