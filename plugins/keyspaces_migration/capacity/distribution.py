"""How large the rows of a table are, from a sample of them, and how sure the sample makes us.

The bound on a mean is Student's t interval (scipy), with the correction for a sample that is a large part of the table.
It supposes rows drawn independently; with a few rows far larger than the rest it promises too much until the sample has
met some of them, so the largest row is shown beside it. The share of rows near 1 MB has the exact bound of Clopper and
Pearson, which supposes nothing about the sizes.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student  # type: ignore[import-untyped]

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
        upper: Infinite where the sample is one row of a larger table, which says nothing of the others.
        confidence: The share of samples whose bounds hold it.
    """

    value: float
    lower: float
    upper: float
    confidence: float

    def __str__(self) -> str:
        return f"{self.value:,.2f} ({self.lower:,.2f} to {self.upper:,.2f} at {self.confidence:.0%} confidence)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeDistribution:
    """The sizes of a sample's rows.

    Attributes:
        rows: How many rows the sample has.
        p50_bytes: As all in bytes metered for throughput; a size that half of the rows do not pass.
        mean_storage_bytes: What a row takes in the table.
        near_limit_rows: Rows of 900 KB or more, those over the limit too, storage's metadata included.
        over_limit_rows: Rows of more than 1 MB, which Amazon Keyspaces refuses.
        near_limit_share_at_most: The table's share of rows near the limit or over, at the confidence.
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
) -> SizeDistribution:
    """Describe the sizes of sampled rows; those of 0 bytes are no rows (a partition's static data alone) and left out.

    For static data pass its sizes as both. `table_rows` is how many rows the table has, where that is known.

    Raises:
        EmptySampleError: The sample has no rows.
        ValueError: The confidence is not between 0 and 1, or the two have different lengths.
    """
    metered, stored = np.asarray(throughput_bytes, np.int64), np.asarray(storage_bytes, np.int64)
    if not 0 < confidence < 1 or metered.shape != stored.shape:
        raise ValueError(f"no distribution of {metered.size} and {stored.size} sizes at confidence {confidence}")
    metered, stored = metered[metered > 0], stored[metered > 0]
    if not metered.size:
        raise EmptySampleError("the sample has no rows, so nothing can be said about their size")

    def mean(values: "NDArray[np.int64]") -> Mean:
        return _mean(values, confidence=confidence, table_rows=table_rows)

    p50, p99 = np.percentile(metered, [50, 99], method="inverted_cdf")
    near = int((stored >= NEAR_MAX_ROW_BYTES).sum())
    return SizeDistribution(
        rows=int(metered.size),
        p50_bytes=int(p50),
        p99_bytes=int(p99),
        max_bytes=int(metered.max()),
        mean_bytes=mean(metered),
        mean_storage_bytes=mean(stored),
        near_limit_rows=near,
        over_limit_rows=int((stored > MAX_ROW_BYTES).sum()),
        near_limit_share_at_most=upper_bound(mismatches=near, looked_at=int(metered.size), confidence=confidence),
        write_units=mean(-(-metered // WRITE_UNIT_BYTES)),
        read_units=mean(-(-metered // READ_UNIT_BYTES)),
    )


def _mean(values: "NDArray[np.int64]", *, confidence: float, table_rows: int | None) -> Mean:
    value, rows = float(values.mean()), values.size
    if table_rows is not None and rows >= table_rows:
        return Mean(value=value, lower=value, upper=value, confidence=confidence)
    if rows == 1:
        return Mean(value=value, lower=0.0, upper=math.inf, confidence=confidence)
    unseen = 1.0 if table_rows is None else (table_rows - rows) / (table_rows - 1)
    error = float(values.std(ddof=1)) * math.sqrt(unseen / rows)
    half_width = error * float(student.ppf((1 + confidence) / 2, rows - 1))
    return Mean(value=value, lower=max(0.0, value - half_width), upper=value + half_width, confidence=confidence)
