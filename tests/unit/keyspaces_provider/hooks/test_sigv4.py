from __future__ import annotations

import json
from typing import Any

import pytest

from keyspaces_migration.clients import Credentials, SigV4Auth
from keyspaces_provider.hooks.extras import ConnectionFieldsError
from keyspaces_provider.hooks.keyspaces import KeyspacesHook

SECRET = "hunter2-never-shown"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"conn_type": "aws", "login": "AKIAKEY", "password": SECRET}
    monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps(keys))


def store(monkeypatch: pytest.MonkeyPatch, *, extra: dict[str, Any], **fields: Any) -> KeyspacesHook:
    connection = {"conn_type": KeyspacesHook.conn_type, "extra": extra, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))
    return KeyspacesHook("store")


def test_the_aws_connection_signs_for_the_region_of_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = store(monkeypatch, extra={"aws_conn_id": "aws"}, host="cassandra.eu-west-1.amazonaws.com")
    auth = hook.settings().auth
    assert isinstance(auth, SigV4Auth)
    assert auth.region == "eu-west-1"
    assert auth.credentials.current() == Credentials(access_key_id="AKIAKEY", secret_access_key=SECRET)


@pytest.mark.parametrize("fields", [{"login": "app", "password": SECRET}, {"login": "app"}, {"password": SECRET}])
def test_a_second_way_to_log_in_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, str]
) -> None:
    hook = store(monkeypatch, extra={"aws_conn_id": "aws", "region": "eu-west-1"}, **fields)
    with pytest.raises(ConnectionFieldsError, match=r"aws_conn_id.*only one of them") as caught:
        hook.settings()
    assert SECRET not in str(caught.value)


def test_an_unknown_id_is_refused_though_the_worker_has_credentials_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAWORKER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    hook = store(monkeypatch, extra={"aws_conn_id": "asw", "region": "eu-west-1"})
    with pytest.raises(ConnectionFieldsError, match="aws_conn_id is 'asw', and Airflow has no connection of that id"):
        hook.settings()


def test_an_address_needs_the_region_to_sign_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = store(monkeypatch, extra={"aws_conn_id": "aws"}, host="127.0.0.1")
    with pytest.raises(ConnectionFieldsError, match="needs a Region to sign for"):
        hook.settings()
