from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from cassandra import AuthenticationFailed
from cassandra.cluster import Cluster
from cassandra.connection import ConnectionException
from pydantic import SecretStr

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    CredentialsError,
    PasswordAuth,
    SessionSettings,
    StoreUnreachableError,
    TlsSettings,
    open_session,
)
from keyspaces_migration.clients import session as session_module
from keyspaces_migration.clients.reconnection import connection_class
from keyspaces_migration.clients.translation import DRIVER_ERRORS
from rehearsal.doubts.relay import Relay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from tests.conftest import SecureNode

ROLE = "rotated"
PASSWORD = "before-it-was-rotated"
QUERY = "SELECT release_version FROM system.local"
COMES_BACK_S = 40.0


@pytest.fixture
def admin(secure_cassandra_node: SecureNode) -> Iterator[Session]:
    node = secure_cassandra_node
    settings = SessionSettings(
        hosts=(node.host,),
        port=node.port,
        tls=TlsSettings(ca_file=node.ca_file),
        auth=PasswordAuth(username=node.user, password=SecretStr(node.password)),
    )
    with open_session(settings) as session:
        yield session


@pytest.fixture
def relay(secure_cassandra_node: SecureNode) -> Iterator[Relay]:
    with Relay(to_port=secure_cassandra_node.port, host=secure_cassandra_node.host) as relay:
        yield relay


@pytest.fixture
def rotated(admin: Session, secure_cassandra_node: SecureNode, relay: Relay) -> Iterator[SessionSettings]:
    """A user whose password a test changes, reached through the relay."""
    admin.execute(f"CREATE ROLE {ROLE} WITH PASSWORD = '{PASSWORD}' AND LOGIN = true")
    yield SessionSettings(
        hosts=(secure_cassandra_node.host,),
        port=relay.port,
        tls=TlsSettings(ca_file=secure_cassandra_node.ca_file),
        auth=PasswordAuth(username=ROLE, password=SecretStr(PASSWORD)),
    )
    admin.execute(f"DROP ROLE {ROLE}")


def wait_for(happens: Callable[[], bool], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not happens():
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.2)


def answers(session: Session) -> bool:
    try:
        return session.execute(QUERY).one() is not None
    except DRIVER_ERRORS:
        return False


def set_password(admin: Session, password: str, *, behind: SessionSettings, refused: bool) -> None:
    """Change it, and wait until the node's cache of logins knows."""
    admin.execute(f"ALTER ROLE {ROLE} WITH PASSWORD = '{password}'")

    def is_refused() -> bool | None:
        try:
            with open_session(behind):
                return False
        except AuthenticationRefusedError:
            return True
        except StoreUnreachableError:
            return None  # the cache ended between this session's first login and its second

    wait_for(lambda: is_refused() is refused, within_s=20)


def test_a_session_comes_back_after_its_logins_were_refused_for_a_while(
    admin: Session,
    rotated: SessionSettings,
    relay: Relay,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "LONGEST_RECONNECT_S", 2.0)
    with open_session(rotated) as session:
        assert answers(session)
        set_password(admin, "another", behind=rotated, refused=True)
        assert answers(session)  # the password is asked for at logins only
        relay.vanish()
        wait_for(lambda: not answers(session), within_s=10)
        caplog.set_level("DEBUG", logger="cassandra.connection")
        caplog.clear()
        relay.come_back()
        # Only the session itself tries now: its first try is refused.
        wait_for(lambda: "Received ErrorMessage on new connection" in caplog.text, within_s=10)
        assert not answers(session)
        set_password(admin, PASSWORD, behind=rotated, refused=False)
        wait_for(lambda: answers(session), within_s=COMES_BACK_S)


def test_a_refused_login_is_final_before_the_first_one_that_was_accepted_and_of_this_cluster_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[object] = []

    def factory(_cls: type, _endpoint: object, _timeout: float) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Cluster.connection_class, "factory", classmethod(factory))
    one, other = connection_class(), connection_class()
    assert issubclass(one, Cluster.connection_class)
    connection, refused, unsigned = object(), AuthenticationFailed("no quorum"), CredentialsError("AWS is away")
    answers += [refused, connection, refused, unsigned, connection, refused]
    with pytest.raises(AuthenticationFailed):
        one.factory("node", 5.0)
    assert one.factory("node", 5.0) is connection
    with pytest.raises(ConnectionException, match="login refused, as it was not before: no quorum") as caught:
        one.factory("node", 5.0)
    assert caught.value.__cause__ is refused
    with pytest.raises(CredentialsError):  # which the driver tries again by itself
        one.factory("node", 5.0)
    assert one.factory("node", 5.0) is connection
    with pytest.raises(AuthenticationFailed):
        other.factory("node", 5.0)
