"""Partitions that would run hot on Amazon Keyspaces.

A storage partition serves 1,000 write and 3,000 read units a second. Whether the service spreads one partition key over
several is not documented as something to count on: here each key has one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from keyspaces_migration.capacity.units import (
    PARTITION_READ_UNITS_PER_S,
    PARTITION_WRITE_UNITS_PER_S,
    READ_UNIT_BYTES,
    WRITE_UNIT_BYTES,
)

HOT_FROM = 0.8
"""Reported from this share of a limit on: an average over a minute hides seconds that are above it."""


class HotReason(StrEnum):
    """Why a partition runs hot."""

    WRITES = "writes"
    """The writes of every day come near 1,000 units a second."""
    READS = "reads"
    """The reads of every day come near 3,000 units a second."""
    LOAD = "load"
    """Its share of the history is so large that the load at its full rate passes 1,000 units a second there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLoad:
    """What was measured of a partition.

    Attributes:
        key: The partition key as people read it.
        rows: 1 where they were not counted.
        bytes: Of its rows together, as metered for throughput.
        is_counted: Whether its rows were counted; else only its writes are known, and its size is not.
        reads_per_s: Of single rows, at LOCAL_QUORUM; count one at LOCAL_ONE as a half.
    """

    key: str
    rows: int
    bytes: int
    writes_per_s: float = 0
    reads_per_s: float = 0
    is_counted: bool = True

    def __post_init__(self) -> None:
        if self.rows < 1 or self.bytes < self.rows or self.writes_per_s < 0 or self.reads_per_s < 0:
            raise ValueError(f"no partition has {self.rows} rows of {self.bytes} bytes: {self!r}")

    @property
    def write_units(self) -> int:
        """What it takes to write all its rows once, each of their mean size."""
        return self.rows * math.ceil(self.bytes / self.rows / WRITE_UNIT_BYTES)

    @property
    def write_units_per_s(self) -> float:
        """What its writes consume."""
        return self.writes_per_s * math.ceil(self.bytes / self.rows / WRITE_UNIT_BYTES)

    @property
    def read_units_per_s(self) -> float:
        """What its reads consume."""
        return self.reads_per_s * math.ceil(self.bytes / self.rows / READ_UNIT_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class HotPartition:
    """A partition that would run hot.

    Attributes:
        reasons: At least one.
        write_share: Of the limit that its writes of every day use; above 1 they are throttled.
        load_share: Of the limit that the load uses there, were rows spread over the partitions by their size.
        least_load_hours: How long its rows take to load at the least, whatever the budget.
    """

    partition: PartitionLoad
    reasons: tuple[HotReason, ...]
    write_share: float
    read_share: float
    load_share: float
    least_load_hours: float


def hot_partitions(
    loads: Iterable[PartitionLoad],
    *,
    table_write_units: float,
    load_units_per_s: float,
    hot_from: float = HOT_FROM,
) -> tuple[HotPartition, ...]:
    """Return the partitions that come near a limit, those that come nearest first.

    `table_write_units` is what loading the whole table consumes, `load_units_per_s` the rate it is loaded at.

    Raises:
        ValueError: The units or the share are not above 0.
    """
    if min(table_write_units, load_units_per_s, hot_from) <= 0:
        raise ValueError("the units of the table, the rate and the share must be above 0")
    judged = (_judge(each, load_units_per_s / table_write_units, hot_from) for each in loads)
    return tuple(sorted((hot for hot in judged if hot.reasons), key=_nearest_first))


def _judge(load: PartitionLoad, load_rate: float, hot_from: float) -> HotPartition:
    shares = {
        HotReason.WRITES: load.write_units_per_s / PARTITION_WRITE_UNITS_PER_S,
        HotReason.READS: load.read_units_per_s / PARTITION_READ_UNITS_PER_S,
        HotReason.LOAD: load.write_units * load_rate / PARTITION_WRITE_UNITS_PER_S,
    }
    return HotPartition(
        partition=load,
        reasons=tuple(reason for reason, share in shares.items() if share >= hot_from),
        write_share=shares[HotReason.WRITES],
        read_share=shares[HotReason.READS],
        load_share=shares[HotReason.LOAD],
        least_load_hours=load.write_units / PARTITION_WRITE_UNITS_PER_S / 3600,
    )


def _nearest_first(hot: HotPartition) -> tuple[float, str]:
    return -max(hot.write_share, hot.read_share, hot.load_share), hot.partition.key
