"""An application's statements, and the writes that they become."""

from __future__ import annotations

from typing import Any

import pytest

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.bounds import Bound, Comparison
from keyspaces_migration.dual_write.cql_reads import compile_read
from keyspaces_migration.dual_write.cql_values import in_order
from keyspaces_migration.dual_write.cql_writes import BoundWrite, compile_writes
from keyspaces_migration.dual_write.elements import ElementChange, ElementSign
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.mutation import MutationKind
from keyspaces_migration.dual_write.shape import TableShape

UNSET = object()
TYPES = {
    "p": "int",
    "q": "text",
    "c": "int",
    "d": "int",
    "v": "text",
    "Mixed": "int",
    "tags": "set<text>",
    "m": "map<text, int>",
    "fixed": "frozen<set<text>>",
    "l": "list<int>",
    "s": "text",
    "shared": "set<int>",
}
SHAPE = TableShape(
    name="t",
    columns={name: parse_type(text) for name, text in TYPES.items()},
    partition_keys=("p", "q"),
    clustering_keys=("c", "d"),
    static_columns=("s", "shared"),
)
TABLES = {"t": SHAPE}
KEY = {"p": 1, "q": "a", "c": 2, "d": 3}


def written(cql: str, values: Any = None) -> list[BoundWrite]:
    compiled = compile_writes(cql, tables=TABLES, keyspaces={"k"})
    given = in_order(compiled.markers, values)
    return [write for template in compiled.writes if (write := template.bind(given, unset=UNSET)) is not None]


def refusal(cql: str, values: Any = None) -> str:
    with pytest.raises(WriteRefusedError) as caught:
        written(cql, values)
    return str(caught.value)


def one(kind: MutationKind, key: dict[str, Any], columns: dict[str, Any] | None = None, **more: Any) -> BoundWrite:
    return BoundWrite(table="t", kind=kind, key=key, columns=columns or {}, **more)


def test_an_insert_sets_what_it_names_with_its_time_to_live() -> None:
    cql = 'INSERT INTO k.t (p, q, c, d, v, "Mixed") VALUES (?, ?, ?, ?, ?, ?) USING TTL ?;'
    expected = one(MutationKind.INSERT, KEY, {"v": "x", "Mixed": 7}, ttl_s=60)
    assert written(cql, (1, "a", 2, 3, "x", 7, 60)) == [expected]
    assert written(cql, {**KEY, "v": "x", "Mixed": 7, "[ttl]": 60}) == [expected]


def test_values_in_the_text_are_taken_as_they_stand() -> None:
    cql = "insert into T (p, q, c, d, v) values (-1, 'it''s', 2, 3, null)"
    assert written(cql) == [one(MutationKind.INSERT, {"p": -1, "q": "it's", "c": 2, "d": 3}, {"v": None})]


def test_an_update_binds_in_the_order_of_its_text() -> None:
    cql = "UPDATE t USING TTL ? SET v = ?, tags = :tags WHERE p = ? AND q = ? AND c = ? AND d = ?"
    expected = one(MutationKind.UPDATE, KEY, {"v": "x", "tags": {"b"}}, ttl_s=5)
    assert written(cql, (5, "x", {"b"}, 1, "a", 2, 3)) == [expected]
    assert written(cql, {"[ttl]": 5, "v": "x", "tags": {"b"}, **KEY}) == [expected]


def test_what_is_unset_stays_as_it_is() -> None:
    insert = "INSERT INTO t (p, q, c, d, v, s) VALUES (?, ?, ?, ?, ?, ?)"
    assert written(insert, (1, "a", 2, 3, UNSET, UNSET)) == [one(MutationKind.INSERT, KEY)]
    update = "UPDATE t SET v = ? WHERE p = 1 AND q = 'a' AND c = 2 AND d = 3"
    assert written(update, (UNSET,)) == []


def test_static_columns_are_written_apart() -> None:
    partition = {"p": 1, "q": "a"}
    static = one(MutationKind.UPDATE, partition, {"s": "y"})
    both = "INSERT INTO t (p, q, c, d, v, s) VALUES (1, 'a', 2, 3, 'x', 'y')"
    assert written(both) == [static, one(MutationKind.INSERT, KEY, {"v": "x"})]
    row_and_static = "INSERT INTO t (p, q, c, d, s) VALUES (1, 'a', 2, 3, 'y')"
    assert written(row_and_static) == [static, one(MutationKind.INSERT, KEY)]
    assert written("INSERT INTO t (p, q, s) VALUES (1, 'a', 'y')") == [static]
    assert written("UPDATE t SET s = 'y' WHERE p = 1 AND q = 'a'") == [static]
    assert written("DELETE s FROM t WHERE p = 1 AND q = 'a'") == [one(MutationKind.UPDATE, partition, {"s": None})]


def test_a_delete_takes_away_what_its_key_names() -> None:
    where = "WHERE p = 1 AND q = 'a'"
    assert written(f"DELETE FROM t {where}") == [one(MutationKind.DELETE_PARTITION, {"p": 1, "q": "a"})]
    assert written(f"DELETE FROM t {where} AND c = 2 AND d = 3") == [one(MutationKind.DELETE_ROW, KEY)]
    prefix = {"p": 1, "q": "a", "c": 2}
    assert written(f"DELETE FROM t {where} AND c = ?", (2,)) == [one(MutationKind.DELETE_RANGE, prefix)]
    bounds = (
        Bound(column="d", comparison=Comparison.ABOVE, value=3),
        Bound(column="d", comparison=Comparison.UP_TO, value=9),
    )
    found = written(f"DELETE FROM t {where} AND c = 2 AND d > ? AND d <= ?", (3, 9))
    assert found == [one(MutationKind.DELETE_RANGE, prefix, bounds=bounds)]
    cells = written(f"DELETE v, tags FROM t {where} AND c = 2 AND d = 3")
    assert cells == [one(MutationKind.UPDATE, KEY, {"v": None, "tags": None})]


WHOLE = "WHERE p = 1 AND q = 'a' AND c = 2 AND d = 3"
ADDED, TAKEN = ElementSign.ADD, ElementSign.REMOVE


@pytest.mark.parametrize(
    ("assignment", "values", "elements"),
    [
        ("tags = tags + ?", ({"a", "b"},), {"tags": ElementChange(ADDED, {"a", "b"})}),
        ("tags += ?", ({"a"},), {"tags": ElementChange(ADDED, {"a"})}),
        ("tags = tags - {'a', ?}", ("b",), {"tags": ElementChange(TAKEN, {"a", "b"})}),
        ("m = m + {'x': 1, ?: ?}", ("y", 2), {"m": ElementChange(ADDED, {"x": 1, "y": 2})}),
        ("m['x'] = ?", (1,), {"m": ElementChange(ADDED, {"x": 1})}),
        ("m[?] = null", ("x",), {"m": ElementChange(TAKEN, {"x"})}),
        ("m -= ?, tags += {'b'}", ({"x"},), {"m": ElementChange(TAKEN, {"x"}), "tags": ElementChange(ADDED, {"b"})}),
    ],
)
def test_elements_of_sets_and_maps_are_added_and_taken_away(
    assignment: str, values: tuple[Any, ...], elements: dict[str, ElementChange]
) -> None:
    assert written(f"UPDATE t SET {assignment} {WHOLE}", values) == [one(MutationKind.UPDATE, KEY, elements=elements)]


def test_a_delete_takes_elements_away_too() -> None:
    expected = {"m": ElementChange(TAKEN, {"x", "y"})}
    found = written(f"DELETE v, m['x'], m[?] FROM t {WHOLE}", ("y",))
    assert found == [one(MutationKind.UPDATE, KEY, {"v": None}, elements=expected)]


def test_elements_of_static_columns_are_written_apart() -> None:
    shared = one(MutationKind.UPDATE, {"p": 1, "q": "a"}, elements={"shared": ElementChange(ADDED, {1})})
    row = one(MutationKind.UPDATE, KEY, elements={"tags": ElementChange(ADDED, {"a"})})
    assert written(f"UPDATE t SET shared = shared + {{1}}, tags = tags + {{'a'}} {WHOLE}") == [shared, row]


@pytest.mark.parametrize("nothing", [None, set(), UNSET])
def test_no_elements_change_nothing(nothing: object) -> None:
    cql = f"UPDATE t SET tags = tags + ? {WHOLE}"
    assert written(cql, (nothing,)) == []
    cql = f"UPDATE t SET v = 'x', tags = tags + ? {WHOLE}"
    assert written(cql, (nothing,)) == [one(MutationKind.UPDATE, KEY, {"v": "x"})]


@pytest.mark.parametrize("begin", ["BEGIN BATCH", "BEGIN UNLOGGED BATCH", "begin logged batch"])
def test_a_batch_becomes_its_statements_one_by_one(begin: str) -> None:
    cql = f"""{begin}
      INSERT INTO t (p, q, c, d) VALUES (?, 'a', 2, 3);
      DELETE FROM t WHERE p = ? AND q = 'a' AND c = 2 AND d = 3
    APPLY BATCH;"""
    assert written(cql, (1, 1)) == [one(MutationKind.INSERT, KEY), one(MutationKind.DELETE_ROW, KEY)]


@pytest.mark.parametrize(
    ("cql", "why"),
    [
        ("INSERT INTO t (p, q, c, d) VALUES (1, 'a', 2, 3) IF NOT EXISTS", "LIGHTWEIGHT_TRANSACTION"),
        (f"UPDATE t SET v = 'x' {WHOLE} IF v = 'y'", "LIGHTWEIGHT_TRANSACTION"),
        ("INSERT INTO t (p, q, c, d) VALUES (1, uuid(), 2, 3)", "SERVER_VALUE"),
        ("INSERT INTO t (p, q, c, d) VALUES (1, f(2), 2, 3)", "expected a marker"),
        (f"UPDATE t SET tags['x'] = 1 {WHOLE}", "expected = after tags"),
        (f"UPDATE t SET tags = other + {{'x'}} {WHOLE}", "table t has no column other"),
        (f"UPDATE t SET tags = m + {{'x'}} {WHOLE}", "tags is set from m: read it, and write the value"),
        (f"UPDATE t SET tags = tags + {{'x'}}, tags = tags - {{'y'}} {WHOLE}", "tags is written twice"),
        (f"UPDATE t SET m = m + {{'x': 1, 'y'}} {WHOLE}", "elements of a set and of a map for m"),
        (f"UPDATE t SET tags = tags + {{'x' 'y'}} {WHOLE}", "expected , or }"),
        (f"UPDATE t SET l = l + ? {WHOLE}", "LIST_CHANGE"),
        (f"DELETE tags, tags['x'] FROM t {WHOLE}", "tags is deleted whole and in part"),
        (f"UPDATE t USING TIMESTAMP 5 SET v = 'x' {WHOLE}", "USING TIMESTAMP"),
        ("INSERT INTO t (p, q, c, d) VALUES (1, 'a', 2, 3) USING TTL 5 AND TIMESTAMP 6", "USING TIMESTAMP"),
        (f"DELETE FROM t USING TIMESTAMP 5 {WHOLE}", "USING TIMESTAMP"),
        ("INSERT INTO t JSON '{}'", r"expected \("),
        ("DELETE FROM t WHERE p IN (1, 2) AND q = 'a'", "one by one"),
        ("UPDATE t SET v = 'x' WHERE p = 1 AND q = 'a' AND c > 2", "range of rows"),
        ("INSERT INTO t (p, q, c, d, w) VALUES (1, 'a', 2, 3, 4)", "table t has no column w"),
        ("INSERT INTO u (p) VALUES (1)", "table u is not one of the migration's: t"),
        ("INSERT INTO other.t (p) VALUES (1)", "table other.t is not one of the migration's"),
        ("INSERT INTO t (p, q) VALUES (1)", "2 columns and 1 values"),
        ("TRUNCATE t", "expected INSERT, UPDATE, DELETE or BEGIN BATCH"),
        ("DELETE FROM t WHERE p = 1 AND q = 'a' ALLOW FILTERING", "the end of the statement"),
    ],
)
def test_what_would_not_be_the_same_in_both_stores_is_refused_with_the_reason(cql: str, why: str) -> None:
    with pytest.raises(WriteRefusedError, match=why) as caught:
        written(cql)
    assert cql.strip() in str(caught.value)


def test_values_that_don_t_fit_the_markers_are_named() -> None:
    cql = "UPDATE t SET v = ? WHERE p = ? AND q = 'a' AND c = 2 AND d = 3"
    assert refusal(cql, ("x",)) == "1 values for 2 markers (v, p)"
    assert refusal(cql, {"v": "x"}) == "no value for p; found: v"
    assert refusal(cql, {"v": "x", "p": 1, "z": 2}) == "z stands for no marker; allowed: v, p"


@pytest.mark.parametrize(
    ("cql", "values", "partition"),
    [
        ("SELECT * FROM t WHERE p = ? AND q = ?", (1, "a"), {"p": 1, "q": "a"}),
        ("select v, c from K.T where q='it''s' and p=7 limit ?", (5,), {"p": 7, "q": "it's"}),
        ('SELECT v AS "from" FROM k.t WHERE p = :p AND q = :q AND c > ?', (1, "a", 2), {"p": 1, "q": "a"}),
        ("SELECT v FROM t WHERE p = ? AND q = ? AND c IN (?, ?) AND d < ?", (1, "a", 2, 3, 4), {"p": 1, "q": "a"}),
        ("SELECT f(?, v) FROM t WHERE p = ? AND q = ?", (9, 1, "a"), {"p": 1, "q": "a"}),
        ("SELECT v FROM t WHERE p = ?", (1,), None),
        ("SELECT v FROM t WHERE p IN (?, ?) AND q = ?", (1, 2, "a"), None),
        ("SELECT v FROM t WHERE TOKEN(p, q) > ?", (5,), None),
        ("SELECT count(*) FROM t", (), None),
    ],
)
def test_a_read_is_known_by_its_partition_where_it_names_one(
    cql: str, values: tuple[Any, ...], partition: dict[str, Any] | None
) -> None:
    read = compile_read(cql, tables=TABLES, keyspaces={"k"})
    assert len(read.markers) == len(values)
    assert read.partition_key(values) == partition


@pytest.mark.parametrize(
    ("cql", "values", "row"),
    [
        ("SELECT v FROM t WHERE d = ? AND p = ? AND q = ? AND c = ?", (3, 1, "a", 2), KEY),
        ("SELECT v FROM t WHERE p = ? AND q = ? AND c = ? AND d > ?", (1, "a", 2, 3), None),
        ("SELECT v FROM t WHERE p = ? AND q = ?", (1, "a"), None),
    ],
)
def test_a_read_of_one_row_is_known_by_its_key(cql: str, values: tuple[Any, ...], row: dict[str, Any] | None) -> None:
    assert compile_read(cql, tables=TABLES, keyspaces={"k"}).row_key(values) == row


def test_named_markers_are_named_alike_in_reads_and_writes() -> None:
    where = 'WHERE p = :Tenant AND q = :"Quoted"'
    read = compile_read(f"SELECT v FROM t {where}", tables=TABLES, keyspaces=set())
    write = compile_writes(f"DELETE FROM t {where}", tables=TABLES, keyspaces=set())
    assert read.markers == write.markers == ("tenant", "Quoted")


def test_a_read_is_sent_as_it_is_with_the_store_s_own_keyspace() -> None:
    read = compile_read("SELECT v /* x */ FROM k.t WHERE p = ? -- end", tables=TABLES, keyspaces={"k"})
    assert read.text("Other") == 'SELECT v /* x */ FROM "Other"."t" WHERE p = ? -- end'


def test_a_read_of_no_table_of_the_migration_is_refused() -> None:
    with pytest.raises(WriteRefusedError, match="table u is not one of the migration's: t"):
        compile_read("SELECT * FROM u", tables=TABLES, keyspaces=set())
