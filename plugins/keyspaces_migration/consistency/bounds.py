"""How sure a sample makes us.

The bound is the one-sided upper confidence limit of Clopper and Pearson (Biometrika 26, 1934, pp. 404-413): with
`mismatches` among `looked_at` independent draws, the greatest rate under which so few mismatches would still be as
likely as 1 - confidence: the quantile of Beta(mismatches + 1, looked_at - mismatches) at the confidence. It holds with
at least the confidence stated, whatever the rate is.

Our draws are without replacement, so their count is hypergeometric, and the limit is then on the safe side: at no
mismatch C(N-D, n)/C(N, n) <= (1-D/N)^n for every N and D, and the unit tests compute the coverage exactly for others.
"""

import math

from scipy.special import betaincinv  # type: ignore[import-untyped]


def upper_bound(*, mismatches: int, looked_at: int, confidence: float) -> float:
    """The rate of mismatches that is exceeded with at most 1 - `confidence`; 1 where nothing was looked at.

    Raises:
        ValueError: The counts or the confidence are impossible.
    """
    if not 0 <= mismatches <= looked_at or not 0 < confidence < 1:
        raise ValueError(f"no bound for {mismatches} mismatches of {looked_at} at confidence {confidence}")
    if mismatches == looked_at:
        return 1.0
    return float(betaincinv(mismatches + 1, looked_at - mismatches, confidence))


def lower_bound(*, mismatches: int, looked_at: int, confidence: float) -> float:
    """The rate of mismatches that is fallen short of with at most 1 - `confidence`; 0 where there was none.

    The quantile of Beta(mismatches, looked_at - mismatches + 1) at 1 - confidence: Clopper's and Pearson's other side.

    Raises:
        ValueError: The counts or the confidence are impossible.
    """
    if not 0 <= mismatches <= looked_at or not 0 < confidence < 1:
        raise ValueError(f"no bound for {mismatches} mismatches of {looked_at} at confidence {confidence}")
    if mismatches == 0:
        return 0.0
    return float(betaincinv(mismatches, looked_at - mismatches + 1, 1 - confidence))


def sample_size(*, rate: float, confidence: float) -> int:
    """The fewest rows that, all clean, put the upper bound below `rate`: 46,050 for 1e-4 at 0.99.

    From upper bound = 1 - (1 - confidence)^(1/n) at no mismatch.

    Raises:
        ValueError: The rate or the confidence is not between 0 and 1.
    """
    if not 0 < rate < 1 or not 0 < confidence < 1:
        raise ValueError(f"no sample size for rate {rate} at confidence {confidence}: both are between 0 and 1")
    size = max(1, math.floor(math.log1p(-confidence) / math.log1p(-rate)) - 1)
    while upper_bound(mismatches=0, looked_at=size, confidence=confidence) >= rate:
        size += 1
    return size
