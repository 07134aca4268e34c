"""The driver's errors, told apart into ours. Nothing is contacted here; `diagnosis` finds what only a look can tell."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cassandra import (
    AuthenticationFailed,
    CoordinationFailure,
    DriverException,
    OperationTimedOut,
    RequestValidationException,
    Timeout,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage, IsBootstrappingErrorMessage, OverloadedErrorMessage

from keyspaces_migration.clients.errors import (
    AuthenticationRefusedError,
    CredentialsError,
    PermissionRefusedError,
    StatementRefusedError,
    StoreError,
    StoreTimeoutError,
    StoreUnreachableError,
    UnknownKeyspaceError,
    UnknownTableError,
)
from keyspaces_migration.clients.settings import Auth, SessionSettings, SigV4Auth

DRIVER_ERRORS = (DriverException, NoHostAvailable, ConnectionException, ErrorMessage, CredentialsError)
"""Every class that the driver raises for what a store did, without a common base; and what our signing raises in it."""

_MAY_PASS = (
    Timeout,
    Unavailable,
    OperationTimedOut,
    CoordinationFailure,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
)

_LOGIN = (AuthenticationFailed, CredentialsError)

_CHECK_SIGNATURE = (
    "Check the AWS connection's secret access key, the field region, and that its identity may use cassandra:Select."
)

# By the reason that the server gives; the first that fits is taken. A signature that does not match comes before the
# Region: from the signature alone, nobody can tell a wrong secret from another Region, and servers name both.
_SIGV4_HINTS = (
    (re.compile(r"not match", re.IGNORECASE), _CHECK_SIGNATURE),
    (re.compile(r"expired", re.IGNORECASE), "Renew the temporary credentials of the AWS connection."),
    (re.compile(r"region", re.IGNORECASE), "Give the Region of the endpoint in the field region."),
    (re.compile(r"minutes|clock|stale", re.IGNORECASE), "Set the clock of the machine this ran on."),
    (re.compile(r"token", re.IGNORECASE), "Give the session token that was issued with the access key."),
    (re.compile(r"not known|does not exist|unknown", re.IGNORECASE), "Check the access key id of the AWS connection."),
)

# The protocol has one code (0x2200) for every invalid request, so only the text tells an unknown name from the rest.
# Seen from Cassandra 5.0: "table t does not exist", "Table 'k.t' doesn't exist", "Table 't' not found in keyspace 'k'",
# "keyspace k does not exist", "Keyspace 'k' doesn't exist", "'k' not found in keyspaces". Cassandra 3.11, as which
# Keyspaces presents itself, says "unconfigured table t". A text not known here becomes a StatementRefusedError.
_MISSING = r"'? (?:does not exist|doesn't exist|not found)"
_UNKNOWN_TABLE = re.compile(rf"message=\"(?:unconfigured table (?P<old>[\w.]+)|[Tt]able '?(?P<name>[\w.]+){_MISSING})")
_UNKNOWN_KEYSPACE = re.compile(
    rf"message=\"(?:[Kk]eyspace '?(?P<name>\w+){_MISSING}|'(?P<described>\w+)' not found in keyspaces)"
)


@contextmanager
def store_errors(settings: SessionSettings) -> Iterator[None]:
    """Run statements, and raise the driver's errors as ours, with the driver's as the cause.

    Only statements sent to the store of `settings` belong inside: the host in the message is taken from there.

    Raises:
        StoreError: one of its subclasses, as `translate` chooses it.
    """
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translate(error, settings=settings) from error


def translate(error: Exception, *, settings: SessionSettings) -> StoreError:
    """Return our error for an error of the driver.

    Args:
        error: what the driver raised, one of `DRIVER_ERRORS`.
        settings: of the session it came from; gives the host and the names for the hints.
    """
    if isinstance(error, NoHostAvailable):
        return _no_host_available(error, settings)
    if isinstance(error, _LOGIN):
        return _authentication_refused(error, settings, host=settings.address)
    if isinstance(error, UnresolvableContactPoints):
        return StoreUnreachableError(
            host=settings.address,
            found="no host name resolves to an address",
            hint="Check the spelling of the host, and the DNS of the machine this ran on.",
        )
    if isinstance(error, _MAY_PASS):
        return StoreTimeoutError(
            host=settings.address,
            found=f"no answer within the store's or the client's limit ({_text(error)})",
            hint=f"The client waits {settings.request_timeout_s:g} s. A write may or may not have taken place.",
        )
    if isinstance(error, ConnectionException):
        return StoreUnreachableError(
            host=settings.address,
            found=f"the connection was lost ({_text(error)})",
            hint="A write under way may or may not have taken place.",
        )
    return _statement_refused(error, settings)


def conclusive(error: Exception) -> bool:
    """Whether the driver's error says by itself why no session could be opened.

    A failed login is. Failed TLS handshakes are not: the driver keeps their text and loses their type.
    """
    if isinstance(error, NoHostAvailable):
        return any(conclusive(one) for one in _by_host(error).values())
    return isinstance(error, _LOGIN)


def _no_host_available(error: NoHostAvailable, settings: SessionSettings) -> StoreError:
    by_host = _by_host(error)
    for host, one in by_host.items():
        if isinstance(one, _LOGIN):
            return _authentication_refused(one, settings, host=host)
    answered = [one for one in by_host.values() if isinstance(one, (*_MAY_PASS, RequestValidationException))]
    if answered:
        return translate(answered[0], settings=settings)
    reasons = "; ".join(f"{host}: {_text(one)}" for host, one in by_host.items()) or _text(error)
    return StoreUnreachableError(
        host=settings.address,
        found=f"no node can be used ({reasons})",
        hint="Check that the cluster is up and that this machine may reach it.",
    )


def _by_host(error: NoHostAvailable) -> Mapping[str, Exception]:
    # Session.__init__ puts a plain list of addresses there, every other place a dict keyed by text, endpoint or Host.
    if not isinstance(error.errors, Mapping):
        return {}
    by_host = {str(getattr(key, "endpoint", key)): one for key, one in error.errors.items()}
    return {host: one for host, one in by_host.items() if isinstance(one, Exception)}


def _authentication_refused(error: Exception, settings: SessionSettings, *, host: str) -> StoreError:
    if settings.auth is None:
        return AuthenticationRefusedError(
            host=host,
            found="the store wants a user and a password, and the settings name none",
            hint="Fill in the user name and the password.",
        )
    if isinstance(error, CredentialsError):
        return AuthenticationRefusedError(
            host=host,
            found=f"there is nothing to sign the login with: {error}",
            hint="Check the AWS connection, its role, and that this machine reaches AWS's STS.",
        )
    if isinstance(settings.auth, SigV4Auth):
        text = _text(error)
        return AuthenticationRefusedError(
            host=host,
            found=f"the store refuses a login signed for Region {settings.auth.region} ({text})",
            hint=next((hint for reason, hint in _SIGV4_HINTS if reason.search(text)), _CHECK_SIGNATURE),
        )
    return AuthenticationRefusedError(
        host=host,
        found=f"the store refuses user {settings.auth.username!r} ({_text(error)})",
        hint="Check the user name and the password; a password typed with a blank at its end is a usual cause.",
    )


def _statement_refused(error: Exception, settings: SessionSettings) -> StoreError:
    text = _text(error)
    if isinstance(error, Unauthorized):
        user = _user(settings.auth)
        return PermissionRefusedError(
            host=settings.address, found=f"{user} may not do this ({text})", hint="Grant the permission that is named."
        )
    if match := _UNKNOWN_TABLE.search(text):
        return UnknownTableError(
            host=settings.address,
            found=f"there is no table {match['old'] or match['name']}",
            hint=f"Check its name and its keyspace{_in_keyspace(settings)}; unquoted names are lower case.",
        )
    if match := _UNKNOWN_KEYSPACE.search(text):
        return UnknownKeyspaceError(
            host=settings.address,
            found=f"there is no keyspace {match['name'] or match['described']}",
            hint="Check its name (case counts) and that this is the cluster you mean.",
        )
    return StatementRefusedError(host=settings.address, found=f"the statement is refused ({text})", hint="Correct it.")


def _user(auth: Auth | None) -> str:
    if auth is None:
        return "the anonymous user"
    return "the AWS identity that signed the login" if isinstance(auth, SigV4Auth) else f"user {auth.username!r}"


def _in_keyspace(settings: SessionSettings) -> str:
    return f" (the session's is {settings.keyspace})" if settings.keyspace else ""


def _text(error: Exception) -> str:
    if isinstance(error, ErrorMessage):
        return f"{type(error).__name__}: {error.message}"
    return f"{type(error).__name__}: {error}".rstrip(". ")
