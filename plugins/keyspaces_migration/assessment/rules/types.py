"""Rules about the types of columns."""

from collections.abc import Callable, Iterator

from keyspaces_migration.assessment.model import Column, Keyspace, Part, Source, Table
from keyspaces_migration.assessment.rules.finding import Hit, Rule, Severity
from keyspaces_migration.config.columns import MAX_COLLECTION_NESTING
from keyspaces_migration.config.columns import Column as ColumnInFile
from keyspaces_migration.cql.types import (
    CqlType,
    Custom,
    Frozen,
    ListOf,
    MapOf,
    Scalar,
    ScalarName,
    SetOf,
    TupleOf,
    UserType,
    Vector,
)

UNSUPPORTED_SCALARS = frozenset({ScalarName.DURATION, ScalarName.EMPTY})


def resolved(column_type: CqlType, keyspace: Keyspace) -> Iterator[CqlType]:
    """Every type inside `column_type`, itself first, through the fields of the keyspace's user types too.

    A user type that is unknown (types unreadable) or that has an unreadable field ends there.
    """
    fields = {user_type.name: user_type.fields for user_type in keyspace.types}
    for part in column_type.walk():
        yield part
        if isinstance(part, UserType):
            for inner in fields.get(part.name, ()):
                if inner.type is not None:
                    yield from resolved(inner.type, keyspace)


def _per_table(
    matches: Callable[[CqlType, Keyspace], bool],
    *,
    what: str,
) -> Callable[[Source], Iterator[Hit]]:
    def find(source: Source) -> Iterator[Hit]:
        for table in source.keyspace.tables:
            columns = [
                column for column in table.columns if column.type is not None and matches(column.type, source.keyspace)
            ]
            if columns:
                yield _hit(table, columns, what=what)

    return find


def _hit(table: Table, columns: list[Column], *, what: str) -> Hit:
    listed = ", ".join(f"{column.name} {column.type_text}" for column in columns)
    return Hit(table=table.name, found=f"{what}: {listed}", columns=tuple(column.name for column in columns))


def _keys_of_several_values(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        columns = [c for c in table.primary_key if c.type is not None and not isinstance(c.type, Scalar)]
        if columns:
            yield _hit(table, columns, what="key columns of several values")


def _unreadable(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        columns = [column for column in table.columns if column.type is None]
        if columns:
            problems = "; ".join(column.type_problem for column in columns)
            yield _hit(table, columns, what=f"types that could not be read ({problems})")


def _is_unsupported(column_type: CqlType, keyspace: Keyspace) -> bool:
    return any(
        isinstance(part, (Vector, Custom)) or (isinstance(part, Scalar) and part.name in UNSUPPORTED_SCALARS)
        for part in resolved(column_type, keyspace)
    )


def _has_user_type(column_type: CqlType, keyspace: Keyspace) -> bool:
    del keyspace
    return bool(column_type.user_types)


def _is_too_deep(column_type: CqlType, keyspace: Keyspace) -> bool:
    del keyspace
    return column_type.collection_depth > MAX_COLLECTION_NESTING


def _is_refused_by_provider(column_type: CqlType, keyspace: Keyspace) -> bool:
    del keyspace
    return not column_type.user_types and not ColumnInFile(name="", type=str(column_type)).fits_pulumi_aws


def _is_list(column_type: CqlType, keyspace: Keyspace) -> bool:
    del keyspace
    return isinstance(column_type, ListOf)


def _is_open_collection(column_type: CqlType, keyspace: Keyspace) -> bool:
    del keyspace
    return isinstance(column_type, (ListOf, SetOf, MapOf))


def _is_frozen_collection(column_type: CqlType, keyspace: Keyspace) -> bool:
    del keyspace
    return isinstance(column_type, Frozen) and column_type.is_collection


def _has_tuple(column_type: CqlType, keyspace: Keyspace) -> bool:
    return any(isinstance(part, TupleOf) for part in resolved(column_type, keyspace))


def _has_varint(column_type: CqlType, keyspace: Keyspace) -> bool:
    return any(part == Scalar(ScalarName.VARINT) for part in resolved(column_type, keyspace))


RULES = (
    Rule(
        id="type-unreadable",
        title="Type that we can't read",
        severity=Severity.BLOCKER,
        keyspaces="takes only the types of its list",
        reference="Supported Cassandra APIs, operations, functions, and data types: Cassandra data type support",
        advice="Compare the type with the list. If it is on it, report this as a defect of the assessment",
        find=_unreadable,
    ),
    Rule(
        id="type-unsupported",
        title="Type that Keyspaces does not have",
        severity=Severity.BLOCKER,
        keyspaces="has no duration, vector or custom types",
        reference="Supported Cassandra APIs, operations, functions, and data types: Cassandra data type support",
        advice="Store it otherwise on the source first: a duration as bigint (nanoseconds, or months and days as "
        "columns), a vector as frozen<list<float>> or blob (its similarity search needs another service), a custom "
        "type as blob. Or leave the table out",
        find=_per_table(_is_unsupported, what="columns of types that are not there"),
        needs=frozenset({Part.TYPES}),
    ),
    Rule(
        id="user-type",
        title="User-defined type",
        severity=Severity.BLOCKER,
        keyspaces="has user-defined types (a nested one must be frozen; no ALTER TYPE; no inequality comparisons), "
        "with quotas on their number and nesting; pulumi_aws can't create them, so neither can this migration file",
        reference="User-defined types (UDTs) in Amazon Keyspaces; Quotas; pulumi_aws.keyspaces",
        advice="Flatten the fields into columns of their own on the source, or store the value as text (JSON) or "
        "blob, and assess again. Or leave the table out of the migration file and move it by hand after CREATE TYPE",
        find=_per_table(_has_user_type, what="columns of user types"),
    ),
    Rule(
        id="frozen-too-deep",
        title="Frozen collections nested too deeply",
        severity=Severity.BLOCKER,
        keyspaces=f"takes {MAX_COLLECTION_NESTING} levels of frozen collections (AWS Support can raise it)",
        reference="Quotas: Max number of nested frozen collections",
        advice="Ask AWS Support for more levels, or store the value as text (JSON) or blob",
        find=_per_table(_is_too_deep, what=f"columns with more than {MAX_COLLECTION_NESTING} levels"),
    ),
    Rule(
        id="key-of-several-values",
        title="Key column that is a collection or tuple",
        severity=Severity.BLOCKER,
        keyspaces="takes frozen collections and tuples as keys; this migration does not, as it samples, splits and "
        "compares keys by plain value",
        reference="Cassandra Query Language (CQL) elements: Collection types; docs of the migration file",
        advice="Make the key of plain columns in a new table on the source first, or move this table by hand",
        find=_keys_of_several_values,
    ),
    Rule(
        id="type-nested-for-provider",
        title="Nested type that pulumi_aws refuses",
        severity=Severity.CHANGE,
        keyspaces="takes the type; the type check of pulumi_aws allows one pair of angle brackets, lower-case "
        "letters and digits only (terraform-provider-aws issue 35787)",
        reference="Cassandra Query Language (CQL) elements: Collection types; terraform-provider-aws issue 35787",
        advice="The migration file takes it, with a notice. Look at the provision stage's preview, which makes or "
        "refuses this table, before you build on it; or flatten the type on the source",
        find=_per_table(_is_refused_by_provider, what="columns of nested types"),
    ),
    Rule(
        id="varint-range",
        title="varint",
        severity=Severity.CHANGE,
        keyspaces="takes a varint between -10^38 and 10^38; Cassandra has no bound",
        reference="Cassandra Query Language (CQL) elements: Numeric types",
        advice="Look for the largest absolute value in the history; greater ones must be stored as text or blob",
        find=_per_table(_has_varint, what="columns with varint"),
        needs=frozenset({Part.TYPES}),
    ),
    Rule(
        id="list-column",
        title="List that can be appended to",
        severity=Severity.CHANGE,
        keyspaces="has lists; an append or prepend is not the same when it is written twice, so it can't be "
        "dual-written or replayed",
        reference="Cassandra Query Language (CQL) elements: Collection types; and this migration's design, section 8",
        advice="Find writes with + on these columns. Let them write the whole list, or make it a set or a map",
        find=_per_table(_is_list, what="columns that are no frozen lists"),
    ),
    Rule(
        id="collection-column",
        title="Collection of cells",
        severity=Severity.NOTE,
        keyspaces="keeps a time and a time to live for each element, as Cassandra does; 3 bytes and one for each "
        "element are added to the row's size",
        reference="Cassandra Query Language (CQL) elements: Collection types; Estimate row size in Amazon Keyspaces",
        advice="Nothing to do at first. As WRITETIME of a collection can't be read, a dead letter on such a row that "
        "is older than 47 hours is parked for a person rather than replayed",
        find=_per_table(_is_open_collection, what="collections that are not frozen"),
    ),
    Rule(
        id="frozen-collection",
        title="Frozen collection",
        severity=Severity.NOTE,
        keyspaces="has frozen collections; no inequality comparison of a whole one; of two writes with the same "
        "timestamp the later one at the server wins, where Cassandra compares the values",
        reference="Functional differences: Amazon Keyspaces vs. Apache Cassandra: FROZEN collections",
        advice="Look for conditions that compare such a column with < or >; nothing else to do",
        find=_per_table(_is_frozen_collection, what="frozen collections"),
    ),
    Rule(
        id="tuple",
        title="Tuple",
        severity=Severity.NOTE,
        keyspaces="has tuples, always frozen",
        reference="Cassandra Query Language (CQL) elements: Tuple type",
        advice="Nothing to do for Keyspaces; make sure that the history keeps every element in its place",
        find=_per_table(_has_tuple, what="columns with tuples"),
        needs=frozenset({Part.TYPES}),
    ),
)
