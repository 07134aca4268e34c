"""The history's shape, by the SQL that is really sent to a Snowflake stand-in in this process."""

from collections.abc import Iterator
from typing import Any

import fakesnow
import pytest
import snowflake.connector
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.assessment.errors import HistoryUnreadableError
from keyspaces_migration.assessment.history import HistoryReader, TableHistory, VersionCandidate
from keyspaces_migration.assessment.history_types import ACCEPTED, accepted_types, fits
from keyspaces_migration.assessment.model import Table
from keyspaces_migration.cql.types import ScalarName, parse_type
from keyspaces_migration.snowflake_names import quote_name, stored_name, written_name
from tests.unit.keyspaces_migration.assessment.builders import column, table

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


@pytest.fixture(scope="module")
def connection() -> Iterator[Any]:
    with fakesnow.patch():
        yield snowflake.connector.connect(database="ANALYTICS", schema="PUBLIC")


@pytest.fixture
def cursor(connection: Any) -> Iterator[Any]:
    cursor = connection.cursor()
    cursor.execute("DROP SCHEMA IF EXISTS ANALYTICS.PUBLIC CASCADE")
    cursor.execute("CREATE SCHEMA ANALYTICS.PUBLIC")
    cursor.execute("USE SCHEMA ANALYTICS.PUBLIC")
    yield cursor
    cursor.close()


def reader(cursor: Any, **more: str) -> HistoryReader:
    place = {"database": "ANALYTICS", "schema": "PUBLIC"} | more
    return HistoryReader(cursor=cursor, database_error=snowflake.connector.Error, **place)


def look(cursor: Any, source: Table) -> TableHistory:
    return reader(cursor).read([source]).tables[0]


EVENTS = table(
    column("customer", "text", "partition_key"),
    column("day", "date", "clustering"),
    column("amount", "int"),
    column("note", "text"),
)


def test_keys_rows_versions_and_deletions_are_counted(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE EVENTS (CUSTOMER TEXT, DAY DATE, AMOUNT INT, NOTE TEXT, VERSION INT, IS_DELETED BOOLEAN)"
    )
    cursor.execute(
        "INSERT INTO EVENTS VALUES ('a','2024-01-01',1,'',1,false), ('a','2024-01-01',2,'',2,false), "
        "('a','2024-01-01',3,'',7,true), ('b','2024-01-01',1,'',1,false), (null,'2024-01-01',1,'',1,false)",
    )
    found = look(cursor, EVENTS)
    assert found.shape is not None
    assert (found.shape.rows, found.shape.keys, found.shape.repeated_keys) == (5, 3, 1)
    assert (found.shape.most_rows_of_a_key, found.shape.rows_without_key, found.shape.deleted_rows) == (3, 1, 1)
    assert found.versions == (VersionCandidate(name="VERSION", newest="7", undecided_keys=0),)
    assert found.deleted == ("IS_DELETED",)
    assert (found.missing, found.extra) == ((), ("VERSION", "IS_DELETED"))
    assert found.unseen == ()


def test_a_version_column_that_does_not_tell_rows_apart_is_told(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE EVENTS (CUSTOMER TEXT, DAY DATE, AMOUNT INT, NOTE TEXT, VERSION INT, UPDATED_AT TIMESTAMP)"
    )
    cursor.execute(
        "INSERT INTO EVENTS VALUES ('a','2024-01-01',1,'',1,'2024-01-01 00:00:00'), "
        "('a','2024-01-01',2,'',1,'2024-01-02 00:00:00'), ('b','2024-01-01',2,'',null,null)",
    )
    found = look(cursor, EVENTS)
    assert [(each.name, each.undecided_keys) for each in found.versions] == [("VERSION", 2), ("UPDATED_AT", 1)]
    assert found.write_times == ("UPDATED_AT",)


def test_an_empty_history_has_no_rows_rather_than_an_error(cursor: Any) -> None:
    cursor.execute("CREATE TABLE EVENTS (CUSTOMER TEXT, DAY DATE, VERSION INT)")
    found = look(cursor, EVENTS)
    assert found.shape is not None
    assert (found.shape.rows, found.shape.keys, found.shape.most_rows_of_a_key) == (0, 0, 0)
    assert found.versions[0].newest == ""
    assert found.missing == ("amount", "note")


def test_types_that_do_not_fit_are_told_with_those_that_would(cursor: Any) -> None:
    cursor.execute("CREATE TABLE EVENTS (CUSTOMER TEXT, DAY TEXT, AMOUNT NUMBER(10,2), NOTE TEXT)")
    found = look(cursor, EVENTS)
    assert [(each.column, each.history_type, each.accepted) for each in found.mismatches] == [
        ("day", "TEXT", ("DATE",)),
        ("amount", "NUMBER of scale 2", ("NUMBER",)),
    ]


def test_a_key_column_that_is_missing_leaves_the_counts_out_and_says_so(cursor: Any) -> None:
    cursor.execute("CREATE TABLE EVENTS (CUSTOMER TEXT)")
    found = look(cursor, EVENTS)
    assert found.shape is None
    assert found.unseen[0].why == "keys not counted: EVENTS has no column day"


def test_a_table_that_is_not_there_has_no_candidates_and_its_place_is_named(cursor: Any) -> None:
    history = reader(cursor).read([EVENTS])
    assert history.tables == (TableHistory(table="events"),)
    assert history.not_found == "no table of this name in ANALYTICS.PUBLIC that this role may see"


def test_the_suffix_unarchived_may_be_missing_and_the_full_name_wins(cursor: Any) -> None:
    source = table(column("id", "int", "partition_key"), name="events_unarchived")
    cursor.execute("CREATE TABLE EVENTS (ID INT)")
    assert look(cursor, source).candidates == ("EVENTS",)
    cursor.execute("CREATE TABLE EVENTS_UNARCHIVED (ID INT)")
    assert look(cursor, source).candidates == ("EVENTS_UNARCHIVED", "EVENTS")


def test_names_that_need_quotes_are_quoted(cursor: Any) -> None:
    cursor.execute('CREATE TABLE "Events" ("Customer" TEXT, "day" DATE, "amount" INT, NOTE TEXT)')
    cursor.execute("""INSERT INTO "Events" VALUES ('a', '2024-01-01', 1, '')""")
    history = reader(cursor).read([EVENTS])
    found = history.tables[0]
    assert history.address(found.candidates[0]) == 'ANALYTICS.PUBLIC."Events"'
    assert found.columns == {"customer": "Customer", "day": "day", "amount": "amount", "note": "NOTE"}
    assert found.shape is not None
    assert found.shape.rows == 1


def test_a_catalogue_that_cannot_be_read_is_an_error_with_what_to_check(cursor: Any) -> None:
    with pytest.raises(HistoryUnreadableError, match=r"NOPE\.PUBLIC.*Check database and schema"):
        reader(cursor, database="nope").read([EVENTS])


class Counting:
    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.statements: list[str] = []

    def execute(self, operation: str, parameters: Any = (), /) -> object:
        self.statements.append(operation)
        return self.cursor.execute(operation, parameters) if parameters else self.cursor.execute(operation)

    def fetchall(self) -> Any:
        return self.cursor.fetchall()


def test_the_cost_is_two_statements_and_one_for_each_table(cursor: Any) -> None:
    cursor.execute("CREATE TABLE A (ID INT)")
    cursor.execute("CREATE TABLE B (ID INT)")
    counting = Counting(cursor)
    reader(counting).read([table(name=name) for name in ("a", "b", "c")])
    assert len(counting.statements) == 4


def test_values_are_bound_and_never_part_of_the_statement(cursor: Any) -> None:
    counting = Counting(cursor)
    reader(counting).read([table(name="x') OR ('1'='1")])
    assert "1" not in counting.statements[0]


@given(st.text(min_size=1).filter(lambda name: "\0" not in name))
def test_a_written_name_is_read_back_as_it_is_stored(name: str) -> None:
    assert stored_name(written_name(name)) == name
    assert stored_name(quote_name(name)) == name


@pytest.mark.parametrize(("written", "stored"), [("flights", "FLIGHTS"), ('"Flights"', "Flights"), ("A_1$", "A_1$")])
def test_a_plain_name_is_read_in_capitals(written: str, stored: str) -> None:
    assert stored_name(written) == stored


@pytest.mark.parametrize(
    ("cql", "data_type", "scale", "fitting"),
    [
        ("int", "NUMBER", 0, True),
        ("int", "NUMBER", 2, False),
        ("decimal", "NUMBER", 2, True),
        ("bigint", "FLOAT", None, False),
        ("uuid", "TEXT", None, True),
        ("timestamp", "TIMESTAMP_TZ", None, True),
        ("timestamp", "DATE", None, False),
        ("frozen<list<int>>", "ARRAY", None, True),
        ("set<text>", "TEXT", None, False),
        ("map<text, int>", "OBJECT", None, True),
        ("vector<float, 3>", "ARRAY", None, False),
    ],
)
def test_what_fits(cql: str, data_type: str, scale: int | None, *, fitting: bool) -> None:
    assert fits(parse_type(cql), data_type=data_type, scale=scale) is fitting


def test_every_type_that_can_be_migrated_has_one_that_holds_it() -> None:
    assert set(ScalarName) - set(ACCEPTED) == {ScalarName.DURATION, ScalarName.EMPTY}
    assert accepted_types(parse_type("duration")) == ()
