"""The seed as a person gives it."""

import pytest

from keyspaces_provider.operators.consistency import SeedError, seed_of


@pytest.mark.parametrize(("given", "seed"), [(7, 7), ("7", 7), (" 0 ", 0), ("4294967295", 4_294_967_295)])
def test_a_seed_that_was_given_is_used(given: int | str, seed: int) -> None:
    assert seed_of(given) == seed


@pytest.mark.parametrize("given", [None, "", "None"])
def test_without_a_seed_each_check_draws_its_own(given: str | None) -> None:
    assert len({seed_of(given) for _ in range(5)}) == 5


@pytest.mark.parametrize("given", ["-1", "1.5", "seven", -1])
def test_what_is_no_seed_is_refused(given: int | str) -> None:
    with pytest.raises(SeedError, match="whole number from 0"):
        seed_of(given)
