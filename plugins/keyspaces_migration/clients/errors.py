"""What can go wrong between us and a store, one class for each thing a caller can do about it."""

from functools import partial
from typing import Self

from keyspaces_migration.errors import MigrationError


class SessionSettingsError(MigrationError):
    """The settings contradict themselves or the driver; nothing was contacted. Correct the settings."""


class CredentialsError(MigrationError):
    """AWS credentials were to be had from nowhere, or could not be renewed; nothing was sent. It may pass."""


class StoreError(MigrationError):
    """A store answered with an error, or did not answer. The driver's own error is the `__cause__`.

    Attributes:
        host: "host:port" of the store, as the settings name it; several are separated by commas.
        found: what happened, as a clause without a full stop.
        hint: what to check or to do, as whole sentences.
    """

    def __init__(self, *, host: str, found: str, hint: str) -> None:
        super().__init__(f"{host}: {found}. {hint}")
        self.host = host
        self.found = found
        self.hint = hint

    def __reduce__(self) -> tuple[partial[Self], tuple[()]]:
        # Exception's own pickling passes `args` by position, which this signature refuses.
        return partial(type(self), host=self.host, found=self.found, hint=self.hint), ()


class StoreUnreachableError(StoreError):
    """No node could be spoken to: name, network, port, or something there that does not speak CQL."""


class TlsRefusedError(StoreError):
    """The two sides do not agree on TLS: on or off, which authority to trust, or which name the certificate bears."""


class AuthenticationRefusedError(StoreError):
    """The store refuses user and password, or the signature, or there is nothing to log in with."""


class DataCenterError(StoreError):
    """The local data centre is not one of the cluster's, or has to be chosen because the cluster has several."""


class UnknownKeyspaceError(StoreError):
    """The store has no keyspace of that name."""


class UnknownTableError(StoreError):
    """The keyspace has no table of that name."""


class PermissionRefusedError(StoreError):
    """The user is known and may not do this. Grant it."""


class StoreTimeoutError(StoreError):
    """No answer in time, or too few replicas, or a throttle: the outcome of a write is unknown. It may pass."""


class StatementRefusedError(StoreError):
    """The store understood the connection and refuses the statement: correct the statement."""
