from __future__ import annotations

import pytest
from cassandra import (
    AuthenticationFailed,
    ConsistencyLevel,
    InvalidRequest,
    OperationTimedOut,
    Unauthorized,
    UnresolvableContactPoints,
    WriteTimeout,
    WriteType,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionShutdown, DefaultEndPoint
from cassandra.protocol import OverloadedErrorMessage, ServerError, SyntaxException
from pydantic import SecretStr

from keyspaces_migration.clients import (
    AuthenticationRefusedError,
    PasswordAuth,
    PermissionRefusedError,
    SessionSettings,
    StatementRefusedError,
    StoreTimeoutError,
    StoreUnreachableError,
    UnknownKeyspaceError,
    UnknownTableError,
    store_errors,
    translate,
)
from keyspaces_migration.clients.translation import conclusive

ANONYMOUS = SessionSettings(hosts=("db",), keyspace="flights")
APP = SessionSettings(hosts=("db",), auth=PasswordAuth(username="app", password=SecretStr("hunter2-never-shown")))
THROTTLED = WriteTimeout(
    "Operation timed out", consistency=ConsistencyLevel.LOCAL_QUORUM, write_type=WriteType.SIMPLE, received_responses=0
)


def invalid(message: str) -> InvalidRequest:
    return InvalidRequest(f'Error from server: code=2200 [Invalid query] message="{message}"')


@pytest.mark.parametrize(
    ("error", "kind", "found"),
    [
        (invalid("unconfigured table events"), UnknownTableError, "no table events"),
        (invalid("table events does not exist"), UnknownTableError, "no table events"),
        (invalid("Table 'k.events' doesn't exist"), UnknownTableError, "no table k.events"),
        (invalid("Keyspace 'Flights' does not exist"), UnknownKeyspaceError, "no keyspace Flights"),
        (invalid("keyspace flights does not exist"), UnknownKeyspaceError, "no keyspace flights"),
        (invalid("Undefined column name x in table k.t"), StatementRefusedError, "Undefined column name x"),
        (invalid("value says: table t does not exist"), StatementRefusedError, "value says"),
        (SyntaxException(0x2000, "no viable alternative", None), StatementRefusedError, "no viable alternative"),
        (ServerError(0x0000, "java.lang.NullPointerException", None), StatementRefusedError, "NullPointer"),
        (Unauthorized("User app has no SELECT permission"), PermissionRefusedError, "no SELECT permission"),
        (THROTTLED, StoreTimeoutError, "received_responses': 0"),
        (OperationTimedOut(), StoreTimeoutError, "OperationTimedOut"),
        (OverloadedErrorMessage(0x1001, "too many requests", None), StoreTimeoutError, "too many requests"),
        (ConnectionShutdown("Connection to db was closed"), StoreUnreachableError, "was closed"),
        (UnresolvableContactPoints({}), StoreUnreachableError, "no host name resolves"),
        (NoHostAvailable("Unable to connect to any servers", ["db"]), StoreUnreachableError, "Unable to connect"),
        (
            NoHostAvailable("Unable", {DefaultEndPoint("10.0.0.1"): ConnectionRefusedError(111, "refused")}),
            StoreUnreachableError,
            "10.0.0.1:9042: ConnectionRefusedError",
        ),
        (NoHostAvailable("Unable", {"a": OSError("gone"), "b": THROTTLED}), StoreTimeoutError, "received"),
    ],
)
def test_each_error_of_the_driver_becomes_one_of_ours(error: Exception, kind: type[Exception], found: str) -> None:
    ours = translate(error, settings=ANONYMOUS)
    assert type(ours) is kind
    assert found in ours.found
    assert ours.host == "db:9042"
    assert ours.hint


@pytest.mark.parametrize(
    ("settings", "found"),
    [(ANONYMOUS, "the settings name none"), (APP, "refuses user 'app' (AuthenticationFailed: Bad credentials)")],
)
def test_refused_authentication_names_the_user_or_that_there_is_none(settings: SessionSettings, found: str) -> None:
    error = NoHostAvailable("Unable", {"10.0.0.1:9042": AuthenticationFailed("Bad credentials")})
    ours = translate(error, settings=settings)
    assert isinstance(ours, AuthenticationRefusedError)
    assert ours.host == "10.0.0.1:9042"
    assert found in ours.found
    assert "hunter2" not in str(ours)


def test_only_refused_authentication_is_conclusive_about_a_failed_connection() -> None:
    assert conclusive(NoHostAvailable("", {"a": OSError(), "b": AuthenticationFailed("no")}))
    assert not conclusive(NoHostAvailable("", {"a": OSError()}))
    assert not conclusive(NoHostAvailable("", ["a"]))


def test_the_drivers_error_is_the_cause_and_other_errors_pass_untouched() -> None:
    cause = invalid("unconfigured table t")
    with pytest.raises(UnknownTableError) as caught, store_errors(ANONYMOUS):
        raise cause
    assert caught.value.__cause__ is cause
    with pytest.raises(ZeroDivisionError), store_errors(ANONYMOUS):
        _ = 1 / 0
