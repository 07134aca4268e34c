"""A split's rows as values of the target's statements, or as dead letters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from keyspaces_migration.backfill.rows import dead_letter
from keyspaces_migration.backfill.snapshot import DELETED, EXPIRES_AT
from keyspaces_migration.backfill.statements import FOR_EVER, Target
from keyspaces_migration.ledger.backfill_records import DeadLetter
from keyspaces_migration.wire import NULL, Cells, encode_column

NEVER_MS = np.iinfo(np.int64).max
"""The moment that stands for "never"."""
EXPIRED_S = -1
"""For a time to live that is over."""
_LONGEST_S = 2**31 - 1
"""A time to live is an int. The store refuses one of so many years, in its own words."""

Moments = npt.NDArray[np.int64]


class WriteKind(StrEnum):
    """Which of a table's statements carries a write."""

    ROW = "row"
    STATIC = "static"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, eq=False)
class Writes:
    """Writes of one kind to one table.

    Attributes:
        cells: The statement's values in its order, without timestamp and time to live; first come the partition key's.
        source: The rows as the history has them, for dead letters.
        expires_at_ms: When each expires, in milliseconds since 1970; None where none has a time to live.
    """

    kind: WriteKind
    cells: tuple[Cells, ...]
    source: pa.Table = field(repr=False)
    expires_at_ms: Moments | None = None

    def __len__(self) -> int:
        return int(self.source.num_rows)

    def take(self, rows: npt.NDArray[np.integer]) -> "Writes":
        """Return these rows' writes, in this order."""
        return Writes(
            kind=self.kind,
            cells=tuple(column.take(rows) for column in self.cells),
            source=self.source.take(pa.array(rows)),
            expires_at_ms=None if self.expires_at_ms is None else self.expires_at_ms[rows],
        )

    def parts(self, rows: int) -> Iterator["Writes"]:
        """Yield them in parts of so many rows."""
        for start in range(0, len(self), rows):
            yield self.take(np.arange(start, min(start + rows, len(self))))

    def letters(self, reasons: Mapping[int, str], key: Sequence[str]) -> list[DeadLetter]:
        """Return a dead letter for each of these rows."""
        rows = self.source.take(pa.array(list(reasons), pa.int64())).to_pylist()
        return [dead_letter(row, key, reason) for row, reason in zip(rows, reasons.values(), strict=True)]


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Some rows, encoded; those that could not be are letters."""

    writes: tuple[Writes, ...]
    letters: tuple[DeadLetter, ...]


class Encoder:
    """Encodes rows of one table."""

    def __init__(self, target: Target, *, null: int) -> None:
        """Store: `null` is what a null of the history becomes, `wire.NULL` or `wire.UNSET`."""
        self._target = target
        self._schema = target.table.schema_
        self._null = null

    def rows(self, table: pa.Table) -> Encoded:
        """Encode rows, and the deletes of those that the history keeps as deleted."""
        deleted = pc.fill_null(table[DELETED], False)  # Arrow's
        if not pc.any(deleted).as_py():
            parts = [self._encode(table, WriteKind.ROW, self._target.row_columns)]
        else:
            parts = [
                self._encode(table.filter(pc.invert(deleted)), WriteKind.ROW, self._target.row_columns),
                self._encode(table.filter(deleted), WriteKind.DELETE, self._schema.primary_key),
            ]
        return Encoded(
            writes=tuple(part.writes[0] for part in parts if len(part.writes[0])),
            letters=tuple(letter for part in parts for letter in part.letters),
        )

    def statics(self, table: pa.Table, *, without_values: bool) -> Encoded:
        """Encode the static values of partitions; `without_values` says whether to write those that have none.

        A partition whose newest row is deleted has no living row, and that one says nothing of what they share.
        """
        kept = pc.invert(pc.fill_null(table[DELETED], False))  # Arrow's
        if not without_values:
            kept = pc.and_(kept, _any_of([pc.is_valid(table[name]) for name in self._schema.static_columns]))
        return self._encode(table.filter(kept), WriteKind.STATIC, self._target.static_columns)

    def _encode(self, table: pa.Table, kind: WriteKind, names: Sequence[str]) -> Encoded:
        key = self._schema.partition_keys if kind is WriteKind.STATIC else self._schema.primary_key
        errors: dict[int, str] = {}
        cells = []
        for name in names:
            is_key = name in key
            column = encode_column(table[name], self._schema.column_types[name], null=NULL if is_key else self._null)
            cells.append(column)
            for row, reason in (column.errors or (self._bad_keys(name, column) if is_key else {})).items():
                errors.setdefault(row, f"column {name}: {reason}")
        expires_at_ms = self._expiries(table, errors) if kind is WriteKind.ROW and self._target.expires else None
        writes = Writes(kind=kind, cells=tuple(cells), source=table, expires_at_ms=expires_at_ms)
        if not errors:
            return Encoded(writes=(writes,), letters=())
        good = np.setdiff1d(np.arange(table.num_rows), list(errors))
        return Encoded(writes=(writes.take(good),), letters=tuple(writes.letters(errors, key)))

    def _bad_keys(self, name: str, column: Cells) -> dict[int, str]:
        bad = {int(row): "part of the key, and null" for row in np.flatnonzero(column.lengths == NULL)}
        if self._schema.partition_keys == (name,):
            empty = np.flatnonzero(column.lengths == 0)
            bad |= {int(row): "the whole partition key, and empty, which CQL refuses" for row in empty}
        return bad

    def _expiries(self, table: pa.Table, errors: dict[int, str]) -> Moments:
        moments = table[EXPIRES_AT].combine_chunks()
        if self._target.table.default_ttl is not None:
            for row in np.flatnonzero(np.asarray(moments.is_null())):
                errors.setdefault(
                    int(row),
                    "neither the expiry column nor the write-time column has a value, so its remaining life is not "
                    "known",
                )
        return np.asarray(pc.fill_null(moments.cast(pa.int64()), int(NEVER_MS)))


def remaining_ttl_s(expires_at_ms: Moments, *, now: datetime) -> Moments:
    """Return the times to live at `now`: whole seconds, `FOR_EVER` for none, `EXPIRED_S` where it is over."""
    # Rounded down: it is better to lose part of a second than to show a row that the source no longer shows.
    seconds = (expires_at_ms - int(now.timestamp() * 1000)) // 1000
    living = np.where(seconds > 0, np.minimum(seconds, _LONGEST_S), EXPIRED_S)
    return np.where(expires_at_ms == NEVER_MS, FOR_EVER, living)


def _any_of(masks: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    found = masks[0]
    for mask in masks[1:]:
        found = pc.or_(found, mask)
    return found
