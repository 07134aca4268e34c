"""One session a process for each connection, and what hooks read over it, on a real local Keyspaces."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.clients import (
    SHARED,
    SharedSessions,
    StoreUnreachableError,
    UnknownKeyspaceError,
    UnknownTableError,
)
from keyspaces_migration.cql_access import AccessCancelledError, ColumnKind
from keyspaces_provider.hooks.frames import FrameLibraryError
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.ports import free_ports
from tests.integration.operators.conftest import KEYSPACES, connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from keyspaces_migration.clients import SessionSettings
    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin

ASK = "SELECT release_version FROM system.local"


@pytest.fixture
def sessions() -> Iterator[SharedSessions]:
    made = SharedSessions()
    yield made
    made.close()


@pytest.fixture
def settings(connections: None) -> SessionSettings:
    del connections
    return KeyspacesHook(KEYSPACES).settings()


@pytest.fixture(scope="module")
def table(session: Session, keyspace: str) -> str:
    session.execute(
        f"CREATE TABLE {keyspace}.kept (p int, q text, c timestamp, s text static, n bigint, v set<text>, "
        "PRIMARY KEY ((p, q), c)) WITH CLUSTERING ORDER BY (c DESC)"
    )
    session.execute(f"INSERT INTO {keyspace}.kept (p, q, c, n, v) VALUES (1, 'a', 1000, 9007199254740993, {{'x'}})")
    session.execute(f"INSERT INTO {keyspace}.kept (p, q, c) VALUES (1, 'a', 2000)")
    return f"{keyspace}.kept"


class TestSharing:
    def test_hooks_of_a_connection_share_one_and_others_have_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = KeyspacesHook(KEYSPACES).get_conn()
        assert KeyspacesHook(KEYSPACES).get_conn() is first
        with KeyspacesHook(KEYSPACES).access() as access:
            assert access.session is first
        assert not first.is_shutdown
        changed = os.environ[f"AIRFLOW_CONN_{KEYSPACES.upper()}"].replace('"tls": false', '"tls": "false"')
        monkeypatch.setenv(f"AIRFLOW_CONN_{KEYSPACES.upper()}", changed)
        assert KeyspacesHook(KEYSPACES).get_conn() is not first

    def test_threads_that_ask_at_once_open_one(self, sessions: SharedSessions, settings: SessionSettings) -> None:
        together = threading.Barrier(8)

        def ask(_: int) -> Session:
            together.wait(timeout=10)
            return sessions.get("k", settings)

        with ThreadPoolExecutor(8) as pool:
            assert len({id(session) for session in pool.map(ask, range(8))}) == 1

    def test_one_that_was_closed_is_replaced(self, sessions: SharedSessions, settings: SessionSettings) -> None:
        first = sessions.get("k", settings)
        first.cluster.shutdown()
        second = sessions.get("k", settings)
        assert second is not first
        assert second.execute(ASK).one()

    def test_one_whose_store_did_not_answer_is_replaced(
        self, sessions: SharedSessions, settings: SessionSettings
    ) -> None:
        error = StoreUnreachableError(host="h", found="f", hint="h")
        first = sessions.get("k", settings)
        with pytest.raises(StoreUnreachableError), sessions.lease("k", settings):
            raise error
        assert first.is_shutdown
        assert sessions.get("k", settings).execute(ASK).one()

    def test_one_that_can_not_be_opened_is_not_kept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        held = len(SHARED._by_key)
        monkeypatch.setenv(
            *connection(
                "nowhere",
                conn_type="amazon_keyspaces",
                host="127.0.0.1",
                port=free_ports(1)[0],
                extra={"tls": False, "region": "us-east-1", "connect_timeout_s": 2},
            )
        )
        for _ in range(2):
            with pytest.raises(StoreUnreachableError):
                KeyspacesHook("nowhere").get_conn()
        assert len(SHARED._by_key) == held

    def test_all_are_closed_with_the_process(self, settings: SessionSettings) -> None:
        program = (
            "import atexit\n"
            "from keyspaces_migration.clients import SHARED, SessionSettings\n"
            f"settings = SessionSettings(hosts={settings.hosts}, port={settings.port})\n"
            "session = SHARED.get('k', settings)\n"
            "assert not session.is_shutdown\n"
            "atexit._run_exitfuncs()\n"
            "assert session.is_shutdown\n"
            "print('closed')\n"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
        assert ended.stdout == "closed\n", ended.stderr

    def test_a_forked_child_opens_its_own_and_leaves_the_parents_alone(self, settings: SessionSettings) -> None:
        program = (
            "import os\n"
            "from keyspaces_migration.clients import SHARED, SessionSettings\n"
            f"settings = SessionSettings(hosts={settings.hosts}, port={settings.port})\n"
            "mine = SHARED.get('k', settings)\n"
            "child = os.fork()\n"
            "if child == 0:\n"
            "    own = SHARED.get('k', settings)\n"
            "    good = own is not mine and own.execute('SELECT key FROM system.local').one() is not None\n"
            "    SHARED.close()\n"
            "    os._exit(0 if good and own.is_shutdown and not mine.is_shutdown else 1)\n"
            "assert os.waitpid(child, 0)[1] == 0\n"
            "assert SHARED.get('k', settings) is mine\n"
            "for _ in range(20):\n"
            "    assert mine.execute('SELECT key FROM system.local').one()\n"
            "print('whole')\n"
        )
        ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
        assert ended.stdout == "whole\n", ended.stderr


class TestCancelling:
    def test_it_ends_its_own_statements_alone(self, table: str, admin: LocalKeyspacesAdmin) -> None:
        hook = KeyspacesHook(KEYSPACES)
        admin.add_fault(Fault(kind=FaultKind.LATENCY, table=table, operation=Operation.READ, latency_ms=1_500))
        answered = list[Any]()

        def read() -> None:
            with hook.access() as other:
                assert other.session is shared
                begun.set()
                answered.extend(row for page in other.ask(f"SELECT p FROM {table}").pages() for row in page)

        begun = threading.Event()
        with hook.access() as access:
            shared = access.session
            reader = threading.Thread(target=read)
            reader.start()
            assert begun.wait(timeout=10)
            threading.Timer(0.3, access.cancel).start()
            with pytest.raises(AccessCancelledError):
                list(access.ask(f"SELECT p FROM {table}").pages())
        assert not shared.is_shutdown
        assert hook.get_conn() is not shared
        reader.join(timeout=20)
        assert len(answered) == 2
        assert shared.is_shutdown


class TestReading:
    def test_arrow(self, table: str) -> None:
        found = KeyspacesHook(KEYSPACES).get_arrow(f"SELECT n, v FROM {table} WHERE p = ? AND q = ?", ["1", "a"])
        assert found.to_pylist() == [{"n": None, "v": None}, {"n": 9007199254740993, "v": ["x"]}]

    def test_an_empty_answer_has_its_columns(self, table: str) -> None:
        found = KeyspacesHook(KEYSPACES).get_arrow(f"SELECT n FROM {table} WHERE p = 7 AND q = 'a'")
        assert (found.num_rows, found.column_names) == (0, ["n"])

    def test_whole_numbers_with_nulls_stay_whole_in_pandas(self, table: str) -> None:
        frame = KeyspacesHook(KEYSPACES).get_df(f"SELECT n FROM {table} WHERE p = :p AND q = 'a'", {"p": 1})
        assert frame["n"].isna().tolist() == [True, False]
        assert int(frame["n"].iloc[1]) == 9007199254740993

    @pytest.mark.skipif(find_spec("polars") is not None, reason="it is installed")
    def test_a_library_that_is_not_there_is_named(self, table: str) -> None:
        with pytest.raises(FrameLibraryError, match="polars is not installed"):
            KeyspacesHook(KEYSPACES).get_df(f"SELECT n FROM {table}", df_type="polars")
        with pytest.raises(FrameLibraryError, match="Allowed: pandas, polars"):
            KeyspacesHook(KEYSPACES).get_df(f"SELECT n FROM {table}", df_type="excel")  # type: ignore[arg-type]

    @pytest.mark.skipif(find_spec("polars") is None, reason="it is not installed")
    def test_polars(self, table: str) -> None:
        frame = KeyspacesHook(KEYSPACES).get_df(f"SELECT n FROM {table} WHERE p = 1 AND q = 'a'", df_type="polars")
        assert frame["n"].to_list() == [None, 9007199254740993]


class TestMetadata:
    def test_keyspaces_tables_columns_and_keys(self, table: str) -> None:
        hook = KeyspacesHook(KEYSPACES)
        keyspace, name = table.split(".")
        assert {keyspace, "system"} <= set(hook.get_keyspaces())
        assert name in hook.get_tables(keyspace)
        found = hook.get_table(keyspace, name)
        assert (found.partition_key, found.clustering_key) == (("p", "q"), ("c",))
        assert {column.name: (str(column.cql_type), column.kind) for column in found.columns} == {
            "p": ("int", ColumnKind.PARTITION_KEY),
            "q": ("text", ColumnKind.PARTITION_KEY),
            "c": ("timestamp", ColumnKind.CLUSTERING),
            "s": ("text", ColumnKind.STATIC),
            "n": ("bigint", ColumnKind.REGULAR),
            "v": ("set<text>", ColumnKind.REGULAR),
        }
        assert [column.name for column in found.columns if column.descending] == ["c"]

    def test_what_is_not_there_is_named(self, keyspace: str) -> None:
        with pytest.raises(UnknownKeyspaceError, match="nowhere"):
            KeyspacesHook(KEYSPACES).get_tables("nowhere")
        with pytest.raises(UnknownTableError, match="no_such"):
            KeyspacesHook(KEYSPACES).get_table(keyspace, "no_such")
