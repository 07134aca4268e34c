from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from boto3 import Session as AwsSession
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError
from cassandra import AuthenticationFailed
from cassandra.cluster import NoHostAvailable

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    Credentials,
    CredentialsError,
    SessionCredentials,
    SessionSettings,
    SessionSettingsError,
    SigV4Auth,
    translate,
)
from keyspaces_migration.clients.sigv4 import SigningAuthProvider
from keyspaces_migration.clients.translation import conclusive

REGION = "eu-central-1"
CHALLENGE = b"nonce=" + b"n" * 32


class Turns:
    """A source that has another key at every call, and none at all when it runs out."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    def current(self) -> Credentials:
        if not self.names:
            raise CredentialsError("the source has none")
        name = self.names.pop(0)
        return Credentials(access_key_id=name, secret_access_key=f"secret of {name}", session_token=f"token of {name}")


def signed(*names: str) -> SessionSettings:
    return SessionSettings(hosts=("db",), auth=SigV4Auth(region=REGION, credentials=Turns(*names)))


def refused(reason: str) -> AuthenticationFailed:
    return AuthenticationFailed(f'Error from server: code=0100 [Bad credentials] message="{reason}"')


def test_every_connection_signs_with_the_credentials_of_its_moment() -> None:
    provider = SigningAuthProvider(SigV4Auth(region=REGION, credentials=Turns("first", "second")))
    answers = [provider.new_authenticator("db").evaluate_challenge(CHALLENGE) for _ in range(2)]
    for answer, name in zip(answers, ("first", "second"), strict=True):
        assert f"access_key={name}," in answer
        assert answer.endswith(f"session_token=token of {name}")


def test_an_authenticator_that_the_driver_keeps_for_its_reconnects_signs_with_renewed_credentials() -> None:
    kept = SigningAuthProvider(SigV4Auth(region=REGION, credentials=Turns("first", "second"))).new_authenticator("db")
    assert "access_key=first," in kept.evaluate_challenge(CHALLENGE)
    assert "access_key=second," in kept.evaluate_challenge(CHALLENGE)


def test_a_source_that_fails_is_no_refusal_after_which_the_driver_gives_up_for_good() -> None:
    provider = SigningAuthProvider(SigV4Auth(region=REGION, credentials=Turns()))
    with pytest.raises(CredentialsError) as caught:
        provider.new_authenticator("db").evaluate_challenge(CHALLENGE)
    assert not isinstance(caught.value, AuthenticationFailed)


def test_temporary_credentials_are_renewed_before_they_expire_and_never_mixed() -> None:
    issued = 0

    def renew() -> dict[str, str]:
        nonlocal issued
        issued += 1
        # botocore renews what has less than ten minutes left, so each set is renewed at the next call.
        expiry = dt.datetime.now(tz=dt.UTC) + dt.timedelta(seconds=30)
        return {
            "access_key": f"key{issued}",
            "secret_key": f"secret{issued}",
            "token": f"token{issued}",
            "expiry_time": expiry.isoformat(),
        }

    class RenewingSession:
        credentials = RefreshableCredentials.create_from_metadata(renew(), renew, "sts")

        def get_credentials(self) -> Any:
            return self.credentials

    source = SessionCredentials(RenewingSession, name="a role")
    found = [source.current() for _ in range(2)]
    assert found == [
        Credentials(access_key_id=f"key{turn}", secret_access_key=f"secret{turn}", session_token=f"token{turn}")
        for turn in (2, 3)
    ]


def test_the_session_is_opened_once_and_only_when_it_is_asked_for() -> None:
    opened = []

    def open_session() -> AwsSession:
        opened.append(1)
        return AwsSession(aws_access_key_id="AKIA", aws_secret_access_key="s", region_name=REGION)

    source = SessionCredentials(open_session, name="keys")
    assert not opened
    assert source.current() == source.current() == Credentials(access_key_id="AKIA", secret_access_key="s")
    assert opened == [1]


class TestNoCredentials:
    def test_a_session_without_any_is_named(self) -> None:
        class Empty:
            def get_credentials(self) -> None:
                return None

        with pytest.raises(CredentialsError, match="AWS connection 'aws' has no credentials"):
            SessionCredentials(Empty, name="AWS connection 'aws'").current()

    def test_a_role_that_may_not_be_assumed_is_told_with_its_reason_and_asked_again(self) -> None:
        asked = []

        def open_session() -> AwsSession:
            asked.append(1)
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not this role"}}, "AssumeRole")

        source = SessionCredentials(open_session, name="AWS connection 'aws'")
        for _ in range(2):
            with pytest.raises(CredentialsError, match=r"AWS connection 'aws' gave no credentials .*not this role"):
                source.current()
        assert asked == [1, 1]

    def test_it_is_the_reason_why_no_session_opened(self) -> None:
        error = NoHostAvailable("none", {"db:9142": CredentialsError("the source has none")})
        assert conclusive(error)
        made = translate(error, settings=signed())
        assert isinstance(made, AuthenticationRefusedError)
        assert "nothing to sign the login with: the source has none" in made.found


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("the security token expired", "Renew the temporary credentials"),
        ("credential should be scoped to a valid region", "field region"),
        ("the signature was made more than 15 minutes from now", "clock"),
        ("the session token is not the one", "session token that was issued"),
        ("access key AKIA is not known", "access key id"),
        ("the signature does not match: wrong secret key, or signed for another Region", "secret access key"),
        ("a reason that no hint was written for", "secret access key"),
    ],
)
def test_each_refusal_of_a_signed_login_says_what_to_do(reason: str, hint: str) -> None:
    made = translate(refused(reason), settings=signed())
    assert isinstance(made, AuthenticationRefusedError)
    assert reason in made.found
    assert REGION in made.found
    assert hint in made.hint


def test_no_secret_is_shown() -> None:
    credentials = Turns("first").current()
    shown = repr(credentials) + repr(signed("first"))
    assert "first" in shown
    assert "secret of first" not in shown
    assert "token of first" not in shown


def test_a_login_cannot_be_signed_for_no_region() -> None:
    with pytest.raises(SessionSettingsError, match="without a Region"):
        SigV4Auth(region="", credentials=Turns())
