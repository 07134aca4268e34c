"""The history's shape in Snowflake, table by table: what is there, what fits, how often keys repeat.

Cost: two statements on the catalogue, and for each table found one aggregate over its key and version columns, and
those of `history_partitions`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from keyspaces_migration.assessment.errors import HistoryUnreadableError
from keyspaces_migration.assessment.history_partitions import Widest, counts, last_day_statement, rows_statement
from keyspaces_migration.assessment.history_types import (
    DELETED_NAMES,
    EXPIRY_NAMES,
    TIMESTAMPS,
    VERSION_NAMES,
    WRITE_TIME_NAMES,
    accepted_types,
    fits,
)
from keyspaces_migration.assessment.model import Part, Table, Unseen
from keyspaces_migration.snowflake_names import quote_name, stored_name, written_name

UNARCHIVED_SUFFIX = "_unarchived"
MAX_VERSION_CANDIDATES = 3


class Cursor(Protocol):
    """As much of PEP 249's cursor as is used, with the `pyformat` parameter style."""

    def execute(self, operation: str, parameters: Sequence[object] = ..., /) -> object:
        """Runs one statement."""
        ...

    def fetchall(self) -> Sequence[Sequence[object]]:
        """All rows of the last statement."""
        ...


@dataclass(frozen=True, kw_only=True)
class HistoryColumn:
    """A column in Snowflake; `data_type` is INFORMATION_SCHEMA's word, `scale` that of a NUMBER."""

    name: str
    data_type: str
    scale: int | None


@dataclass(frozen=True, kw_only=True)
class TypeMismatch:
    """A column whose history is of a type that can't be loaded as it is."""

    column: str
    cql_type: str
    history_type: str
    accepted: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VersionCandidate:
    """A column that may tell which row of a key is the newest.

    Attributes:
        newest: Its greatest value, as text; empty when it has none.
        undecided_keys: Keys with several rows that it does not tell apart (equal or no values).
    """

    name: str
    newest: str
    undecided_keys: int


@dataclass(frozen=True, kw_only=True)
class KeyShape:
    """Rows against primary keys.

    Attributes:
        rows: Rows in all.
        keys: Distinct primary keys among them.
        repeated_keys: Keys with more than one row.
        most_rows_of_a_key: The rows of the key that has most.
        rows_without_key: Rows with a null in a key column; they can't be loaded.
        deleted_rows: Rows that the deletion column marks; None without such a column.
    """

    rows: int
    keys: int
    repeated_keys: int
    most_rows_of_a_key: int
    rows_without_key: int
    deleted_rows: int | None


@dataclass(frozen=True, kw_only=True)
class TableHistory:
    """What the history has for one table of the source.

    Attributes:
        table: The table's name on the source.
        candidates: Snowflake tables whose name fits, the likeliest first; empty when the catalogue shows none to
            this role, which leaves the other fields empty too.
        columns: Snowflake's column by the source's column, for those in both.
        missing: Columns of the source that the history has not.
        extra: Columns of the history that the source has not.
        mismatches: Columns in both whose types don't fit.
        versions: Columns that may be the version column, the likeliest first.
        deleted: Likewise the deletion column (BOOLEAN).
        write_times: Likewise the write time (TIMESTAMP).
        expiries: Likewise the expiry time (TIMESTAMP).
        shape: Counts; None when they could not be taken, then `unseen` says why.
        widest: Its largest partitions.
    """

    table: str
    candidates: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    mismatches: tuple[TypeMismatch, ...] = ()
    versions: tuple[VersionCandidate, ...] = ()
    deleted: tuple[str, ...] = ()
    write_times: tuple[str, ...] = ()
    expiries: tuple[str, ...] = ()
    shape: KeyShape | None = None
    widest: Widest = field(default_factory=Widest)
    unseen: tuple[Unseen, ...] = ()


@dataclass(frozen=True, kw_only=True)
class History:
    """The history of every table of the source that was looked for."""

    database: str
    schema: str
    tables: tuple[TableHistory, ...]

    @property
    def not_found(self) -> str:
        """What to say of a table without candidates: a catalogue does not show what a role may not see."""
        place = f"{written_name(self.database)}.{written_name(self.schema)}"
        return f"no table of this name in {place} that this role may see"

    def of(self, table: str) -> TableHistory | None:
        """What was found for `table`; None when it was not looked for."""
        return next((found for found in self.tables if found.table == table), None)

    def address(self, name: str) -> str:
        """DATABASE.SCHEMA.NAME as a migration file writes it."""
        return ".".join(written_name(part) for part in (self.database, self.schema, name))


class HistorySource(Protocol):
    """Whatever can tell the history's shape: a `HistoryReader`, or an adapter that opens one for the occasion."""

    def read(self, tables: Iterable[Table], /) -> History:
        """See `HistoryReader.read`."""
        ...


class HistoryReader:
    """Looks for the source's tables in one schema of Snowflake.

    Args:
        cursor: An open cursor, which stays the caller's.
        database: As a person writes it: plain (read in capitals) or in double quotes.
        schema: Likewise.
        database_error: The `Error` of the cursor's DB-API module.
    """

    def __init__(self, *, cursor: Cursor, database: str, schema: str, database_error: type[Exception]) -> None:
        self._cursor = cursor
        self._database_error = database_error
        self.database = stored_name(database)
        self.schema = stored_name(schema)

    def read(self, tables: Iterable[Table]) -> History:
        """What the history has for each of `tables`.

        Raises:
            HistoryUnreadableError: The catalogue can't be read. A table that can't is noted in its own `unseen`.
        """
        tables = tuple(tables)
        wanted = {table.name: _names_to_try(table.name) for table in tables}
        present = self._candidates({name for names in wanted.values() for name in names})
        columns = self._columns(present)
        found = [self._read_table(table, _in_order(wanted[table.name], present), columns) for table in tables]
        return History(database=self.database, schema=self.schema, tables=tuple(found))

    def _candidates(self, names: set[str]) -> list[str]:
        if not names:
            return []
        places = ", ".join(["%s"] * len(names))
        statement = (
            f"SELECT TABLE_NAME FROM {quote_name(self.database)}.INFORMATION_SCHEMA.TABLES "  # noqa: S608 -- quoted
            f"WHERE TABLE_SCHEMA = %s AND UPPER(TABLE_NAME) IN ({places}) ORDER BY TABLE_NAME"
        )
        return [str(row[0]) for row in self._catalogue(statement, [self.schema, *sorted(names)])]

    def _columns(self, tables: list[str]) -> dict[str, list[HistoryColumn]]:
        if not tables:
            return {}
        places = ", ".join(["%s"] * len(tables))
        statement = (
            "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, NUMERIC_SCALE "  # noqa: S608 -- quoted
            f"FROM {quote_name(self.database)}.INFORMATION_SCHEMA.COLUMNS "
            f"WHERE TABLE_SCHEMA = %s AND TABLE_NAME IN ({places}) ORDER BY TABLE_NAME, ORDINAL_POSITION"
        )
        columns: dict[str, list[HistoryColumn]] = {}
        for table, name, data_type, scale in self._catalogue(statement, [self.schema, *tables]):
            column = HistoryColumn(name=str(name), data_type=str(data_type).upper(), scale=_optional_integer(scale))
            columns.setdefault(str(table), []).append(column)
        return columns

    def _catalogue(self, statement: str, values: Sequence[object]) -> Sequence[Sequence[object]]:
        try:
            self._cursor.execute(statement, values)
            return self._cursor.fetchall()
        except self._database_error as reason:
            raise HistoryUnreadableError(
                f"the catalogue of the history can't be read in {self.database}.{self.schema}: {_first_line(reason)}. "
                "Check database and schema of the history's connection, and that its role may use them",
            ) from reason

    def _read_table(
        self,
        table: Table,
        candidates: tuple[str, ...],
        catalogue: Mapping[str, list[HistoryColumn]],
    ) -> TableHistory:
        if not candidates:
            return TableHistory(table=table.name)
        plan = _Plan(table, catalogue.get(candidates[0], []))
        shape, versions, unseen = self._measure(candidates[0], plan)
        widest, widest_unseen = self._widest(candidates[0], table, plan) if shape else (Widest(), ())
        return TableHistory(
            table=table.name,
            candidates=candidates,
            columns=plan.columns,
            missing=plan.missing,
            extra=plan.extra,
            mismatches=plan.mismatches,
            versions=versions,
            deleted=plan.deleted,
            write_times=plan.write_times,
            expiries=plan.expiries,
            shape=shape,
            widest=widest,
            unseen=(*unseen, *widest_unseen),
        )

    def _measure(
        self,
        name: str,
        plan: "_Plan",
    ) -> tuple[KeyShape | None, tuple[VersionCandidate, ...], tuple[Unseen, ...]]:
        missing = [column for column in plan.key_names if column not in plan.columns]
        if missing:
            why = f"keys not counted: {written_name(name)} has no column {', '.join(missing)}"
            return None, (), (Unseen(part=Part.HISTORY, why=why),)
        address = ".".join(quote_name(part) for part in (self.database, self.schema, name))
        try:
            self._cursor.execute(plan.statement(address))
            row = self._cursor.fetchall()[0]
        except self._database_error as reason:
            return None, (), (Unseen(part=Part.HISTORY, why=f"rows not counted: {_first_line(reason)}"),)
        return (*plan.read(row), ())

    def _widest(self, name: str, table: Table, plan: "_Plan") -> tuple[Widest, tuple[Unseen, ...]]:
        address = ".".join(quote_name(part) for part in (self.database, self.schema, name))
        by_rows = rows_statement(table, plan.columns, address=address)
        try:
            most_rows = counts(self._run(by_rows)) if by_rows else ()
            if not plan.written_by:
                return Widest(by_rows=most_rows), ()
            last_day = last_day_statement(table, plan.columns, address=address, written_by=plan.written_by)
            return Widest(by_rows=most_rows, by_last_day=counts(self._run(last_day)), written_by=plan.written_by), ()
        except self._database_error as reason:
            return Widest(), (Unseen(part=Part.HISTORY, why=f"partitions not counted: {_first_line(reason)}"),)

    def _run(self, statement: str) -> Sequence[Sequence[object]]:
        self._cursor.execute(statement)
        return self._cursor.fetchall()


class _Plan:
    """How one table of the source maps to one of the history, and the statement that measures it."""

    def __init__(self, table: Table, columns: list[HistoryColumn]) -> None:
        by_name: dict[str, HistoryColumn] = {}
        # A name in capitals wins over one that differs from it by case alone, as it is what plain SQL would read.
        for column in sorted(columns, key=lambda column: column.name == column.name.upper()):
            by_name[column.name.lower()] = column
        known = {column.name.lower() for column in table.columns}
        self.key_names = [column.name for column in table.primary_key]
        self.columns = {c.name: by_name[c.name.lower()].name for c in table.columns if c.name.lower() in by_name}
        self.missing = tuple(column.name for column in table.columns if column.name not in self.columns)
        self.extra = tuple(column.name for column in columns if column.name.lower() not in known)
        self.mismatches = tuple(_mismatches(table, by_name))
        others = {name: column for name, column in by_name.items() if name not in {k.lower() for k in self.key_names}}
        self.versions = _likely(others, VERSION_NAMES, ("NUMBER", *TIMESTAMPS))[:MAX_VERSION_CANDIDATES]
        self.deleted = _likely(others, DELETED_NAMES, ("BOOLEAN",))
        self.write_times = _likely(others, WRITE_TIME_NAMES, TIMESTAMPS)
        self.expiries = _likely(others, EXPIRY_NAMES, TIMESTAMPS)
        moments = (*self.write_times, *(name for name in self.versions if name in _of_type(others, TIMESTAMPS)))
        self.written_by = next(iter(moments), "")

    def statement(self, address: str) -> str:
        keys = [quote_name(self.columns[name]) for name in self.key_names]
        versions = [quote_name(name) for name in self.versions]
        inner = [f'{key} AS "key_{i}"' for i, key in enumerate(keys)]
        inner += ['COUNT(*) AS "rows"']
        inner += [f'MAX({v}) AS "newest_{i}", COUNT(DISTINCT {v}) AS "told_{i}"' for i, v in enumerate(versions)]
        inner += [f'COUNT_IF({quote_name(name)}) AS "deleted"' for name in self.deleted[:1]]
        no_key = " OR ".join(f'"key_{i}" IS NULL' for i in range(len(keys)))
        outer = ["COUNT(*)", 'SUM("rows")', 'COUNT_IF("rows" > 1)', 'MAX("rows")']
        outer += [f'SUM(CASE WHEN {no_key} THEN "rows" ELSE 0 END)']
        outer += ['SUM("deleted")' if self.deleted else "NULL"]
        outer += [f'MAX("newest_{i}"), COUNT_IF("rows" > "told_{i}")' for i in range(len(versions))]
        grouped = f"SELECT {', '.join(inner)} FROM {address} GROUP BY {', '.join(keys)}"  # noqa: S608 -- quoted
        return f'SELECT {", ".join(outer)} FROM ({grouped}) AS "by_key"'  # noqa: S608 -- quoted

    def read(self, row: Sequence[object]) -> tuple[KeyShape, tuple[VersionCandidate, ...]]:
        keys, rows, repeated, most, without_key = (_optional_integer(value) or 0 for value in row[:5])
        shape = KeyShape(
            rows=rows,
            keys=keys,
            repeated_keys=repeated,
            most_rows_of_a_key=most,
            rows_without_key=without_key,
            deleted_rows=(_optional_integer(row[5]) or 0) if self.deleted else None,
        )
        candidates = [
            VersionCandidate(
                name=name, newest=_as_text(row[6 + 2 * i]), undecided_keys=_optional_integer(row[7 + 2 * i]) or 0
            )
            for i, name in enumerate(self.versions)
        ]
        return shape, tuple(candidates)


def _names_to_try(table: str) -> tuple[str, ...]:
    name = table.upper()
    suffix = UNARCHIVED_SUFFIX.upper()
    return (name, name.removesuffix(suffix)) if name.endswith(suffix) else (name,)


def _in_order(wanted: tuple[str, ...], present: list[str]) -> tuple[str, ...]:
    fitting = [name for name in present if name.upper() in wanted]
    # Capitals sort first: they are what plain SQL would read.
    return tuple(sorted(fitting, key=lambda name: (wanted.index(name.upper()), name)))


def _mismatches(table: Table, by_name: Mapping[str, HistoryColumn]) -> Iterable[TypeMismatch]:
    for column in table.columns:
        found = by_name.get(column.name.lower())
        if found is None or column.type is None or fits(column.type, data_type=found.data_type, scale=found.scale):
            continue
        yield TypeMismatch(
            column=column.name,
            cql_type=column.type_text,
            history_type=f"{found.data_type} of scale {found.scale}" if found.scale else found.data_type,
            accepted=accepted_types(column.type),
        )


def _likely(columns: Mapping[str, HistoryColumn], names: tuple[str, ...], types: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(columns[name].name for name in names if name in columns and columns[name].data_type in types)


def _of_type(columns: Mapping[str, HistoryColumn], types: tuple[str, ...]) -> set[str]:
    return {column.name for column in columns.values() if column.data_type in types}


def _optional_integer(value: object) -> int | None:
    return None if value is None else int(Decimal(str(value)))


def _as_text(value: object) -> str:
    return "" if value is None else str(value)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
