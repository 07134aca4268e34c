"""What every row should be: the application's own record, on disk, apart from everything that it checks."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.json_codec import canonical_text, encode_columns
from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from keyspaces_migration.dual_write.shape import TableShape

FILE_NAME = "truth.jsonl"
DEATH_TAKES_S = 5.0
"""How long before and after a row's end of life it may be there or not: stores count seconds, by their own clocks."""
Row = dict[str, Any] | None
"""All columns of a row, less static ones, in JSON form, or None where there is no row."""


class TruthDamagedError(WorldError):
    """The record holds a complete line that is none of ours."""


@dataclass(kw_only=True)
class KeyTruth:
    """What one key should be.

    Attributes:
        key: In JSON form.
        row: As last acknowledged.
        begun: Writes that were begun and not acknowledged: each may have taken place or not, by its number.
        written: Whether the application ever wrote it, rather than only taking it over.
        adopted: Whether it was taken over from the store.
        dies_at: When the row's time to live ends, in seconds since 1970; it is written once, and never again.
    """

    table: str
    key: dict[str, Any]
    row: Row
    begun: dict[int, Row] = field(default_factory=dict)
    written: bool = False
    adopted: bool = False
    dies_at: float | None = None

    @property
    def possible(self) -> list[Row]:
        """Every state that the row may rightly be in now."""
        return self.possible_at(time.time())

    def possible_at(self, now: float) -> list[Row]:
        """Every state that the row may rightly be in at `now`, in seconds since 1970."""
        alive = [self.row, *self.begun.values()]
        if self.dies_at is None or now < self.dies_at - DEATH_TAKES_S:
            return alive
        return [None] if now > self.dies_at + DEATH_TAKES_S else [*alive, None]


class Truth:
    """The record: one line before each write, one synced to disk after it, read back after any death."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._keys: dict[tuple[str, str], KeyTruth] = {}
        self._by_number: dict[int, KeyTruth] = {}
        self._number = 0
        self.acknowledged = 0

    def open(self) -> None:
        """Read what an earlier process wrote, and go on after it."""
        content = self._path.read_bytes() if self._path.exists() else b""
        complete = content[: content.rfind(b"\n") + 1]
        for line in complete.splitlines():
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError) as error:
                raise TruthDamagedError(f"{self._path}: {line!r} is no line of ours: {error!r}") from error
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._descriptor, len(complete))
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def __len__(self) -> int:
        """How many keys are known."""
        return len(self._keys)

    def every(self, table: str | None = None) -> Iterator[KeyTruth]:
        """Yield what is known of each key, of one table or of all."""
        return (each for (name, _), each in self._keys.items() if table in {None, name})

    def of(self, table: str, key: Mapping[str, Any]) -> KeyTruth | None:
        """Return what is known of a key in JSON form."""
        return self._keys.get((table, canonical_text(key)))

    def adopt(self, table: str, key: Mapping[str, Any], row: Row) -> None:
        """Take over a key as the store shows it."""
        self._record({"adopt": table, "key": dict(key), "row": row})

    def begin(self, table: str, key: Mapping[str, Any], row: Row, *, dies_at: float | None = None) -> int:
        """Note what a write will make of a key, before it is sent. Returns the write's number."""
        dies = {} if dies_at is None else {"dies_at": dies_at}
        self._record({"begin": self._number + 1, "table": table, "key": dict(key), "row": row, **dies})
        return self._number

    def acknowledge(self, number: int) -> None:
        """Note that a write was acknowledged, on disk when this returns."""
        self._record({"acknowledge": number}, sync=True)

    def refuse(self, number: int) -> None:
        """Note that a write was refused for good: nothing changed."""
        self._record({"refuse": number}, sync=True)

    def settle(self, key: KeyTruth, row: Row) -> None:
        """Note what came of the writes of a key whose outcome was unknown."""
        self._record({"settle": key.table, "key": key.key, "row": row}, sync=True)

    def _record(self, line: dict[str, Any], *, sync: bool = False) -> None:
        os.write(self._descriptor, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        if sync:
            os.fsync(self._descriptor)
        self._apply(line)

    def _apply(self, line: dict[str, Any]) -> None:
        match line:
            case {"adopt": table, "key": key, "row": row}:
                self._keys[table, canonical_text(key)] = KeyTruth(table=table, key=key, row=row, adopted=True)
            case {"begin": number, "table": table, "key": key, "row": row}:
                truth = self._keys.setdefault((table, canonical_text(key)), KeyTruth(table=table, key=key, row=None))
                truth.begun[number], truth.written, self._number = row, True, number
                truth.dies_at = line.get("dies_at")
                self._by_number[number] = truth
            case {"acknowledge": number}:
                truth = self._by_number.pop(number)
                # A later write wins over every earlier one, whatever came of those.
                truth.row = truth.begun[number]
                truth.begun = {other: row for other, row in truth.begun.items() if other > number}
                self.acknowledged += 1
            case {"refuse": number}:
                del self._by_number.pop(number).begun[number]
            case {"settle": table, "key": key, "row": row}:
                truth = self._keys[table, canonical_text(key)]
                truth.row, truth.begun = row, {}
            case _:
                raise KeyError("unknown line")


def json_row(shape: TableShape, row: Mapping[str, Any] | None) -> Row:
    """Return a row in JSON form; an empty collection that is not frozen is null, as in CQL.

    Static columns are left out: they belong to a partition, and the truth is kept by rows.
    """
    if row is None:
        return None
    names = [name for name in shape.columns if name not in shape.static_columns]
    form = encode_columns({name: row.get(name) for name in names}, shape.columns)
    return {name: None if value == [] and shape.multi_cell(name) else value for name, value in form.items()}
