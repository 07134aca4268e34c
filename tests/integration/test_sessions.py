from __future__ import annotations

import itertools
import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cassandra import InvalidRequest
from pydantic import SecretStr

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    Consistency,
    DataCenterError,
    PasswordAuth,
    PermissionRefusedError,
    SessionSettings,
    SessionSettingsError,
    StatementRefusedError,
    StoreTimeoutError,
    StoreUnreachableError,
    TlsRefusedError,
    TlsSettings,
    UnknownKeyspaceError,
    UnknownTableError,
    describe_store,
    open_session,
    store_errors,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cassandra.node import CassandraNode
    from tests.conftest import SecureNode

NO_TABLE = "SELECT * FROM system.no_such_table"
KEYSPACE = "sessions_test"
REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


@pytest.fixture
def plain(cassandra_node: CassandraNode) -> SessionSettings:
    return SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)


@pytest.fixture
def secure(secure_cassandra_node: SecureNode) -> SessionSettings:
    node = secure_cassandra_node
    return SessionSettings(
        hosts=(node.host,),
        port=node.port,
        tls=TlsSettings(ca_file=node.ca_file),
        auth=PasswordAuth(username=node.user, password=SecretStr(node.password)),
    )


def refused(settings: SessionSettings, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught, open_session(settings):
        pass
    assert type(caught.value) is kind
    assert caught.value.__cause__ is not None
    return str(caught.value)


@pytest.fixture
def keyspace(plain: SessionSettings) -> Iterator[str]:
    with open_session(plain) as session:
        session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH {REPLICATION}")
        yield KEYSPACE
        session.execute(f"DROP KEYSPACE {KEYSPACE}")


class TestPlain:
    def test_the_only_data_centre_is_found_and_the_store_describes_itself(self, plain: SessionSettings) -> None:
        with open_session(plain) as session:
            described = describe_store(session, settings=plain)
        assert described.data_center == "datacenter1"
        assert described.host_count == 1
        assert described.release_version.startswith("5.0")
        assert described.partitioner.endswith("Murmur3Partitioner")
        assert described.keyspace is None

    def test_the_named_data_centre_keyspace_consistency_and_time_limit_are_used(self, plain: SessionSettings) -> None:
        settings = replace(
            plain,
            local_data_center="datacenter1",
            keyspace="system_schema",
            consistency=Consistency.QUORUM,
            request_timeout_s=17,
        )
        with open_session(settings) as session:
            result = session.execute("SELECT keyspace_name FROM keyspaces")
            assert "system" in {row.keyspace_name for row in result}
            assert session.cluster.profile_manager.default.request_timeout == 17
            assert session.cluster.protocol_version == 4
            assert result.response_future.message.consistency_level == 4  # QUORUM in the native protocol

    def test_a_node_that_is_away_is_looked_for_every_few_seconds_for_as_long_as_it_takes(
        self, plain: SessionSettings
    ) -> None:
        with open_session(plain) as session:
            delays = list(itertools.islice(session.cluster.reconnection_policy.new_schedule(), 10_000))
        assert len(delays) == 10_000
        assert max(delays) == 15

    def test_schema_metadata_can_be_left_out(self, plain: SessionSettings) -> None:
        with open_session(plain) as session:
            assert "system" in session.cluster.metadata.keyspaces
        with open_session(replace(plain, schema_metadata=False)) as session:
            assert not session.cluster.metadata.keyspaces

    def test_the_cluster_is_closed_after_use_and_after_an_error_inside(self, plain: SessionSettings) -> None:
        clusters = []
        with open_session(plain) as session:
            clusters.append(session.cluster)
        with suppress(ZeroDivisionError), open_session(plain) as session:
            clusters.append(session.cluster)
            _ = 1 / 0
        assert [cluster.is_shutdown for cluster in clusters] == [True, True]

    def test_an_unknown_data_centre_is_answered_with_those_that_exist(self, plain: SessionSettings) -> None:
        message = refused(replace(plain, local_data_center="mars"), DataCenterError)
        assert "no data centre 'mars', but datacenter1" in message

    def test_an_unknown_keyspace_is_named(self, plain: SessionSettings) -> None:
        message = refused(replace(plain, keyspace="No_Such"), UnknownKeyspaceError)
        assert message.startswith(f"{plain.address}: there is no keyspace No_Such")

    def test_tls_spoken_to_a_plain_port_is_told(self, plain: SessionSettings) -> None:
        message = refused(replace(plain, tls=TlsSettings(), connect_timeout_s=3), TlsRefusedError)
        assert "the port speaks plain text and the settings speak TLS" in message

    def test_a_user_given_to_a_store_without_authentication_is_no_error(self, plain: SessionSettings) -> None:
        auth = PasswordAuth(username="anyone", password=SecretStr("anything"))
        with open_session(replace(plain, auth=auth)) as session:
            assert session.execute("SELECT release_version FROM system.local").one()

    @pytest.mark.parametrize("way", ["execute", "prepare"])
    def test_an_unknown_table_is_named(self, plain: SessionSettings, way: str) -> None:
        with open_session(plain) as session:
            with (
                pytest.raises(UnknownTableError, match="there is no table no_such_table") as caught,
                store_errors(plain),
            ):
                getattr(session, way)(NO_TABLE)
            assert isinstance(caught.value.__cause__, InvalidRequest)

    @pytest.mark.parametrize(
        ("statement", "kind"),
        [
            ("SELECT * FROM no_such.t", UnknownKeyspaceError),
            ("USE no_such", UnknownKeyspaceError),
            ("TRUNCATE no_such.t", UnknownKeyspaceError),
            ("CREATE TABLE no_such.t (a int PRIMARY KEY)", UnknownKeyspaceError),
            ("DESCRIBE KEYSPACE no_such", UnknownKeyspaceError),
            ("DROP KEYSPACE no_such", UnknownKeyspaceError),
            ("SELECT * FROM sessions_test.no_such", UnknownTableError),
            ("INSERT INTO sessions_test.no_such (a) VALUES (1)", UnknownTableError),
            (f"DESCRIBE TABLE {KEYSPACE}.no_such", UnknownTableError),
            (f"ALTER TABLE {KEYSPACE}.no_such ADD a int", UnknownTableError),
            (f"CREATE INDEX ON {KEYSPACE}.no_such (a)", UnknownTableError),
            (f"DROP TABLE {KEYSPACE}.no_such", UnknownTableError),
            ("SELECT no_such FROM system.local", StatementRefusedError),
            (f"DROP TYPE {KEYSPACE}.no_such", StatementRefusedError),
            ("SELECT * FROM no_such", StatementRefusedError),
            ("SELEKT", StatementRefusedError),
        ],
    )
    @pytest.mark.usefixtures("keyspace")
    def test_refused_statements_are_told_apart(
        self, plain: SessionSettings, statement: str, kind: type[Exception]
    ) -> None:
        with (
            open_session(plain) as session,
            pytest.raises(kind, match=r"no_such|SELEKT|No keyspace") as caught,
            store_errors(plain),
        ):
            session.execute(statement)
        assert type(caught.value) is kind

    def test_a_request_without_an_answer_in_time_is_told(self, plain: SessionSettings) -> None:
        hurried = replace(plain, request_timeout_s=0.000001)
        with open_session(hurried) as session, pytest.raises(StoreTimeoutError, match="1e-06 s"), store_errors(hurried):
            session.execute("SELECT * FROM system_schema.columns")

    def test_no_thread_is_left_after_the_session(self, plain: SessionSettings) -> None:
        with open_session(plain):
            pass  # the driver's event loop stays for the life of the process
        before = set(threading.enumerate())
        with open_session(plain):
            assert set(threading.enumerate()) > before
        deadline = time.monotonic() + 10
        while (left := set(threading.enumerate()) - before) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not left


class TestSecure:
    def test_tls_with_the_authority_and_a_password_opens(self, secure: SessionSettings) -> None:
        with open_session(secure) as session:
            assert describe_store(session, settings=secure).host_count == 1

    def test_plain_text_spoken_to_a_tls_port_is_told(self, secure: SessionSettings) -> None:
        message = refused(replace(secure, tls=None, connect_timeout_s=3), TlsRefusedError)
        assert "the port speaks TLS and the settings speak plain text" in message

    def test_an_untrusted_authority_is_told(self, secure: SessionSettings) -> None:
        message = refused(replace(secure, tls=TlsSettings()), TlsRefusedError)
        assert "not trusted by the operating system's authorities" in message

    def test_a_wrong_host_name_is_told_with_the_name(self, secure: SessionSettings) -> None:
        assert secure.tls
        tls = replace(secure.tls, server_hostname="cassandra.eu-west-1.amazonaws.com")
        message = refused(replace(secure, tls=tls), TlsRefusedError)
        assert "does not bear the name cassandra.eu-west-1.amazonaws.com" in message

    def test_a_wrong_host_name_is_accepted_when_names_are_not_checked(self, secure: SessionSettings) -> None:
        assert secure.tls
        tls = replace(secure.tls, server_hostname="another.name", check_hostname=False)
        with open_session(replace(secure, tls=tls)) as session:
            assert session.execute("SELECT release_version FROM system.local").one()

    def test_a_wrong_password_names_the_user(self, secure: SessionSettings) -> None:
        auth = PasswordAuth(username="cassandra", password=SecretStr("hunter2-wrong"))
        message = refused(replace(secure, auth=auth), AuthenticationRefusedError)
        assert "the store refuses user 'cassandra'" in message
        assert "hunter2-wrong" not in message

    def test_no_password_where_one_is_needed_is_told(self, secure: SessionSettings) -> None:
        message = refused(replace(secure, auth=None), AuthenticationRefusedError)
        assert "the store wants a user and a password, and the settings name none" in message

    def test_a_missing_permission_is_told(self, secure: SessionSettings) -> None:
        with open_session(secure) as session:
            session.execute("CREATE ROLE IF NOT EXISTS reader WITH PASSWORD = 'reader-pw' AND LOGIN = true")
        reader = replace(secure, auth=PasswordAuth(username="reader", password=SecretStr("reader-pw")))
        match = "user 'reader' may not do this.*no SELECT permission"
        with open_session(reader) as session, pytest.raises(PermissionRefusedError, match=match), store_errors(reader):
            session.execute("SELECT * FROM system_auth.roles")

    def test_the_password_is_in_no_log_line_of_any_logger_down_to_debug(
        self, secure: SessionSettings, caplog: pytest.LogCaptureFixture
    ) -> None:
        secret = "hunter2-in-no-log"
        with caplog.at_level(logging.DEBUG):
            refused(
                replace(secure, auth=PasswordAuth(username="cassandra", password=SecretStr(secret))),
                AuthenticationRefusedError,
            )
            with open_session(secure) as session:
                session.execute("SELECT release_version FROM system.local")
        assert len(caplog.records) > 10
        assert secret not in caplog.text
        assert "'cassandra', 'cassandra'" not in caplog.text


class TestUnreachable:
    def test_a_closed_port_is_told(self) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            settings = SessionSettings(hosts=("127.0.0.1",), port=bound.getsockname()[1])
            message = refused(settings, StoreUnreachableError)
        assert message.startswith(f"{settings.address}: the connection is refused")

    def test_an_unknown_host_name_is_told(self) -> None:
        message = refused(SessionSettings(hosts=("no-such-host.invalid",)), StoreUnreachableError)
        assert "no host name resolves" in message

    def test_one_reachable_contact_point_is_enough(self, plain: SessionSettings) -> None:
        with open_session(replace(plain, hosts=("127.0.0.9", *plain.hosts))) as session:
            assert session.execute("SELECT release_version FROM system.local").one()

    def test_an_authority_file_that_is_not_there_is_a_matter_of_settings(
        self, secure: SessionSettings, tmp_path: Path
    ) -> None:
        settings = replace(secure, tls=TlsSettings(ca_file=tmp_path / "missing.pem"))
        message = refused(settings, SessionSettingsError)
        assert "missing.pem cannot be read" in message
