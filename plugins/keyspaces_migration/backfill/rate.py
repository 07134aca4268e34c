"""How many write units a second a load spends: up to its budget, and no more than the table takes.

Additive increase, multiplicative decrease (AIMD), with two changes that suit a table with a capacity. A cut goes to
just below the rate that the table was seen to take, which is its capacity, rather than to a half. And the longer
nothing was throttled, the faster the rate grows, so that a raised capacity is found within seconds.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_BURST_S = 0.05
"""How long unspent units are kept."""
_MEASURED_S = 0.3
"""The time over which the rate that the table takes is measured."""
_BELOW_MEASURED = 0.98
_DEEPEST_CUT = 0.5
_BETWEEN_CUTS_S = 0.3
"""One overload shows in many answers: those that were sent before a cut say nothing about the rate after it."""
_GROWTH_A_SECOND = 0.005
_GREATEST_GROWTH_A_SECOND = 1.0
_PATIENCE_S = 3.0
"""After so long without a throttle, growth doubles each second."""
_LEAST_UNITS_A_SECOND = 10.0


@dataclass(frozen=True)
class _Answered:
    at: float
    units: float


class AdaptiveRate:
    """A `wire.Budget`: what may be spent now, from what came back."""

    def __init__(self, *, units_per_s: float, clock: Callable[[], float]) -> None:
        """Store: `units_per_s` is the most that may be spent; `clock` counts seconds and never goes back."""
        self._most = units_per_s
        self._clock = clock
        self._rate = units_per_s / 4
        self._tokens = 0.0
        self._refilled_at = self._quiet_since = clock()
        self._taken: deque[_Answered] = deque()
        self._taken_units = 0.0
        self._all_taken = self._all_throttled = 0.0

    @property
    def units_per_s(self) -> float:
        """The rate now."""
        return self._rate

    @property
    def most_units_per_s(self) -> float:
        """The most that may be spent a second."""
        return self._most

    @property
    def taken_units(self) -> float:
        """All units that the table took."""
        return self._all_taken

    @property
    def throttled_units(self) -> float:
        """All units that it did not take, and that are sent again."""
        return self._all_throttled

    def limit(self, units_per_s: float) -> None:
        """Set the most that may be spent a second: a budget that is divided anew among the workers."""
        self._most = units_per_s
        self._rate = min(self._rate, units_per_s)

    def available(self) -> float:
        """Return how many units may be spent now."""
        now = self._clock()
        passed = now - self._refilled_at
        self._refilled_at = now
        self._rate = min(self._most, self._rate * (1 + self._growth(now) * passed))
        self._tokens = min(self._tokens + self._rate * passed, self._rate * _BURST_S)
        return self._tokens

    def spend(self, units: float) -> None:
        """Take note of units that were sent; a debt is paid before more are."""
        self._tokens -= units

    def answered(self, *, succeeded: float, throttled: float) -> None:
        """Take note of units that the table took, and of those that it did not."""
        now = self._clock()
        self._all_taken += succeeded
        self._all_throttled += throttled
        self._take_note(_Answered(now, succeeded))
        if throttled and now - self._quiet_since >= _BETWEEN_CUTS_S:
            self._quiet_since = now
            measured = self._taken_units / _MEASURED_S
            self._rate = max(
                _LEAST_UNITS_A_SECOND, min(self._rate, max(measured, self._rate * _DEEPEST_CUT)) * _BELOW_MEASURED
            )

    def _growth(self, now: float) -> float:
        quiet = max(0.0, now - self._quiet_since - _PATIENCE_S)
        growth: float = _GROWTH_A_SECOND * 2.0 ** min(quiet, 16.0)
        return min(_GREATEST_GROWTH_A_SECOND, growth)

    def _take_note(self, answered: _Answered) -> None:
        self._taken.append(answered)
        self._taken_units += answered.units
        while self._taken[0].at <= answered.at - _MEASURED_S:
            self._taken_units -= self._taken.popleft().units
