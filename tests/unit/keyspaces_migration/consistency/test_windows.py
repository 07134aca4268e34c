"""Windows of the token ring: as wide as asked; all of the ring once where they would be more than it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN, RING, Window, draw_windows, window_width

TOKENS = st.integers(FIRST_TOKEN + 1, LAST_TOKEN)


def holds(window: Window, token: int) -> bool:
    return any(begin < token <= end for begin, end in window.ranges)


@given(
    count=st.integers(1, 40), rows=st.integers(1, 4_000), seed=st.integers(0, 100), tokens=st.lists(TOKENS, min_size=1)
)
def test_windows_that_would_be_the_ring_or_more_hold_each_token_once(
    count: int, rows: int, seed: int, tokens: list[int]
) -> None:
    width = window_width(rows=rows, rows_per_window=-(-rows // count))
    windows = draw_windows(seed=seed, table="t", count=count, width=width)
    assert len(windows) == count
    edges = [end for window in windows for _, end in window.ranges]
    for token in [*tokens, FIRST_TOKEN + 1, LAST_TOKEN, *edges, *(edge + 1 for edge in edges if edge < LAST_TOKEN)]:
        assert sum(holds(window, token) for window in windows) == 1


@given(count=st.integers(1, 40), rows=st.integers(50_000, 10**12), seed=st.integers(0, 100))
def test_windows_of_a_large_table_are_as_wide_as_its_rows_ask(count: int, rows: int, seed: int) -> None:
    width = window_width(rows=rows, rows_per_window=200)
    for window in draw_windows(seed=seed, table="t", count=count, width=width):
        # The first token itself has no partition: a window that goes around has one less.
        assert width - 1 <= sum(end - begin for begin, end in window.ranges) <= width
        assert all(FIRST_TOKEN <= begin < end <= LAST_TOKEN for begin, end in window.ranges)


def test_another_seed_or_table_draws_other_places() -> None:
    drawn = {
        draw_windows(seed=seed, table=table, count=5, width=RING // 1_000) for seed in (1, 2) for table in ("a", "b")
    }
    assert len(drawn) == 4
