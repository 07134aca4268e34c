"""How large the rows of a table are, from a sample of them, and how sure the sample makes us.

The bound on a mean is Student's t interval (scipy), with the correction for a sample that is a large part of the table.
It supposes rows drawn independently. Rows drawn in groups, such as windows of the token ring, are alike within one:
then the group is what was drawn, and the bound is that of a ratio estimate (W. G. Cochran, Sampling Techniques, 1977,
chapter 6). With a few rows far larger than the rest either promises too much until the sample has met some of them, so
the largest row is shown beside it. The share of rows near 1 MB has the exact bound of Clopper and Pearson, which
supposes nothing about the sizes.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit  # type: ignore[import-untyped]  # scipy.stats takes seconds to import

from keyspaces_migration.capacity.errors import EmptySampleError
from keyspaces_migration.capacity.units import (
    MAX_ROW_BYTES,
    NEAR_MAX_ROW_BYTES,
    READ_UNIT_BYTES,
    WRITE_UNIT_BYTES,
)
from keyspaces_migration.consistency.bounds import upper_bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean of a sample, and between which values the table's own lies.

    Attributes:
        lower: Never below 0.
        upper: Infinite where the sample is one row, or one group, of a larger table, which says nothing of the others.
        confidence: The share of samples whose bounds hold it.
    """

    value: float
    lower: float
    upper: float
    confidence: float

    def __str__(self) -> str:
        return f"{self.value:,.2f} ({self.lower:,.2f} to {self.upper:,.2f} at {self.confidence:.0%} confidence)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Groups:
    """How rows were drawn in groups, each group independently of the others.

    Attributes:
        of_rows: The number of the group of each row, from 0 on.
        drawn: How many were drawn, those without rows too.
    """

    of_rows: "NDArray[np.int64]"
    drawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeDistribution:
    """The sizes of a sample's rows.

    Attributes:
        rows: How many rows the sample has.
        p50_bytes: As all in bytes metered for throughput; a size that half of the rows do not pass.
        mean_storage_bytes: What a row takes in the table.
        near_limit_rows: Rows of 900 KB or more, those over the limit too, storage's metadata included.
        over_limit_rows: Rows of more than 1 MB, which Amazon Keyspaces refuses.
        near_limit_share_at_most: The table's share of rows near the limit or over, at the confidence; of groups with
            such a row, where rows were drawn in groups.
        write_units: For a write of a whole row.
        read_units: For a read of a single row at LOCAL_QUORUM; half at LOCAL_ONE.
    """

    rows: int
    p50_bytes: int
    p99_bytes: int
    max_bytes: int
    mean_bytes: Mean
    mean_storage_bytes: Mean
    near_limit_rows: int
    over_limit_rows: int
    near_limit_share_at_most: float
    write_units: Mean
    read_units: Mean


def distribution(
    *,
    throughput_bytes: "Sequence[int] | NDArray[np.int64]",
    storage_bytes: "Sequence[int] | NDArray[np.int64]",
    confidence: float = 0.95,
    table_rows: int | None = None,
    groups: Groups | None = None,
) -> SizeDistribution:
    """Describe the sizes of sampled rows; those of 0 bytes are no rows (a partition's static data alone) and left out.

    For static data pass its sizes as both. `table_rows` is how many rows the table has, where that is known, `groups`
    how rows were drawn that were not drawn one by one.

    Raises:
        EmptySampleError: The sample has no rows.
        ValueError: The confidence is not between 0 and 1, or the sizes and groups have different lengths.
    """
    metered, stored = np.asarray(throughput_bytes, np.int64), np.asarray(storage_bytes, np.int64)
    if not 0 < confidence < 1 or metered.shape != stored.shape:
        raise ValueError(f"no distribution of {metered.size} and {stored.size} sizes at confidence {confidence}")
    if groups is not None and groups.of_rows.shape != metered.shape:
        raise ValueError(f"{metered.size} sizes, and groups of {groups.of_rows.size}")
    is_row = metered > 0
    if groups is not None:
        groups = Groups(of_rows=groups.of_rows[is_row], drawn=groups.drawn)
    metered, stored = metered[is_row], stored[is_row]
    if not metered.size:
        raise EmptySampleError("the sample has no rows, so nothing can be said about their size")

    def mean(values: "NDArray[np.int64]") -> Mean:
        if groups is not None and (table_rows is None or values.size < table_rows):
            return _mean_of_groups(values, groups, confidence=confidence)
        return _mean(values, confidence=confidence, table_rows=table_rows)

    p50, p99 = np.percentile(metered, [50, 99], method="inverted_cdf")
    is_near = stored >= NEAR_MAX_ROW_BYTES
    return SizeDistribution(
        rows=int(metered.size),
        p50_bytes=int(p50),
        p99_bytes=int(p99),
        max_bytes=int(metered.max()),
        mean_bytes=mean(metered),
        mean_storage_bytes=mean(stored),
        near_limit_rows=int(is_near.sum()),
        over_limit_rows=int((stored > MAX_ROW_BYTES).sum()),
        near_limit_share_at_most=_near_at_most(is_near, groups, confidence=confidence),
        write_units=mean(-(-metered // WRITE_UNIT_BYTES)),
        read_units=mean(-(-metered // READ_UNIT_BYTES)),
    )


def mean_of_counts(counts: "NDArray[np.int64]", *, confidence: float) -> Mean:
    """Return the mean of numbers drawn independently from a population far larger than they are.

    Raises:
        ValueError: There are none.
    """
    if not counts.size:
        raise ValueError("nothing was counted, so there is no mean")
    return _mean(counts, confidence=confidence, table_rows=None)


def _near_at_most(is_near: "NDArray[np.bool_]", groups: Groups | None, *, confidence: float) -> float:
    if groups is None:
        return upper_bound(mismatches=int(is_near.sum()), looked_at=is_near.size, confidence=confidence)
    with_one = np.unique(groups.of_rows[is_near]).size
    return upper_bound(mismatches=with_one, looked_at=groups.drawn, confidence=confidence)


def _mean_of_groups(values: "NDArray[np.int64]", groups: Groups, *, confidence: float) -> Mean:
    value = float(values.mean())
    if np.unique(groups.of_rows).size == 1:
        return Mean(value=value, lower=0.0, upper=math.inf, confidence=confidence)
    rows = np.bincount(groups.of_rows, minlength=groups.drawn)
    sums = np.bincount(groups.of_rows, weights=values, minlength=groups.drawn)
    spread = float(((sums - value * rows) ** 2).sum())
    error = math.sqrt(groups.drawn / (groups.drawn - 1) * spread) / values.size
    half_width = error * float(stdtrit(groups.drawn - 1, (1 + confidence) / 2))
    return Mean(value=value, lower=max(0.0, value - half_width), upper=value + half_width, confidence=confidence)


def _mean(values: "NDArray[np.int64]", *, confidence: float, table_rows: int | None) -> Mean:
    value, rows = float(values.mean()), values.size
    if table_rows is not None and rows >= table_rows:
        return Mean(value=value, lower=value, upper=value, confidence=confidence)
    if rows == 1:
        return Mean(value=value, lower=0.0, upper=math.inf, confidence=confidence)
    unseen = 1.0 if table_rows is None else (table_rows - rows) / (table_rows - 1)
    error = float(values.std(ddof=1)) * math.sqrt(unseen / rows)
    half_width = error * float(stdtrit(rows - 1, (1 + confidence) / 2))
    return Mean(value=value, lower=max(0.0, value - half_width), upper=value + half_width, confidence=confidence)
