from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, hypergeom  # type: ignore[import-untyped]

from keyspaces_migration.consistency.bounds import sample_size, upper_bound


def test_the_sizes_of_the_design() -> None:
    assert sample_size(rate=1e-4, confidence=0.99) == 46_050
    assert upper_bound(mismatches=0, looked_at=46_050, confidence=0.99) < 1e-4
    assert upper_bound(mismatches=0, looked_at=46_049, confidence=0.99) >= 1e-4


@pytest.mark.parametrize(("mismatches", "looked_at"), [(0, 1), (0, 46_050), (3, 46_050), (7, 50), (49, 50)])
def test_the_bound_is_that_of_scipys_exact_test(mismatches: int, looked_at: int) -> None:
    exact = binomtest(mismatches, looked_at, alternative="less").proportion_ci(confidence_level=0.99, method="exact")
    assert upper_bound(mismatches=mismatches, looked_at=looked_at, confidence=0.99) == pytest.approx(exact.high)


@given(rate=st.floats(1e-5, 0.5), confidence=st.floats(0.5, 0.9999))
@settings(max_examples=40)
def test_the_sample_size_is_the_smallest_that_shows_the_rate(rate: float, confidence: float) -> None:
    size = sample_size(rate=rate, confidence=confidence)
    assert upper_bound(mismatches=0, looked_at=size, confidence=confidence) < rate
    assert size == 1 or upper_bound(mismatches=0, looked_at=size - 1, confidence=confidence) >= rate


@given(looked_at=st.integers(1, 5_000), data=st.data(), confidence=st.floats(0.6, 0.999))
@settings(max_examples=40)
def test_more_mismatches_or_more_confidence_never_lower_the_bound(
    looked_at: int, data: st.DataObject, confidence: float
) -> None:
    mismatches = data.draw(st.integers(0, looked_at - 1))
    bound = upper_bound(mismatches=mismatches, looked_at=looked_at, confidence=confidence)
    assert mismatches / looked_at <= bound <= 1
    assert bound <= upper_bound(mismatches=mismatches + 1, looked_at=looked_at, confidence=confidence)
    assert bound <= upper_bound(mismatches=mismatches, looked_at=looked_at, confidence=confidence + 0.0005)


@given(population=st.integers(2, 120), data=st.data(), confidence=st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=40)
def test_the_bound_holds_at_its_confidence_for_draws_without_replacement(
    population: int, data: st.DataObject, confidence: float
) -> None:
    """Exactly, not by simulation: the probability of all samples whose bound covers the true rate."""
    bad = data.draw(st.integers(0, population))
    size = data.draw(st.integers(1, population))
    covered = sum(
        float(hypergeom.pmf(seen, population, bad, size))
        for seen in range(min(bad, size) + 1)
        if upper_bound(mismatches=seen, looked_at=size, confidence=confidence) >= bad / population
    )
    assert covered >= confidence - 1e-9


@pytest.mark.parametrize(("rate", "size"), [(0.001, 3_000), (0.01, 300), (0.05, 60)])
def test_the_bound_holds_in_at_least_its_share_of_simulated_checks(rate: float, size: int) -> None:
    source = random.Random(20131123)  # a simulation that can be repeated
    checks = 2_000
    covered = 0
    bounds = {}
    for _ in range(checks):
        seen = sum(source.random() < rate for _ in range(size))
        if seen not in bounds:
            bounds[seen] = upper_bound(mismatches=seen, looked_at=size, confidence=0.95)
        covered += bounds[seen] >= rate
    # Three standard deviations of 2,000 checks at 0.95 are 0.0146.
    assert covered / checks >= 0.95 - 0.0146


def test_nothing_looked_at_shows_nothing() -> None:
    assert upper_bound(mismatches=0, looked_at=0, confidence=0.99) == 1


@pytest.mark.parametrize(("mismatches", "looked_at", "confidence"), [(2, 1, 0.9), (-1, 1, 0.9), (0, 1, 1.0)])
def test_impossible_counts_are_refused(mismatches: int, looked_at: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no bound"):
        upper_bound(mismatches=mismatches, looked_at=looked_at, confidence=confidence)
