"""What the application does all day: reads, updates, inserts and deletes, each checked against the truth."""

from __future__ import annotations

import logging
import time
from collections import Counter
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cassandra import RequestValidationException

from keyspaces_migration.cql.json_codec import decode_columns, encode_columns
from keyspaces_migration.dual_write.errors import DualWriteError, JournalUnwritableError, OutcomeUnknownError
from keyspaces_migration.dual_write.store import driver_failures
from rehearsal.application.partitions import Partitions, has_ranges, partition_key, range_from
from rehearsal.application.truth import Truth, json_row
from rehearsal.application.values import random_value

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.writer import DualWriter
    from rehearsal.application.by_cql import ByCql
    from rehearsal.application.truth import KeyTruth, Row

_log = logging.getLogger(__name__)
EXAMPLES = 10


class Operation(StrEnum):
    """One kind of call."""

    READ = "READ"
    UPDATE = "UPDATE"
    INSERT = "INSERT"
    DELETE = "DELETE"
    NEW_PARTITION = "NEW_PARTITION"
    DELETE_PARTITION = "DELETE_PARTITION"
    DELETE_RANGE = "DELETE_RANGE"
    INSERT_MORTAL = "INSERT_MORTAL"
    """A row with a time to live, where the migration file gives the table one."""


WEIGHTS = {
    Operation.READ: 45,
    Operation.UPDATE: 28,
    Operation.INSERT: 12,
    Operation.DELETE: 8,
    Operation.NEW_PARTITION: 3,
    Operation.DELETE_PARTITION: 1,
    Operation.DELETE_RANGE: 1,
    Operation.INSERT_MORTAL: 2,
}
NULL_SHARE = 0.15
CQL_SHARE = 0.3
TTL_S = (20, 600)
"""The shortest and the longest time to live that is given."""


def weights_of(read_share: float) -> dict[Operation, float]:
    """The weights of operations where so many of them are reads."""
    writes = sum(weight for operation, weight in WEIGHTS.items() if operation is not Operation.READ)
    return {
        operation: read_share if operation is Operation.READ else (1 - read_share) * weight / writes
        for operation, weight in WEIGHTS.items()
    }


class Workload:
    """Chooses and carries out one operation at a time. Not for several threads: a read must have one right answer."""

    def __init__(  # noqa: PLR0913 -- all by keyword
        self,
        *,
        writer: DualWriter,
        truth: Truth,
        tables: Sequence[TableShape],
        rng: random.Random,
        weights: Mapping[Operation, float] = MappingProxyType(WEIGHTS),
        by_cql: ByCql | None = None,
    ) -> None:
        self._writer = writer
        self._by_cql = by_cql
        self._weights = weights
        self._truth = truth
        self._tables = {shape.name: shape for shape in tables}
        self._rng = rng
        self._known = list(truth.every())
        self._partitions = Partitions(self._tables, self._known)
        self.counts: Counter[str] = Counter()
        self.wrong_reads: list[dict[str, Any]] = []
        self.wrong_read_count = 0

    def step(self, *, reads_only: bool = False) -> None:
        """Do one thing."""
        operation = self._rng.choices(list(self._weights), list(self._weights.values()))[0]
        truth = self._choose()
        if reads_only and truth is not None:
            self._read(truth)
        elif reads_only:
            self.counts["nothing_to_read"] += 1
        elif operation is Operation.INSERT or truth is None:
            self._insert(truth)
        elif operation in {Operation.NEW_PARTITION, Operation.INSERT_MORTAL}:
            self._insert_apart(mortal=operation is Operation.INSERT_MORTAL)
        elif operation in {Operation.DELETE_PARTITION, Operation.DELETE_RANGE}:
            self._delete_many(in_range=operation is Operation.DELETE_RANGE)
        elif operation is Operation.READ or truth.dies_at is not None:
            self._read(truth)
        elif truth.row is None or truth.begun or self._is_key_alone(truth, operation):
            # Nothing to change in a row that is not there; and an unknown one is made known by writing it whole.
            self._reinsert(truth)
        elif operation is Operation.UPDATE:
            self._update(truth)
        else:
            self._send(truth.table, truth.key, None, lambda key: self._writes().delete_row(truth.table, key))

    def _is_key_alone(self, truth: KeyTruth, operation: Operation) -> bool:
        """Whether there is no column to update."""
        return operation is Operation.UPDATE and not self._tables[truth.table].regular_columns

    def _choose(self) -> KeyTruth | None:
        return self._rng.choice(self._known) if self._known else None

    def _read(self, truth: KeyTruth) -> None:
        self.counts["read"] += 1
        shape = self._tables[truth.table]
        try:
            result = self._writer.read(truth.table, decode_columns(truth.key, shape.columns))
        except driver_failures() as error:
            self.counts["read_failed"] += 1
            _log.warning("read of %s %s: %s", truth.table, truth.key, error)
            return
        self.counts[f"read_{result.store.lower()}"] += 1
        found = json_row(shape, result.row)
        if found not in truth.possible:
            self.wrong_read_count += 1
            wrong = {"table": truth.table, "key": truth.key, "store": result.store, "found": found, "truth": truth.row}
            self.wrong_reads = [*self.wrong_reads, wrong][-EXAMPLES:]
            _log.error("wrong read: %s", wrong)

    def _insert(self, like: KeyTruth | None) -> None:
        shape = self._tables[like.table] if like else self._rng.choice(list(self._tables.values()))
        values: dict[str, Any] = dict((like.row or {}) if like else {})
        row = decode_columns(values, shape.columns) if values else self._random_row(shape)
        row[shape.primary_key[-1]] = random_value(self._rng, shape.columns[shape.primary_key[-1]])
        key = encode_columns({name: row[name] for name in shape.primary_key}, shape.columns)
        if self._truth.of(shape.name, key) is not None:
            return
        self._send_row(shape, key, row)
        self._know(shape.name, key)

    def _insert_apart(self, *, mortal: bool) -> None:
        """A row in a partition that is not there yet; a mortal one with a time to live."""
        tables = [shape for shape in self._tables.values() if shape.expires or not mortal]
        if not tables:
            self.counts["no_table_with_ttl"] += 1
            return
        shape = self._rng.choice(tables)
        row = self._random_row(shape)
        key = encode_columns({name: row[name] for name in shape.primary_key}, shape.columns)
        if self._truth.of(shape.name, key) is not None:
            return
        self._send_row(shape, key, row, ttl_s=self._rng.randint(*TTL_S) if mortal else None)
        self._know(shape.name, key)

    def _delete_many(self, *, in_range: bool) -> None:
        rows = self._partitions.choose(self._rng)
        if not rows:
            self.counts["nothing_to_delete"] += 1
            return
        shape = self._tables[rows[0].table]
        if not in_range:
            key = partition_key(shape, rows[0])
            self._send_all(shape.name, rows, lambda: self._writes().delete_partition(shape.name, key))
        elif has_ranges(shape):
            key, bounds, covered = range_from(shape, rows, self._rng)
            self._send_all(shape.name, covered, lambda: self._writes().delete_range(shape.name, key, bounds))

    def _reinsert(self, truth: KeyTruth) -> None:
        shape = self._tables[truth.table]
        self._send_row(shape, truth.key, {**self._random_row(shape), **decode_columns(truth.key, shape.columns)})

    def _send_row(
        self, shape: TableShape, key: dict[str, Any], row: dict[str, Any], *, ttl_s: int | None = None
    ) -> None:
        written = {name: value for name, value in row.items() if name not in shape.static_columns}
        dies_at = None if ttl_s is None else time.time() + ttl_s
        self._send(
            shape.name,
            key,
            json_row(shape, written),
            lambda _: self._writes().insert(shape.name, written, **({} if ttl_s is None else {"ttl_s": ttl_s})),
            dies_at=dies_at,
        )

    def _update(self, truth: KeyTruth) -> None:
        shape = self._tables[truth.table]
        names = self._rng.sample(shape.regular_columns, self._rng.randint(1, min(3, len(shape.regular_columns))))
        changes = {name: self._random_column(shape, name) for name in names}
        row = {**decode_columns(truth.row or {}, shape.columns), **changes}
        self._send(
            truth.table,
            truth.key,
            json_row(shape, row),
            lambda key: self._writes().update(truth.table, key, changes),
        )

    def _send(
        self,
        table: str,
        key: Mapping[str, Any],
        row: Row,
        write: Callable[[dict[str, Any]], object],
        *,
        dies_at: float | None = None,
    ) -> None:
        number = self._truth.begin(table, key, row, dies_at=dies_at)
        values = decode_columns(key, self._tables[table].columns)
        self._try(table, [number], lambda: write(values))

    def _send_all(self, table: str, rows: Sequence[KeyTruth], delete: Callable[[], object]) -> None:
        """Delete rows that are all of those that one write deletes; it may be none."""
        self._try(table, [self._truth.begin(table, each.key, None) for each in rows], delete)

    def _try(self, table: str, numbers: Sequence[int], write: Callable[[], object]) -> None:
        try:
            write()
        except (OutcomeUnknownError, JournalUnwritableError) as error:
            self._note("unknown", table, error)
        except (DualWriteError, RequestValidationException) as error:
            for number in numbers:
                self._truth.refuse(number)
            self._note("refused", table, error)
        except driver_failures() as error:
            self._note("unknown", table, error)
        else:
            for number in numbers:
                self._truth.acknowledge(number)
            self.counts["written"] += 1

    def _note(self, outcome: str, table: str, error: Exception) -> None:
        self.counts[outcome] += 1
        _log.warning("write to %s %s: %s: %s", table, outcome, type(error).__name__, error)

    def _writes(self) -> DualWriter | ByCql:
        """The writer, or now and then the application's own statements."""
        if self._by_cql is not None and self._rng.random() < CQL_SHARE:
            self.counts["by_cql"] += 1
            return self._by_cql
        return self._writer

    def _know(self, table: str, key: Mapping[str, Any]) -> None:
        truth = self._of(table, key)
        self._known.append(truth)
        self._partitions.add(truth)

    def _of(self, table: str, key: Mapping[str, Any]) -> KeyTruth:
        truth = self._truth.of(table, key)
        if truth is None:
            raise LookupError(f"{table} {key}")
        return truth

    def _random_row(self, shape: TableShape) -> dict[str, Any]:
        keys = {name: random_value(self._rng, shape.columns[name]) for name in shape.primary_key}
        return keys | {name: self._random_column(shape, name) for name in shape.regular_columns}

    def _random_column(self, shape: TableShape, name: str) -> Any:  # noqa: ANN401 -- as many types as CQL has
        return None if self._rng.random() < NULL_SHARE else random_value(self._rng, shape.columns[name])
