"""Connections as a Spark job's secrets: what can be handed on is, and what can't is refused by connection and field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from keyspaces_migration.clients import (
    PasswordAuth,
    SessionSettings,
    SigV4Auth,
    TlsSettings,
    default_credentials,
)
from keyspaces_migration.entrypoints.history_secret import HistorySecret
from keyspaces_migration.entrypoints.secret_model import parse_secret
from keyspaces_migration.entrypoints.store_secrets import TargetSecret, target_settings
from keyspaces_provider.spark import ConnectionForSparkError, history_secret, store_secret

if TYPE_CHECKING:
    from pathlib import Path

OF_HOOK = {"application": "AIRFLOW", "authenticator": "snowflake", "region": "", "role": "", "schema": "PUBLIC"}


def test_the_targets_settings_are_the_same_on_the_other_side(tmp_path: Path) -> None:
    settings = SessionSettings(
        hosts=("cassandra.eu-west-1.amazonaws.com",),
        port=9142,
        tls=TlsSettings(server_hostname="cassandra.eu-west-1.amazonaws.com"),
        auth=PasswordAuth(username="loader", password=SecretStr("hunter2")),
        local_data_center="eu-west-1",
    )
    text = json.dumps(store_secret(settings, conn_id="keyspaces"))
    read = parse_secret(text, TargetSecret, name="x")
    there = target_settings(read, region="eu-west-1", folder=tmp_path, credentials=default_credentials())
    assert there == settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auth": SigV4Auth(region="eu-west-1", credentials=default_credentials())}, "signs with an AWS connection"),
        ({"tls": TlsSettings(check_hostname=False)}, "tls_check_hostname off"),
    ],
    ids=["signed", "unchecked"],
)
def test_what_spark_could_not_do_alike_is_refused(changes: dict[str, Any], said: str) -> None:
    settings = SessionSettings(hosts=("10.0.0.1",), **changes)
    with pytest.raises(ConnectionForSparkError, match=f"Connection 'keyspaces' .*{said}.*backfill.spark.secrets"):
        store_secret(settings, conn_id="keyspaces")


def test_a_private_key_gets_to_spark() -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    secret = history_secret({**OF_HOOK, "account": "a", "user": "u", "private_key": der}, conn_id="snowflake")
    assert parse_secret(json.dumps(secret), HistorySecret, name="x").arguments()["schema"] == "PUBLIC"
    assert set(secret) == {"account", "user", "private_key", "schema"}


@pytest.mark.parametrize("change", [{"authenticator": "oauth"}, {"token": "hunter2"}, {"region": "eu-west-1"}])
def test_a_login_that_spark_has_not_is_refused_without_its_value(change: dict[str, str]) -> None:
    (name,) = change
    with pytest.raises(ConnectionForSparkError, match=f"Connection 'snowflake' has {name}") as refused:
        history_secret({**OF_HOOK, "account": "a", "user": "u", "password": "p", **change}, conn_id="snowflake")
    assert "hunter2" not in str(refused.value)
