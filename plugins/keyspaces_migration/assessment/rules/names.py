"""Rules about the names of keyspace, tables and columns."""

from collections.abc import Callable, Iterator

from keyspaces_migration.assessment.model import Source
from keyspaces_migration.assessment.rules.finding import Hit, Rule, Severity
from keyspaces_migration.cql.identifiers import RESERVED_WORDS

MAX_NAME_LENGTH = 48
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


def _named(matches: Callable[[str], bool], *, what: str) -> Callable[[Source], Iterator[Hit]]:
    def find(source: Source) -> Iterator[Hit]:
        if matches(source.keyspace.name):
            yield Hit(found=f"{what}: keyspace {source.keyspace.name}")
        for table in source.keyspace.tables:
            columns = tuple(column.name for column in table.columns if matches(column.name))
            names = [f"table {table.name}"] if matches(table.name) else []
            names += [f"column {name}" for name in columns]
            if names:
                yield Hit(table=table.name, found=f"{what}: {', '.join(names)}", columns=columns)

    return find


def _upper_case_columns(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        columns = tuple(column.name for column in table.columns if column.name != column.name.lower())
        if columns:
            yield Hit(table=table.name, found=f"columns with upper case: {', '.join(columns)}", columns=columns)


def _is_too_long(name: str) -> bool:
    return len(name) > MAX_NAME_LENGTH


def _has_other_characters(name: str) -> bool:
    return name[:1] not in _LETTERS or not _LETTERS.issuperset(name.replace("_", ""))


def _must_be_quoted(name: str) -> bool:
    return name in RESERVED_WORDS or (name != name.lower())


RULES = (
    Rule(
        id="name-too-long",
        title="Name too long",
        severity=Severity.BLOCKER,
        keyspaces=f"takes names of up to {MAX_NAME_LENGTH} characters",
        reference="Amazon Keyspaces API reference: ColumnDefinition, CreateTable; Quotas",
        advice="Rename: a clustering or partition column by ALTER TABLE … RENAME, a table or another column by a "
        "new one that the application moves to first",
        find=_named(_is_too_long, what=f"names of more than {MAX_NAME_LENGTH} characters"),
    ),
    Rule(
        id="name-characters",
        title="Name with other characters",
        severity=Severity.BLOCKER,
        keyspaces="takes names of letters, digits and underscores that begin with a letter or digit",
        reference="Amazon Keyspaces API reference: CreateKeyspace, CreateTable",
        advice="Rename: a clustering or partition column by ALTER TABLE … RENAME, another column by a new one that "
        "the application moves to first",
        find=_named(_has_other_characters, what="names with characters that are not taken"),
    ),
    Rule(
        id="name-upper-case-column",
        title="Column name with upper case",
        severity=Severity.BLOCKER,
        keyspaces="takes it in quotes; pulumi_aws, which makes the table, refuses it (terraform-provider-aws "
        "issue 43068)",
        reference="terraform-provider-aws issue 43068",
        advice="Rename the column in lower case on the source (a new column, if it is not part of the key), or leave "
        "the table out and make it by hand",
        find=_upper_case_columns,
    ),
    Rule(
        id="name-quoted",
        title="Name that needs quotes",
        severity=Severity.NOTE,
        keyspaces="reads an unquoted name in lower case and refuses reserved words without quotes, as Cassandra does",
        reference="Cassandra Query Language (CQL) elements: Identifiers",
        advice="Nothing to do: this migration quotes every name. Statements written by hand must, too",
        find=_named(_must_be_quoted, what="names that need quotes"),
    ),
)
