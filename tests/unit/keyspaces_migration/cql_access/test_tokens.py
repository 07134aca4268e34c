from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql_access import TokenRange, TokenRangeError
from keyspaces_migration.cql_access.tokens import FIRST_TOKEN, LAST_TOKEN

TOKENS = st.integers(FIRST_TOKEN, LAST_TOKEN)


@given(ends=st.tuples(TOKENS, TOKENS).map(sorted), parts=st.integers(1, 300))
def test_the_parts_cover_the_range_once_and_are_alike(ends: list[int], parts: int) -> None:
    whole = TokenRange(first=ends[0], last=ends[1])
    if parts > whole.last - whole.first + 1:
        with pytest.raises(TokenRangeError):
            whole.split(parts)
        return
    found = whole.split(parts)
    assert len(found) == parts
    assert (found[0].first, found[-1].last) == (whole.first, whole.last)
    assert all(after.first == before.last + 1 for before, after in pairwise(found))
    widths = {part.last - part.first for part in found}
    assert max(widths) - min(widths) <= 1


@pytest.mark.parametrize(("first", "last"), [(1, 0), (FIRST_TOKEN - 1, 0), (0, LAST_TOKEN + 1)])
def test_what_is_no_range_is_refused(first: int, last: int) -> None:
    with pytest.raises(TokenRangeError):
        TokenRange(first=first, last=last)


@pytest.mark.parametrize("parts", [0, -1])
def test_no_parts_are_refused(parts: int) -> None:
    with pytest.raises(TokenRangeError):
        TokenRange().split(parts)
