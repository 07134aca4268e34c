"""Which column of a result goes into which column of a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql.type_tree import CqlType, Custom, Scalar, ScalarName, UserType, Vector
from keyspaces_migration.cql_access.metadata import TableColumn, TableDescription
from keyspaces_migration.snowflake_names import stored_name
from keyspaces_migration.transfer.errors import ColumnMappingError
from keyspaces_migration.transfer.query import ResultColumn

_TIMESTAMP = Scalar(ScalarName.TIMESTAMP)
_DATE_KIND = "DATE"


@dataclass(frozen=True, kw_only=True)
class MappedColumn:
    """A column of the result, and the table's column that it fills."""

    source: ResultColumn
    target: TableColumn
    is_key: bool


@dataclass(frozen=True, kw_only=True)
class ColumnMapping:
    """What is copied into a table, column by column."""

    table: TableDescription
    columns: tuple[MappedColumn, ...]

    @property
    def sources(self) -> tuple[ResultColumn, ...]:
        """The result's columns that are read, in order."""
        return tuple(each.source for each in self.columns)

    def insert(self, *, ttl_s: int | None = None) -> str:
        """Return the INSERT, whose values are those of `columns`; rows expire after `ttl_s` seconds."""
        names = ", ".join(quote(each.target.name) for each in self.columns)
        marks = ", ".join("?" * len(self.columns))
        using = f" USING TTL {ttl_s:d}" if ttl_s is not None else ""
        address = f"{quote(self.table.keyspace)}.{quote(self.table.name)}"
        return f"INSERT INTO {address} ({names}) VALUES ({marks}){using}"  # noqa: S608 # names are quoted


def map_columns(
    table: TableDescription, result: Sequence[ResultColumn], *, wanted: Mapping[str, str] | None = None
) -> ColumnMapping:
    """Decide which column fills which.

    Args:
        table: To be written.
        result: The query's columns.
        wanted: The result's column by the table's; what it does not name is left out. None fills each of the table's
            columns from the result's column of the same name, where case does not count; all of them must be used.

    Raises:
        ColumnMappingError: A column is on one side only, or there twice, or a key's column is filled by none, or a
            type can't be had from the result; names every one.
    """
    pairs = _by_name(table, result) if wanted is None else _as_wanted(table, result, wanted)
    filled = {target.name for _, target in pairs}
    problems = [f"no column fills {name}, part of the key" for name in table.primary_key if name not in filled]
    problems += [problem for source, target in pairs if (problem := _misfit(source, target))]
    if problems:
        raise _refused(table, problems)
    key = set(table.primary_key)
    columns = (MappedColumn(source=source, target=target, is_key=target.name in key) for source, target in pairs)
    return ColumnMapping(table=table, columns=tuple(columns))


_Pairs = list[tuple[ResultColumn, TableColumn]]


def _by_name(table: TableDescription, result: Sequence[ResultColumn]) -> _Pairs:
    known: dict[str, list[TableColumn]] = {}
    for column in table.columns:
        known.setdefault(column.name.casefold(), []).append(column)
    problems, seen = list[str](), set[str]()
    pairs: _Pairs = []
    for source in result:
        name = source.name.casefold()
        targets = known.get(name, [])
        if name in seen:
            problems.append(f"the result has {source.name} twice")
        elif len(targets) != 1:
            problems.append(f"the table has {'several columns' if targets else 'no column'} {source.name}")
        else:
            pairs.append((source, targets[0]))
        seen.add(name)
    if problems:
        raise _refused(table, problems)
    return pairs


def _as_wanted(table: TableDescription, result: Sequence[ResultColumn], wanted: Mapping[str, str]) -> _Pairs:
    targets = {column.name: column for column in table.columns}
    problems = [f"the table has no column {name}" for name in wanted if name not in targets]
    pairs: _Pairs = []
    for name, written in wanted.items():
        found = [source for source in result if source.name == stored_name(written)]
        if len(found) != 1:
            problems.append(f"the result has {'several columns' if found else 'no column'} {stored_name(written)}")
        elif name in targets:
            pairs.append((found[0], targets[name]))
    if problems:
        problems.append(f"the result has {', '.join(source.name for source in result)}")
        raise _refused(table, problems)
    return pairs


def _misfit(source: ResultColumn, target: TableColumn) -> str | None:
    """Say why no value of the result's column can be one of the table's; what one value is, is seen row by row."""
    kind = f"{target.name} is {target.cql_type}"
    if not _can_be_had(target.cql_type):
        return f"{kind}, which can't be had from a query's result; leave it out"
    if source.is_moment and target.cql_type != _TIMESTAMP:
        return f"{kind}, and {source.name} a {source.kind}; cast it in the query"
    if source.kind == _DATE_KIND and target.cql_type == _TIMESTAMP:
        return f"{kind}, and {source.name} a {source.kind}; cast it to TIMESTAMP_NTZ in the query"
    return None


def _can_be_had(cql_type: CqlType) -> bool:
    unfit = (UserType, Vector, Custom)
    scalars = {Scalar(ScalarName.COUNTER), Scalar(ScalarName.DURATION)}
    return not any(isinstance(each, unfit) or each in scalars for each in cql_type.walk())


def _refused(table: TableDescription, problems: Sequence[str]) -> ColumnMappingError:
    return ColumnMappingError(f"the query's result and table {table.keyspace}.{table.name}: {'; '.join(problems)}.")
