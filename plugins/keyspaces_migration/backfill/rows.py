"""A split's rows: read from the snapshot as Arrow, converted to writes or to dead letters."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from keyspaces_migration.wire.conversion import ConversionError, column_values, convert
from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.snapshot import BUCKET, DELETED, EXPIRES_AT, VERSION
from keyspaces_migration.backfill.statements import FOR_EVER, Target
from keyspaces_migration.cql.types import Scalar, ScalarName
from keyspaces_migration.ledger.backfill_records import DeadLetter, LoadMode, PlannedSplit

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 2_000
"""Rows that are converted, and in flight, at a time."""
_LETTER_CHARACTERS = 1024
_TIMESTAMP = Scalar(ScalarName.TIMESTAMP)


class WriteKind(StrEnum):
    """Which of a table's statements carries a write."""

    ROW = "row"
    STATIC = "static"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class RowWrite:
    """One write.

    Attributes:
        values: What the driver binds, in the statement's order, without timestamp and time to live; None deletes a
            cell, and `UNSET` leaves it as it is.
        expires_at_ms: When it expires, in milliseconds since 1970; None is never.
        source: The row as the history has it, for a dead letter.
    """

    kind: WriteKind
    values: tuple[Any, ...]
    expires_at_ms: int | None = None
    source: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Some rows, converted; those that could not be are letters."""

    writes: tuple[RowWrite, ...]
    letters: tuple[DeadLetter, ...]


class SplitReader:
    """Reads the splits of one table's snapshot."""

    def __init__(self, *, history: History, target: Target, snapshot: str, mode: LoadMode, unset: object) -> None:
        """Store: `snapshot` is an address, `unset` what the driver takes for "leave the cell as it is"."""
        self._history = history
        self._target = target
        self._snapshot = snapshot
        self._mode = mode
        # Over an earlier load a null has to delete what that one wrote.
        self._null = unset if mode is LoadMode.FULL else None

    def rows(self, split: PlannedSplit) -> Iterator[Chunk]:
        """Yield the rows of a split.

        Raises:
            HistoryUnusableError: The history refused or stopped answering.
        """
        names = (*self._target.row_columns, DELETED, *([EXPIRES_AT] if self._target.expires else []))
        for values in self._read(names, split):
            yield _chunk(self._row_write, values, key=self._target.table.schema_.primary_key)

    def statics(self, split: PlannedSplit) -> Iterator[Chunk]:
        """Yield one write for each partition of a split: the static values of its newest living row.

        Raises:
            HistoryUnusableError: The history refused or stopped answering.
        """
        if not self._target.static_columns:
            return
        schema = self._target.table.schema_
        partition = ", ".join(f'"{name}"' for name in schema.partition_keys)
        clustering = ", ".join(f'"{key.name}"' for key in schema.clustering_keys)
        newest = (
            f'QUALIFY ROW_NUMBER() OVER (PARTITION BY {partition} ORDER BY "{DELETED}", "{VERSION}" DESC NULLS LAST, '
            f"{clustering}) = 1"
        )
        for values in self._read((*self._target.static_columns, DELETED), split, newest):
            yield _chunk(self._static_write, values, key=schema.partition_keys)

    def _read(self, names: Sequence[str], split: PlannedSplit, qualify: str = "") -> Iterator[list[dict[str, Any]]]:
        columns = ", ".join(map(self._selected, names))
        living = f'AND NOT "{DELETED}"' if self._mode is LoadMode.FULL else ""
        statement = (
            f"SELECT {columns} FROM {self._snapshot} "  # noqa: S608 # names are quoted
            f'WHERE "{BUCKET}" >= %s AND "{BUCKET}" < %s {living} {qualify}'
        )
        for batch in self._history.batches(statement, (split.first_bucket, split.end_bucket)):
            for start in range(0, batch.num_rows, CHUNK_ROWS):
                yield _as_rows(batch.slice(start, CHUNK_ROWS), names)

    def _selected(self, name: str) -> str:
        """Return the expression for a column; moments as whole milliseconds since 1970.

        Arrow's nanoseconds end in the year 2262, and the connector on fakesnow shows a null moment as 1970.
        """
        is_moment = name == EXPIRES_AT or self._target.table.schema_.column_types.get(name) == _TIMESTAMP
        return f'DATE_PART(EPOCH_MILLISECOND, "{name}") AS "{name}"' if is_moment else f'"{name}"'

    def _row_write(self, row: Mapping[str, Any]) -> RowWrite:
        schema = self._target.table.schema_
        key = self._key(row, schema.primary_key)
        if row[DELETED]:
            return RowWrite(kind=WriteKind.DELETE, values=key, source=row)
        regular = tuple(self._value(row, column.name) for column in schema.regular_columns)
        return RowWrite(
            kind=WriteKind.ROW, values=(*key, *regular), expires_at_ms=self._expiry(row), source=_shown(row)
        )

    def _static_write(self, row: Mapping[str, Any]) -> RowWrite | None:
        schema = self._target.table.schema_
        if row[DELETED]:
            # No row of the partition lives, and a deleted row says nothing of what the partition shares.
            return None
        key = self._key(row, schema.partition_keys)
        values = tuple(self._value(row, name) for name in schema.static_columns)
        if all(row[name] is None for name in schema.static_columns) and self._mode is LoadMode.FULL:
            return None
        return RowWrite(kind=WriteKind.STATIC, values=(*key, *values), source=_shown(row))

    def _key(self, row: Mapping[str, Any], names: Sequence[str]) -> tuple[Any, ...]:
        values = tuple(self._converted(row, name) for name in names)
        for name, value in zip(names, values, strict=True):
            if value is None:
                raise ConversionError(f"column {name}: part of the key, and null")
            if value == "" and len(self._target.table.schema_.partition_keys) == 1 and name == names[0]:
                raise ConversionError(f"column {name}: the whole partition key, and empty, which CQL refuses")
        return values

    def _value(self, row: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 # as many types as CQL has
        value = self._converted(row, name)
        return self._null if value is None else value

    def _converted(self, row: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401
        try:
            return convert(row[name], self._target.table.schema_.column_types[name])
        except ConversionError as error:
            raise ConversionError(f"column {name}: {error}") from error

    def _expiry(self, row: Mapping[str, Any]) -> int | None:
        if not self._target.expires:
            return None
        found = row[EXPIRES_AT]
        expiry = None if found is None else int(found)
        if expiry is None and self._target.table.default_ttl is not None:
            raise ConversionError(
                "neither the expiry column nor the write-time column has a value, so its remaining life is not known"
            )
        return expiry


def remaining_ttl_s(expires_at_ms: int | None, *, now: datetime) -> int | None:
    """Return the time to live at `now`: whole seconds, `FOR_EVER` for none, None where it is over."""
    if expires_at_ms is None:
        return FOR_EVER
    # Rounded down: it is better to lose part of a second than to show a row that the source no longer shows.
    seconds = (expires_at_ms - int(now.timestamp() * 1000)) // 1000
    return seconds if seconds > 0 else None


def dead_letter(source: Mapping[str, Any], key: Sequence[str], reason: str) -> DeadLetter:
    """Return the letter for a row as the history has it."""
    return DeadLetter(
        key_json=_json({name: source[name] for name in key}),
        reason=reason,
        row_json=_json(_shown(source))[:_LETTER_CHARACTERS],
    )


def _chunk(build: Any, rows: Sequence[dict[str, Any]], *, key: Sequence[str]) -> Chunk:  # noqa: ANN401 # either method
    writes, letters = [], []
    for row in rows:
        try:
            write = build(row)
        except ConversionError as error:
            letters.append(dead_letter(row, key, str(error)))
            continue
        if write is not None:
            writes.append(write)
    return Chunk(writes=tuple(writes), letters=tuple(letters))


def _as_rows(batch: "pa.Table", names: Sequence[str]) -> list[dict[str, Any]]:
    columns = [column_values(column) for column in batch.columns]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {DELETED, EXPIRES_AT}}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(
        value, ensure_ascii=False, default=lambda each: each.hex() if isinstance(each, bytes) else str(each)
    )
