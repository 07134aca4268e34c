"""The source's schema from a file, as DESCRIBE KEYSPACE prints it."""

import pytest

from keyspaces_migration.assessment.model import ColumnKind
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.statements import SchemaFileError, read_schema_file

FILE = """
CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': '1'};

CREATE TYPE shop.pair (a int, b int);

CREATE TABLE shop.orders (
    customer text,
    day date,
    id timeuuid,
    "Total" int,
    notes map<text, frozen<list<int>>>,
    both frozen<pair>,
    other "shop"."Pair",
    place map<int>,
    masked text MASKED WITH system.mask_inner(1, 2),
    region text STATIC,
    PRIMARY KEY ((customer, day), id)
) WITH CLUSTERING ORDER BY (id DESC)
    AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
    AND comment = 'it''s; a comment'
    AND default_time_to_live = 3600;

CREATE INDEX by_total ON shop.orders ("Total");
CREATE TABLE shop.single (k int PRIMARY KEY, v counter);
CREATE TABLE other.t (k int, PRIMARY KEY (k));
"""


def test_the_tables_of_the_first_keyspace_are_read() -> None:
    found = read_schema_file(FILE.splitlines(keepends=True))
    orders, single = found.tables
    assert (found.name, orders.name, single.name) == ("shop", "orders", "single")
    kinds = {column.name: (column.kind, column.position) for column in orders.columns}
    assert kinds == {
        "customer": (ColumnKind.PARTITION_KEY, 0),
        "day": (ColumnKind.PARTITION_KEY, 1),
        "id": (ColumnKind.CLUSTERING, 0),
        "Total": (ColumnKind.REGULAR, -1),
        "notes": (ColumnKind.REGULAR, -1),
        "both": (ColumnKind.REGULAR, -1),
        "other": (ColumnKind.REGULAR, -1),
        "place": (ColumnKind.REGULAR, -1),
        "masked": (ColumnKind.REGULAR, -1),
        "region": (ColumnKind.STATIC, -1),
    }
    assert (orders.default_time_to_live_s, single.default_time_to_live_s) == (3600, 0)
    assert (orders.is_counter, single.is_counter) == (False, True)


def test_a_type_is_read_and_one_that_is_not_understood_is_left_open() -> None:
    types = {column.name: column for column in read_schema_file(FILE.splitlines()).tables[0].columns}
    assert types["notes"].type == parse_type("map<text, frozen<list<int>>>")
    assert types["both"].type == parse_type("frozen<pair>")
    assert (types["place"].type_text, types["place"].type) == ("map<int>", None)
    assert types["place"].type_problem


def test_another_keyspace_of_the_file_can_be_asked_for() -> None:
    assert [table.name for table in read_schema_file(FILE.splitlines(), keyspace="other").tables] == ["t"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no CREATE TABLE of keyspace"),
        ("CREATE KEYSPACE shop WITH replication = {};", "no CREATE TABLE of keyspace"),
        ("CREATE TABLE shop.t (k int);", "primary key"),
        ("CREATE TABLE shop.t (k int, PRIMARY KEY (x));", r"primary key is \['x'\]"),
        ("CREATE TABLE shop.t (k map<int, PRIMARY KEY);", "the end of a type"),
        ("CREATE TABLE shop.t k int;", "the columns in brackets"),
        ("CREATE TABLE shop.t (k text MASKED WITH f(1;", "the end of a column"),
        ("CREATE TABLE shop.t (k int PRIMARY KEY); DESCRIBE KEYSPACES;", "DESCRIBE is a command of cqlsh"),
        ("CREATE TABLE shop.t (k int PRIMARY KEY", "found the end"),
    ],
)
def test_a_file_that_can_t_be_used_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(SchemaFileError, match=reason):
        read_schema_file([text])


def test_a_keyspace_that_the_file_does_not_have_is_refused() -> None:
    with pytest.raises(SchemaFileError, match="keyspace nowhere"):
        read_schema_file(FILE.splitlines(), keyspace="nowhere")
