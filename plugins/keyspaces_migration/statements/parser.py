"""A statement's text to what it does. Good enough to judge it; Cassandra's own grammar is stricter."""

from dataclasses import replace

from keyspaces_migration.cql.cursor import END, UnreadableError
from keyspaces_migration.cql.tokens import TokenKind
from keyspaces_migration.statements import schema_changes
from keyspaces_migration.statements.cursor import StatementCursor
from keyspaces_migration.statements.model import (
    Assignment,
    BatchKind,
    Change,
    Kind,
    NotUnderstood,
    Reading,
    Relation,
    Statement,
    ValueKind,
)
from keyspaces_migration.statements.terms import factor, listed, relations, rest_of_term, term

CQLSH = frozenset(
    """
    CAPTURE CLEAR CONSISTENCY COPY DESC DESCRIBE EXIT EXPAND HELP HISTORY LOGIN PAGING QUIT SERIAL SHOW SOURCE
    TRACING UNICODE
    """.split()  # noqa: SIM905 - words are read best as a paragraph
)
_NAMES = frozenset({TokenKind.WORD, TokenKind.QUOTED_NAME})


def parse(text: str) -> Statement | NotUnderstood:
    """Understand one statement, with or without its semicolon. Never raises."""
    cursor = StatementCursor(text)
    if cursor.peek() is END:
        return NotUnderstood(why="there is nothing but blanks and comments")
    try:
        found = _statement(cursor)
        while cursor.accept_symbol(";"):
            pass
        if cursor.peek() is not END:
            raise cursor.unreadable("the end of the statement")
    except UnreadableError as reason:
        return NotUnderstood(why=str(reason))
    return found


def _statement(cursor: StatementCursor) -> Statement:
    cursor.calls = []
    word = cursor.take().word
    match word:
        case "SELECT":
            found = _select(cursor)
        case "INSERT":
            found = _insert(cursor)
        case "UPDATE":
            found = _update(cursor)
        case "DELETE":
            found = _delete(cursor)
        case "BEGIN":
            return _batch(cursor)
        case "TRUNCATE":
            if cursor.at_word("TABLE") or cursor.at_word("COLUMNFAMILY"):
                cursor.take()
            found = Statement(kind=Kind.TRUNCATE, table=cursor.table())
        case "USE":
            cursor.name()
            found = Statement(kind=Kind.USE)
        case "CREATE" | "ALTER" | "DROP" | "GRANT" | "REVOKE" | "LIST" | "ADD":
            return schema_changes.read(cursor, word)
        case _:
            raise _not_cql(cursor, word)
    return replace(found, calls=tuple(cursor.calls))


def _not_cql(cursor: StatementCursor, word: str) -> UnreadableError:
    if word in CQLSH:
        return UnreadableError(f"{word} is a command of cqlsh, and no CQL")
    if cursor.peek(-1).kind is TokenKind.UNENDED:
        return UnreadableError("a quote or comment that does not end")
    return UnreadableError(f"no statement of CQL begins with {cursor.peek(-1).text[:30]!r}")


def _select(cursor: StatementCursor) -> Statement:
    json = _is_modifier(cursor, "JSON") and cursor.accept("JSON")
    distinct = _is_modifier(cursor, "DISTINCT") and cursor.accept("DISTINCT")
    if not cursor.accept_symbol("*"):
        _selector(cursor)
        while cursor.accept_symbol(","):
            _selector(cursor)
    cursor.expect("FROM")
    table = cursor.table()
    where = relations(cursor) if cursor.accept("WHERE") else ()
    group_by = cursor.accept("GROUP", "BY")
    if group_by:
        _several(cursor, ordered=False)
    order_by = cursor.accept("ORDER", "BY")
    nearest = order_by and _several(cursor, ordered=True)
    per_partition_limit = cursor.accept("PER", "PARTITION", "LIMIT")
    if per_partition_limit:
        term(cursor)
    limit = cursor.accept("LIMIT")
    if limit:
        term(cursor)
    reading = Reading(
        json=json,
        distinct=distinct,
        group_by=group_by,
        order_by=order_by,
        nearest=nearest,
        per_partition_limit=per_partition_limit,
        limit=limit,
        allow_filtering=cursor.accept("ALLOW", "FILTERING"),
    )
    return Statement(kind=Kind.SELECT, table=table, relations=where, reading=reading)


def _is_modifier(cursor: StatementCursor, word: str) -> bool:
    """Whether the word is the keyword, and not a column of that name."""
    after = cursor.peek(1)
    return cursor.at_word(word) and after.word not in {"FROM", "AS"} and after.text not in {",", ".", "(", "["}


def _selector(cursor: StatementCursor) -> None:
    term(cursor)
    if cursor.accept("AS"):
        cursor.name()


def _several(cursor: StatementCursor, *, ordered: bool) -> bool:
    """Columns between commas. Returns whether one is ordered by ANN OF."""
    nearest = False
    while True:
        term(cursor)
        if ordered and cursor.accept("ANN", "OF"):
            term(cursor)
            nearest = True
        if ordered and not cursor.accept("ASC"):
            cursor.accept("DESC")
        if not cursor.accept_symbol(","):
            return nearest


def _insert(cursor: StatementCursor) -> Statement:
    cursor.expect("INTO")
    table = cursor.table()
    json = cursor.accept("JSON")
    default_unset = False
    assignments: tuple[Assignment, ...] = ()
    if json:
        term(cursor)
        if cursor.accept("DEFAULT") and not cursor.accept("NULL"):
            cursor.expect("UNSET")
            default_unset = True
    else:
        assignments = _columns_and_values(cursor)
    conditional = cursor.accept("IF", "NOT", "EXISTS")
    timestamp, time_to_live = _using(cursor)
    return Statement(
        kind=Kind.INSERT,
        table=table,
        assignments=assignments,
        json=json,
        default_unset=default_unset,
        conditional=conditional,
        timestamp=timestamp,
        time_to_live=time_to_live,
    )


def _columns_and_values(cursor: StatementCursor) -> tuple[Assignment, ...]:
    columns: list[str] = []
    values: list[ValueKind] = []
    cursor.expect_symbol("(")
    listed(cursor, ")", lambda at: columns.append(at.name()))
    cursor.expect("VALUES")
    cursor.expect_symbol("(")
    listed(cursor, ")", lambda at: values.append(term(at)))
    if len(columns) != len(values):
        raise UnreadableError(f"{len(columns)} columns and {len(values)} values")
    return tuple(
        Assignment(column=column, change=Change.SET, value=value) for column, value in zip(columns, values, strict=True)
    )


def _using(cursor: StatementCursor) -> tuple[ValueKind | None, ValueKind | None]:
    timestamp = time_to_live = None
    if cursor.accept("USING"):
        while True:
            if cursor.accept("TIMESTAMP"):
                timestamp = term(cursor)
            else:
                cursor.expect("TTL")
                time_to_live = term(cursor)
            if not cursor.accept("AND"):
                break
    return timestamp, time_to_live


def _update(cursor: StatementCursor) -> Statement:
    table = cursor.table()
    timestamp, time_to_live = _using(cursor)
    cursor.expect("SET")
    assignments = [_assignment(cursor)]
    while cursor.accept_symbol(","):
        assignments.append(_assignment(cursor))
    cursor.expect("WHERE")
    where = relations(cursor)
    return Statement(
        kind=Kind.UPDATE,
        table=table,
        assignments=tuple(assignments),
        relations=where,
        conditional=_condition(cursor),
        timestamp=timestamp,
        time_to_live=time_to_live,
    )


def _assignment(cursor: StatementCursor) -> Assignment:
    column = cursor.name()
    if cursor.accept_symbol("["):
        key = term(cursor)
        cursor.expect_symbol("]")
        cursor.expect_symbol("=")
        return Assignment(column=column, change=Change.ELEMENT, value=term(cursor), key=key)
    if cursor.accept_symbol("."):
        cursor.name()
        cursor.expect_symbol("=")
        return Assignment(column=column, change=Change.FIELD, value=term(cursor))
    if symbol := cursor.accept_symbol("+=", "-="):
        return Assignment(column=column, change=_BY_SYMBOL[symbol[0]], value=term(cursor))
    cursor.expect_symbol("=")
    return _assigned(cursor, column)


_BY_SYMBOL = {"+": Change.ADD, "-": Change.SUBTRACT}


def _assigned(cursor: StatementCursor, column: str) -> Assignment:
    if _at_column(cursor) and (cursor.at_symbol("+", ahead=1) or cursor.at_symbol("-", ahead=1)):
        if (other := cursor.name()) != column:
            raise UnreadableError(f"{column} is computed from another column, {other}")
        change = _BY_SYMBOL[cursor.take().text]
        return Assignment(column=column, change=change, value=term(cursor))
    value = factor(cursor)
    if cursor.at_symbol("+") and cursor.peek(1).kind in _NAMES and not cursor.at_symbol("(", ahead=2):
        cursor.take()
        if (other := cursor.name()) != column:
            raise UnreadableError(f"{column} is computed from another column, {other}")
        return Assignment(column=column, change=Change.PREPEND, value=value)
    return Assignment(column=column, change=Change.SET, value=rest_of_term(cursor, value))


def _at_column(cursor: StatementCursor) -> bool:
    return cursor.at_name() and not cursor.at_symbol("(", ahead=1)


def _condition(cursor: StatementCursor) -> bool:
    if not cursor.accept("IF"):
        return False
    if not cursor.accept("EXISTS"):
        relations(cursor)
    return True


def _delete(cursor: StatementCursor) -> Statement:
    removed: list[Assignment] = []
    if not cursor.at_word("FROM"):
        removed.append(_removed(cursor))
        while cursor.accept_symbol(","):
            removed.append(_removed(cursor))
    cursor.expect("FROM")
    table = cursor.table()
    timestamp, time_to_live = _using(cursor)
    if time_to_live is not None:
        raise UnreadableError("a DELETE has no time to live")
    cursor.expect("WHERE")
    where: tuple[Relation, ...] = relations(cursor)
    return Statement(
        kind=Kind.DELETE,
        table=table,
        assignments=tuple(removed),
        relations=where,
        conditional=_condition(cursor),
        timestamp=timestamp,
    )


def _removed(cursor: StatementCursor) -> Assignment:
    column = cursor.name()
    if cursor.accept_symbol("["):
        key = term(cursor)
        cursor.expect_symbol("]")
        return Assignment(column=column, change=Change.ELEMENT, value=ValueKind.NULL, key=key)
    if cursor.accept_symbol("."):
        cursor.name()
        return Assignment(column=column, change=Change.FIELD, value=ValueKind.NULL)
    return Assignment(column=column, change=Change.REMOVE, value=ValueKind.NULL)


def _batch(cursor: StatementCursor) -> Statement:
    kind = next((kind for kind in BatchKind if cursor.accept(kind.value)), BatchKind.LOGGED)
    cursor.expect("BATCH")
    timestamp, time_to_live = _using(cursor)
    if time_to_live is not None:
        raise UnreadableError("a batch has no time to live of its own")
    statements: list[Statement] = []
    while not cursor.accept("APPLY", "BATCH"):
        if cursor.peek().word not in {"INSERT", "UPDATE", "DELETE"}:
            raise cursor.unreadable("INSERT, UPDATE, DELETE or APPLY BATCH")
        statements.append(_statement(cursor))
        cursor.accept_symbol(";")
    return Statement(
        kind=Kind.BATCH,
        batch=kind,
        statements=tuple(statements),
        timestamp=timestamp,
        conditional=any(one.conditional for one in statements),
    )
