"""The secrets of source and target, and the sessions' settings that follow from them."""

import tempfile
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from keyspaces_migration.clients import (
    Consistency,
    CredentialSource,
    PasswordAuth,
    SessionSettings,
    SessionSettingsError,
    SigV4Auth,
    TlsSettings,
    keyspaces,
)
from keyspaces_migration.clients.settings import CQL_PORT, MAX_PORT
from keyspaces_migration.entrypoints.secret_model import Pem, SecretError, SecretModel, Text

# Without the signs of a URL: a message about a host shows it, and a URL may carry a password.
Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]+$")]


class StoreSecret(SecretModel):
    """How to reach a cluster."""

    hosts: tuple[Host, ...] = Field(min_length=1)
    """Contact points, without ports."""
    port: int = Field(default=CQL_PORT, ge=1, le=MAX_PORT)
    """CQL port of every node."""
    tls: bool = True
    """Whether the nodes speak TLS."""
    ca_certificates: Pem | None = None
    """The authorities to trust, in PEM; none: the operating system's."""
    tls_server_hostname: Text | None = None
    """The one name that every node's certificate bears; none: each node's own address."""
    username: Text | None = None
    """A role of the store."""
    password: SecretStr | None = None
    """Its password."""
    local_data_center: Text | None = None
    """Where statements go; none: the cluster's only one."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password belong together: give both or neither")
        if not self.tls and (self.ca_certificates or self.tls_server_hostname):
            raise ValueError("ca_certificates and tls_server_hostname are of use with tls only")
        return self

    def password_auth(self) -> PasswordAuth | None:
        """User and password, or None where there are none."""
        if self.username is None or self.password is None:
            return None
        return PasswordAuth(username=self.username, password=self.password)

    def tls_settings(self, *, folder: Path, server_hostname: str | None = None) -> TlsSettings | None:
        """How to verify the nodes; the authorities are written to `folder`, as the driver takes a file."""
        if not self.tls:
            return None
        return TlsSettings(
            ca_file=written(self.ca_certificates, folder=folder) if self.ca_certificates else None,
            server_hostname=self.tls_server_hostname or server_hostname,
        )


class TargetSecret(StoreSecret):
    """How to reach Amazon Keyspaces. An empty object will do: the Region's endpoint, and logins signed by SigV4."""

    hosts: tuple[Host, ...] = ()
    """The service endpoint, or addresses; none: the public endpoint of the target's Region."""
    port: int = Field(default=keyspaces.KEYSPACES_PORT, ge=1, le=MAX_PORT)
    """CQL port."""


def source_settings(secret: StoreSecret, *, folder: Path) -> SessionSettings:
    """How to open the source.

    Raises:
        SecretError: A value can't work whatever the store says.
    """
    try:
        return SessionSettings(
            hosts=secret.hosts,
            port=secret.port,
            tls=secret.tls_settings(folder=folder),
            auth=secret.password_auth(),
            local_data_center=secret.local_data_center,
            consistency=Consistency.QUORUM,
        )
    except SessionSettingsError as error:
        raise SecretError(f"The secret of the source can't be used: {error}") from error


def target_settings(
    secret: TargetSecret, *, region: str, folder: Path, credentials: CredentialSource
) -> SessionSettings:
    """How to open the target in `region`; without a user, logins are signed with `credentials`.

    Raises:
        SecretError: A value can't work whatever the store says, or the endpoint is another Region's.
    """
    try:
        keyspaces.region_of(secret.hosts, region=region)
        hosts = secret.hosts or (keyspaces.endpoint(region),)
        return SessionSettings(
            hosts=hosts,
            port=secret.port,
            tls=secret.tls_settings(folder=folder, server_hostname=keyspaces.certificate_name(hosts)),
            auth=secret.password_auth() or SigV4Auth(region=region, credentials=credentials),
            local_data_center=secret.local_data_center or region,
            consistency=Consistency.LOCAL_QUORUM,
        )
    except SessionSettingsError as error:
        raise SecretError(f"The secret of the target can't be used: {error}") from error


def written(pem: str, *, folder: Path) -> Path:
    """Write certificates to a file of their own in `folder`."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".pem", delete=False, encoding="ascii") as file:
        file.write(pem)
    return Path(file.name)
