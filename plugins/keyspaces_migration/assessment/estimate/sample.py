"""A sample of a table's rows, drawn from the source by random windows of the token ring.

Where a partition lies on the ring says nothing about what is in it, so windows of one width, at places drawn
independently, are a fair sample of partitions with all their rows, and their number of rows tells the table's. The
window is what is drawn, and bounds are computed for it (`capacity.distribution.Groups`). A small table is read whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np

from keyspaces_migration.assessment.estimate.sampled import RowSample, SampleCollector, whole, windowed
from keyspaces_migration.capacity.sizes import RowShape
from keyspaces_migration.consistency.windows import FIRST_TOKEN, LAST_TOKEN, RING, Window, draw_windows
from keyspaces_migration.cql.identifiers import quote

_TRIAL_WINDOWS = 20
_TRIALS = 32
"""Each quarters or quadruples the width, so that they span the whole ring."""
_OFF_BY = 4
_OFF_BY_FAR = 64
_LEAST_PARTITIONS = 1
"""Of a window, on average: with fewer, so few partitions are met that the bounds promise too much."""
_FEW_PARTITIONS = 2
"""A window is not narrowed below so many: it would only meet the same partitions less often."""
_CUT_AT = 10
"""A window is read up to so many times the rows that it is expected to have, lest one partition be the whole sample."""


@dataclass(frozen=True, kw_only=True)
class SampleSize:
    """How much is read of each table.

    Attributes:
        rows: About so many rows; a table of fewer is read whole.
        windows: In how many places.
        max_bytes: Reading ends with the window in which so many bytes, as metered, are passed; and with that in which
            ten times the rows are, as may be where partitions are large.
    """

    rows: int = 10_000
    windows: int = 100
    max_bytes: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.rows < 1 or self.windows < 2 or self.max_bytes < 1:  # noqa: PLR2004 # one window has no spread
            raise ValueError(f"a sample has rows, bytes, and at least 2 windows: {self!r}")

    @property
    def rows_per_window(self) -> int:
        """What a window is to have, about."""
        return max(1, self.rows // self.windows)


class RowSource(Protocol):
    """Whatever streams rows; raises a `CannotLookError` and nothing else when the store does not give them."""

    def stream(self, statement: str, values: Sequence[object] = (), /, *, page_rows: int) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a SELECT in the order of its columns, page by page, as they are asked for."""
        ...


@dataclass(frozen=True, kw_only=True)
class TableToSample:
    """A table of the source; `partitions` is what the nodes estimate, None where they don't."""

    keyspace: str
    name: str
    shape: RowShape
    partitions: int | None = None


def sample_rows(source: RowSource, table: TableToSample, *, size: SampleSize, seed: int) -> RowSample:
    """Draw a sample; the same seed draws the same places.

    Raises:
        CannotLookError: The source does not give its rows.
        UnknownSizeError: A column has a type that Amazon Keyspaces does not have.
    """
    reader = _Reader(source, table)
    probe = SampleCollector(shape=table.shape)
    first = None
    for token, row in reader.read(None, limit=size.rows + 1):
        first = token if first is None else first
        probe.add(token, row, group=0)
        if probe.bytes > size.max_bytes or probe.rows > size.rows:
            span = max(1, token - first)
            break
    else:
        return whole(probe)
    width = _start_width(table, span=span, rows=probe.rows, rows_per_window=size.rows_per_window)
    width, most = _fitting(reader, width, size=size, seed=seed)
    return _draw(reader, width, most=most, size=size, seed=seed)


def _draw(reader: "_Reader", width: int, *, most: int, size: SampleSize, seed: int) -> RowSample:
    collector, drawn = SampleCollector(shape=reader.table.shape), 0
    for group, window in enumerate(draw_windows(seed=seed, table=reader.table.name, count=size.windows, width=width)):
        for row_number, (token, row) in enumerate(reader.read(window, limit=most + 1)):
            if row_number == most:
                collector.cut(group)
                break
            collector.add(token, row, group=group)
        drawn = group + 1
        if collector.bytes > size.max_bytes or collector.rows > size.rows * _CUT_AT:
            break
    return windowed(collector, windows=drawn, share_of_ring=width / RING)


def _start_width(table: TableToSample, *, span: int, rows: int, rows_per_window: int) -> int:
    """Where rows lay as they do at the beginning of the ring; at least so wide that a window meets a partition."""
    by_rows = span * rows_per_window // rows
    by_partitions = RING // table.partitions if table.partitions else 1
    return max(1, min(RING, max(by_rows, by_partitions)))


def _fitting(reader: "_Reader", width: int, *, size: SampleSize, seed: int) -> tuple[int, int]:
    """Widen or narrow until windows drawn for a trial, which don't count, have about the rows wanted.

    Returns:
        The width, and the rows after which a window is cut.
    """
    wanted, rows = size.rows_per_window, 0.0
    for trial in range(_TRIALS):
        windows = draw_windows(seed=seed, table=f"{reader.table.name} trial {trial}", count=_TRIAL_WINDOWS, width=width)
        tokens = [[token for token, _ in reader.read(each, limit=wanted * _CUT_AT)] for each in windows]
        rows = sum(map(len, tokens)) / _TRIAL_WINDOWS
        partitions = sum(len(set(each)) for each in tokens) / _TRIAL_WINDOWS
        too_few = rows * _OFF_BY < wanted or (partitions < _LEAST_PARTITIONS and rows < wanted * _OFF_BY)
        if too_few and width < RING:
            width = min(RING, width * (_OFF_BY if rows else _OFF_BY_FAR))
        elif rows > wanted * _OFF_BY and partitions > _FEW_PARTITIONS:
            width = max(1, width // _OFF_BY)
        else:
            break
    return width, _CUT_AT * max(wanted, round(rows))


class _Reader:
    """Reads rows with their tokens, in the order of the ring."""

    def __init__(self, source: RowSource, table: TableToSample) -> None:
        self.table = table
        self._source = source
        self._names = tuple(table.shape.columns)
        key = ", ".join(map(quote, table.shape.partition_keys))
        self._token = f"TOKEN({key})"
        columns = ", ".join(map(quote, self._names))
        self._select = f"SELECT {self._token}, {columns} FROM {quote(table.keyspace)}.{quote(table.name)}"  # noqa: S608 # quoted

    def read(self, window: Window | None, *, limit: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield token and row, at most `limit` of them; None is the whole ring."""
        return islice(self._all(window, page_rows=min(limit, 1_000)), limit)

    def _all(self, window: Window | None, *, page_rows: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for bounds in window.ranges if window else ((FIRST_TOKEN, LAST_TOKEN),):
            statement = f"{self._select} WHERE {self._token} > %s AND {self._token} <= %s"
            for token, *values in self._source.stream(statement, bounds, page_rows=page_rows):
                yield token, dict(zip(self._names, values, strict=True))


def seed_of(text: str) -> int:
    """Return a seed from a text such as a run's id: another run draws other places."""
    return int(np.frombuffer(text.encode().ljust(8, b"\0")[-8:], np.uint64)[0])
