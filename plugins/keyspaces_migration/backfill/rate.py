"""How many write units a second a load spends: up to its budget, and no more than the table takes.

Additive increase, multiplicative decrease (AIMD), with what a table with a capacity lets one know. Keyspaces keeps
capacity that was not used for a while, as a bucket of tokens does: a rate beyond the capacity works until the bucket is
empty, and only then something is throttled. So what was taken between two throttles, over the time between them, is the
capacity, whatever was kept at other times. A cut goes to just below that. A rate well beyond it is then looked for
again: if capacity was raised, it is found within seconds, and if it was the bucket, a first throttle ends it.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_BURST_S = 0.02
"""How long unspent units are kept."""
_MEASURED_S = 0.3
"""The time over which the rate that the table takes just now is measured."""
_BELOW_CAPACITY = 0.985
_DEEPEST_CUT = 0.5
_FIRST_CUT = 0.9
"""Of one throttle after a quiet time: a measurement may be low because somebody paused."""
_BETWEEN_CUTS_S = 0.3
"""One overload shows in many answers: those that were sent before a cut say nothing about the rate after it."""
_AGAIN_S = 1.0
"""A throttle so soon after the last one found the bucket empty: what is taken just now is the capacity, or less, as a
batch that was throttled may have been taken in part."""
_NEAR, _BEYOND = 0.95, 1.02
"""Of what is thought to be the capacity: between them the rate grows slowly."""
_SLOW_GROWTH_A_SECOND = 0.0075
_GROWTH_A_SECOND = 0.5
"""Below what was taken before, and the most that it comes to beyond, where it doubles each second."""
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
        self._refilled_at = clock()
        self._cut_at = -math.inf
        self._taken_since_cut = 0.0
        self._capacity: float | None = None
        self._seen_before = 0.0
        self._growth = _SLOW_GROWTH_A_SECOND
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
        self._rate = min(self._most, self._rate * (1 + self._grows(passed) * passed))
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
        self._taken_since_cut += succeeded
        self._take_note(_Answered(now, succeeded))
        if throttled and now - self._cut_at >= _BETWEEN_CUTS_S:
            self._cut(now)

    def _cut(self, now: float) -> None:
        just_now = self._taken_units / _MEASURED_S
        quiet_s = now - self._cut_at
        if self._capacity is None or quiet_s < _AGAIN_S:
            found = max(just_now, self._rate * _DEEPEST_CUT)
            self._seen_before = min(self._capacity or 0.0, self._rate)
        else:
            between = self._taken_since_cut / quiet_s
            least = min(self._capacity, self._rate) * _FIRST_CUT
            found = between if just_now > between else max(just_now, least)
            self._seen_before = min(just_now, self._rate)
        self._capacity = min(self._rate, found)
        self._rate = max(_LEAST_UNITS_A_SECOND, self._capacity * _BELOW_CAPACITY)
        self._cut_at, self._taken_since_cut = now, 0.0

    def _grows(self, passed_s: float) -> float:
        """Return by which part of itself the rate grows a second."""
        if self._capacity is not None:
            known = max(self._capacity, self._seen_before)
            if self._rate < known * _NEAR:
                return _GROWTH_A_SECOND
            if self._rate < known * _BEYOND:
                self._growth = _SLOW_GROWTH_A_SECOND
                return self._growth
        self._growth = min(_GROWTH_A_SECOND, self._growth * 2.0 ** min(passed_s, 1.0))
        return self._growth

    def _take_note(self, answered: _Answered) -> None:
        self._taken.append(answered)
        self._taken_units += answered.units
        while self._taken[0].at <= answered.at - _MEASURED_S:
            self._taken_units -= self._taken.popleft().units
