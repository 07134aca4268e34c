"""What the application does all day: reads, updates, inserts and deletes, each checked against the truth."""

from __future__ import annotations

import logging
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cassandra import RequestValidationException

from keyspaces_migration.cql.json_codec import decode_columns, encode_columns
from keyspaces_migration.dual_write.errors import DualWriteError, JournalUnwritableError, OutcomeUnknownError
from keyspaces_migration.dual_write.store import driver_failures
from rehearsal.application.truth import Truth, json_row
from rehearsal.application.values import random_value

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from keyspaces_migration.dual_write.shape import TableShape
    from keyspaces_migration.dual_write.writer import DualWriter
    from rehearsal.application.truth import KeyTruth, Row

_log = logging.getLogger(__name__)
EXAMPLES = 10


class Operation(StrEnum):
    """One kind of call."""

    READ = "READ"
    UPDATE = "UPDATE"
    INSERT = "INSERT"
    DELETE = "DELETE"


WEIGHTS = {Operation.READ: 45, Operation.UPDATE: 30, Operation.INSERT: 15, Operation.DELETE: 10}
NULL_SHARE = 0.15


class Workload:
    """Chooses and carries out one operation at a time. Not for several threads: a read must have one right answer."""

    def __init__(self, *, writer: DualWriter, truth: Truth, tables: Sequence[TableShape], rng: random.Random) -> None:
        self._writer = writer
        self._truth = truth
        self._tables = {shape.name: shape for shape in tables}
        self._rng = rng
        self._known = list(truth.every())
        self.counts: Counter[str] = Counter()
        self.wrong_reads: list[dict[str, Any]] = []
        self.wrong_read_count = 0

    def step(self, *, reads_only: bool = False) -> None:
        """Do one thing."""
        operation = self._rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        truth = self._choose()
        if reads_only and truth is not None:
            self._read(truth)
        elif reads_only:
            self.counts["nothing_to_read"] += 1
        elif operation is Operation.INSERT or truth is None:
            self._insert(truth)
        elif operation is Operation.READ:
            self._read(truth)
        elif truth.row is None or truth.begun:
            # Nothing to change in a row that is not there; and an unknown one is made known by writing it whole.
            self._reinsert(truth)
        elif operation is Operation.UPDATE:
            self._update(truth)
        else:
            self._send(truth.table, truth.key, None, lambda key: self._writer.delete_row(truth.table, key))

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
        self._known.append(self._of(shape.name, key))

    def _reinsert(self, truth: KeyTruth) -> None:
        shape = self._tables[truth.table]
        self._send_row(shape, truth.key, {**self._random_row(shape), **decode_columns(truth.key, shape.columns)})

    def _send_row(self, shape: TableShape, key: dict[str, Any], row: dict[str, Any]) -> None:
        written = {name: value for name, value in row.items() if name not in shape.static_columns}
        self._send(shape.name, key, json_row(shape, written), lambda _: self._writer.insert(shape.name, written))

    def _update(self, truth: KeyTruth) -> None:
        shape = self._tables[truth.table]
        names = self._rng.sample(shape.regular_columns, self._rng.randint(1, min(3, len(shape.regular_columns))))
        changes = {name: self._random_column(shape, name) for name in names}
        row = {**decode_columns(truth.row or {}, shape.columns), **changes}
        self._send(
            truth.table,
            truth.key,
            json_row(shape, row),
            lambda key: self._writer.update(truth.table, key, changes),
        )

    def _send(self, table: str, key: Mapping[str, Any], row: Row, write: Callable[[dict[str, Any]], object]) -> None:
        number = self._truth.begin(table, key, row)
        try:
            write(decode_columns(key, self._tables[table].columns))
        except (OutcomeUnknownError, JournalUnwritableError) as error:
            self._note("unknown", table, error)
        except (DualWriteError, RequestValidationException) as error:
            self._truth.refuse(number)
            self._note("refused", table, error)
        except driver_failures() as error:
            self._note("unknown", table, error)
        else:
            self._truth.acknowledge(number)
            self.counts["written"] += 1

    def _note(self, outcome: str, table: str, error: Exception) -> None:
        self.counts[outcome] += 1
        _log.warning("write to %s %s: %s: %s", table, outcome, type(error).__name__, error)

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
