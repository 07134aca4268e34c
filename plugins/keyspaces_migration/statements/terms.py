"""Values, functions and conditions within a statement."""

from collections.abc import Callable

from keyspaces_migration.cql.tokens import TokenKind
from keyspaces_migration.statements.cursor import StatementCursor
from keyspaces_migration.statements.model import Call, Comparison, Relation, ValueKind

_ARITHMETIC = ("+", "-", "*", "/", "%")
_BY_TOKEN = {
    TokenKind.MARKER: ValueKind.MARKER,
    TokenKind.NUMBER: ValueKind.NUMBER,
    TokenKind.STRING: ValueKind.OTHER,
}
_CONSTANTS = {
    "NULL": ValueKind.NULL,
    "TRUE": ValueKind.OTHER,
    "FALSE": ValueKind.OTHER,
    "NAN": ValueKind.OTHER,
    "INFINITY": ValueKind.OTHER,
}
_COMPARISONS = {
    "=": Comparison.EQUAL,
    "<": Comparison.RANGE,
    ">": Comparison.RANGE,
    "<=": Comparison.RANGE,
    ">=": Comparison.RANGE,
    "!=": Comparison.NOT_EQUAL,
    ":": Comparison.LIKE,
}


def term(cursor: StatementCursor) -> ValueKind:
    """A value, function, column, or arithmetic of them."""
    return rest_of_term(cursor, factor(cursor))


def rest_of_term(cursor: StatementCursor, kind: ValueKind) -> ValueKind:
    """What follows the first operand."""
    while cursor.accept_symbol(*_ARITHMETIC):
        factor(cursor)
        kind = ValueKind.OTHER
    return kind


def factor(cursor: StatementCursor) -> ValueKind:
    """One operand."""
    while cursor.accept_symbol("-"):
        pass
    token = cursor.peek()
    plain = _BY_TOKEN.get(token.kind) or _CONSTANTS.get(token.word)
    if plain is not None:
        cursor.take()
        return plain
    return _bracketed(cursor) if token.kind is TokenKind.SYMBOL else _named(cursor)


def _bracketed(cursor: StatementCursor) -> ValueKind:
    cursor.deeper()
    if cursor.accept_symbol("["):
        listed(cursor, "]", term)
        kind = ValueKind.LIST
    elif cursor.accept_symbol("{"):
        listed(cursor, "}", _element)
        kind = ValueKind.SET_OR_MAP
    elif _at_cast(cursor):
        _skip_type(cursor)
        kind = factor(cursor)
    else:
        cursor.expect_symbol("(")
        listed(cursor, ")", term)
        kind = ValueKind.OTHER
    cursor.shallower()
    return kind


def _element(cursor: StatementCursor) -> None:
    term(cursor)
    if cursor.accept_symbol(":"):
        term(cursor)
    elif cursor.peek().text.startswith(":"):
        # `{a :b}`: the sign and the name after it look like a bind marker.
        cursor.take()


def listed(cursor: StatementCursor, end: str, read: Callable[[StatementCursor], object]) -> int:
    """What stands between commas, up to and with the bracket `end`. Returns how many there are."""
    if cursor.accept_symbol(end):
        return 0
    number = 0
    while True:
        read(cursor)
        number += 1
        if not cursor.accept_symbol(","):
            cursor.expect_symbol(end)
            return number


def _at_cast(cursor: StatementCursor) -> bool:
    """`(type) value`: a name in brackets of its own, with a value after it."""
    if not (cursor.at_symbol("(") and cursor.peek(1).kind is TokenKind.WORD):
        return False
    if cursor.at_symbol("<", ahead=2):
        return True
    after = cursor.peek(3)
    starts_value = after.is_literal or after.kind in {TokenKind.WORD, TokenKind.QUOTED_NAME} or after.text in "([{"
    return cursor.at_symbol(")", ahead=2) and starts_value and bool(after.text)


def _skip_type(cursor: StatementCursor) -> None:
    cursor.expect_symbol("(")
    while not cursor.accept_symbol(")"):
        if not (cursor.at_name() or cursor.peek().text in {"<", ">", ",", "."} or cursor.peek().is_literal):
            raise cursor.unreadable("a type")
        cursor.take()


def _named(cursor: StatementCursor) -> ValueKind:
    keyspace, name = "", cursor.name()
    if cursor.accept_symbol("."):
        keyspace, name = name, cursor.name()
    if cursor.at_symbol("("):
        _call(cursor, keyspace, name)
    _path(cursor)
    return ValueKind.OTHER


def _call(cursor: StatementCursor, keyspace: str, name: str) -> None:
    cursor.deeper()
    cursor.expect_symbol("(")
    if name == "cast":
        term(cursor)
        cursor.expect("AS")
        while not cursor.accept_symbol(")"):
            if not (cursor.at_name() or cursor.peek().text in {"<", ">", ","}):
                raise cursor.unreadable("a type")
            cursor.take()
        arguments = 1
    elif cursor.accept_symbol("*"):
        cursor.expect_symbol(")")
        arguments = 1
    else:
        arguments = listed(cursor, ")", term)
    cursor.shallower()
    cursor.calls.append(Call(keyspace=keyspace, name=name, arguments=arguments))


def _path(cursor: StatementCursor) -> bool:
    """Elements and fields after a column's name. Returns whether there are any."""
    found = False
    while symbol := cursor.accept_symbol(".", "["):
        found = True
        if symbol == ".":
            cursor.name()
            continue
        cursor.deeper()
        if not cursor.at_symbol("]"):
            term(cursor)
        cursor.expect_symbol("]")
        cursor.shallower()
    return found


def relations(cursor: StatementCursor) -> tuple[Relation, ...]:
    """Conditions joined by AND, of WHERE or of IF."""
    found = [relation(cursor)]
    while cursor.accept("AND"):
        found.append(relation(cursor))
    return tuple(found)


def relation(cursor: StatementCursor) -> Relation:
    """One condition."""
    if cursor.at_symbol("(") and not _at_columns(cursor):
        cursor.deeper()
        cursor.expect_symbol("(")
        inner = relation(cursor)
        cursor.expect_symbol(")")
        cursor.shallower()
        return inner
    token = cursor.at_word("TOKEN") and cursor.at_symbol("(", ahead=1)
    if token:
        cursor.take()
    columns, element = _columns(cursor), False
    if not token and len(columns) == 1:
        element = _path(cursor)
    comparison, values = _comparison(cursor)
    return Relation(columns=columns, comparison=comparison, token=token, element=element, values=values)


def _at_columns(cursor: StatementCursor) -> bool:
    """A tuple of names in brackets."""
    after = cursor.peek(2).text
    return cursor.peek(1).kind in {TokenKind.WORD, TokenKind.QUOTED_NAME} and after in {",", ")"}


def _columns(cursor: StatementCursor) -> tuple[str, ...]:
    if not cursor.accept_symbol("("):
        return (cursor.name(),)
    names: list[str] = []
    listed(cursor, ")", lambda at: names.append(at.name()))
    return tuple(names)


def _comparison(cursor: StatementCursor) -> tuple[Comparison, int | None]:
    negated = cursor.accept("NOT")
    if cursor.accept("IN"):
        return (Comparison.NOT_EQUAL if negated else Comparison.IN), _in_values(cursor)
    if cursor.accept("CONTAINS"):
        cursor.accept("KEY")
        term(cursor)
        return Comparison.CONTAINS, None
    if cursor.accept("LIKE"):
        term(cursor)
        return Comparison.LIKE, None
    if cursor.accept("IS", "NOT", "NULL"):
        return Comparison.NOT_NULL, None
    if cursor.accept("BETWEEN"):
        term(cursor)
        cursor.expect("AND")
        term(cursor)
        return Comparison.BETWEEN, None
    symbol = cursor.accept_symbol(*_COMPARISONS)
    if negated or not symbol:
        raise cursor.unreadable("a comparison")
    term(cursor)
    return _COMPARISONS[symbol], None


def _in_values(cursor: StatementCursor) -> int | None:
    if cursor.accept_symbol("("):
        return listed(cursor, ")", term)
    if cursor.take().kind is TokenKind.MARKER:
        return None
    raise cursor.unreadable("values in brackets, or a marker")
