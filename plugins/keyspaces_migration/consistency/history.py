"""Reads the history: rows drawn at random by key, and rows looked up by key.

The SQL is Snowflake's. Values are bound in the connector's default style (`%s`), names come from the migration file.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from keyspaces_migration.consistency.errors import HistoryRefusedError, HistoryUnreadError, HistoryValueError
from keyspaces_migration.consistency.history_values import from_history, to_history
from keyspaces_migration.consistency.shape import TableShape

_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"\0]|"")+"')
_TABLE = re.compile(rf"({_NAME.pattern})\.({_NAME.pattern})\.({_NAME.pattern})")
# Names that no column of a user's has.
_POPULATION, _COPIES, _DELETED = '"rows to draw from"', '"equally new rows"', '"newest is deleted"'
_VERSION = '"version of the newest"'
_LOOKUP_KEYS = 500
"""Keys in one statement; Snowflake takes 16,384 expressions in a list."""


class Cursor(Protocol):
    """The part of a DB-API cursor that is used (PEP 249), of a connection whose `paramstyle` is `pyformat`."""

    def execute(self, operation: str, parameters: Sequence[Any], /) -> object:
        """Run a statement."""

    def fetchmany(self, size: int, /) -> Sequence[Any]:
        """The next rows; none at the end."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The newest version of a row; `row` is in the order of `TableShape.selected`."""

    row: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class UnreadableHistoryRow:
    """A row that CQL cannot hold, so it cannot be looked up: `key` is its primary key as Snowflake gave it."""

    key: tuple[object, ...]
    reason: str


Drawn = HistoryRow | UnreadableHistoryRow


@dataclass(frozen=True, slots=True)
class WidePartition:
    """A partition by its key, and how many rows the history has of it."""

    key: tuple[object, ...]
    rows: int


@dataclass(frozen=True)
class DrawnBatch:
    """Some of the rows drawn; `population` is how many rows there were to draw from."""

    population: int
    rows: tuple[Drawn, ...]


class HistoryReader:
    """The history of one table. Reads the newest version of each key; a key whose newest version is deleted has none.

    Every method raises `HistoryUnreadError` where the history does not answer.
    """

    def __init__(self, cursor: Cursor, *, shape: TableShape, errors: tuple[type[Exception], ...]) -> None:
        """Keep what is needed.

        Args:
            cursor: Of a connection to Snowflake.
            shape: Of the table.
            errors: What the cursor raises when it fails: `(snowflake.connector.errors.Error,)`.
        """
        self._cursor = cursor
        self._shape = shape
        self._errors = errors

    def draw(self, *, size: int, seed: int, batch_size: int = 512) -> Iterator[DrawnBatch]:
        """Draw rows at random by key, in the order of a seeded hash of the key; all of them where there are fewer.

        A draw is a simple random sample without replacement: the hash stands for a random order of the keys (as in
        bottom-k sampling), and the same seed gives the same rows while the history does not change. Rows whose key
        has a null are left out: Cassandra can't hold them.

        Raises:
            HistoryRefusedError: A key drawn has several rows that are equally new.
        """
        for found in self._batches(draw_sql(self._shape), (str(seed), size), batch_size):
            for _, copies, *values in found:
                if copies > 1:
                    raise self._ambiguous(values, copies)
            rows = tuple(self._read(values) for _, _, *values in found)
            yield DrawnBatch(population=found[0][0], rows=rows)

    def look_up(self, keys: Sequence[tuple[object, ...]]) -> Iterator[Drawn]:
        """Yield the newest rows of these keys; there is none for a key that the history has not, or has deleted.

        Raises:
            HistoryRefusedError: A key has several rows that are equally new.
        """
        for start in range(0, len(keys), _LOOKUP_KEYS):
            some = keys[start : start + _LOOKUP_KEYS]
            values = [to_history(part) for key in some for part in key]
            for rows in self._batches(look_up_sql(self._shape, count=len(some)), values, _LOOKUP_KEYS):
                for copies, *row in rows:
                    if copies > 1:
                        raise self._ambiguous(row, copies)
                    yield self._read(row)

    def widest(self, count: int) -> list[WidePartition]:
        """Return the partitions with the most rows, the widest first; those whose key CQL cannot hold are left out."""
        found = []
        for rows in self._batches(widest_sql(self._shape), (count,), count):
            for rows_of_it, *values in rows:
                drawn = self._read(values, names=self._shape.partition_key)
                if isinstance(drawn, HistoryRow):
                    found.append(WidePartition(drawn.row, int(rows_of_it)))
        return found

    def newest(self, count: int) -> Iterator[Drawn]:
        """Yield the rows whose newest version is the greatest of all, deleted ones too; none without a version column.

        Raises:
            HistoryRefusedError: A key has several rows that are equally new.
        """
        if self._shape.history.version_column is None:
            return
        for rows in self._batches(newest_sql(self._shape), (count,), count):
            for copies, *row in rows:
                if copies > 1:
                    raise self._ambiguous(row, copies)
                yield self._read(row)

    def _batches(self, statement: str, values: Sequence[object], size: int) -> Iterator[Sequence[Any]]:
        try:
            self._cursor.execute(statement, values)
            while rows := self._cursor.fetchmany(size):
                yield rows
        except self._errors as error:
            raise HistoryUnreadError(
                f"The history {self._shape.history.table} could not be read ({type(error).__name__}: {error}). Check "
                "the connection, its warehouse and its rights on the table"
            ) from error

    def _read(self, values: Sequence[object], *, names: Sequence[str] | None = None) -> Drawn:
        row = []
        for name, value in zip(names or self._shape.selected, values, strict=True):
            try:
                row.append(from_history(value, self._shape.types[name]))
            except HistoryValueError as error:
                return UnreadableHistoryRow(tuple(values[: len(self._shape.primary_key)]), f"column {name}: {error}")
        return HistoryRow(tuple(row))

    def _ambiguous(self, values: Sequence[object], copies: int) -> HistoryRefusedError:
        history = self._shape.history
        key = ", ".join(f"{name}={value}" for name, value in zip(self._shape.primary_key, values, strict=False))
        rule = (
            f"by {history.version_column}"
            if history.version_column
            else "as the migration file names no version_column"
        )
        return HistoryRefusedError(
            f"The history {history.table} of {self._shape.name} has {copies} rows for the key {key} that are equally "
            f"new ({rule}), so nobody can say which is right. Name a version_column whose values differ within a key"
        )


def draw_sql(shape: TableShape) -> str:
    """The statement of `draw`; it binds the seed and the number of rows.

    Gives the population, the number of equally new rows, then `shape.selected`.
    """
    keys = _columns(shape, shape.primary_key)
    # The keys after the hash break its ties, so that the same seed always gives the same rows.
    hashed = ", ".join(f"TO_VARCHAR({key})" for key in keys)
    return (
        f"SELECT COUNT(*) OVER () AS {_POPULATION}, {_COPIES}, {', '.join(_columns(shape, shape.selected))} "  # noqa: S608 # names are quoted
        f"FROM ({_newest_sql(shape)}) AS newest WHERE NOT {_DELETED} "
        f"ORDER BY MD5(CONCAT_WS('|', %s, {hashed})), {', '.join(keys)} LIMIT %s"
    )


def look_up_sql(shape: TableShape, *, count: int) -> str:
    """The statement of `look_up` for `count` keys, whose values it binds. Gives the copies, then `shape.selected`."""
    keys = _columns(shape, shape.primary_key)
    one = f"({', '.join(['%s'] * len(keys))})"
    where = f"({', '.join(keys)}) IN ({', '.join([one] * count)})"
    return (
        f"SELECT {_COPIES}, {', '.join(_columns(shape, shape.selected))} "  # noqa: S608 # names are quoted
        f"FROM ({_newest_sql(shape, where=where)}) AS newest WHERE NOT {_DELETED}"
    )


def widest_sql(shape: TableShape) -> str:
    """The statement of `widest`; it binds how many. Gives the number of rows, then the partition key."""
    keys = ", ".join(_columns(shape, shape.partition_key))
    return (
        f"SELECT COUNT(*), {keys} FROM ({_newest_sql(shape)}) AS newest WHERE NOT {_DELETED} "  # noqa: S608 # names are quoted
        f"GROUP BY {keys} ORDER BY COUNT(*) DESC, {keys} LIMIT %s"
    )


def newest_sql(shape: TableShape) -> str:
    """The statement of `newest`; it binds how many. Gives the copies, then `shape.selected`."""
    keys = ", ".join(_columns(shape, shape.primary_key))
    return (
        f"SELECT {_COPIES}, {', '.join(_columns(shape, shape.selected))} FROM ({_newest_sql(shape)}) AS newest "  # noqa: S608 # names are quoted
        f"ORDER BY {_VERSION} DESC NULLS LAST, {keys} LIMIT %s"
    )


def quote_snowflake(name: str) -> str:
    """Quote a Snowflake name of the migration file as Snowflake would read it: a plain one in capitals.

    Raises:
        HistoryRefusedError: It is neither plain nor in double quotes.
    """
    if not _NAME.fullmatch(name):
        raise HistoryRefusedError(f"{name!r} is no name of Snowflake: write a plain name, or one in double quotes")
    return name if name.startswith('"') else f'"{name.upper()}"'


def _quote_table(name: str) -> str:
    parts = _TABLE.fullmatch(name)
    if parts is None:
        raise HistoryRefusedError(f"{name!r} is no table of Snowflake: write DATABASE.SCHEMA.TABLE")
    return ".".join(quote_snowflake(part) for part in parts.groups())


def _columns(shape: TableShape, names: Sequence[str]) -> list[str]:
    return [quote_snowflake(shape.history.columns[name]) for name in names]


def _newest_sql(shape: TableShape, *, where: str = "TRUE") -> str:
    """The newest row of each key: `shape.selected`, how many rows are as new, and whether it stands for a deletion."""
    history = shape.history
    keys = _columns(shape, shape.primary_key)
    version = [quote_snowflake(history.version_column)] if history.version_column else []
    deleted = f"COALESCE({quote_snowflake(history.deleted_column)}, FALSE)" if history.deleted_column else "FALSE"
    newest = version[0] if version else "NULL"
    newest_first = f"{version[0]} DESC NULLS LAST" if version else keys[0]
    by_key = ", ".join(keys)
    return (
        f"SELECT {', '.join(_columns(shape, shape.selected))}, {deleted} AS {_DELETED}, {newest} AS {_VERSION}, "  # noqa: S608 # names are quoted
        f"COUNT(*) OVER (PARTITION BY {', '.join([*keys, *version])}) AS {_COPIES} "
        f"FROM {_quote_table(history.table)} "
        f"WHERE {where} AND {' AND '.join(f'{key} IS NOT NULL' for key in keys)} "
        f"QUALIFY ROW_NUMBER() OVER (PARTITION BY {by_key} ORDER BY {newest_first}) = 1"
    )
