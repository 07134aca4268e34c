"""How many calls of a function a table's check takes, which each have to end in the function's time. Pure.

The calls are made one after the other, each at the whole rate: at a rate that all of them share, calls that run at the
same time would end no sooner than one that does everything.
"""

from dataclasses import dataclass
from math import ceil

from keyspaces_migration.consistency.errors import ConsistencyError
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.settling import ROUNDS
from keyspaces_migration.consistency.share import Share

STARTING_S = 90.0
"""For a cold start, logins, and the history's queries."""
_MARGIN = 2.0
"""Rows above 4 KiB take more than the one unit each that is reckoned with, and no store answers at once."""


class CallTooLongError(ConsistencyError):
    """A part of a check that can't be divided would not end in the function's time: nothing was called."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """About how many read units a check takes of each store, at one a row.

    Attributes:
        keys: For the rows drawn by key, which can be divided.
        units: For all other draws, which can't.
    """

    keys: int
    units: int

    @classmethod
    def of(cls, plan: CheckPlan) -> "Reading":
        """What `plan` asks for. Of the widest partitions nothing is known before the history is asked."""
        windows = plan.windows + plan.target_windows
        return cls(keys=plan.rows_wanted, units=windows * plan.rows_per_window + plan.newest_writes + plan.sweep_rows)


def shares(plan: CheckPlan, *, timeout_s: float) -> tuple[Share, ...]:
    """The parts of a table's check, as few as fit into calls of `timeout_s` each.

    Raises:
        CallTooLongError: What can't be divided does not fit.
    """
    rate = plan.max_read_units_per_s
    if rate is None:
        return (Share(),)
    reading, most = Reading.of(plan), _most_units(plan, rate=rate, timeout_s=timeout_s)
    if most < max(1, reading.units):
        raise CallTooLongError(_too_long(plan, reading, rate=rate, most=most, timeout_s=timeout_s))
    parts = 1 if reading.keys + reading.units <= most else 1 + ceil(reading.keys / most)
    return tuple(Share(part=part, parts=parts) for part in range(parts))


def _most_units(plan: CheckPlan, *, rate: int, timeout_s: float) -> int:
    reading_s = (timeout_s - STARTING_S - ROUNDS * plan.settle_time_s) / _MARGIN
    return int(max(0.0, reading_s) * rate)


def _too_long(plan: CheckPlan, reading: Reading, *, rate: int, most: int, timeout_s: float) -> str:
    return (
        f"One call of the comparison Lambda ends after {timeout_s:g} s. With {STARTING_S:g} s to start, {ROUNDS} times "
        f"{plan.settle_time_s:g} s to settle, and a margin, it has time for about {most:,} read units at {rate:,} a "
        f"second; found: about {reading.units:,} for what must be read in one call, most of it by the sweep of "
        f"{plan.sweep_rows:,} rows. Lower consistency.sweep_rows or settle_time, raise max_read_units_per_s or "
        "comparison_lambda.timeout, or let consistency.engine be AIRFLOW, which has no such limit"
    )
