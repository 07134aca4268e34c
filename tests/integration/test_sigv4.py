"""Signed logins through the product's own hook and session factory, verified by a local Keyspaces node."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cassandra.cluster import NoHostAvailable

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    Credentials,
    SessionSettings,
    SigV4Auth,
    TlsSettings,
    open_session,
)
from keyspaces_migration.wire import connect
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from rehearsal.cassandra.node import NodeTls
from rehearsal.certificates import make_keystore, make_server_files
from rehearsal.local_keyspaces.contact import DATA_CENTER
from rehearsal.local_keyspaces.credentials import AccessKey, User, write_credentials
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REGION = "eu-central-1"
LOCAL = User(username="local", password="local")
LASTING = AccessKey(access_key_id="AKIALASTING", secret_access_key="secret/of+it")
ASK = "SELECT cluster_name FROM system.local"
RECONNECT_TIMEOUT_S = 60


def temporary(*, seconds: int, token: str) -> AccessKey:
    expires_at = dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=seconds)
    return AccessKey(
        access_key_id="ASIATEMPORARY", secret_access_key="other", session_token=token, expires_at=expires_at
    )


class Renewed:
    """A source whose credentials the test renews, and that counts how often it was asked."""

    def __init__(self, key: AccessKey) -> None:
        self.key = key
        self.asked = 0

    def current(self) -> Credentials:
        self.asked += 1
        return Credentials(
            access_key_id=self.key.access_key_id,
            secret_access_key=self.key.secret_access_key,
            session_token=self.key.session_token,
        )


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyspacesNode]:
    native, storage = free_ports(2)
    home = tmp_path_factory.mktemp("signed-local-keyspaces")
    write_credentials(home / "credentials.json", access_keys=[LASTING], users=[LOCAL])
    files = make_server_files(home / "tls", address="127.0.0.1", now=dt.datetime.now(tz=dt.UTC))
    settings = LocalKeyspacesSettings(
        home=home,
        native_port=native,
        storage_port=storage,
        region=REGION,
        credentials=home / "credentials.json",
        tls=NodeTls(keystore=make_keystore(files, password="keystore"), password="keystore", ca_file=files.ca_file),
    )
    with LocalKeyspacesNode(settings) as started:
        yield started


def let_in(node: LocalKeyspacesNode, *keys: AccessKey) -> None:
    assert node.local.credentials
    write_credentials(node.local.credentials, access_keys=keys, users=[LOCAL])


def ca_file(node: LocalKeyspacesNode) -> Path:
    assert node.settings.tls
    return node.settings.tls.ca_file


def hook(node: LocalKeyspacesNode, monkeypatch: pytest.MonkeyPatch, key: AccessKey, **extra: Any) -> KeyspacesHook:
    aws = {"conn_type": "aws", "login": key.access_key_id, "password": key.secret_access_key}
    fields = {
        "aws_conn_id": "aws",
        "region": REGION,
        "ca_certificate_file": str(ca_file(node)),
        "local_data_center": DATA_CENTER,
        **extra,
    }
    store = {"conn_type": "amazon_keyspaces", "host": node.host, "port": node.port, "extra": fields}
    monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps(aws))
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(store))
    return KeyspacesHook("store")


def settings(node: LocalKeyspacesNode, source: Renewed) -> SessionSettings:
    return SessionSettings(
        hosts=(node.host,),
        port=node.port,
        tls=TlsSettings(ca_file=ca_file(node)),
        auth=SigV4Auth(region=REGION, credentials=source),
        local_data_center=DATA_CENTER,
    )


def test_an_aws_connection_lets_the_hook_in(node: LocalKeyspacesNode, monkeypatch: pytest.MonkeyPatch) -> None:
    let_in(node, LASTING)
    passed, sentence = hook(node, monkeypatch, LASTING).test_connection()
    assert passed, sentence
    assert "local-keyspaces" in sentence


@pytest.mark.parametrize(
    ("key", "region", "found", "hint"),
    [
        (replace(LASTING, secret_access_key="wrong"), REGION, "signature does not match", "secret access key"),
        (replace(LASTING, access_key_id="AKIAUNKNOWN"), REGION, "AKIAUNKNOWN is not known", "access key id"),
        (LASTING, "us-west-2", "another Region", "the field region"),
    ],
    ids=["secret", "key", "region"],
)
def test_what_the_node_refuses_is_told_with_what_to_do(  # noqa: PLR0913, PLR0917 - the case, and two fixtures
    node: LocalKeyspacesNode, monkeypatch: pytest.MonkeyPatch, key: AccessKey, region: str, found: str, hint: str
) -> None:
    let_in(node, LASTING)
    made = hook(node, monkeypatch, key, region=region)
    with pytest.raises(AuthenticationRefusedError) as caught, made.session():
        pass
    assert found in caught.value.found
    assert hint in caught.value.hint
    assert LASTING.secret_access_key not in str(caught.value)


def test_connections_of_bulk_writes_sign_too(node: LocalKeyspacesNode) -> None:
    let_in(node, LASTING)
    signed = settings(node, Renewed(LASTING))
    opened = connect(signed, host=node.host, statements=[ASK])
    opened.close()
    assert opened.ids[ASK]
    let_in(node)
    with pytest.raises(AuthenticationRefusedError):
        connect(signed, host=node.host, statements=[ASK])


def test_expired_credentials_are_refused_and_renewed_ones_are_not(node: LocalKeyspacesNode) -> None:
    source = Renewed(temporary(seconds=-1, token="old"))
    let_in(node, source.key)
    with pytest.raises(AuthenticationRefusedError, match="expired") as caught, open_session(settings(node, source)):
        pass
    assert "Renew" in caught.value.hint
    source.key = temporary(seconds=3600, token="new")
    let_in(node, source.key)
    with open_session(settings(node, source)) as session:
        assert session.execute(ASK).one()[0] == "local-keyspaces"


def test_a_session_that_lost_its_node_comes_back_with_renewed_credentials(node: LocalKeyspacesNode) -> None:
    """The first credentials are worth nothing any more when the node is back: a kept signature would be refused."""
    source = Renewed(temporary(seconds=3600, token="first"))
    let_in(node, source.key)
    with open_session(settings(node, source)) as session:
        assert session.execute(ASK).one()[0] == "local-keyspaces"
        before = source.asked
        node.stop()
        source.key = temporary(seconds=3600, token="second")
        let_in(node, source.key)
        node.start()

        def not_back() -> str | None:
            try:
                session.execute(ASK)
            except NoHostAvailable as error:
                return str(error)
            return None

        wait_until(
            not_back, name="the session", log=node.settings.home / "cassandra.log", timeout_s=RECONNECT_TIMEOUT_S
        )
        assert source.asked > before
