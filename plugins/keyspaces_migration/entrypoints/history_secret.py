"""The secret of the history, and the connection to Snowflake that follows from it."""

import base64
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

import snowflake.connector
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pydantic import Field, SecretStr, field_validator, model_validator
from snowflake.connector.cursor import SnowflakeCursor

from keyspaces_migration.entrypoints.secret_model import Pem, SecretModel, Text
from keyspaces_migration.entrypoints.store_secrets import written
from keyspaces_migration.errors import MigrationError

_CA_VARIABLE = "REQUESTS_CA_BUNDLE"


class HistoryUnreachableError(MigrationError):
    """Snowflake does not answer, or refuses the login."""


class HistorySecret(SecretModel):
    """Arguments of `snowflake.connector.connect`, those that a check has use for, and whom to trust."""

    account: Text
    """The account's identifier."""
    user: Text
    """Who logs in."""
    password: SecretStr | None = None
    """The user's password; this or `private_key`."""
    private_key: SecretStr | None = None
    """The user's private key, unencrypted, as DER in base64; this or `password`."""
    host: Text | None = None
    """The server, where it does not follow from the account."""
    port: int | None = Field(default=None, ge=1, le=65_535)
    """Its port."""
    database: Text | None = None
    """The session's database. The tables' names are complete without it."""
    schema_: Text | None = Field(default=None, alias="schema")
    """The session's schema."""
    warehouse: Text | None = None
    """What computes; none: the user's default."""
    role: Text | None = None
    """The session's role; none: the user's default."""
    login_timeout: int = Field(default=60, ge=1)
    """Seconds after which a login is given up."""
    network_timeout: int = Field(default=300, ge=1)
    """Seconds after which any other request is given up."""
    session_parameters: dict[str, str | int | bool] = Field(default_factory=dict)
    """Parameters of the session."""
    ocsp_fail_open: bool | None = None
    """Whether to go on where nobody says if a certificate is revoked; none: the connector's default."""
    ca_certificates: Pem | None = None
    """The authorities to trust, in PEM, in the place of those that come with the connector."""

    @field_validator("private_key")
    @classmethod
    def _is_key(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            try:
                load_der_private_key(base64.b64decode(value.get_secret_value(), validate=True), None)
            except (ValueError, TypeError):
                raise ValueError("found no such key; allowed: an unencrypted private key, DER in base64") from None
        return value

    @model_validator(mode="after")
    def _has_one_proof(self) -> Self:
        if (self.password is None) == (self.private_key is None):
            raise ValueError("one of password and private_key is needed, and only one")
        return self

    def arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `connect`. They hold the secret."""
        given = self.model_dump(by_alias=True, exclude_none=True, exclude={"ca_certificates"})
        return {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in given.items()
        }


@contextmanager
def history_cursor(secret: HistorySecret, *, folder: Path) -> Iterator[SnowflakeCursor]:
    """Open a connection, and close it at the end of the block; certificates are written to `folder`.

    Raises:
        HistoryUnreachableError: It can't be opened.
    """
    with (
        _trust(secret.ca_certificates, folder=folder),
        closing(_connect(secret)) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def _connect(secret: HistorySecret) -> snowflake.connector.SnowflakeConnection:
    try:
        return snowflake.connector.connect(**secret.arguments(), arrow_number_to_decimal=True)
    except snowflake.connector.errors.Error as error:
        raise HistoryUnreachableError(
            f"Snowflake can't be reached as {secret.user} of {secret.account}: {error.msg or type(error).__name__}"
        ) from error


@contextmanager
def _trust(ca_certificates: str | None, *, folder: Path) -> Iterator[None]:
    """Let Snowflake's client trust these authorities for the length of the block.

    It takes them from the process's environment only, and looks there at each new connection; botocore looks there
    too, so whatever speaks to AWS has to be done before.
    """
    if ca_certificates is None:
        yield
        return
    before = os.environ.get(_CA_VARIABLE)
    os.environ[_CA_VARIABLE] = str(written(ca_certificates, folder=folder))
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CA_VARIABLE]
        else:
            os.environ[_CA_VARIABLE] = before
