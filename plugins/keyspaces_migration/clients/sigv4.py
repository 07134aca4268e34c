"""Logins to Amazon Keyspaces that are signed with AWS credentials (SigV4), each with those that are valid then.

The signature itself is made by AWS's own plug-in, `cassandra_sigv4`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from cassandra.auth import Authenticator, AuthProvider

from keyspaces_migration.clients.errors import CredentialsError

if TYPE_CHECKING:
    from keyspaces_migration.clients.settings import SigV4Auth


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """One set of AWS credentials: the parts belong together and are never mixed with those of another set.

    Attributes:
        session_token: of temporary credentials; None for those that last.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class CredentialSource(Protocol):
    """Where credentials come from. It is asked anew for every connection, from threads of the driver too."""

    def current(self) -> Credentials:
        """Return credentials that are valid now, renewed if need be.

        Raises:
            CredentialsError: there are none.
        """


class SessionCredentials:
    """The credentials of an AWS session (boto3's or botocore's), which renews temporary ones before they expire.

    Args:
        open_session: makes the session; called once, when credentials are first asked for.
        name: how messages call the source.
    """

    def __init__(self, open_session: Callable[[], Any], *, name: str) -> None:
        self._open_session = open_session
        self._name = name
        self._session: Any = None
        self._lock = threading.Lock()

    def current(self) -> Credentials:
        """Return one consistent set; raises CredentialsError when there is none or it cannot be renewed."""
        # boto3 and botocore are imported where a session is opened, not by everything that opens a password session.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

        try:
            with self._lock:
                self._session = self._session or self._open_session()
                found = self._session.get_credentials()
            # Frozen: read one by one, the parts could be of two sets, before and after a renewal.
            frozen = found.get_frozen_credentials() if found else None
        except (BotoCoreError, ClientError) as error:
            raise CredentialsError(f"{self._name} gave no credentials ({type(error).__name__}: {error})") from error
        if frozen is None or not frozen.access_key or not frozen.secret_key:
            raise CredentialsError(f"{self._name} has no credentials")
        return Credentials(
            access_key_id=frozen.access_key, secret_access_key=frozen.secret_key, session_token=frozen.token
        )


def default_credentials() -> SessionCredentials:
    """Return the machine's own credentials, as AWS's tools look for them: for Lambda and Spark."""

    def open_session() -> Any:  # noqa: ANN401 - boto3 is imported late
        import boto3  # noqa: PLC0415 - Lambda and Spark alone need it

        return boto3.Session()

    return SessionCredentials(open_session, name="the default chain of AWS credentials")


class SigningAuthProvider(AuthProvider):  # type: ignore[misc]  # the driver ships no types
    """Gives connections authenticators that take credentials when they are challenged, and not before.

    When a node goes down the driver makes one authenticator and tries it at every reconnect, for hours if need be.
    """

    def __init__(self, auth: "SigV4Auth") -> None:
        self._auth = auth

    def new_authenticator(self, host: str) -> Authenticator:  # noqa: ARG002 - the driver's signature
        """Return an authenticator that signs for the Region; the source is not asked yet."""
        return _SigningAuthenticator(self._auth)


class _SigningAuthenticator(Authenticator):  # type: ignore[misc]  # as above
    """Signs each challenge with the credentials of that moment.

    A source that fails raises CredentialsError from here, and on purpose no AuthenticationFailed: after that one the
    driver never connects to the node again, and credentials may be back at the next attempt. A renewal happens in the
    driver's event loop, which waits for it; the first one does not (`open_session` asks before it connects).
    """

    def __init__(self, auth: "SigV4Auth") -> None:
        self._auth = auth

    def initial_response(self) -> bytes:
        """Name the mechanism."""
        return b"SigV4\0\0"

    def evaluate_challenge(self, challenge: bytes) -> str:
        """Sign the server's nonce."""
        from cassandra_sigv4.auth import SigV4Authenticator  # noqa: PLC0415 - imports boto3

        signer = _Signer(self._auth.credentials.current(), self._auth.region)
        answer: str = SigV4Authenticator(signer).evaluate_challenge(challenge)
        return answer


class _Signer:
    """What the plug-in reads of a boto3 session. A real one would look for profiles and cost milliseconds."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        from botocore.credentials import ReadOnlyCredentials  # noqa: PLC0415 - as above

        self.region_name = region
        self._credentials = ReadOnlyCredentials(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        )

    def get_credentials(self) -> Any:  # noqa: ANN401 - botocore ships no types
        return self._credentials
