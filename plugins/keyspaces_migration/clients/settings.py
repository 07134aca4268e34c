"""What a session needs to know, checked before anything is contacted."""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from keyspaces_migration.clients.errors import SessionSettingsError

if TYPE_CHECKING:
    from keyspaces_migration.clients.sigv4 import CredentialSource

CQL_PORT = 9042
MAX_PORT = 65535

PROTOCOL_VERSION = 4
"""Amazon Keyspaces speaks version 4 only. Both stores are spoken to in it, so that one codec serves both."""


class Consistency(StrEnum):
    """How many replicas must answer. The names are CQL's own."""

    ONE = "ONE"
    TWO = "TWO"
    THREE = "THREE"
    QUORUM = "QUORUM"
    ALL = "ALL"
    LOCAL_ONE = "LOCAL_ONE"
    LOCAL_QUORUM = "LOCAL_QUORUM"
    EACH_QUORUM = "EACH_QUORUM"


@dataclass(frozen=True, kw_only=True)
class TlsSettings:
    """How the store proves who it is.

    Attributes:
        ca_file: PEM file of the authorities to trust; None trusts those of the operating system.
        check_hostname: whether the certificate must bear the name of the node.
        server_hostname: the one name that every node's certificate must bear (and that is sent to the server). None
            checks each node's certificate against that node's IP address, because the driver connects to addresses
            and not to names; a service behind one name, such as Keyspaces, needs this set.
    """

    ca_file: Path | None = None
    check_hostname: bool = True
    server_hostname: str | None = None


@dataclass(frozen=True, kw_only=True)
class PasswordAuth:
    """User and password: a role of Cassandra, or service-specific credentials of Keyspaces."""

    username: str
    password: SecretStr = field(repr=False)

    def __post_init__(self) -> None:
        if not self.username:
            raise SessionSettingsError("a password was given without a user name. Give the user name too.")
        if not self.password.get_secret_value():
            raise SessionSettingsError(f"user {self.username!r} has no password. Give the password too.")


@dataclass(frozen=True, kw_only=True)
class SigV4Auth:
    """AWS credentials, with which every login to Amazon Keyspaces is signed.

    Attributes:
        region: the Region of the endpoint, for which the login is signed.
        credentials: asked for every new connection, so that temporary credentials may expire and be renewed.
    """

    region: str
    credentials: "CredentialSource" = field(repr=False)

    def __post_init__(self) -> None:
        if not self.region:
            raise SessionSettingsError("SigV4 without a Region. Give the Region of the service endpoint.")


Auth = PasswordAuth | SigV4Auth


@dataclass(frozen=True, kw_only=True)
class SessionSettings:
    """Everything that `open_session` needs. Shown, logged or formatted, it does not show the password.

    Attributes:
        hosts: contact points, names or addresses without port; at least one.
        port: CQL port of every node.
        tls: None speaks plain text.
        auth: None when the store has no authentication.
        local_data_center: statements go to this data centre only. None takes the cluster's only one, and is refused
            with the names to choose from when the cluster has several.
        keyspace: the session's keyspace, which must exist; None leaves the session without one.
        consistency: of every statement that does not name its own.
        request_timeout_s: how long the client waits for an answer.
        connect_timeout_s: how long one connection may take, TLS and authentication included.
        schema_metadata: whether the driver reads and follows the schema. A worker that only sends prepared
            statements saves the reading, which grows with the number of tables in the cluster.

    Raises:
        SessionSettingsError: a value that cannot work whatever the store says.
    """

    hosts: tuple[str, ...]
    port: int = CQL_PORT
    tls: TlsSettings | None = None
    auth: Auth | None = None
    local_data_center: str | None = None
    keyspace: str | None = None
    consistency: Consistency = Consistency.LOCAL_QUORUM
    request_timeout_s: float = 10.0
    connect_timeout_s: float = 5.0
    schema_metadata: bool = True

    def __post_init__(self) -> None:
        if not self.hosts:
            raise SessionSettingsError("no host. Name at least one contact point of the cluster.")
        for host in self.hosts:
            _check_host(host)
        if not 0 < self.port <= MAX_PORT:
            raise SessionSettingsError(f"port {self.port} is not a TCP port. Allowed: 1 to {MAX_PORT}.")
        for name in ("request_timeout_s", "connect_timeout_s"):
            if not getattr(self, name) > 0:
                raise SessionSettingsError(f"{name} is {getattr(self, name)}. Allowed: seconds above 0.")

    @property
    def address(self) -> str:
        """The contact points as "host:port", separated by commas, for messages."""
        return ", ".join(host_and_port(host, self.port) for host in self.hosts)


def host_and_port(host: str, port: int) -> str:
    """Return "host:port", with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _check_host(host: str) -> None:
    if not host or host != host.strip() or any(sign in host for sign in "/ ,@"):
        raise SessionSettingsError(
            f"{host!r} is not a host. Allowed: a name or an IP address, without scheme, path or blanks."
        )
    if ":" in host and not _is_ip_address(host):
        raise SessionSettingsError(f"{host!r} is not a host. The port is a field of its own, one for all hosts.")


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
