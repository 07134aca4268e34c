"""A table of real shape in memory, in all three stores, with the tokens that Cassandra gives its partitions."""

from __future__ import annotations

import datetime as dt
import random
import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING, Any

from cassandra.metadata import Murmur3Token

from keyspaces_migration.consistency.history import DrawnBatch, HistoryRow
from keyspaces_migration.consistency.results import StoreReads
from keyspaces_migration.consistency.shape import HistoryShape, TableShape
from keyspaces_migration.cql.types import parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from keyspaces_migration.consistency.history import WidePartition
    from keyspaces_migration.consistency.windows import Window

Key = tuple[int, int]
Row = tuple[Any, ...]
PARTITIONS, ROWS_A_PARTITION = 400, 5
TYPES = {"p": "int", "c": "int", "v": "text", "w": "text", "t": "timestamp", "n": "int"}
SHAPE = TableShape(
    name="events",
    types={name: parse_type(text) for name, text in TYPES.items()},
    partition_key=("p",),
    clustering_key=("c",),
    history=HistoryShape(table="A.B.EVENTS", columns={name: name.upper() for name in TYPES}),
)
LIVES = (86_400,) * len(SHAPE.dated_columns)
"""Seconds that each cell has left, in every row."""
_EPOCH = dt.datetime(2026, 1, 1)  # noqa: DTZ001 # the driver's are naive


def row_of(p: int, c: int, *, version: int = 0) -> Row:
    """A row without its times to live; another version differs in every column."""
    at = _EPOCH + dt.timedelta(minutes=p * ROWS_A_PARTITION + c, seconds=version)
    return (p, c, f"Zürich {p}/{c}/{version}", f"Ōsaka {p}/{c}/{version}", at, p + c + 1_000 * version)


ROWS: dict[Key, Row] = {(p, c): row_of(p, c) for p in range(PARTITIONS) for c in range(ROWS_A_PARTITION)}


def token_of(partition: int) -> int:
    """Cassandra's token of a partition key of one int."""
    token: int = Murmur3Token.hash_fn(struct.pack(">i", partition))
    return token


@dataclass
class MemoryStore:
    """The table in one store; rows carry their times to live. `beside` runs before each read, as a writer would."""

    rows: dict[Key, Row]
    beside: Callable[[], None] = lambda: None
    reads: StoreReads = field(default_factory=lambda: StoreReads(requests=0, units=0))

    def __post_init__(self) -> None:
        """Put the partitions in the order of their tokens."""
        self._partitions: dict[int, list[Key]] = {}
        for key in sorted(self.rows):
            self._partitions.setdefault(key[0], []).append(key)
        self._ring = sorted((token_of(partition), partition) for partition in self._partitions)
        self._tokens = [token for token, _ in self._ring]

    def read_rows(self, keys: Sequence[Any], /) -> list[Row | None]:
        """Rows by primary key."""
        self.beside()
        return [self.rows.get(key) for key in keys]

    def read_write_times(self, keys: Sequence[Any], /) -> list[Row | None]:
        """Nothing is dated: the history has no watermark here."""
        return [None] * len(keys)

    def read_statics(self, partitions: Sequence[Any], /) -> list[Row | None]:
        """The table has no static columns."""
        return [None] * len(partitions)

    def read_partitions(self, partitions: Sequence[Any], /) -> list[tuple[Row, ...]]:
        """Whole partitions."""
        self.beside()
        return [tuple(self.rows[key] for key in self._partitions.get(partition, ())) for (partition,) in partitions]

    def read_window(self, window: Window, /) -> Iterator[Row]:
        """The rows whose token is in a window, in the order of tokens."""
        self.beside()
        for after, to in window.ranges:
            for _, partition in self._ring[bisect_right(self._tokens, after) : bisect_right(self._tokens, to)]:
                yield from (self.rows[key] for key in self._partitions[partition])


class MemoryHistory:
    """The rows that the history knows, drawn in the order of the hash that `draw_sql` sorts by."""

    def __init__(self) -> None:
        self._hashed = [(f"|{p}|{c}".encode(), row) for (p, c), row in ROWS.items()]

    def draw(self, *, size: int, seed: int, batch_size: int) -> Iterator[DrawnBatch]:
        """Rows at random."""
        start = md5(str(seed).encode(), usedforsecurity=False)

        def rank(entry: tuple[bytes, Row]) -> tuple[bytes, Row]:
            hashed = start.copy()
            hashed.update(entry[0])
            return hashed.digest(), entry[1][:2]

        rows = [row for _, row in sorted(self._hashed, key=rank)[:size]]
        for place in range(0, len(rows), batch_size):
            some = tuple(map(HistoryRow, rows[place : place + batch_size]))
            yield DrawnBatch(population=len(self._hashed), rows=some)

    def look_up(self, keys: Sequence[Any], /) -> Iterator[HistoryRow]:
        """Rows by primary key."""
        return (HistoryRow(ROWS[key]) for key in keys if key in ROWS)

    def widest(self, _count: int, /) -> list[WidePartition]:
        """No stratum is drawn: each would be seen always or never."""
        return []

    def newest(self, _count: int, /) -> Iterator[HistoryRow]:
        """As `widest`."""
        return iter(())


class LiveWriter:
    """Writes to the source beside a check, and to the target a few reads later, as dual writes do."""

    def __init__(self, source: MemoryStore, target: MemoryStore, *, seed: int, lag_reads: int = 3) -> None:
        self._source, self._target, self._lag = source, target, lag_reads
        # Reproducible writes are the point.
        self._random = random.Random(seed)  # noqa: S311
        self._under_way: list[tuple[int, Key, Row]] = []
        self._reads = self.written = 0
        source.beside = target.beside = self.between_reads

    def between_reads(self) -> None:
        """Write a few rows to the source; what was written some reads ago reaches the target."""
        self._reads += 1
        for _ in range(self._random.randrange(200)):
            self.written += 1
            key = self._random.choice(list(ROWS))
            row = (*row_of(*key, version=self.written), *LIVES)
            self._source.rows[key] = row
            self._under_way.append((self._reads + self._lag, key, row))
        self.deliver(up_to=self._reads)

    def settle(self, _seconds: float) -> None:
        """While a check waits, the target catches up."""
        self.deliver()

    def deliver(self, *, up_to: int | None = None) -> None:
        """Let what is under way reach the target, in order."""
        for entry in list(self._under_way):
            due, key, row = entry
            if up_to is None or due <= up_to:
                self._target.rows[key] = row
                self._under_way.remove(entry)
