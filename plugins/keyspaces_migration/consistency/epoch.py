"""How sure the checks of several days make us together. Pure.

An epoch is a time in which nothing wrote to the stores but the application: a backfill, a new barrier, a replay, a
repair or a rollback begins another. Within it the rows that were drawn by key on different days are draws of one
question, and may be pooled.

Somebody looks at the bound every day and stops when it is small enough, so it has to hold on all days at once, and on
all tables. The k-th look at one of T tables therefore spends 6/(pi k)^2/T of the error that is allowed in all: these
sum to one over all k. What it spends goes into the bound of Clopper and Pearson (`bounds`) over all rows so far: a
confidence sequence by the union bound, as in Darling and Robbins, "Confidence sequences for mean, variance, and
median", PNAS 58 (1967), pp. 66-68. Rates may differ from day to day; what is bounded is then their mean, weighted by
rows: a count of unlike draws has a thinner lower tail than the binomial of the mean rate (Hoeffding, Annals of
Mathematical Statistics 27, 1956, p. 713).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from keyspaces_migration.consistency.bounds import upper_bound


@dataclass(frozen=True, kw_only=True)
class Day:
    """What one check compared of one table, of rows drawn by key.

    Attributes:
        finished_at: When its check ended.
        compared: Rows of which both stores gave a clear answer.
        mismatched: Those of them that differ.
        could_not_look: Rows that were drawn and not compared.
    """

    finished_at: datetime
    compared: int
    mismatched: int
    could_not_look: int


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """What an epoch's checks of one table say together.

    Attributes:
        checks: That were pooled.
        left_out: That were not, as not all that they drew could be looked at: the unseen rows may be the wrong ones.
        compared: Rows, on all days.
        mismatched: Those of them that differed.
        bound: On the rate of wrong rows, over the days; 1 where nothing was compared.
    """

    table: str
    checks: int
    left_out: int
    compared: int
    mismatched: int
    bound: float


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """All tables of an epoch.

    Attributes:
        began: None where nothing is known to have begun one: all checks are of it.
        confidence: That all bounds hold, on all days.
    """

    began: datetime | None
    confidence: float
    tables: tuple[Pooled, ...]


def epoch_began(moments: Iterable[datetime]) -> datetime | None:
    """Return when the epoch began that lasts now: the last of the moments at which one began; None without any."""
    return max(moments, default=None)


def pool(table: str, days: Sequence[Day], *, tables: int, confidence: float) -> Pooled:
    """Pool the checks of one epoch, given in the order in which they ended.

    Args:
        table: Its name.
        days: Every check of it in the epoch, those with nothing to show too: each was a look at the bound.
        tables: How many tables the bounds shall hold for at once.
        confidence: That all of them hold, on all days.

    Raises:
        ValueError: There is no table, or the confidence is not between 0 and 1.
    """
    if tables < 1 or not 0 < confidence < 1:
        raise ValueError(f"no bound for {tables} tables at confidence {confidence}")
    whole = [day for day in days if not day.could_not_look]
    compared, mismatched = sum(day.compared for day in whole), sum(day.mismatched for day in whole)
    spent = (1 - confidence) * 6 / (math.pi * max(1, len(days))) ** 2 / tables
    bound = upper_bound(mismatches=mismatched, looked_at=compared, confidence=1 - spent) if compared else 1.0
    return Pooled(
        table=table,
        checks=len(whole),
        left_out=len(days) - len(whole),
        compared=compared,
        mismatched=mismatched,
        bound=bound,
    )
