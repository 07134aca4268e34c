"""Secrets are read strictly, and no message about one repeats what is in it."""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keyspaces_migration.clients import Credentials, PasswordAuth, SigV4Auth
from keyspaces_migration.clients.tls import ssl_context
from keyspaces_migration.entrypoints.history_secret import HistorySecret, HistoryUnreachableError, history_cursor
from keyspaces_migration.entrypoints.secret_model import SecretError, SecretModel, parse_secret
from keyspaces_migration.entrypoints.store_secrets import StoreSecret, TargetSecret, source_settings, target_settings
from rehearsal.certificates import make_server_files
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path

HIDDEN = "hunter2-hunter2"
ADDRESS = {"hosts": ["10.0.0.1", "node-2.example"], "port": 9042, "tls": True}
LOGIN = {"username": "reader", "password": HIDDEN}
ACCOUNT = {"account": "org-account", "user": "reader"}


class Fixed:
    """Where no credentials are asked for before a session is opened."""

    def current(self) -> Credentials:
        raise AssertionError("asked too early")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> str:
    files = make_server_files(tmp_path_factory.mktemp("tls"), address="127.0.0.1", now=dt.datetime.now(dt.UTC))
    return files.ca_file.read_text()


def parsed(model: type[SecretModel], **content: Any) -> Any:
    return parse_secret(json.dumps(content), model, name="shop/secret")


def test_the_sources_settings_follow_from_its_secret(pem: str, tmp_path: Path) -> None:
    secret = parsed(StoreSecret, **ADDRESS, **LOGIN, ca_certificates=pem, local_data_center="dc1")
    settings = source_settings(secret, folder=tmp_path)
    assert (settings.hosts, settings.port) == (("10.0.0.1", "node-2.example"), 9042)
    assert (settings.local_data_center, settings.consistency) == ("dc1", "QUORUM")
    assert settings.tls is not None
    assert settings.tls.server_hostname is None
    assert settings.tls.ca_file is not None
    assert settings.tls.ca_file.read_text() == pem
    assert len(ssl_context(settings.tls).get_ca_certs()) == 1
    assert isinstance(settings.auth, PasswordAuth)
    assert settings.auth.password.get_secret_value() == HIDDEN
    assert HIDDEN not in f"{secret!r} {settings!r}"


def test_an_empty_secret_of_the_target_is_the_regions_endpoint_signed_for(tmp_path: Path) -> None:
    settings = target_settings(parsed(TargetSecret), region="eu-west-1", folder=tmp_path, credentials=Fixed())
    assert (settings.hosts, settings.port) == (("cassandra.eu-west-1.amazonaws.com",), 9142)
    assert (settings.local_data_center, settings.consistency) == ("eu-west-1", "LOCAL_QUORUM")
    assert settings.tls is not None
    assert settings.tls.server_hostname == "cassandra.eu-west-1.amazonaws.com"
    assert isinstance(settings.auth, SigV4Auth)
    assert settings.auth.region == "eu-west-1"


def test_a_target_with_a_user_logs_in_with_it(tmp_path: Path) -> None:
    secret = parsed(TargetSecret, **LOGIN)
    settings = target_settings(secret, region="eu-west-1", folder=tmp_path, credentials=Fixed())
    assert isinstance(settings.auth, PasswordAuth)
    assert settings.auth.username == "reader"


def test_an_endpoint_of_another_region_than_the_migrations_is_refused(tmp_path: Path) -> None:
    secret = parsed(TargetSecret, hosts=["cassandra.us-east-1.amazonaws.com"])
    with pytest.raises(SecretError, match="eu-west-1 and the endpoint is one of us-east-1"):
        target_settings(secret, region="eu-west-1", folder=tmp_path, credentials=Fixed())


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [
        (StoreSecret, {}, "hosts: Field required"),
        (StoreSecret, {"hosts": []}, "hosts: .*at least 1"),
        (StoreSecret, {"hosts": "10.0.0.1"}, "hosts: "),
        (StoreSecret, {"hosts": [f"cassandra://reader:{HIDDEN}@10.0.0.1"]}, r"hosts\[0\]: .*pattern"),
        (StoreSecret, ADDRESS | {"port": HIDDEN}, "port: .*integer"),
        (StoreSecret, ADDRESS | {"port": 70_000}, "port: .*65535"),
        (StoreSecret, ADDRESS | {"password": HIDDEN}, "username and password belong together"),
        (StoreSecret, ADDRESS | {"username": "reader"}, "username and password belong together"),
        (StoreSecret, ADDRESS | {"tls": "yes"}, "tls: .*boolean"),
        (StoreSecret, ADDRESS | {"ca_certificates": HIDDEN}, "ca_certificates: .*no certificate"),
        (StoreSecret, ADDRESS | {"tls": False, "tls_server_hostname": "a"}, "of use with tls only"),
        (StoreSecret, ADDRESS | LOGIN | {"local_datacenter": "dc1"}, "did you mean 'local_data_center'"),
        (StoreSecret, ADDRESS | {HIDDEN: "password"}, "an unknown key; allowed: hosts, port"),
        (TargetSecret, {"region": "eu-west-1"}, "an unknown key; allowed: hosts, port"),
        (HistorySecret, ACCOUNT, "one of password and private_key"),
        (HistorySecret, ACCOUNT | {"password": HIDDEN, "private_key": HIDDEN}, "private_key: .*no such key"),
        (HistorySecret, ACCOUNT | {"private_key": base64.b64encode(HIDDEN.encode()).decode()}, "no such key"),
        (HistorySecret, {"user": "reader", "password": HIDDEN}, "account: Field required"),
        (HistorySecret, ACCOUNT | {"password": HIDDEN, "insecure_mode": True}, "an unknown key; allowed: account"),
        (HistorySecret, ACCOUNT | {"password": HIDDEN, "paramstyle": "qmark"}, "an unknown key; allowed: account"),
        (HistorySecret, ACCOUNT | {"password": HIDDEN, "schema_": "PUBLIC"}, "did you mean 'schema'"),
    ],
)
def test_a_bad_secret_is_refused_by_key_and_never_repeated(
    model: type[SecretModel], content: dict[str, Any], said: str
) -> None:
    with pytest.raises(SecretError, match=rf"^Secret shop/secret can't be used: .*{said}") as refused:
        parsed(model, **content)
    assert HIDDEN not in str(refused.value)
    # A log shows the whole chain.
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("text", [HIDDEN, f'{{"password": "{HIDDEN}"', "", "null", f'["{HIDDEN}"]'])
def test_a_secret_that_is_no_json_object_is_refused_unseen(text: str) -> None:
    with pytest.raises(SecretError, match=r"^Secret shop/secret can't be used: ") as refused:
        parse_secret(text, StoreSecret, name="shop/secret")
    assert HIDDEN not in str(refused.value)


def test_the_historys_secret_is_arguments_of_the_connector() -> None:
    secret = parsed(HistorySecret, **ACCOUNT, password=HIDDEN, schema="PUBLIC", session_parameters={"TIMEZONE": "UTC"})
    assert secret.arguments() == {
        **ACCOUNT,
        "password": HIDDEN,
        "schema": "PUBLIC",
        "login_timeout": 60,
        "network_timeout": 300,
        "session_parameters": {"TIMEZONE": "UTC"},
    }
    assert HIDDEN not in repr(secret)


def test_a_private_key_is_der_in_base64() -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    text = base64.b64encode(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()
    assert parsed(HistorySecret, **ACCOUNT, private_key=text).arguments()["private_key"] == text


@pytest.mark.parametrize("before", [None, "/of/the/system.pem"])
def test_a_history_that_does_not_answer_is_an_error_and_trust_is_as_before(
    pem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    if before is None:
        monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    else:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", before)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address = {"host": "127.0.0.1", "port": free_ports(1)[0], "login_timeout": 1, "ca_certificates": pem}
    secret = parsed(HistorySecret, **ACCOUNT, password=HIDDEN, **address)
    with (
        pytest.raises(HistoryUnreachableError, match="reader of org-account") as refused,
        history_cursor(secret, folder=tmp_path),
    ):
        raise AssertionError("opened")
    assert HIDDEN not in str(refused.value)
    assert os.environ.get("REQUESTS_CA_BUNDLE") == before
