from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from keyspaces_migration.cql.json_codec import JsonCodecError
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.bounds import Bound, Comparison, bounds_from_json, bounds_to_json, may_cover
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind, check_write
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.dual_write.statements import mutation_statement

FLIGHTS = TableShape(
    name="flights",
    columns={
        name: parse_type(text)
        for name, text in {"carrier": "text", "day": "date", "dep": "smallint", "flight": "int", "dest": "text"}.items()
    },
    partition_keys=("carrier", "day"),
    clustering_keys=("dep", "flight"),
)
PARTITION = {"carrier": "UA", "day": dt.date(2013, 1, 1)}


def bound(comparison: str, value: Any, column: str = "dep") -> Bound:
    return Bound(column=column, comparison=Comparison(comparison), value=value)


MORNING = (bound(">=", 500), bound("<", 1200))


@pytest.mark.parametrize(
    ("kind", "key", "bounds"),
    [
        (MutationKind.DELETE_PARTITION, PARTITION, ()),
        (MutationKind.DELETE_RANGE, PARTITION, MORNING),
        (MutationKind.DELETE_RANGE, PARTITION, (bound(">", 1800),)),
        (MutationKind.DELETE_RANGE, PARTITION | {"dep": 600}, ()),
        (MutationKind.DELETE_RANGE, PARTITION | {"dep": 600}, (bound("<=", 9, "flight"),)),
    ],
    ids=["partition", "two ends", "one end", "prefix", "prefix and end"],
)
def test_what_names_its_rows_plainly_may_be_deleted(
    kind: MutationKind, key: dict[str, Any], bounds: tuple[Bound, ...]
) -> None:
    check_write(FLIGHTS, key, {}, kind, bounds)
    mutation = Mutation(table="flights", kind=kind, key=key, columns={}, timestamp_us=5, bounds=bounds)
    again = Mutation.from_json(mutation.to_json(FLIGHTS), FLIGHTS)
    statement = mutation_statement("k", again)
    assert mutation.deletes
    assert statement.values[0] == 5
    assert statement.cql.count("?") == len(statement.values)
    assert statement.cql.count(" AND ") == len(key) + len(bounds) - 1
    assert [each.value for each in again.bounds] == [each.value for each in bounds]


@pytest.mark.parametrize(
    ("kind", "key", "bounds"),
    [
        (MutationKind.DELETE_PARTITION, {"carrier": "UA"}, ()),
        (MutationKind.DELETE_PARTITION, PARTITION | {"dep": 5}, ()),
        (MutationKind.DELETE_PARTITION, PARTITION, MORNING),
        (MutationKind.DELETE_RANGE, PARTITION, ()),
        (MutationKind.DELETE_RANGE, PARTITION | {"flight": 5}, ()),
        (MutationKind.DELETE_RANGE, PARTITION | {"dep": 5, "flight": 5}, ()),
        (MutationKind.DELETE_RANGE, PARTITION | {"dep": None}, ()),
        (MutationKind.DELETE_RANGE, PARTITION, (bound(">", 5, "flight"),)),
        (MutationKind.DELETE_RANGE, PARTITION, (bound(">", 5), bound(">=", 7))),
        (MutationKind.DELETE_RANGE, PARTITION, (bound(">", None),)),
    ],
    ids=[
        "part of the partition key",
        "partition with a row's key",
        "partition with bounds",
        "no range",
        "gap in the key",
        "a row",
        "null in the key",
        "bound of a later column",
        "two lower bounds",
        "null bound",
    ],
)
def test_what_does_not_say_plainly_which_rows_is_refused(
    kind: MutationKind, key: dict[str, Any], bounds: tuple[Bound, ...]
) -> None:
    with pytest.raises(WriteRefusedError, match="table flights"):
        check_write(FLIGHTS, key, {}, kind, bounds)


@pytest.mark.parametrize(
    ("comparison", "inside", "outside"),
    [(">", 6, 5), (">=", 5, 4), ("<", 4, 5), ("<=", 5, 6)],
    ids=[">", ">=", "<", "<="],
)
def test_a_range_covers_what_lies_between_its_bounds(comparison: str, inside: int, outside: int) -> None:
    ends = (bound(comparison, 5),)
    assert may_cover(PARTITION, ends, PARTITION | {"dep": inside, "flight": 1})
    assert not may_cover(PARTITION, ends, PARTITION | {"dep": outside, "flight": 1})
    assert not may_cover(PARTITION, ends, PARTITION | {"carrier": "AA", "dep": inside, "flight": 1})


def test_where_cql_has_an_order_of_its_own_a_range_may_cover_anything() -> None:
    low, high = uuid.UUID(int=1), uuid.UUID(int=2)
    assert may_cover({}, (bound("<", low),), {"dep": high})


@pytest.mark.parametrize("form", [[["dep", "=", 5]], [["gone", ">", 5]], [["dep", ">"]], 5], ids=str)
def test_bounds_that_are_none_are_told(form: Any) -> None:
    assert bounds_from_json(bounds_to_json(MORNING, FLIGHTS), FLIGHTS) == MORNING
    with pytest.raises(JsonCodecError):
        bounds_from_json(form, FLIGHTS)
