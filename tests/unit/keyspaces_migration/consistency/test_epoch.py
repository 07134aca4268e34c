"""Several days' checks as one: the bound holds on all days and tables at once, whatever the rate is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.consistency.bounds import upper_bound
from keyspaces_migration.consistency.epoch import Day, epoch_began, pool

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def days(*counts: tuple[int, int], unseen: int = 0) -> list[Day]:
    """Days of so many compared and mismatched rows."""
    return [
        Day(finished_at=NOON + timedelta(days=number), compared=compared, mismatched=wrong, could_not_look=unseen)
        for number, (compared, wrong) in enumerate(counts)
    ]


def bound(found: list[Day], **changes: Any) -> float:
    return pool("t", found, **{"tables": 1, "confidence": 0.99} | changes).bound


def test_more_clean_days_make_the_bound_smaller_though_each_look_is_paid_for() -> None:
    bounds = [bound(days(*[(46_050, 0)] * count)) for count in range(1, 15)]
    assert bounds == sorted(bounds, reverse=True)
    assert bounds[0] > upper_bound(mismatches=0, looked_at=46_050, confidence=0.99)
    assert bounds[6] < 1e-4 / 3


def test_more_tables_make_each_bound_wider() -> None:
    assert bound(days((1_000, 0)), tables=14) > bound(days((1_000, 0)), tables=1)


def test_a_day_that_could_not_look_at_everything_is_left_out_and_still_counts_as_a_look() -> None:
    mixed = [*days((1_000, 0)), *days((900, 0), unseen=100)]
    pooled = pool("t", mixed, tables=1, confidence=0.99)
    assert (pooled.checks, pooled.left_out, pooled.compared) == (1, 1, 1_000)
    assert pooled.bound > bound(days((1_000, 0)))


def test_nothing_compared_bounds_nothing() -> None:
    assert bound([]) == 1
    assert bound(days((10, 0), unseen=1)) == 1


@given(
    counts=st.lists(st.tuples(st.integers(1, 1_000), st.integers(0, 1_000)), min_size=1, max_size=10),
    tables=st.integers(1, 20),
    confidence=st.floats(0.9, 0.999),
)
def test_the_bound_is_never_below_what_was_found(counts: list[tuple[int, int]], tables: int, confidence: float) -> None:
    found = days(*[(compared, min(compared, wrong)) for compared, wrong in counts])
    pooled = pool("t", found, tables=tables, confidence=confidence)
    assert pooled.mismatched / pooled.compared <= pooled.bound <= 1


def test_over_all_days_at_once_it_is_wrong_no_more_often_than_stated() -> None:
    """2,000 epochs of 20 days whose rates differ; one fails if the bound is below the mean rate on any of its days."""
    random = np.random.default_rng(20261126)
    rates = random.uniform(0, 0.02, size=(2_000, 20))
    found = random.binomial(400, rates)
    failed = 0
    for epoch in range(2_000):
        day = days(*[(400, int(wrong)) for wrong in found[epoch]])
        means = np.cumsum(rates[epoch]) / np.arange(1, 21)
        failed += any(bound(day[: look + 1], confidence=0.9) < means[look] for look in range(20))
    assert failed / 2_000 <= 0.1


def test_an_epoch_begins_with_the_last_thing_that_wrote_beside_the_application() -> None:
    assert epoch_began([NOON, NOON + timedelta(days=1), NOON]) == NOON + timedelta(days=1)
    assert epoch_began([]) is None


@pytest.mark.parametrize("wrong", [{"tables": 0}, {"confidence": 1.0}])
def test_impossible_asks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no bound for"):
        bound(days((1, 0)), **wrong)
