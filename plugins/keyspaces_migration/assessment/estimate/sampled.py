"""What came of a sample: sizes of rows, of static data, and of the partitions that it met."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from keyspaces_migration.capacity.distribution import Groups, Mean, SizeDistribution, distribution, mean_of_counts
from keyspaces_migration.capacity.errors import RowUnusableError
from keyspaces_migration.capacity.sizes import RowShape, row_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

CONFIDENCE = 0.95
FEWEST_PARTITIONS = 30
"""The bounds suppose that sums over windows are about normal, which takes some dozens of what they sum."""
_SHOWN_KEY_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledPartition:
    """A partition that the sample met.

    Attributes:
        key: As people read it.
        rows: That were read; there may be more in one that was cut.
        bytes: Of those rows, as metered for throughput.
        static_bytes: Of its static data; 0 where there is none.
        is_cut: Whether reading ended in it.
    """

    key: str
    rows: int
    bytes: int
    static_bytes: int
    is_cut: bool


@dataclass(frozen=True, kw_only=True)
class RowSample:
    """A table's sample.

    Attributes:
        sizes: Of its rows; None where it met none.
        table_rows: How many rows the table has: counted where all of it was read, else by how many the windows had.
        table_partitions: Likewise.
        is_whole: Whether all of the table was read.
        windows: How many were drawn; 0 where all was read.
        cut_windows: Those in which reading ended early: then a few large partitions count for less than they have.
        partitions: That it met, the largest first.
        unusable_rows: Rows whose size can't be told, and `unusable` why of the first.
    """

    sizes: SizeDistribution | None
    table_rows: Mean
    table_partitions: Mean
    is_whole: bool
    windows: int
    cut_windows: int
    partitions: tuple[SampledPartition, ...]
    unusable_rows: int
    unusable: str

    @property
    def is_thin(self) -> bool:
        """Whether it met so few partitions that its bounds are not to be trusted."""
        return not self.is_whole and len(self.partitions) < FEWEST_PARTITIONS

    @property
    def static_bytes_a_partition(self) -> float:
        """The mean, over all partitions; 0 without static data."""
        return sum(each.static_bytes for each in self.partitions) / max(1, len(self.partitions))


@dataclass(slots=True)
class _Partition:
    key: str
    group: int
    rows: int = 0
    bytes: int = 0
    static_bytes: int = 0


class SampleCollector:
    """Takes the rows of a sample one by one and keeps their sizes alone."""

    def __init__(self, *, shape: RowShape) -> None:
        self._shape = shape
        self._throughput: list[int] = []
        self._storage: list[int] = []
        self._groups: list[int] = []
        self._partitions: list[_Partition] = []
        self._at: tuple[int, str] | None = None
        self._cut: set[int] = set()
        self.bytes = 0
        self._unusable = ""
        self._unusable_rows = 0

    @property
    def rows(self) -> int:
        """How many were taken, unusable ones too."""
        return len(self._throughput) + self._unusable_rows

    def add(self, token: int, row: Mapping[str, Any], *, group: int) -> None:
        """Take a row; those of a partition come one after the other.

        Raises:
            UnknownSizeError: A column has a type that Amazon Keyspaces does not have.
        """
        try:
            size = row_size(row, self._shape)
        except RowUnusableError as error:
            self._unusable_rows += 1
            self._unusable = self._unusable or str(error)
            return
        partition = self._partition(token, row, group)
        self.bytes += size.throughput_bytes
        self._throughput.append(size.throughput_bytes)
        self._storage.append(size.storage_bytes)
        self._groups.append(group)
        partition.rows += bool(size.throughput_bytes)
        partition.bytes += size.throughput_bytes
        partition.static_bytes = max(partition.static_bytes, size.static_bytes)

    def cut(self, group: int) -> None:
        """Note that reading ended within a group, and so within its last partition."""
        self._cut.add(group)

    def _partition(self, token: int, row: Mapping[str, Any], group: int) -> _Partition:
        key = ", ".join(_shown(row[name]) for name in self._shape.partition_keys)
        # Windows may overlap: then a partition was drawn twice, and counts twice.
        if self._at != (token, key) or self._partitions[-1].group != group:
            self._at = (token, key)
            self._partitions.append(_Partition(key=key, group=group))
        return self._partitions[-1]

    def finish(self, *, windows: int, share_of_ring: float) -> RowSample:
        """Return the sample; `windows` is 0 where the whole table was read."""
        groups = np.array(self._groups, np.int64)
        is_row = np.array(self._throughput, np.int64) > 0
        totals = _Totals(windows=windows, share_of_ring=share_of_ring)
        return RowSample(
            sizes=self._sizes(groups, windows=windows) if is_row.any() else None,
            table_rows=totals.of(groups[is_row]),
            table_partitions=totals.of(np.array([each.group for each in self._partitions], np.int64)),
            is_whole=not windows,
            windows=windows,
            cut_windows=len(self._cut),
            partitions=tuple(sorted(self._sampled_partitions(), key=lambda each: (-each.bytes, each.key))),
            unusable_rows=self._unusable_rows,
            unusable=self._unusable,
        )

    def _sizes(self, groups: "Numbers", *, windows: int) -> SizeDistribution:
        rows = sum(size > 0 for size in self._throughput)
        return distribution(
            throughput_bytes=self._throughput,
            storage_bytes=self._storage,
            confidence=CONFIDENCE,
            table_rows=None if windows else rows,
            groups=Groups(of_rows=groups, drawn=windows) if windows else None,
        )

    def _sampled_partitions(self) -> Iterator[SampledPartition]:
        last_of_group = {each.group: place for place, each in enumerate(self._partitions)}
        for place, each in enumerate(self._partitions):
            yield SampledPartition(
                key=each.key,
                rows=each.rows,
                bytes=each.bytes,
                static_bytes=each.static_bytes,
                is_cut=each.group in self._cut and last_of_group[each.group] == place,
            )


def whole(collector: SampleCollector) -> RowSample:
    """Return the sample that is all of the table."""
    return collector.finish(windows=0, share_of_ring=1.0)


def windowed(collector: SampleCollector, *, windows: int, share_of_ring: float) -> RowSample:
    """Return the sample of windows that are each that share of the ring."""
    return collector.finish(windows=windows, share_of_ring=share_of_ring)


@dataclass(frozen=True, kw_only=True)
class _Totals:
    """How many there are in the table: counted where all was read, else from how many each window had."""

    windows: int
    share_of_ring: float

    def of(self, groups: "Numbers") -> Mean:
        if not self.windows:
            return Mean(value=groups.size, lower=groups.size, upper=groups.size, confidence=CONFIDENCE)
        a_window = mean_of_counts(np.bincount(groups, minlength=self.windows), confidence=CONFIDENCE)
        value, lower, upper = (each / self.share_of_ring for each in (a_window.value, a_window.lower, a_window.upper))
        return Mean(value=value, lower=lower, upper=upper, confidence=CONFIDENCE)


def _shown(value: object) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return text if len(text) <= _SHOWN_KEY_CHARACTERS else f"{text[: _SHOWN_KEY_CHARACTERS - 1]}…"
