from __future__ import annotations

import pytest

from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.errors import WriteRefusedError
from keyspaces_migration.dual_write.mutation import MutationKind, check_write
from keyspaces_migration.dual_write.refusals import Unrepeatable, refuse_unrepeatable, unrepeatable_reason
from keyspaces_migration.dual_write.shape import TableShape


def shape(**columns: str) -> TableShape:
    types = {name: parse_type(text) for name, text in {"id": "int", **columns}.items()}
    return TableShape(name="t", columns=types, partition_keys=("id",))


TABLE = shape(
    l="list<int>", s="set<int>", m="map<int, int>", n="counter", f="frozen<list<int>>", t="text", Note="list<int>"
)


@pytest.mark.parametrize(
    ("cql", "reason"),
    [
        ("INSERT INTO t (id) VALUES (1) IF NOT EXISTS", Unrepeatable.LIGHTWEIGHT_TRANSACTION),
        ("UPDATE t SET t = 'x' WHERE id = 1 if t = 'y'", Unrepeatable.LIGHTWEIGHT_TRANSACTION),
        ("UPDATE t SET n = n + 1 WHERE id = 1", Unrepeatable.COUNTER),
        ("UPDATE t SET n -= 1 WHERE id = 1", Unrepeatable.COUNTER),
        ("UPDATE t SET l = l + [1, 2] WHERE id = 1", Unrepeatable.LIST_CHANGE),
        ("UPDATE t SET l = [1, 2] + l WHERE id = 1", Unrepeatable.LIST_CHANGE),
        ("UPDATE t SET l = ? + l WHERE id = 1", Unrepeatable.LIST_CHANGE),
        ("UPDATE t SET l += [1] WHERE id = 1", Unrepeatable.LIST_CHANGE),
        ("UPDATE t SET l[0] = 1 WHERE id = 1", Unrepeatable.LIST_CHANGE),
        ("DELETE l[0] FROM t WHERE id = 1", Unrepeatable.LIST_CHANGE),
        ('UPDATE t SET "Note" = "Note" + [1] WHERE id = 1', Unrepeatable.LIST_CHANGE),
        ("INSERT INTO t (id, t) VALUES (1, now())", Unrepeatable.SERVER_VALUE),
        ("INSERT INTO t (id, t) VALUES (1, toTimestamp(Now( )))", Unrepeatable.SERVER_VALUE),
        ("INSERT INTO t (id, t) VALUES (uuid(), 'x')", Unrepeatable.SERVER_VALUE),
        ("UPDATE t SET t = currentTimestamp() WHERE id = 1", Unrepeatable.SERVER_VALUE),
    ],
)
def test_a_statement_that_can_t_be_repeated_is_refused_with_the_reason(cql: str, reason: Unrepeatable) -> None:
    assert unrepeatable_reason(cql, TABLE) is reason
    with pytest.raises(WriteRefusedError, match=reason.name):
        refuse_unrepeatable(cql, TABLE)


@pytest.mark.parametrize(
    "cql",
    [
        "INSERT INTO t (id, t) VALUES (?, ?)",
        "INSERT INTO t (id, t) VALUES (1, 'if now() l = l + 1')",
        "UPDATE t SET s = s + {1}, m = m + {1: 2} WHERE id = 1",
        "UPDATE t SET m[1] = 2 WHERE id = 1",
        "UPDATE t SET l = [1, 2], f = [3] WHERE id = 1",
        "DELETE FROM t WHERE id = 1 -- if",
        'UPDATE t SET "if" = 1 WHERE id = 1',
    ],
)
def test_a_statement_that_can_be_repeated_is_let_through(cql: str) -> None:
    refuse_unrepeatable(cql, TABLE)


def test_a_table_with_a_counter_is_refused() -> None:
    with pytest.raises(WriteRefusedError, match="n is a counter"):
        TABLE.refuse_if_unrepeatable()
    shape(t="text").refuse_if_unrepeatable()


WIDE = TableShape(
    name="wide",
    columns={name: parse_type("int") for name in ("p", "c", "s", "v")},
    partition_keys=("p",),
    clustering_keys=("c",),
    static_columns=("s",),
)


@pytest.mark.parametrize(
    ("kind", "key", "columns", "message"),
    [
        ("INSERT", {"p": 1}, {"v": 1}, r"must hold p, c"),
        ("INSERT", {"p": 1, "c": None}, {"v": 1}, r"none of them null"),
        ("DELETE_ROW", {"p": 1}, {}, r"must hold p, c"),
        ("UPDATE", {"p": 1, "c": 2, "v": 3}, {"v": 1}, r"must hold p, c"),
        ("UPDATE", {"p": 1, "c": 2}, {"s": 1}, r"Static columns are written apart"),
        ("UPDATE", {"p": 1}, {"v": 1}, r"allowed: s"),
        ("UPDATE", {"p": 1, "c": 2}, {"x": 1}, r"x can't be written"),
        ("UPDATE", {"p": 1, "c": 2}, {}, r"update of no column"),
    ],
)
def test_a_write_that_is_not_whole_is_refused(
    kind: str, key: dict[str, int], columns: dict[str, int], message: str
) -> None:
    with pytest.raises(WriteRefusedError, match=message):
        check_write(WIDE, key, columns, MutationKind(kind))


def test_whole_writes_pass() -> None:
    check_write(WIDE, {"p": 1, "c": 2}, {"v": None}, MutationKind.INSERT)
    check_write(WIDE, {"p": 1, "c": 2}, {}, MutationKind.INSERT)
    check_write(WIDE, {"p": 1}, {"s": 1}, MutationKind.UPDATE)
    check_write(WIDE, {"p": 1, "c": 2}, {}, MutationKind.DELETE_ROW)
