from __future__ import annotations

import dataclasses
import pickle

import pytest
from pydantic import SecretStr

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    PasswordAuth,
    SessionSettings,
    SessionSettingsError,
    TlsSettings,
)

SECRET = "hunter2-never-shown"
SETTINGS = SessionSettings(
    hosts=("10.0.0.1",), tls=TlsSettings(), auth=PasswordAuth(username="app", password=SecretStr(SECRET))
)


@pytest.mark.parametrize(
    "shown",
    [
        repr(SETTINGS),
        str(SETTINGS),
        f"{SETTINGS.auth}",
        f"{dataclasses.asdict(SETTINGS)}",
        f"{vars(SETTINGS)}",
        f"{vars(SETTINGS.auth)}",
    ],
)
def test_the_password_is_not_shown_however_the_settings_are_formatted(shown: str) -> None:
    assert SECRET not in shown
    assert "app" in shown


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hosts": ()}, "no host"),
        ({"hosts": ("10.0.0.1", "")}, "'' is not a host"),
        ({"hosts": ("10.0.0.1,10.0.0.2",)}, "is not a host"),
        ({"hosts": ("cql://db",)}, "without scheme"),
        ({"hosts": ("db:9043",)}, "The port is a field of its own"),
        ({"port": 0}, "port 0 is not a TCP port"),
        ({"port": 65536}, "Allowed: 1 to 65535"),
        ({"request_timeout_s": 0}, "request_timeout_s is 0"),
        ({"connect_timeout_s": -1.5}, "connect_timeout_s is -1.5"),
        ({"connect_timeout_s": float("nan")}, "connect_timeout_s is nan"),
    ],
)
def test_values_that_cannot_work_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SessionSettingsError, match=message):
        dataclasses.replace(SETTINGS, **wrong)  # type: ignore[arg-type]  # each case has its own type


@pytest.mark.parametrize(("username", "password"), [("", "x"), ("app", "")])
def test_half_a_login_is_refused(username: str, password: str) -> None:
    with pytest.raises(SessionSettingsError, match="too"):
        PasswordAuth(username=username, password=SecretStr(password))


def test_an_ipv6_host_is_one_host_and_shown_in_brackets() -> None:
    assert SessionSettings(hosts=("::1", "db"), port=9142).address == "[::1]:9142, db:9142"


def test_an_error_crosses_a_process_boundary_whole() -> None:
    error = AuthenticationRefusedError(host="db:9042", found="the store refuses user 'app'", hint="Check it.")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- our own bytes
    assert (type(copy), str(copy), copy.host, copy.found, copy.hint) == (
        AuthenticationRefusedError,
        "db:9042: the store refuses user 'app'. Check it.",
        "db:9042",
        "the store refuses user 'app'",
        "Check it.",
    )
