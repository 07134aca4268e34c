"""The source's schema from a file of CREATE statements, such as DESCRIBE KEYSPACE prints."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from keyspaces_migration.assessment.model import Column, ColumnKind, Keyspace, Table
from keyspaces_migration.cql.cursor import Cursor, TableName, UnreadableError
from keyspaces_migration.cql.types import CqlTypeError, parse_type
from keyspaces_migration.statements.errors import SchemaFileError
from keyspaces_migration.statements.model import NotUnderstood
from keyspaces_migration.statements.parser import parse
from keyspaces_migration.statements.readers.cql import read_cql
from keyspaces_migration.statements.readers.lines import whole_number
from keyspaces_migration.statements.records import Record


@dataclass(slots=True)
class _Definition:
    types: dict[str, str] = field(default_factory=dict)
    static: set[str] = field(default_factory=set)
    time_to_live_s: int = 0
    partition: tuple[str, ...] = ()
    clustering: tuple[str, ...] = ()


def read_schema_file(lines: Iterable[str], *, keyspace: str = "") -> Keyspace:
    """The tables of a file of CQL; other statements in it are only checked to be statements.

    Args:
        lines: The file.
        keyspace: Whose tables are wanted, when the file has those of several; by default that of the first.

    Raises:
        SchemaFileError: A statement can't be read, or there is no table of the keyspace.
    """
    found: list[tuple[TableName, Table]] = []
    for item in read_cql(lines):
        if not isinstance(item, Record):
            raise SchemaFileError(f"the schema file: {item}")
        statement = parse(item.text)
        if isinstance(statement, NotUnderstood):
            raise SchemaFileError(f"the schema file: {item.text[:80]!r}: {statement.why}. It takes CQL only")
        if statement.schema is not None and statement.schema.action == "CREATE TABLE" and statement.table is not None:
            found.append((statement.table, _table(item.text, statement.table)))
    wanted = keyspace or (found[0][0].keyspace if found else "")
    tables = tuple(table for name, table in found if name.keyspace in {"", wanted})
    if not tables:
        raise SchemaFileError(f"the schema file has no CREATE TABLE of keyspace {wanted or '(any)'}")
    return Keyspace(name=wanted, tables=tables)


def _table(text: str, name: TableName) -> Table:
    try:
        definition = _definition(text)
    except UnreadableError as reason:
        raise SchemaFileError(f"the schema file, table {name}: {reason}") from reason
    key = {*definition.partition, *definition.clustering}
    if not definition.partition or not key <= definition.types.keys():
        raise SchemaFileError(
            f"the schema file, table {name}: its primary key is {sorted(key)}, its columns are others"
        )
    options = {"default_time_to_live": definition.time_to_live_s}
    return Table(name=name.name, columns=tuple(_columns(definition)), options=options)


def _definition(text: str) -> _Definition:
    cursor, definition = Cursor(text), _Definition()
    while not cursor.accept_symbol("("):
        if not cursor.take().text:
            raise cursor.unreadable("the columns in brackets")
    while True:
        if cursor.at_word("PRIMARY", "KEY") and cursor.at_symbol("(", ahead=2):
            cursor.expect("PRIMARY", "KEY")
            definition.partition, definition.clustering = _primary_key(cursor)
        else:
            _column(cursor, definition)
        if not cursor.accept_symbol(","):
            cursor.expect_symbol(")")
            definition.time_to_live_s = _default_time_to_live_s(cursor)
            return definition


def _default_time_to_live_s(cursor: Cursor) -> int:
    while cursor.peek().text:
        if cursor.accept("DEFAULT_TIME_TO_LIVE") and cursor.accept_symbol("="):
            return whole_number(cursor.peek().text) or 0
        cursor.take()
    return 0


def _column(cursor: Cursor, definition: _Definition) -> None:
    name = cursor.name()
    definition.types[name] = _type(cursor)
    while cursor.at_name():
        if cursor.accept("STATIC"):
            definition.static.add(name)
        elif cursor.accept("PRIMARY", "KEY"):
            definition.partition = (name,)
        else:
            # MASKED WITH …: the rest of the definition says nothing of the type.
            _skip_to_comma(cursor)


def _skip_to_comma(cursor: Cursor) -> None:
    depth = 0
    while depth or not (cursor.at_symbol(",") or cursor.at_symbol(")")):
        if not cursor.peek().text:
            raise cursor.unreadable("the end of a column's definition")
        depth += {"(": 1, ")": -1}.get(cursor.take().text, 0)


def _type(cursor: Cursor) -> str:
    parts = [cursor.take().text]
    if cursor.accept_symbol("."):
        parts += [".", cursor.name()]
    if cursor.accept_symbol("<"):
        depth = 1
        parts.append("<")
        while depth:
            token = cursor.take()
            if not token.text:
                raise cursor.unreadable("the end of a type")
            depth += {"<": 1, ">": -1}.get(token.text, 0)
            parts.append(token.text)
    return "".join(parts).replace(",", ", ")


def _primary_key(cursor: Cursor) -> tuple[tuple[str, ...], tuple[str, ...]]:
    cursor.expect_symbol("(")
    partition = _names(cursor) if cursor.accept_symbol("(") else (cursor.name(),)
    clustering = _names(cursor) if cursor.accept_symbol(",") else ()
    if not clustering:
        cursor.expect_symbol(")")
    return partition, clustering


def _names(cursor: Cursor) -> tuple[str, ...]:
    names = [cursor.name()]
    while cursor.accept_symbol(","):
        names.append(cursor.name())
    cursor.expect_symbol(")")
    return tuple(names)


def _columns(definition: _Definition) -> Iterator[Column]:
    for name, text in definition.types.items():
        kind, position = _place(name, definition)
        try:
            cql_type, problem = parse_type(text), ""
        except CqlTypeError as reason:
            # A user's type: what depends on it is said to depend on it.
            cql_type, problem = None, str(reason)
        yield Column(
            name=name,
            kind=kind,
            position=position,
            descending=False,
            type_text=text,
            type=cql_type,
            type_problem=problem,
        )


def _place(name: str, definition: _Definition) -> tuple[ColumnKind, int]:
    if name in definition.partition:
        return ColumnKind.PARTITION_KEY, definition.partition.index(name)
    if name in definition.clustering:
        return ColumnKind.CLUSTERING, definition.clustering.index(name)
    return (ColumnKind.STATIC if name in definition.static else ColumnKind.REGULAR), -1
