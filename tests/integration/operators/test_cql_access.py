"""Statements over a real local Keyspaces: pages, batches, types, throttles, cancellation."""

from __future__ import annotations

import datetime as dt
import io
import threading
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cassandra.util import Date, Time

from keyspaces_migration.clients import (
    StatementRefusedError,
    StoreTimeoutError,
    UnknownKeyspaceError,
    UnknownTableError,
    open_session,
)
from keyspaces_migration.cql_access import (
    AccessCancelledError,
    BatchKind,
    BatchRefusedError,
    CqlAccess,
    GroupSize,
    NotAQueryError,
    StatementValuesError,
    TokenRange,
    read_table,
    to_json_rows,
    write_parquet,
)
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.cql_access import Answer
    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

PARTITIONS, ROWS = 12, 25
ALL = {(p, c) for p in range(PARTITIONS) for c in range(ROWS)}


@pytest.fixture(scope="module")
def wide(session: Session, keyspace: str) -> str:
    """A table of 12 partitions of 25 rows."""
    table = f"{keyspace}.wide"
    session.execute(f"CREATE TABLE {table} (p int, c int, s int static, v text, PRIMARY KEY (p, c))")
    insert = session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, ?)")
    for p, c in sorted(ALL):
        session.execute(insert, (p, c, "x" if c == 3 else "y"))
    return table


@pytest.fixture
def empty(session: Session, keyspace: str) -> Iterator[str]:
    table = f"{keyspace}.t{uuid.uuid4().hex[:8]}"
    session.execute(f"CREATE TABLE {table} (p int, c int, v text, PRIMARY KEY (p, c))")
    yield table
    session.execute(f"DROP TABLE {table}")


def rows_of(answer: Answer) -> list[Any]:
    return [row for page in answer.pages() for row in page]


def stored(session: Session, table: str) -> set[tuple[int, int]]:
    return {(row.p, row.c) for row in session.execute(f"SELECT p, c FROM {table}")}


class TestReading:
    def test_short_and_empty_pages_are_not_the_end(
        self, access: CqlAccess, admin: LocalKeyspacesAdmin, wide: str
    ) -> None:
        admin.change_settings(page_bytes=1)
        assert {tuple(row) for row in rows_of(access.ask(f"SELECT p, c FROM {wide}"))} == ALL
        access.page_rows = 2
        filtered = access.ask(f"SELECT p, c FROM {wide} WHERE v = ? ALLOW FILTERING", ["x"])
        lengths, state = list[int](), None
        while not lengths or state is not None:
            page, state = filtered.fetch(state)
            lengths.append(len(page))
        assert 0 in lengths[:-1]
        assert {tuple(row) for row in rows_of(filtered)} == {(p, 3) for p in range(PARTITIONS)}

    def test_counting_reads_no_further_than_asked(self, access: CqlAccess, wide: str) -> None:
        access.page_rows = 10
        answer = access.ask(f"SELECT p, c FROM {wide}")
        assert answer.count(up_to=10_000) == len(ALL)
        fetched = list[int]()
        fetch = answer.fetch

        def counting(paging_state: bytes | None) -> Any:
            fetched.append(1)
            return fetch(paging_state)

        assert type(answer)(columns=answer.columns, fetch=counting).count(up_to=15) == 15
        assert len(fetched) == 2

    def test_few_rows_are_taken_whole_and_of_many_the_rest_follows(self, access: CqlAccess, wide: str) -> None:
        access.page_rows = 20
        answer = access.ask(f"SELECT p, c FROM {wide}")
        taken, more = answer.take(len(ALL))
        assert (len(taken), more) == (len(ALL), None)
        taken, more = answer.take(30)
        assert more is not None
        assert {tuple(row) for row in [*taken, *(row for page in more for row in page)]} == ALL

    def test_values_of_a_template_are_read_as_the_columns_type(self, access: CqlAccess, wide: str) -> None:
        assert rows_of(access.ask(f"SELECT v FROM {wide} WHERE p = ? AND c = ?", ["1", "3"])) == [("x",)]
        assert rows_of(access.ask(f"SELECT v FROM {wide} WHERE p = :a AND c = :b", {"b": 3, "a": "1"})) == [("x",)]

    @pytest.mark.parametrize("values", [[1], [1, 2, 3], ["one", 3], "12", {"p": 1, "q": 3}, {"p": 1}, [b"", 1]])
    def test_values_that_do_not_fit_are_refused_before_anything_is_sent(
        self, access: CqlAccess, wide: str, values: Any
    ) -> None:
        with pytest.raises(StatementValuesError):
            access.ask(f"SELECT v FROM {wide} WHERE p = ? AND c = ?", values)

    def test_a_statement_without_rows_is_no_query(self, access: CqlAccess, empty: str) -> None:
        with pytest.raises(NotAQueryError):
            access.ask(f"INSERT INTO {empty} (p, c) VALUES (1, 1)")

    def test_a_missing_table_or_keyspace_is_named(self, access: CqlAccess, keyspace: str) -> None:
        with pytest.raises(UnknownTableError, match="no_such"):
            access.ask(f"SELECT * FROM {keyspace}.no_such")
        with pytest.raises(UnknownTableError, match=f"{keyspace}.no_such"):
            read_table(access, keyspace=keyspace, table="no_such")
        with pytest.raises((UnknownKeyspaceError, UnknownTableError), match="nowhere"):
            access.ask("SELECT * FROM nowhere.t")


class TestThrottles:
    def test_a_throttled_read_is_tried_again(self, access: CqlAccess, admin: LocalKeyspacesAdmin, wide: str) -> None:
        told = list[str]()
        access.on_throttle = told.append
        admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=wide, operation=Operation.READ, count=2))
        assert len(rows_of(access.ask(f"SELECT p, c FROM {wide}"))) == len(ALL)
        assert len(told) == 2

    def test_one_that_stays_throttled_is_given_up(
        self, access: CqlAccess, admin: LocalKeyspacesAdmin, wide: str
    ) -> None:
        admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=wide, operation=Operation.READ))
        with pytest.raises(StoreTimeoutError):
            rows_of(access.ask(f"SELECT p, c FROM {wide}"))

    def test_a_write_is_repeated_only_if_the_caller_says_that_it_may(
        self, access: CqlAccess, admin: LocalKeyspacesAdmin, session: Session, empty: str
    ) -> None:
        insert = f"INSERT INTO {empty} (p, c) VALUES (?, ?)"
        fault = Fault(kind=FaultKind.TIMEOUT_BEFORE, table=empty, operation=Operation.WRITE, count=1)
        admin.add_fault(fault)
        with pytest.raises(StoreTimeoutError) as caught:
            access.write(insert, [(0, 0)])
        assert caught.value.__notes__ == ["0 of 1 requests were acknowledged"]
        assert stored(session, empty) == set()
        admin.add_fault(fault)
        access.write(insert, [(0, c) for c in range(40)], repeatable=True)
        assert len(stored(session, empty)) == 40


class TestWriting:
    def test_unlogged_batches_hold_thirty_rows_of_one_partition(
        self, access: CqlAccess, session: Session, empty: str
    ) -> None:
        rows = [(p, c, "v") for c in range(70) for p in range(3)]
        written = access.write(f"INSERT INTO {empty} (p, c, v) VALUES (?, ?, ?)", rows, batch=BatchKind.UNLOGGED)
        assert (written.statements, written.requests) == (210, 9)
        assert stored(session, empty) == {(p, c) for p, c, _ in rows}

    def test_logged_batches_hold_a_hundred(self, access: CqlAccess, session: Session, empty: str) -> None:
        rows = [{"p": n, "c": n} for n in range(101)]
        written = access.write(f"INSERT INTO {empty} (p, c, v) VALUES (:p, :c, :v)", rows, batch=BatchKind.LOGGED)
        assert (written.statements, written.requests) == (101, 2)
        assert len(stored(session, empty)) == 101

    def test_one_row_twice_in_a_batch_is_refused(self, access: CqlAccess, session: Session, empty: str) -> None:
        insert = f"INSERT INTO {empty} (p, c, v) VALUES (?, ?, ?)"
        with pytest.raises(BatchRefusedError, match="same row"):
            access.write(insert, [(1, 1, "b"), (1, 1, "a")], batch=BatchKind.UNLOGGED)
        assert stored(session, empty) == set()
        access.write(insert, [(1, 1, "b"), (1, 1, "a")])
        assert session.execute(f"SELECT v FROM {empty}").one().v == "a"

    def test_an_unlogged_batch_needs_the_partition_key(self, access: CqlAccess, empty: str) -> None:
        with pytest.raises(BatchRefusedError, match="partition key"):
            access.write(f"INSERT INTO {empty} (p, c) VALUES (1, ?)", [(1,), (2,)], batch=BatchKind.UNLOGGED)

    def test_one_bad_value_keeps_every_row_from_being_sent(
        self, access: CqlAccess, session: Session, empty: str
    ) -> None:
        with pytest.raises(StatementValuesError):
            access.write(f"INSERT INTO {empty} (p, c) VALUES (?, ?)", [(1, 1), (2, "two")])
        assert stored(session, empty) == set()

    def test_a_name_left_out_leaves_the_column_and_none_empties_it(
        self, access: CqlAccess, session: Session, empty: str
    ) -> None:
        insert = f"INSERT INTO {empty} (p, c, v) VALUES (?, ?, ?)"
        access.write(insert, [{"p": 1, "c": 1, "v": "there"}])
        access.write(insert, [{"p": 1, "c": 1}])
        assert session.execute(f"SELECT v FROM {empty}").one().v == "there"
        access.write(insert, [{"p": 1, "c": 1, "v": None}])
        assert session.execute(f"SELECT v FROM {empty}").one().v is None

    def test_conditions_that_did_not_hold_are_counted(self, access: CqlAccess, empty: str) -> None:
        insert = f"INSERT INTO {empty} (p, c) VALUES (?, ?) IF NOT EXISTS"
        assert access.write(insert, [(1, 1), (2, 2)]).conditions_not_met == 0
        assert access.write(insert, [(1, 1), (3, 3)]).conditions_not_met == 1

    def test_what_the_store_refuses_is_told_with_what_was_acknowledged(self, access: CqlAccess, empty: str) -> None:
        with pytest.raises(StatementRefusedError):
            access.write(f"INSERT INTO {empty} (p, c) VALUES (?, ?) USING TTL 700000000", [(1, 1)])


class TestCancelling:
    @pytest.mark.parametrize("stage", ["whatever comes first", "a page"])
    def test_what_is_under_way_ends_at_once(
        self, admin: LocalKeyspacesAdmin, local_keyspaces: LocalKeyspacesNode, wide: str, tmp_path: Path, stage: str
    ) -> None:
        admin.add_fault(Fault(kind=FaultKind.LATENCY, table=wide, operation=Operation.READ, latency_ms=20_000))
        settings = local_keyspaces.contact.session_settings(request_timeout_s=30)
        ended, asked = list[BaseException](), threading.Event()
        with open_session(settings) as session:
            access = CqlAccess(session=session, settings=settings)

            def read() -> None:
                try:
                    answer = access.ask(f"SELECT p, c FROM {wide}")
                    asked.set()
                    rows_of(answer)
                except AccessCancelledError as error:
                    ended.append(error)

            reader = threading.Thread(target=read)
            reader.start()
            if stage == "a page":
                assert asked.wait(timeout=10)
            wait_until(
                lambda: None if in_flight(session) else "nothing is under way",
                name="a request under way",
                log=tmp_path / "none.log",
                timeout_s=10,
            )
            access.cancel()
            reader.join(timeout=3)
            assert not reader.is_alive()
            assert len(ended) == 1
            with pytest.raises(AccessCancelledError):
                access.prepare(f"SELECT p FROM {wide}")


def in_flight(session: Session) -> int:
    return sum(sum(pool.get_state()["in_flights"]) for pool in session.get_pools())


TYPES: dict[str, tuple[Any, pa.DataType, Any, Any]] = {
    "ascii": ("a", pa.string(), "a", "a"),
    "bigint": (2**63 - 1, pa.int64(), 2**63 - 1, 2**63 - 1),
    "blob": (b"\x00\xff", pa.binary(), b"\x00\xff", "0x00ff"),
    "boolean": (True, pa.bool_(), True, True),
    "date": (Date(18_262), pa.date32(), dt.date(2020, 1, 1), "2020-01-01"),
    "decimal": (Decimal("1.2300"), pa.string(), "1.2300", "1.2300"),
    "double": (float("inf"), pa.float64(), float("inf"), "Infinity"),
    "float": (0.5, pa.float32(), 0.5, 0.5),
    "inet": ("2001:db8::1", pa.string(), "2001:db8::1", "2001:db8::1"),
    "int": (-5, pa.int32(), -5, -5),
    "smallint": (-5, pa.int16(), -5, -5),
    "tinyint": (-5, pa.int8(), -5, -5),
    "text": ("é", pa.string(), "é", "é"),
    "time": (Time(3_723_000_000_001), pa.time64("ns"), None, "01:02:03.000000001"),
    "timestamp": (
        dt.datetime(2020, 1, 2, 3, 4, 5, 678_000, tzinfo=dt.UTC),
        pa.timestamp("ms", tz="UTC"),
        dt.datetime(2020, 1, 2, 3, 4, 5, 678_000, tzinfo=dt.UTC),
        "2020-01-02T03:04:05.678Z",
    ),
    "uuid": (uuid.UUID(int=7), pa.string(), str(uuid.UUID(int=7)), str(uuid.UUID(int=7))),
    "varint": (2**80, pa.string(), str(2**80), str(2**80)),
    "list<int>": ([2, 1, 2], pa.list_(pa.int32()), [2, 1, 2], [2, 1, 2]),
    "set<text>": ({"b", "a"}, pa.list_(pa.string()), ["a", "b"], ["a", "b"]),
    "map<text, int>": ({"a": 1}, pa.map_(pa.string(), pa.int32()), [("a", 1)], [["a", 1]]),
    "frozen<list<frozen<set<int>>>>": ([{1}], pa.list_(pa.list_(pa.int32())), [[1]], [[1]]),
    "tuple<int, text>": ((1, None), pa.struct([("f0", pa.int32()), ("f1", pa.string())]), None, {"f0": 1, "f1": None}),
}


class TestTypes:
    @pytest.mark.parametrize("cql", TYPES)
    def test_every_type_has_its_form_in_parquet_and_in_json(
        self, access: CqlAccess, session: Session, keyspace: str, cql: str
    ) -> None:
        value, arrow_type, in_parquet, in_json = TYPES[cql]
        table = f"{keyspace}.t{uuid.uuid4().hex[:8]}"
        session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, v {cql})")
        access.write(f"INSERT INTO {table} (k, v) VALUES (?, ?)", [(1, value), (2, None)])
        answer = access.ask(f"SELECT v FROM {table} WHERE k = ?", [1])
        found = parquet_of(answer)
        assert found.schema.field("v").type == arrow_type
        assert found.schema.field("v").metadata == {b"cql_type": answer.columns[0].cql_text.encode()}
        if in_parquet is not None:
            assert found["v"].to_pylist() == [in_parquet]
        assert to_json_rows(answer.columns, rows_of(answer)) == [{"v": in_json}]
        nothing = access.ask(f"SELECT v FROM {table} WHERE k = ?", [2])
        assert parquet_of(nothing)["v"].to_pylist() == [None]
        access.write(f"INSERT INTO {table} (k, v) VALUES (?, ?)", [(3, in_json)] if "<" not in cql else [(3, value)])
        again = access.ask(f"SELECT v FROM {table} WHERE k = ?", [3])
        assert to_json_rows(again.columns, rows_of(again)) == [{"v": in_json}]

    def test_a_user_type_is_a_struct(self, access: CqlAccess, addresses: str) -> None:
        answer = access.ask(f"SELECT u FROM {addresses}")
        assert to_json_rows(answer.columns, rows_of(answer)) == [{"u": {"street": "s", "lines": [1, 2]}}]
        assert parquet_of(answer)["u"].to_pylist() == [{"street": "s", "lines": [1, 2]}]

    def test_an_answer_without_rows_still_has_its_columns(self, access: CqlAccess, empty: str) -> None:
        found = parquet_of(access.ask(f"SELECT p, v FROM {empty}"))
        assert (found.num_rows, found.column_names) == (0, ["p", "v"])

    def test_row_groups_are_written_as_they_fill(self, access: CqlAccess, wide: str) -> None:
        access.page_rows = 50
        answer, file = access.ask(f"SELECT p, c FROM {wide}"), io.BytesIO()
        assert write_parquet(answer.columns, answer.pages(), file, group=GroupSize(rows=100)) == len(ALL)
        assert pq.ParquetFile(file).num_row_groups == 3


@pytest.fixture
def addresses(session: Session, keyspace: str) -> str:
    table = f"{keyspace}.t{uuid.uuid4().hex[:8]}"
    session.execute(f"CREATE TYPE {keyspace}.address (street text, lines frozen<list<int>>)")
    session.execute(f"CREATE TABLE {table} (k int PRIMARY KEY, u frozen<address>)")
    session.execute(session.prepare(f"INSERT INTO {table} (k, u) VALUES (1, ?)"), [("s", [1, 2])])
    return table


def parquet_of(answer: Answer) -> pa.Table:
    file = io.BytesIO()
    write_parquet(answer.columns, answer.pages(), file)
    return pq.read_table(file)


def test_a_table_is_read_by_ranges_that_together_are_the_table(access: CqlAccess, wide: str) -> None:
    keyspace, table = wide.split(".")
    parts = [
        rows_of(read_table(access, keyspace=keyspace, table=table, columns=["p", "c"], tokens=tokens))
        for tokens in TokenRange().split(5)
    ]
    together = [tuple(row) for part in parts for row in part]
    assert len(together) == len(ALL)
    assert set(together) == ALL
    assert sum(bool(part) for part in parts) > 1
