from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.cql_access import BatchKind, BatchRefusedError
from keyspaces_migration.cql_access.batches import MAX_STATEMENTS, split

if TYPE_CHECKING:
    from collections.abc import Hashable

PARTITIONS = st.lists(st.integers(0, 4), max_size=300)


def statements(partitions: list[int]) -> list[Any]:
    """What `split` looks at of a bound statement."""
    return [SimpleNamespace(routing_key=bytes([p]), number=n) for n, p in enumerate(partitions)]


def keys(count: int) -> list[Hashable]:
    return list(range(count))


@given(partitions=PARTITIONS, kind=st.sampled_from(BatchKind), most=st.none() | st.integers(1, 30))
def test_every_statement_is_in_one_batch_within_the_limit(
    partitions: list[int], kind: BatchKind, most: int | None
) -> None:
    given_ones = statements(partitions)
    batches = list(split(given_ones, kind=kind, keys=keys(len(given_ones)), most=most))
    assert Counter(each.number for batch in batches for each in batch) == Counter(range(len(given_ones)))
    assert all(0 < len(batch) <= (most or MAX_STATEMENTS[kind]) for batch in batches)
    for batch in batches:
        numbers = [each.number for each in batch]
        assert numbers == sorted(numbers)
        assert kind is BatchKind.LOGGED or len({each.routing_key for each in batch}) == 1


@pytest.mark.parametrize(("kind", "most"), [(BatchKind.LOGGED, 101), (BatchKind.UNLOGGED, 31), (BatchKind.LOGGED, 0)])
def test_more_than_the_quota_is_refused(kind: BatchKind, most: int) -> None:
    with pytest.raises(BatchRefusedError, match="Allowed: 1 to"):
        split(statements([1]), kind=kind, keys=keys(1), most=most)


@pytest.mark.parametrize("kind", BatchKind)
def test_one_row_twice_is_refused_only_within_a_batch(kind: BatchKind) -> None:
    twice = statements([1, 1])
    with pytest.raises(BatchRefusedError, match="same row"):
        split(twice, kind=kind, keys=["a", "a"])
    assert len(list(split(twice, kind=kind, keys=["a", "a"], most=1))) == 2
    assert len(list(split(twice, kind=kind, keys=[None, None]))) == 1
