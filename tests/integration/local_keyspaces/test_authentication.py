from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from boto3 import Session as AwsSession
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable
from cassandra_sigv4.auth import SigV4Authenticator, SigV4AuthProvider

from rehearsal.cassandra.node import NodeTls
from rehearsal.certificates import make_keystore, make_server_files
from rehearsal.local_keyspaces.credentials import AccessKey, User, write_credentials
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "eu-central-1"
LOCAL = User(username="local", password="local")
LASTING = AccessKey(access_key_id="AKIALASTING", secret_access_key="secret/of+it")
TOKEN = "a/token+with==signs"
NOW = dt.datetime.now(tz=dt.UTC)


def temporary(*, seconds: int, token: str = TOKEN) -> AccessKey:
    return AccessKey(
        access_key_id="ASIATEMPORARY",
        secret_access_key="other",
        session_token=token,
        expires_at=dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=seconds),
    )


@pytest.fixture(scope="module")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("credentials") / "credentials.json"
    write_credentials(path, access_keys=[LASTING, temporary(seconds=3600)], users=[LOCAL])
    return path


@pytest.fixture(scope="module")
def node(credentials: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyspacesNode]:
    native, storage = free_ports(2)
    home = tmp_path_factory.mktemp("secure-local-keyspaces")
    files = make_server_files(home / "tls", address="127.0.0.1", now=NOW)
    settings = LocalKeyspacesSettings(
        home=home,
        native_port=native,
        storage_port=storage,
        region=REGION,
        credentials=credentials,
        tls=NodeTls(keystore=make_keystore(files, password="keystore"), password="keystore", ca_file=files.ca_file),
    )
    with LocalKeyspacesNode(settings) as started:
        yield started


def log_in(node: LocalKeyspacesNode, provider: Any) -> str:
    assert node.settings.tls is not None
    context = ssl.create_default_context(cafile=str(node.settings.tls.ca_file))
    cluster = Cluster([node.host], port=node.port, ssl_context=context, auth_provider=provider)
    with cluster:
        session = cluster.connect()
        session.default_consistency_level = ConsistencyLevel.LOCAL_QUORUM
        name: str = session.execute("SELECT cluster_name FROM system.local").one()[0]
        return name


def sigv4(key: AccessKey, *, region: str = REGION) -> SigV4AuthProvider:
    return SigV4AuthProvider(
        AwsSession(
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            aws_session_token=key.session_token,
            region_name=region,
        )
    )


def changed(key: AccessKey, **changes: Any) -> AccessKey:
    return AccessKey(**{**key.__dict__, **changes})


class Late(SigV4Authenticator):  # type: ignore[misc]
    """Answers with a signature whose time was written over: what a replayed one would look like."""

    def evaluate_challenge(self, challenge: bytes) -> str:
        answer: str = super().evaluate_challenge(challenge)
        signed = dt.datetime.now(tz=dt.UTC) - dt.timedelta(minutes=16)
        kept = [part for part in answer.split(",") if not part.startswith("amzdate=")]
        return ",".join([*kept, f"amzdate={signed:%Y-%m-%dT%H:%M:%S}.000Z"])


class LateProvider(SigV4AuthProvider):  # type: ignore[misc]
    def new_authenticator(self, host: str) -> Late:  # noqa: ARG002
        return Late(self.session)


def test_user_and_password_let_in(node: LocalKeyspacesNode) -> None:
    assert log_in(node, PlainTextAuthProvider("local", "local")) == "local-keyspaces"


@pytest.mark.parametrize("key", [LASTING, temporary(seconds=3600)], ids=["lasting", "temporary"])
def test_sigv4_lets_in(node: LocalKeyspacesNode, key: AccessKey) -> None:
    assert log_in(node, sigv4(key)) == "local-keyspaces"


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        (PlainTextAuthProvider("local", "wrong"), "incorrect"),
        (PlainTextAuthProvider("nobody", "local"), "incorrect"),
        (sigv4(changed(LASTING, secret_access_key="wrong")), "signature does not match"),
        (sigv4(LASTING, region="us-west-2"), "another Region than eu-central-1"),
        (sigv4(changed(LASTING, access_key_id="AKIAUNKNOWN")), "AKIAUNKNOWN is not known"),
        (sigv4(temporary(seconds=60, token="forged")), "session token is not the one"),
        (sigv4(changed(LASTING, session_token="not asked for")), "session token is not the one"),
        (LateProvider(sigv4(LASTING).session), "more than 15 minutes"),
        (None, "requires authentication"),
    ],
    ids=["password", "user", "secret", "region", "key", "token", "token-of-lasting", "stale", "none"],
)
def test_a_client_that_may_not_is_refused_with_the_reason(node: LocalKeyspacesNode, provider: Any, reason: str) -> None:
    with pytest.raises(NoHostAvailable, match=reason):
        log_in(node, provider)


def test_expired_credentials_are_refused_until_they_are_renewed(node: LocalKeyspacesNode, credentials: Path) -> None:
    try:
        expired = temporary(seconds=-1)
        write_credentials(credentials, access_keys=[LASTING, expired], users=[LOCAL])
        with pytest.raises(NoHostAvailable, match="the security token expired"):
            log_in(node, sigv4(expired))
        renewed = temporary(seconds=3600, token="renewed")
        write_credentials(credentials, access_keys=[LASTING, renewed], users=[LOCAL])
        assert log_in(node, sigv4(renewed)) == "local-keyspaces"
        credentials.write_text("{")
        with pytest.raises(NoHostAvailable, match=r"the credentials in credentials\.json"):
            log_in(node, sigv4(renewed))
    finally:
        write_credentials(credentials, access_keys=[LASTING, temporary(seconds=3600)], users=[LOCAL])


@pytest.mark.parametrize("answer", [b"", b"\0", b"SigV4", b"\xff\xfe\0\0", b"a\0b\0c\0d"])
def test_an_answer_that_is_no_login_is_refused_and_harms_nobody(node: LocalKeyspacesNode, answer: bytes) -> None:
    class Odd(PlainTextAuthProvider):  # type: ignore[misc]
        def new_authenticator(self, host: str) -> Any:
            made = super().new_authenticator(host)
            made.evaluate_challenge = lambda _challenge: answer
            made.initial_response = lambda: answer
            return made

    with pytest.raises(NoHostAvailable):
        log_in(node, Odd("x", "y"))
    assert log_in(node, PlainTextAuthProvider("local", "local")) == "local-keyspaces"
