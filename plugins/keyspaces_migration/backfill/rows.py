"""A split's rows, read from the snapshot as Arrow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.snapshot import BUCKET, DELETED, EXPIRES_AT, newest_of_partition
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.cql.types import Scalar, ScalarName
from keyspaces_migration.ledger.backfill_records import DeadLetter, LoadMode, PlannedSplit

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 8_192
CHUNK_BYTES = 4 * 1024 * 1024
"""What is encoded at a time, in rows and in Arrow's bytes: large rows must not make memory grow."""
_LETTER_CHARACTERS = 1024
_TIMESTAMP = Scalar(ScalarName.TIMESTAMP)


class SplitReader:
    """Reads the splits of one table's snapshot: tables whose columns are called as the target's, and some of ours."""

    def __init__(self, *, history: History, target: Target, snapshot: str, mode: LoadMode) -> None:
        """Store: `snapshot` is an address."""
        self._history = history
        self._target = target
        self._snapshot = snapshot
        self._mode = mode

    def rows(self, split: PlannedSplit) -> Iterator["pa.Table"]:
        """Yield the rows of a split, with `DELETED` and, where rows expire, `EXPIRES_AT`.

        Raises:
            HistoryUnusableError: The history refused or stopped answering.
        """
        return self._read(row_names(self._target), split)

    def statics(self, split: PlannedSplit) -> Iterator["pa.Table"]:
        """Yield a row for each partition of a split: the static values of its newest living row, with `DELETED`.

        Raises:
            HistoryUnusableError: The history refused or stopped answering.
        """
        if not self._target.static_columns:
            return iter(())
        return self._read(static_names(self._target), split, newest_of_partition(self._target.table))

    def _read(self, names: Sequence[str], split: PlannedSplit, qualify: str = "") -> Iterator["pa.Table"]:
        columns = ", ".join(selected(name, self._target) for name in names)
        living = f'AND NOT "{DELETED}"' if self._mode is LoadMode.FULL else ""
        statement = (
            f"SELECT {columns} FROM {self._snapshot} "  # noqa: S608 # names are quoted
            f'WHERE "{BUCKET}" >= %s AND "{BUCKET}" < %s {living} {qualify}'
        )
        for batch in self._history.batches(statement, (split.first_bucket, split.end_bucket)):
            rows = rows_at_once(batch)
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows).rename_columns(list(names))


def row_names(target: Target) -> tuple[str, ...]:
    """Return the columns of a snapshot that a row's write needs."""
    return (*target.row_columns, DELETED, *([EXPIRES_AT] if target.expires else []))


def static_names(target: Target) -> tuple[str, ...]:
    """Return the columns of a snapshot that a partition's own write needs; for tables with static columns."""
    return (*target.static_columns, DELETED)


def selected(name: str, target: Target, *, is_moment: bool = False) -> str:
    """Return the expression for a column of a snapshot; moments as whole milliseconds since 1970.

    Arrow's nanoseconds end in the year 2262, and the connector on fakesnow shows a null moment as 1970.
    """
    is_moment |= name == EXPIRES_AT or target.table.schema_.column_types.get(name) == _TIMESTAMP
    return f'DATE_PART(EPOCH_MILLISECOND, "{name}") AS "{name}"' if is_moment else f'"{name}"'


def rows_at_once(batch: "pa.Table") -> int:
    """Return how many of a batch's rows make a chunk, by their mean size; at least one."""
    mean: int = max(1, batch.nbytes // max(1, batch.num_rows))
    return max(1, min(CHUNK_ROWS, CHUNK_BYTES // mean))


def dead_letter(source: Mapping[str, Any], key: Sequence[str], reason: str) -> DeadLetter:
    """Return the letter for a row as the history has it."""
    return DeadLetter(
        key_json=_json({name: source[name] for name in key}),
        reason=reason,
        row_json=_json(_shown(source))[:_LETTER_CHARACTERS],
    )


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {DELETED, EXPIRES_AT}}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(
        value, ensure_ascii=False, default=lambda each: each.hex() if isinstance(each, bytes) else str(each)
    )
