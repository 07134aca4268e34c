"""Statements on the schema and on permissions, and what Keyspaces does about them."""

from collections.abc import Callable, Iterator
from typing import Final

from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.statements.model import Kind
from keyspaces_migration.statements.rules.rule import Group, Hit, Rule, Sight

MAX_NAME: Final = 48


def _actions(*actions: str) -> Callable[[Sight], Iterator[Hit]]:
    def find(sight: Sight) -> Iterator[Hit]:
        schema = sight.statement.schema
        if sight.statement.kind is Kind.SCHEMA and schema is not None and schema.action in actions:
            yield Hit(found=f"{schema.action} {schema.name}".strip())

    return find


def _drop_column(sight: Sight) -> Iterator[Hit]:
    schema = sight.statement.schema
    if schema is not None and schema.action == "ALTER TABLE DROP" and schema.words[:1] != ("COMPACT",):
        yield Hit(found=f"{schema.action} {schema.name}")


def _alter_type(sight: Sight) -> Iterator[Hit]:
    schema = sight.statement.schema
    if schema is not None and schema.action == "ALTER TABLE ALTER" and "MASKED" not in schema.words:
        yield Hit(found=f"{schema.action} {schema.name}")


def _masking(sight: Sight) -> Iterator[Hit]:
    schema = sight.statement.schema
    if schema is not None and sight.statement.kind is Kind.SCHEMA and "MASKED" in schema.words:
        yield Hit(found="MASKED WITH")


def _access(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind is Kind.ACCESS:
        yield Hit(found="roles, users or permissions")


def _types(sight: Sight) -> Iterator[Hit]:
    schema = sight.statement.schema
    if schema is None or schema.action not in {"CREATE TABLE", "ALTER TABLE ADD", "CREATE TYPE", "ALTER TYPE"}:
        return
    # A type stands after a column's name or within brackets; a column that is called so stands at a comma.
    for before, word in zip(schema.words, schema.words[1:], strict=False):
        if word in {"DURATION", "VECTOR"} and before not in {"(", ","}:
            yield Hit(found=word.lower())


def _names(sight: Sight) -> Iterator[Hit]:
    schema = sight.statement.schema
    if schema is None or not schema.action.startswith(("CREATE", "ALTER TABLE ADD")):
        return
    for name in schema.name.split("."):
        if len(name) > MAX_NAME or name.startswith("_"):
            yield Hit(found=f"the name {name}")
    for word in schema.words:
        # What begins with a quote or digit is a value.
        if len(word.strip('"')) > MAX_NAME and word[0] not in "'$0123456789":
            yield Hit(found=f"the name {word.lower()}")


def _truncate(sight: Sight) -> Iterator[Hit]:
    if sight.statement.kind is Kind.TRUNCATE:
        yield Hit(found="TRUNCATE")


def _replication(sight: Sight) -> Iterator[Hit]:
    schema = sight.statement.schema
    if schema is not None and schema.action in {"CREATE KEYSPACE", "ALTER KEYSPACE"} and schema.words:
        yield Hit(found=schema.action, depends="depends on the replication class, and is not the application's to do")


def _refused(rule: str, title: str, find: Callable[[Sight], Iterator[Hit]], *, why: str, advice: str) -> Rule:
    return Rule(
        id=rule,
        group=Group.REFUSED,
        title=title,
        severity=Severity.CHANGE,
        why=why,
        advice=advice,
        reference="cassandra-apis; cql.ddl.table",
        find=find,
    )


_BY_PROVISION: Final = "take it out of the application: the migration file says what the table looks like"

RULES: Final = (
    Rule(
        id="truncate",
        group=Group.REFUSED,
        title="TRUNCATE",
        severity=Severity.BLOCKER,
        why="TRUNCATE is not supported",
        advice="drop and create the table, or delete by partition",
        reference="cassandra-apis",
        find=_truncate,
    ),
    _refused(
        "index-change",
        "CREATE or DROP INDEX",
        _actions("CREATE INDEX", "DROP INDEX"),
        why="there are no secondary indexes of any kind",
        advice="serve the reads from a second table, or from a search service",
    ),
    _refused(
        "view-change",
        "Materialized view",
        _actions("CREATE MATERIALIZED VIEW", "ALTER MATERIALIZED VIEW", "DROP MATERIALIZED VIEW"),
        why="there are no materialized views",
        advice="make the view a table of its own, which the application writes",
    ),
    _refused(
        "trigger-change",
        "Trigger",
        _actions("CREATE TRIGGER", "DROP TRIGGER"),
        why="there are no triggers",
        advice="move what it does into the application, or behind a change data capture stream",
    ),
    _refused(
        "function-change",
        "User-defined function or aggregate",
        _actions("CREATE FUNCTION", "DROP FUNCTION", "CREATE AGGREGATE", "DROP AGGREGATE"),
        why="there are no user-defined functions and aggregates",
        advice="compute the same in the application",
    ),
    _refused(
        "alter-type", "ALTER TYPE", _actions("ALTER TYPE"), why="ALTER TYPE is not supported", advice=_BY_PROVISION
    ),
    _refused(
        "drop-column",
        "Column dropped",
        _drop_column,
        why="a column, once there, stays",
        advice="leave it unwritten",
    ),
    _refused(
        "rename-column",
        "Column renamed",
        _actions("ALTER TABLE RENAME"),
        why="ALTER TABLE … RENAME is not supported",
        advice=_BY_PROVISION,
    ),
    _refused(
        "alter-column-type",
        "Column's type changed",
        _alter_type,
        why="ALTER TABLE … ALTER is not supported",
        advice="add a column of the new type",
    ),
    _refused(
        "data-masking",
        "Data masking",
        _masking,
        why="there is no dynamic data masking",
        advice="mask in the application; let IAM say who may read",
    ),
    _refused(
        "security-statement",
        "Roles, users, permissions",
        _access,
        why="who may do what is managed by IAM, and not in CQL",
        advice="write IAM policies",
    ),
    _refused(
        "unsupported-type",
        "Type that Keyspaces does not have",
        _types,
        why="there are no duration and vector types",
        advice="store a duration as bigint, a vector as frozen<list<float>> or blob",
    ),
    _refused(
        "name-length",
        "Name that Keyspaces does not take",
        _names,
        why=f"names have at most {MAX_NAME} characters and don't begin with an underscore",
        advice="choose another name",
    ),
    Rule(
        id="keyspace-replication",
        group=Group.DIFFERENT,
        title="Keyspace created or altered",
        severity=Severity.NOTE,
        why="a keyspace of one Region has SingleRegionStrategy or SimpleStrategy, and is made by `provision`",
        advice=_BY_PROVISION,
        reference="cql.ddl.keyspace",
        find=_replication,
    ),
    Rule(
        id="schema-change",
        group=Group.DIFFERENT,
        title="Schema changed by the application",
        severity=Severity.NOTE,
        why="changes of the schema are asynchronous on Keyspaces (wait until the table is ACTIVE), can't be prepared, "
        "and during a migration make the stores differ from the migration file",
        advice=_BY_PROVISION,
        reference="functional-differences: Asynchronous creation and deletion of keyspaces and tables",
        find=_actions("CREATE TABLE", "ALTER TABLE ADD", "ALTER TABLE WITH", "DROP TABLE", "CREATE TYPE", "DROP TYPE"),
    ),
)
