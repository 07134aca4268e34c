"""By how much a list is sent above its timestamp when it is sent again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.clock import TARGET_WINDOW_US, TimestampClock
from keyspaces_migration.dual_write.lists import RESERVED_US, list_step_us, lists_in
from keyspaces_migration.dual_write.shape import TableShape

AGES = st.integers(0, TARGET_WINDOW_US)


def least_pause_us(age_us: int) -> int:
    """How far apart two sendings of a write of that age are at least, in the writer and in the replay."""
    return 20_000 if age_us < 1_000_000 else 200_000 if age_us < 10_000_000 else 1_000_000


@given(age_us=AGES)
def test_what_is_sent_again_after_its_pause_is_sent_at_another_timestamp(age_us: int) -> None:
    assert list_step_us(age_us + least_pause_us(age_us)) > list_step_us(age_us)


@given(age_us=AGES, later_us=AGES)
def test_a_later_sending_is_never_below_an_earlier_one(age_us: int, later_us: int) -> None:
    assert list_step_us(age_us + later_us) >= list_step_us(age_us)


def test_the_first_sending_is_at_the_write_s_own_timestamp_and_the_steps_stay_small() -> None:
    assert list_step_us(-5) == list_step_us(0) == list_step_us(9_999) == 0
    assert list_step_us(10_000_000) == RESERVED_US
    assert list_step_us(TARGET_WINDOW_US) < 200_000


@given(st.lists(st.tuples(st.integers(0, 1_000), st.booleans()), max_size=50))
def test_no_other_write_of_the_process_is_stamped_among_the_steps_of_a_list(calls: list[tuple[int, bool]]) -> None:
    now_us = 0
    clock = TimestampClock(now_us=lambda: now_us)
    free_from = 0
    for passed_us, has_list in calls:
        now_us += passed_us
        given_us = clock.next_us(reserved_us=RESERVED_US if has_list else 0)
        assert given_us >= free_from
        free_from = given_us + 1 + (RESERVED_US if has_list else 0)


def test_lists_that_are_frozen_empty_or_null_are_like_any_other_value() -> None:
    types = {"p": "int", "l": "list<int>", "f": "frozen<list<int>>", "s": "set<int>", "v": "vector<float, 2>"}
    shape = TableShape(name="t", columns={n: parse_type(t) for n, t in types.items()}, partition_keys=("p",))
    columns = {"l": [1], "f": [1], "s": {1}, "v": [1.0, 2.0]}
    assert lists_in(shape, columns) == {"l": [1]}
    assert lists_in(shape, {"l": None}) == lists_in(shape, {"l": []}) == {}
