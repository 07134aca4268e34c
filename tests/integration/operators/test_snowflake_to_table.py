"""A query of a Snowflake stand-in over TLS, through Airflow's hook, into tables of a real local Keyspaces."""

from __future__ import annotations

import datetime as dt
import json
import pkgutil
import threading
import time
import uuid
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from keyspaces_migration.clients import StatementRefusedError, StoreTimeoutError, UnknownTableError
from keyspaces_migration.cql_access import AccessCancelledError
from keyspaces_migration.transfer import (
    ColumnMappingError,
    QueryRefusedError,
    RowRefusedError,
    TooManyRefusedError,
)
from keyspaces_provider.history import HistoryUnreachableError
from keyspaces_provider.object_files import OutputNotWrittenError
from keyspaces_provider.transfers.snowflake_to_table import SnowflakeToCassandraOperator, SnowflakeToKeyspacesOperator
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.processes import processes_of
from tests.integration.operators.conftest import CASSANDRA, KEYSPACES, SNOWFLAKE, connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.servers.snowflake import SnowflakeStandIn

NUMBERS = (
    "SELECT I AS K, 'v' || I AS V "
    "FROM (SELECT ROW_NUMBER() OVER (ORDER BY 1) - 1 AS I FROM TABLE(GENERATOR(ROWCOUNT => {})))"
)


@pytest.fixture(autouse=True)
def trusted(snowflake_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in snowflake_environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def table(session: Session, keyspace: str) -> Iterator[str]:
    """Of integers and text; a name that only quotes keep."""
    name = f"T{uuid.uuid4().hex[:8]}"
    session.execute(f'CREATE TABLE {keyspace}."{name}" (k int PRIMARY KEY, v text)')
    yield name
    session.execute(f'DROP TABLE {keyspace}."{name}"')


@pytest.fixture
def copy(keyspace: str, table: str) -> Any:
    def make(sql: str, **arguments: Any) -> SnowflakeToKeyspacesOperator:
        names = {"task_id": "copy", "snowflake_conn_id": SNOWFLAKE, "keyspaces_conn_id": KEYSPACES}
        return SnowflakeToKeyspacesOperator(**{**names, "keyspace": keyspace, "table": table, "sql": sql, **arguments})

    return make


def stored(session: Session, keyspace: str, table: str) -> dict[int, Any]:
    return {row.k: row.v for row in session.execute(f'SELECT k, v FROM {keyspace}."{table}"')}


class TestRows:
    def test_all_are_written_and_again_the_same(self, copy: Any, session: Session, keyspace: str, table: str) -> None:
        for _ in range(2):
            found = copy(f"{NUMBERS.format(5_000)}; ").execute({})
            assert found == {"read": 5_000, "written": 5_000, "refused": 0, "refused_path": None}
        assert stored(session, keyspace, table) == {k: f"v{k}" for k in range(5_000)}

    def test_cassandra_too(self, session: Session, keyspace: str, table: str) -> None:
        operator = SnowflakeToCassandraOperator(
            task_id="copy",
            snowflake_conn_id=SNOWFLAKE,
            cassandra_conn_id=CASSANDRA,
            sql="SELECT 1 AS K -- one",
            keyspace=keyspace,
            table=table,
        )
        assert operator.execute({})["written"] == 1
        assert stored(session, keyspace, table) == {1: None}

    def test_parameters_are_bound(self, copy: Any, session: Session, keyspace: str, table: str) -> None:
        evil = "x' ; DROP TABLE y; --"
        copy("SELECT %s::INT AS K, %s AS V", parameters=["3", evil]).execute({})
        copy("SELECT %(k)s::INT AS K, %(v)s AS V", parameters={"k": "4", "v": evil}).execute({})
        assert stored(session, keyspace, table) == {3: evil, 4: evil}

    def test_columns_are_mapped(self, copy: Any, session: Session, keyspace: str, table: str) -> None:
        sql = "SELECT 1 AS A, 'x' AS \"b c\", 3 AS UNUSED"
        copy(sql, columns={"k": "A", "v": '"b c"'}).execute({})
        assert stored(session, keyspace, table) == {1: "x"}

    def test_a_null_empties_its_cell_or_leaves_it(self, copy: Any, session: Session, keyspace: str, table: str) -> None:
        copy("SELECT 1 AS K, 'there' AS V").execute({})
        copy("SELECT 1 AS K, NULL::TEXT AS V", write_nulls=False).execute({})
        assert stored(session, keyspace, table) == {1: "there"}
        copy("SELECT 1 AS K, NULL::TEXT AS V").execute({})
        assert stored(session, keyspace, table) == {1: None}

    def test_rows_expire(self, copy: Any, session: Session, keyspace: str) -> None:
        session.execute(
            f"CREATE TABLE {keyspace}.expiring (k int PRIMARY KEY, v text) "
            "WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}"
        )
        copy("SELECT 1 AS K, 'x' AS V", table="expiring", ttl_s=1_000).execute({})
        left = session.execute(f"SELECT ttl(v) AS left FROM {keyspace}.expiring").one().left
        assert 900 < left <= 1_000

    def test_values_are_exact(self, copy: Any, session: Session, keyspace: str) -> None:
        session.execute(
            f"CREATE TABLE {keyspace}.typed (k bigint PRIMARY KEY, d decimal, at timestamp, zoned timestamp, "
            "far timestamp, day date, t time, u uuid, b blob, f boolean, x double, l list<int>, m map<text, decimal>)"
        )
        identity = uuid.uuid4()
        sql = (
            "SELECT 9007199254740993 AS K, 1234567890123456.789::NUMBER(38, 3) AS D, "
            "'1969-12-31 23:59:59.999'::TIMESTAMP_NTZ AS AT, '2026-11-01 12:00:00 +0200'::TIMESTAMP_TZ AS ZONED, "
            "NULL::TIMESTAMP_NTZ AS FAR, '2026-11-01'::DATE AS DAY, '12:34:56.789'::TIME AS T, "
            f"'{identity}' AS U, TO_BINARY('00ff', 'HEX') AS B, TRUE AS F, 0.1::FLOAT AS X, "
            "PARSE_JSON('[3, 1]') AS L, OBJECT_CONSTRUCT('a', 1.5) AS M"
        )
        copy(sql, table="typed").execute({})
        row = session.execute(f"SELECT * FROM {keyspace}.typed").one()
        assert (row.k, row.d) == (9007199254740993, Decimal("1234567890123456.789"))
        assert row.at == dt.datetime(1969, 12, 31, 23, 59, 59, 999_000)  # noqa: DTZ001 # the driver's own are naive
        assert row.zoned == dt.datetime(2026, 11, 1, 10)  # noqa: DTZ001 # as above
        assert row.far is None
        assert (str(row.day), str(row.t), row.u) == ("2026-11-01", "12:34:56.789000000", identity)
        assert (row.b, row.f, row.x, list(row.l)) == (b"\x00\xff", True, 0.1, [3, 1])
        assert dict(row.m) == {"a": Decimal("1.5")}


class TestRefusedRows:
    BAD = "SELECT * FROM (VALUES (1, 'one'), (2, NULL), (99999999999, 'far'), (4, 'four')) AS T (K, V)"

    def test_the_first_one_ends_the_copy_and_is_named(self, copy: Any) -> None:
        with pytest.raises(RowRefusedError, match=r"row 3 \(k=99999999999\), column k: .*32 bits"):
            copy(self.BAD).execute({})

    def test_they_go_to_a_file_with_the_reason(
        self, copy: Any, session: Session, keyspace: str, table: str, tmp_path: Path
    ) -> None:
        path = f"file://{tmp_path}/deep/refused.parquet"
        found = copy(self.BAD, refused_path=path).execute({})
        assert found == {"read": 4, "written": 3, "refused": 1, "refused_path": path}
        (refused,) = pq.read_table(tmp_path / "deep/refused.parquet").to_pylist()
        assert (refused["row_number"], refused["column"]) == (3, "k")
        assert "32 bits" in refused["reason"]
        assert json.loads(refused["row_json"]) == {"k": 99999999999, "v": "far"}
        assert set(stored(session, keyspace, table)) == {1, 2, 4}

    def test_what_the_table_refuses_is_a_refused_row_too(
        self, copy: Any, session: Session, keyspace: str, table: str, tmp_path: Path
    ) -> None:
        sql = "SELECT * FROM (VALUES (1, 'one'), (2, REPEAT('x', 1100000)), (3, 'three')) AS T (K, V)"
        found = copy(sql, refused_path=f"file://{tmp_path}/r.parquet", in_flight=2).execute({})
        assert (found["written"], found["refused"]) == (2, 1)
        (refused,) = pq.read_table(tmp_path / "r.parquet").to_pylist()
        assert (refused["row_number"], refused["column"]) == (2, None)
        assert refused["reason"].startswith("the table refuses it")
        assert set(stored(session, keyspace, table)) == {1, 3}

    def test_more_than_allowed_end_the_copy_after_all(self, copy: Any, tmp_path: Path) -> None:
        sql = "SELECT NULL::INT AS K FROM TABLE(GENERATOR(ROWCOUNT => 5))"
        allowed = copy(sql, refused_path=f"file://{tmp_path}/r.parquet", max_refused_rows=5)
        assert allowed.execute({})["refused"] == 5
        with pytest.raises(TooManyRefusedError, match="part of the key, and null"):
            copy(sql, refused_path=f"file://{tmp_path}/r.parquet", max_refused_rows=4).execute({})
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_can_not_be_written_is_named(self, copy: Any, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("no folder")
        with pytest.raises(OutputNotWrittenError, match=r"r\.parquet"):
            copy("SELECT 1 AS K", refused_path=f"file://{tmp_path}/file/r.parquet").execute({})


class TestWhatDoesNotFit:
    @pytest.mark.parametrize(
        ("sql", "columns", "said"),
        [
            ("SELECT 1 AS K, 2 AS W", None, "no column W"),
            ("SELECT 'x' AS V", None, "no column fills k, part of the key"),
            ('SELECT 1 AS K, 2 AS "k"', None, "k twice"),
            ("SELECT 1 AS K", {"k": "NO_SUCH"}, "no column NO_SUCH"),
            ("SELECT 1 AS K", {"k": "K", "w": "K"}, "no column w"),
            ("SELECT 1 AS K, CURRENT_TIMESTAMP() AS V", None, "cast it"),
        ],
    )
    def test_it_is_said_before_anything_is_read(self, copy: Any, sql: str, columns: Any, said: str) -> None:
        with pytest.raises(ColumnMappingError, match=said):
            copy(sql, columns=columns).execute({})

    @pytest.mark.parametrize("sql", ["SELECT * FROM NO_SUCH_TABLE", "SELEC 1"])
    def test_a_query_that_snowflake_refuses(self, copy: Any, sql: str) -> None:
        with pytest.raises(QueryRefusedError, match=r"SELEC"):
            copy(sql).execute({})

    def test_a_statement_that_is_no_query_is_not_carried_out(self, copy: Any, snowflake_cursor: Any) -> None:
        snowflake_cursor.execute("CREATE TABLE KEPT AS SELECT 1 AS K")
        with pytest.raises((QueryRefusedError, ColumnMappingError)):
            copy("DELETE FROM KEPT").execute({})
        assert snowflake_cursor.execute("SELECT COUNT(*) FROM KEPT").fetchone() == (1,)

    def test_a_missing_table_is_named(self, copy: Any) -> None:
        with pytest.raises(UnknownTableError, match="no_such"):
            copy("SELECT 1 AS K", table="no_such").execute({})

    def test_counters_are_refused(self, copy: Any, session: Session, keyspace: str) -> None:
        session.execute(f"CREATE TABLE {keyspace}.counted (k int PRIMARY KEY, v counter)")
        with pytest.raises(ColumnMappingError, match="v is counter"):
            copy("SELECT 1 AS K, 2 AS V", table="counted").execute({})
        with pytest.raises(StatementRefusedError):
            copy("SELECT 1 AS K", table="counted").execute({})


class TestTroubleOnTheWay:
    def test_throttled_writes_are_sent_again(
        self, copy: Any, session: Session, keyspace: str, table: str, admin: LocalKeyspacesAdmin
    ) -> None:
        admin.add_fault(
            Fault(kind=FaultKind.TIMEOUT_BEFORE, table=f"{keyspace}.{table}", operation=Operation.WRITE, count=20)
        )
        assert copy(NUMBERS.format(300)).execute({})["written"] == 300
        assert len(stored(session, keyspace, table)) == 300

    def test_snowflake_that_is_not_there(self, copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        extra = {"account": "a", "host": "127.0.0.1", "port": 1, "network_timeout": 1, "login_timeout": 1}
        monkeypatch.setenv(*connection("gone", conn_type="snowflake", login="u", password="p", extra=extra))
        with pytest.raises(HistoryUnreachableError, match="gone"):
            copy("SELECT 1 AS K", snowflake_conn_id="gone").execute({})

    @pytest.mark.parametrize(
        "before",
        [
            "airflow.providers.snowflake.hooks.snowflake.SnowflakeHook.get_conn",
            "keyspaces_migration.transfer.query.Query.columns",
            "snowflake.connector.cursor.SnowflakeCursor.fetch_arrow_batches",
        ],
    )
    def test_a_kill_does_not_wait_for_a_snowflake_that_hangs(
        self, copy: Any, snowflake_stand_in: SnowflakeStandIn, monkeypatch: pytest.MonkeyPatch, before: str
    ) -> None:
        operator = copy(NUMBERS.format(10))
        owner, name = before.rsplit(".", 1)
        original = getattr(pkgutil.resolve_name(f"{owner.rsplit('.', 1)[0]}:{owner.rsplit('.', 1)[1]}"), name)
        killer = threading.Timer(0.5, operator.on_kill)

        def hanging(*arguments: Any) -> Any:
            for process in processes_of(snowflake_stand_in.home):
                process.suspend()
            killer.start()
            if name == "fetch_arrow_batches":  # of a small answer, all came with the first response
                arguments[0].connection.cursor().execute("SELECT 1")
            return original(*arguments)

        monkeypatch.setattr(before, hanging)
        began = time.monotonic()
        try:
            with pytest.raises(AccessCancelledError):
                operator.execute({})
            assert time.monotonic() - began < 10
        finally:
            for process in processes_of(snowflake_stand_in.home):
                process.resume()
        killer.join()

    def test_a_table_that_stays_throttled(
        self, copy: Any, keyspace: str, table: str, admin: LocalKeyspacesAdmin
    ) -> None:
        admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=f"{keyspace}.{table}", operation=Operation.WRITE))
        with pytest.raises(StoreTimeoutError) as caught:
            copy("SELECT 1 AS K").execute({})
        assert caught.value.__notes__ == ["at least 0 rows were written, of 1 that were read"]
