"""The rate of a load against a table with a capacity, in a time of its own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest

from keyspaces_migration.backfill.rate import AdaptiveRate

TICK_S = 0.005
ROUND_TRIP_S = 0.008
BUDGET = 10_000.0


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Table:
    """Takes `capacity` units a second, keeps unused ones for so long, and answers after a round trip.

    Attributes:
        pause_s: How long, every three seconds, nothing is sent or answered.
    """

    clock: Clock
    rate: AdaptiveRate
    kept_s: float = 0.1
    pause_s: float = 0.0
    kept: float = 0.0
    taken: float = 0.0
    throttled: float = 0.0
    answers: deque[tuple[float, float, float]] = field(default_factory=deque)

    def run(self, seconds: float, *, capacity: float) -> tuple[float, float]:
        """Return which share of the capacity was used, and which share of what was sent was throttled."""
        self.taken = self.throttled = 0.0
        end = self.clock.now + seconds
        while self.clock.now < end:
            before = self.clock.now
            self.clock.now += TICK_S
            if self.pause_s and before // 3 != self.clock.now // 3:
                self.clock.now += self.pause_s
            passed = self.clock.now - before
            self.kept = min(capacity * self.kept_s, self.kept + capacity * passed)
            self._answer()
            self._send()
        return self.taken / (capacity * seconds), self.throttled / (self.taken + self.throttled)

    def _answer(self) -> None:
        while self.answers and self.answers[0][0] <= self.clock.now:
            _, taken, throttled = self.answers.popleft()
            self.rate.answered(succeeded=taken, throttled=throttled)

    def _send(self) -> None:
        taken = throttled = 0
        while self.rate.available() > 0:
            self.rate.spend(1.0)
            if self.kept >= 1:
                self.kept -= 1
                taken += 1
            else:
                throttled += 1
        self.answers.append((self.clock.now + ROUND_TRIP_S, taken, throttled))
        self.taken += taken
        self.throttled += throttled


@pytest.fixture
def table() -> Table:
    clock = Clock()
    return Table(clock, AdaptiveRate(units_per_s=BUDGET, clock=clock))


def test_a_tables_capacity_is_found_and_used_with_few_throttles(table: Table) -> None:
    for capacity in (4_000, 1_000, 8_000):
        table.run(20, capacity=capacity)
        used, throttled = table.run(20, capacity=capacity)
        assert used >= 0.97, capacity
        assert throttled <= 0.005, capacity


def test_units_that_were_kept_are_not_taken_for_a_raised_capacity(table: Table) -> None:
    table.kept_s, table.pause_s = 1.0, 0.25
    for capacity in (4_000, 1_000, 8_000):
        table.run(20, capacity=capacity)
        used, throttled = table.run(20, capacity=capacity)
        assert used >= 0.95, capacity
        assert throttled <= 0.008, capacity


def test_a_lowered_capacity_is_heeded_within_seconds(table: Table) -> None:
    table.run(30, capacity=8_000)
    table.run(4, capacity=1_000)
    _, throttled = table.run(10, capacity=1_000)
    assert throttled <= 0.005


def test_the_budget_is_never_passed_however_much_the_table_takes(table: Table) -> None:
    table.run(30, capacity=1e9)
    used, throttled = table.run(10, capacity=BUDGET)
    assert throttled == 0
    assert used == pytest.approx(1.0, abs=0.01)


def test_a_budget_divided_anew_holds_at_once(table: Table) -> None:
    table.run(30, capacity=1e9)
    table.rate.limit(BUDGET / 4)
    used, _ = table.run(10, capacity=BUDGET)
    assert used == pytest.approx(0.25, abs=0.01)
    table.rate.limit(BUDGET)
    table.run(10, capacity=1e9)
    assert table.rate.units_per_s == BUDGET


def test_a_request_beyond_what_is_left_is_paid_before_the_next(table: Table) -> None:
    table.run(30, capacity=1e9)
    table.rate.available()
    table.rate.spend(BUDGET)
    table.clock.now += 0.5
    assert table.rate.available() < 0
    table.clock.now += 0.6
    assert table.rate.available() > 0
