from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk.serde import serialize

from keyspaces_migration.clients import Consistency, PasswordAuth, SessionSettings, TlsSettings
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.extras import ConnectionFieldsError
from keyspaces_provider.hooks.keyspaces import KeyspacesHook

if TYPE_CHECKING:
    from collections.abc import Callable

    from keyspaces_provider.hooks.base import StoreHook

SECRET = "hunter2-never-shown"


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Callable[..., StoreHook]:
    """Makes a hook over an Airflow connection with these fields, kept where Airflow looks first: the environment."""

    def make(kind: type[CassandraHook | KeyspacesHook], *, extra: Any = None, **fields: Any) -> StoreHook:
        connection = {"conn_type": kind.conn_type, "extra": extra, **fields}
        monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))
        return kind("store")

    return make


def refusal(hook: StoreHook) -> str:
    with pytest.raises(ConnectionFieldsError) as caught:
        hook.settings()
    return str(caught.value)


class TestCassandra:
    def test_a_host_alone_is_plain_text_at_quorum(self, hook: Callable[..., StoreHook]) -> None:
        assert hook(CassandraHook, host="db").settings() == SessionSettings(
            hosts=("db",), consistency=Consistency.QUORUM
        )

    def test_every_field_reaches_the_settings(self, hook: Callable[..., StoreHook]) -> None:
        extra = {
            "tls": True,
            "ca_certificate_file": "/etc/ca.pem",
            "tls_check_hostname": False,
            "tls_server_hostname": "db.internal",
            "local_data_center": "east",
            "consistency": "EACH_QUORUM",
            "request_timeout_s": 30,
            "connect_timeout_s": 2.5,
        }
        made = hook(
            CassandraHook, host="a, b ,c", port=9043, login="app", password=SECRET, schema="flights", extra=extra
        ).settings()
        assert (made.hosts, made.port, made.keyspace) == (("a", "b", "c"), 9043, "flights")
        assert made.tls
        assert (str(made.tls.ca_file), made.tls.check_hostname) == ("/etc/ca.pem", False)
        assert made.tls.server_hostname == "db.internal"
        assert (made.local_data_center, made.consistency) == ("east", Consistency.EACH_QUORUM)
        assert (made.request_timeout_s, made.connect_timeout_s) == (30.0, 2.5)
        assert isinstance(made.auth, PasswordAuth)
        assert (made.auth.username, made.auth.password.get_secret_value()) == ("app", SECRET)

    def test_fields_left_empty_in_the_form_are_not_given(self, hook: Callable[..., StoreHook]) -> None:
        empty = {"tls": None, "local_data_center": "", "consistency": None, "request_timeout_s": None}
        made = hook(CassandraHook, host="db", login="", password="", schema="", port=None, extra=empty).settings()
        assert made == SessionSettings(hosts=("db",), consistency=Consistency.QUORUM)

    def test_a_uri_carries_the_same_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        uri = "apache-cassandra://app:p%40ss@a%2Cb:9043/flights?tls=true&request_timeout_s=30&consistency=ONE"
        monkeypatch.setenv("AIRFLOW_CONN_STORE", uri)
        made = CassandraHook("store").settings()
        assert made.auth
        assert (made.hosts, made.port, made.keyspace) == (("a", "b"), 9043, "flights")
        assert isinstance(made.auth, PasswordAuth)
        assert made.auth.password.get_secret_value() == "p@ss"
        assert (made.tls, made.request_timeout_s) == (TlsSettings(), 30.0)
        assert made.consistency is Consistency.ONE

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"host": "db", "extra": {"local_dc": "x"}}, "extra field local_dc is unknown. Did you mean local_"),
            ({"host": "db", "extra": {"region": "eu-west-1"}}, "extra field region is unknown"),
            ({"host": "db", "extra": {"zzz": 1}}, "extra field zzz is unknown. Allowed: tls, ca_certificate_file"),
            ({"host": "db", "extra": {"tls": "maybe"}}, "extra field tls is 'maybe'. Input should be a valid boolean"),
            ({"host": "db", "extra": {"request_timeout_s": 0}}, "extra field request_timeout_s is 0."),
            ({"host": "db", "extra": {"connect_timeout_s": "inf"}}, "extra field connect_timeout_s is 'inf'."),
            ({"host": "db", "extra": {"consistency": "quorum"}}, "consistency is 'quorum'. Allowed: QUORUM, ONE"),
            ({"host": "db", "extra": {"local_data_center": 7}}, "local_data_center is 7. Input should be a valid str"),
            ({"host": "db", "extra": "{not json"}, "Extra is not JSON (line 1, column 2)"),
            ({"host": "db", "extra": "[1]"}, "Extra is a list. Allowed: a JSON object"),
            ({"host": ""}, "no host"),
            ({"host": "db:9042"}, "The port is a field of its own"),
            ({"host": "db", "port": 99999}, "port 99999 is not a TCP port"),
            ({"host": "db", "password": SECRET}, "a password was given without a user name"),
            ({"host": "db", "login": "app"}, "user 'app' has no password"),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_connection_and_field(
        self, hook: Callable[..., StoreHook], fields: dict[str, Any], message: str
    ) -> None:
        shown = refusal(hook(CassandraHook, **fields))
        assert message in shown
        assert shown.startswith("connection 'store': ")

    def test_all_wrong_fields_are_named_at_once(self, hook: Callable[..., StoreHook]) -> None:
        shown = refusal(hook(CassandraHook, host="db", extra={"tls": "maybe", "local_dc": "x"}))
        assert "field tls" in shown
        assert "field local_dc" in shown


class TestKeyspaces:
    def test_the_region_gives_endpoint_port_tls_name_and_data_centre(self, hook: Callable[..., StoreHook]) -> None:
        name = "cassandra.eu-west-1.amazonaws.com"
        made = hook(KeyspacesHook, extra={"region": "eu-west-1"}).settings()
        assert made == SessionSettings(
            hosts=(name,),
            port=9142,
            tls=TlsSettings(server_hostname=name),
            local_data_center="eu-west-1",
            consistency=Consistency.LOCAL_QUORUM,
        )

    @pytest.mark.parametrize(
        ("host", "region"),
        [
            ("cassandra.us-east-1.amazonaws.com", "us-east-1"),
            ("cassandra-fips.us-west-2.amazonaws.com", "us-west-2"),
            ("cassandra.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("cassandra.us-gov-east-1.amazonaws.com", "us-gov-east-1"),
            ("vpce-0a1b-2c3d.cassandra.ap-southeast-2.vpce.amazonaws.com", "ap-southeast-2"),
        ],
    )
    def test_the_endpoint_gives_the_region(self, hook: Callable[..., StoreHook], host: str, region: str) -> None:
        made = hook(KeyspacesHook, host=host).settings()
        assert made.local_data_center == region
        assert made.tls == TlsSettings(server_hostname=host)

    def test_china_has_its_own_domain(self, hook: Callable[..., StoreHook]) -> None:
        made = hook(KeyspacesHook, extra={"region": "cn-north-1"}).settings()
        assert made.hosts == ("cassandra.cn-north-1.amazonaws.com.cn",)

    def test_a_rehearsal_is_a_loopback_address_without_tls(self, hook: Callable[..., StoreHook]) -> None:
        made = hook(KeyspacesHook, host="127.0.0.2", port=9242, extra={"tls": False}).settings()
        assert made == SessionSettings(hosts=("127.0.0.2",), port=9242)

    def test_an_address_is_checked_against_itself(self, hook: Callable[..., StoreHook]) -> None:
        assert hook(KeyspacesHook, host="127.0.0.2").settings().tls == TlsSettings()

    def test_the_connection_may_name_another_name_and_data_centre(self, hook: Callable[..., StoreHook]) -> None:
        extra = {"region": "eu-west-1", "tls_server_hostname": "other.name", "local_data_center": "datacenter1"}
        made = hook(KeyspacesHook, extra=extra).settings()
        assert made.tls == TlsSettings(server_hostname="other.name")
        assert made.local_data_center == "datacenter1"

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "neither a Region nor a service endpoint"),
            ({"extra": {"region": "Ireland"}}, "'Ireland' is not an AWS Region"),
            (
                {"host": "cassandra.us-east-1.amazonaws.com", "extra": {"region": "eu-west-1"}},
                "the Region is eu-west-1 and the endpoint is one of us-east-1",
            ),
            (
                {"extra": {"region": "eu-west-1", "consistency": "QUORUM"}},
                "consistency is 'QUORUM'. Allowed: LOCAL_QUORUM, LOCAL_ONE, ONE.",
            ),
            ({"extra": {"regon": "eu-west-1"}}, "Did you mean region?"),
        ],
    )
    def test_what_the_service_does_not_take_is_refused(
        self, hook: Callable[..., StoreHook], fields: dict[str, Any], message: str
    ) -> None:
        assert message in refusal(hook(KeyspacesHook, **fields))


class TestSecrets:
    @pytest.mark.parametrize(
        "extra", [{"password": SECRET}, {"tls": True, "secret_key": SECRET}, f'{{"password": "{SECRET}"', f"[{SECRET}"]
    )
    @pytest.mark.parametrize("kind", [CassandraHook, KeyspacesHook])
    def test_a_secret_in_the_wrong_place_is_not_repeated(
        self,
        hook: Callable[..., StoreHook],
        kind: type[StoreHook],
        extra: Any,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with caplog.at_level(logging.DEBUG), pytest.raises(ConnectionFieldsError) as caught:
            hook(kind, host="db", extra=extra).settings()
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
        assert SECRET not in repr(caught.value.__context__)
        assert SECRET not in caplog.text

    def test_a_hook_holds_no_secret_before_or_after_reading_the_connection(
        self, hook: Callable[..., StoreHook]
    ) -> None:
        made = hook(CassandraHook, host="db", login="app", password=SECRET)
        made.settings()
        assert SECRET not in repr(made)
        assert SECRET not in f"{vars(made)}"

    def test_the_hook_has_airflow_mask_the_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = "s3cret-of-the-masker"
        connection = Connection(conn_id="store", conn_type="apache_cassandra", host="db", login="app", password=secret)
        monkeypatch.setattr(CassandraHook, "get_connection", staticmethod(lambda _conn_id: connection))
        assert redact(f"found {secret} here") != "found *** here"
        CassandraHook("store").settings()
        assert redact(f"found {secret} here") == "found *** here"

    def test_airflow_refuses_to_put_the_settings_into_an_xcom(self, hook: Callable[..., StoreHook]) -> None:
        settings = hook(CassandraHook, host="db", login="app", password=SECRET).settings()
        with pytest.raises(TypeError, match="SecretStr") as caught:
            serialize(settings)
        assert SECRET not in str(caught.value)


def test_hooks_are_imported_without_any_client() -> None:
    program = (
        "import sys, keyspaces_provider.hooks.cassandra, keyspaces_provider.hooks.keyspaces;"
        "print(*[name for name in ('cassandra', 'boto3', 'pulumi') if name in sys.modules], sep=',')"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == ""
