"""The replay rule of a repair, cell by cell: what is written, at which timestamp, and what is parked."""

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from cassandra.util import Date, Time
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.repair_cells import Cell, CellComparer, Cells, RowParkedError
from keyspaces_migration.consistency.repair_keys import KeyNotReadBackError, key_of
from keyspaces_migration.consistency.wording import shown
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.mutation import Mutation, MutationKind
from keyspaces_migration.dual_write.shape import TableShape

HOUR = 3_600_000_000
NOW = 1_795_000_000_000_000
OLDEST = NOW - 47 * HOUR
TYPES = {
    "p": "int",
    "c": "int",
    "v": "text",
    "w": "text",
    "tags": "set<text>",
    "fixed": "frozen<set<text>>",
    "s": "text",
}
SHAPE = TableShape(
    name="t",
    columns={name: parse_type(text) for name, text in TYPES.items()},
    partition_keys=("p",),
    clustering_keys=("c",),
    static_columns=("s",),
)
KEY = {"p": 1, "c": 2}
COMPARER = CellComparer(SHAPE)


def row(**cells: Cell) -> Cells:
    return {name: cells.get(name, Cell(value=None)) for name in SHAPE.regular_columns}


def cell(value: Any, at_us: int, ttl_s: int | None = None) -> Cell:
    return Cell(value=value, written_us=at_us, ttl_s=ttl_s)


def writes(leader: Cells | None, follower: Cells | None) -> tuple[Mutation, ...]:
    return COMPARER.writes(KEY, leader, follower, now_us=NOW)


def test_a_row_that_is_missing_comes_at_the_leaders_own_timestamps() -> None:
    made = writes(row(v=cell("a", NOW - HOUR), w=cell("b", NOW - 2 * HOUR)), None)
    assert {(each.timestamp_us, tuple(each.columns.items())) for each in made} == {
        (NOW - HOUR, (("v", "a"),)),
        (NOW - 2 * HOUR, (("w", "b"),)),
    }


def test_what_is_older_than_the_window_comes_at_its_edge() -> None:
    (made,) = writes(row(v=cell("a", NOW - 90 * 24 * HOUR)), None)
    assert made.timestamp_us == OLDEST


def test_only_the_cells_that_differ_are_written_and_just_beat_what_is_there() -> None:
    leader = row(v=cell("a", NOW - 3 * HOUR), w=cell("same", NOW - 3 * HOUR))
    (made,) = writes(leader, row(v=cell("wrong", NOW - HOUR), w=cell("same", NOW - 2 * HOUR)))
    assert made.columns == {"v": "a"}
    assert made.timestamp_us == NOW - HOUR + 1


def test_a_value_where_the_leader_has_null_is_deleted_just_above_it() -> None:
    leader = row(w=cell("same", NOW - HOUR))
    (made,) = writes(leader, row(v=cell("wrong", NOW - HOUR), w=cell("same", NOW - HOUR)))
    assert (made.kind, made.columns) == (MutationKind.UPDATE, {"v": None})
    assert (made.timestamp_us, made.ttl_s) == (NOW - HOUR + 1, None)


def test_a_row_that_the_leader_has_not_is_deleted_just_above_its_newest_cell() -> None:
    (made,) = writes(None, row(v=cell("x", NOW - HOUR), w=cell("y", NOW - 60 * HOUR)))
    assert (made.kind, made.timestamp_us) == (MutationKind.DELETE_ROW, NOW - HOUR + 1)
    (made,) = writes(None, row(v=cell("x", NOW - 60 * HOUR)))
    assert made.timestamp_us == OLDEST


def test_the_time_that_is_left_to_live_goes_with_the_cell_and_is_never_none() -> None:
    leader = row(v=cell("a", NOW - HOUR, 500), w=cell("b", NOW - HOUR, 0))
    assert {made.ttl_s: made.columns for made in writes(leader, None)} == {500: {"v": "a"}, 1: {"w": "b"}}


def test_a_time_to_live_that_was_lost_is_a_difference_and_a_minute_is_none() -> None:
    leader = row(v=cell("a", NOW - HOUR, 5_000))
    (made,) = writes(leader, row(v=cell("a", NOW - HOUR)))
    assert (made.ttl_s, made.timestamp_us) == (5_000, NOW - HOUR + 1)
    assert writes(leader, row(v=cell("a", NOW - HOUR, 5_060))) == ()
    assert len(writes(leader, row(v=cell("a", NOW - HOUR, 5_061)))) == 1


def test_a_frozen_collection_is_one_cell_and_is_repaired() -> None:
    (made,) = writes(row(fixed=cell({"a"}, NOW - HOUR)), row(fixed=cell({"b"}, NOW - 2 * HOUR)))
    assert made.columns == {"fixed": {"a"}}


@pytest.mark.parametrize(
    ("leader", "follower", "why"),
    [
        (row(tags=Cell(value={"a"})), row(tags=Cell(value={"b"})), "tags: what is not frozen is many cells"),
        (row(v=cell("a", 1), tags=Cell(value={"a"})), None, "tags: what is not frozen"),
        (None, row(v=cell("a", 1), tags=Cell(value={"a"})), "tags: what is not frozen"),
        (row(), None, "the leader's row has a key and no other value"),
        (None, row(), "the follower's row has a key and no other value"),
        (None, row(v=cell("a", NOW + 5_000_000)), "5 s in the future"),
    ],
)
def test_what_has_no_timestamp_is_parked(leader: Cells | None, follower: Cells | None, why: str) -> None:
    with pytest.raises(RowParkedError, match=why):
        writes(leader, follower)


def test_a_collection_that_is_the_same_parks_nothing() -> None:
    leader = row(v=cell("a", NOW - HOUR), tags=Cell(value={"a"}))
    (made,) = writes(leader, row(v=cell("b", NOW - 2 * HOUR), tags=Cell(value={"a"})))
    assert made.columns == {"v": "a"}


TIMES = st.integers(min_value=NOW - 100 * HOUR, max_value=NOW)
CELLS = st.one_of(st.just(Cell(value=None)), st.builds(cell, st.sampled_from("ab"), TIMES))
ROWS = st.one_of(st.none(), st.builds(lambda v, w: row(v=v, w=w), CELLS, CELLS))


@given(leader=ROWS, follower=ROWS)
def test_a_repair_beats_what_is_there_and_nothing_that_is_written_from_now_on(
    leader: Cells | None, follower: Cells | None
) -> None:
    """Applied as Cassandra applies it, it makes the follower what the leader is; and no timestamp is now."""
    try:
        made = writes(leader, follower)
    except RowParkedError:
        return
    state = dict(follower or row())
    for each in made:
        at_us, mutation = each.timestamp_us, each
        assert OLDEST <= at_us <= NOW
        names = mutation.columns if mutation.kind is MutationKind.UPDATE else state
        for name in names:
            assert at_us > (state[name].written_us or 0)
            state[name] = Cell(value=mutation.columns.get(name), written_us=at_us)
    wanted = leader or row()
    assert {name: each.value for name, each in state.items()} == {name: each.value for name, each in wanted.items()}


KEY_VALUES: dict[str, Any] = {
    "text": 'ŌSA "x"',
    "bigint": 2**62,
    "uuid": UUID(int=7),
    "date": Date(15_000),
    "time": Time(123_456_789),
    "timestamp": dt.datetime(2026, 1, 2, 3, 4, 5, 678_000),  # noqa: DTZ001 # the driver's are naive
    "decimal": Decimal("1.500"),
    "blob": b"\x00\xff",
    "boolean": True,
    "double": 0.1,
    "inet": "127.0.0.1",
    "frozen<text>": "x",
}


@pytest.mark.parametrize("cql_type", KEY_VALUES)
def test_a_recorded_key_is_read_back_as_it_was(cql_type: str) -> None:
    value = KEY_VALUES[cql_type]
    assert key_of({"k": shown(value)}, {"k": parse_type(cql_type)}) == {"k": value}


@pytest.mark.parametrize(
    ("cql_type", "form"),
    [
        ("int", "1"),
        ("int", True),
        ("text", 1),
        ("uuid", "x"),
        ("date", "tomorrow"),
        ("frozen<list<int>>", [1]),
        ("decimal", "x"),
        ("blob", "0xz"),
        ("timestamp", "2026"),
        ("double", "nan!"),
        ("date", None),
    ],
)
def test_a_key_that_cannot_be_told_is_refused(cql_type: str, form: Any) -> None:
    with pytest.raises(KeyNotReadBackError, match="key column k"):
        key_of({"k": form}, {"k": parse_type(cql_type)})
