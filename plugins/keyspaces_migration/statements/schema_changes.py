"""Statements on the schema and on who may do what: read as far as the rules ask."""

from keyspaces_migration.cql.cursor import END, TableName
from keyspaces_migration.cql.tokens import TokenKind
from keyspaces_migration.statements.cursor import StatementCursor
from keyspaces_migration.statements.model import Kind, SchemaChange, Statement

_ACCESS = frozenset({"ROLE", "USER", "IDENTITY"})
_OBJECTS = frozenset(
    {"KEYSPACE", "SCHEMA", "TABLE", "COLUMNFAMILY", "TYPE", "INDEX", "TRIGGER", "FUNCTION", "AGGREGATE"}
)
_SAME = {"SCHEMA": "KEYSPACE", "COLUMNFAMILY": "TABLE"}
_OF_A_TABLE = frozenset({"ALTER TABLE", "CREATE TABLE", "DROP TABLE"})
_TABLE_ACTIONS = ("ADD", "DROP", "RENAME", "ALTER", "WITH")


def read(cursor: StatementCursor, verb: str) -> Statement:
    """What comes after CREATE, ALTER, DROP, GRANT, REVOKE, LIST or ADD.

    Raises:
        UnreadableError: It is none of Cassandra's.
    """
    if verb in {"GRANT", "REVOKE", "LIST", "ADD"} or cursor.peek().word in _ACCESS:
        if verb == "ADD" and not cursor.at_word("IDENTITY"):
            raise cursor.unreadable("IDENTITY")
        rest = _rest(cursor)
        return Statement(kind=Kind.ACCESS, schema=SchemaChange(action=verb, name="", words=rest))
    cursor.accept("OR", "REPLACE")
    cursor.accept("CUSTOM")
    if cursor.accept("MATERIALIZED"):
        cursor.expect("VIEW")
        made = "MATERIALIZED VIEW"
    else:
        made = cursor.peek().word
        if made not in _OBJECTS:
            raise cursor.unreadable("what is created, altered or dropped")
        cursor.take()
    action = f"{verb} {_SAME.get(made, made)}"
    if not cursor.accept("IF", "NOT", "EXISTS"):
        cursor.accept("IF", "EXISTS")
    name = None if action == "CREATE INDEX" and cursor.at_word("ON") else cursor.table()
    if action == "ALTER TABLE":
        action = f"{action} {_table_action(cursor)}"
    rest = _rest(cursor)
    return Statement(
        kind=Kind.SCHEMA,
        table=_table_of(action, name),
        schema=SchemaChange(action=action, name="" if name is None else str(name), words=rest),
    )


def _table_of(action: str, name: TableName | None) -> TableName | None:
    return name if any(action.startswith(one) for one in _OF_A_TABLE) else None


def _table_action(cursor: StatementCursor) -> str:
    word = cursor.take().word
    if word not in _TABLE_ACTIONS:
        raise cursor.unreadable(f"one of {', '.join(_TABLE_ACTIONS)}")
    return word


def _rest(cursor: StatementCursor) -> tuple[str, ...]:
    words: list[str] = []
    while cursor.peek() is not END and not cursor.at_symbol(";"):
        token = cursor.take()
        if token.kind is TokenKind.UNENDED:
            raise cursor.unreadable("the end of a quote or comment")
        words.append(token.word if token.kind is TokenKind.WORD else token.text)
    return tuple(words)
