"""What both hooks share: from an Airflow connection to a session."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret
from pydantic import SecretStr

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.hooks.extras import CassandraExtra, ConnectionFieldsError, read_extra

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow.sdk import Connection
    from cassandra.cluster import Session

    from keyspaces_migration.clients import Consistency, PasswordAuth, SessionSettings, StoreDescription, TlsSettings


class StoreHook(BaseHook):
    """A hook over one Airflow connection. It keeps the connection's id and nothing of its content."""

    conn_name_attr: ClassVar[str]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    extra_model: ClassVar[type[CassandraExtra]]

    def __init__(self, conn_id: str) -> None:
        super().__init__()
        self.conn_id = conn_id

    def settings(self) -> SessionSettings:
        """Read the connection.

        Raises:
            ConnectionFieldsError: a field is unknown, of a wrong kind, or contradicts another.
        """
        from keyspaces_migration.clients import SessionSettingsError

        connection = self.get_connection(self.conn_id)
        if connection.password:
            mask_secret(connection.password)
        extra = read_extra(connection.extra, self.extra_model, conn_id=self.conn_id)
        try:
            return with_timeouts(self._settings(connection, extra), extra)
        except SessionSettingsError as error:
            raise ConnectionFieldsError(f"connection {self.conn_id!r}: {error}") from error

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session and close it at the end of the block.

        Raises:
            ConnectionFieldsError: as `settings`.
            StoreError: as `keyspaces_migration.clients.open_session`.
        """
        from keyspaces_migration.clients import open_session

        with open_session(self.settings()) as session:
            yield session

    def test_connection(self) -> tuple[bool, str]:
        """Open a session and ask the store who it is: what the form's "Test" shows."""
        from keyspaces_migration.clients import describe_store, open_session

        try:
            settings = self.settings()
            with open_session(settings) as session:
                return True, self._sentence(describe_store(session, settings=settings))
        except MigrationError as error:
            return False, str(error)

    @abstractmethod
    def _settings(self, connection: Connection, extra: CassandraExtra) -> SessionSettings:
        """Turn the connection's fields into settings, with the store's defaults; the time-outs come after."""

    def _sentence(self, store: StoreDescription) -> str:
        hosts = f"{store.host_count} host{'' if store.host_count == 1 else 's'}"
        keyspace = f" Keyspace {store.keyspace} is there." if store.keyspace else ""
        return (
            f"Connected to cluster {store.cluster_name!r}, release {store.release_version}, "
            f"data centre {store.data_center}, {hosts}.{keyspace}"
        )


def hosts_of(connection: Connection) -> tuple[str, ...]:
    """Return the contact points of the field Host, which holds them separated by commas."""
    return tuple(host.strip() for host in (connection.host or "").split(",") if host.strip())


def auth_of(connection: Connection) -> PasswordAuth | None:
    """Return user and password, or None when the connection has neither."""
    from keyspaces_migration.clients import PasswordAuth

    if not connection.login and not connection.password:
        return None
    return PasswordAuth(username=connection.login or "", password=SecretStr(connection.password or ""))


def tls_of(extra: CassandraExtra, *, server_hostname: str | None) -> TlsSettings:
    """Return how to verify the store; the name in the connection goes before `server_hostname`."""
    from keyspaces_migration.clients import TlsSettings

    return TlsSettings(
        ca_file=extra.ca_certificate_file,
        check_hostname=extra.tls_check_hostname is not False,
        server_hostname=extra.tls_server_hostname or server_hostname,
    )


def consistency_of(extra: CassandraExtra, allowed: Sequence[Consistency]) -> Consistency:
    """Return the consistency of the connection, or the first of those allowed.

    Raises:
        SessionSettingsError: it is not one of those allowed.
    """
    from keyspaces_migration.clients import SessionSettingsError

    by_name = {one.value: one for one in allowed}
    name = extra.consistency or allowed[0].value
    if name not in by_name:
        raise SessionSettingsError(f"extra field consistency is {name!r}. Allowed: {', '.join(by_name)}.")
    return by_name[name]


def with_timeouts(settings: SessionSettings, extra: CassandraExtra) -> SessionSettings:
    """Return the settings with the time-outs that the connection gives."""
    return replace(
        settings,
        request_timeout_s=extra.request_timeout_s or settings.request_timeout_s,
        connect_timeout_s=extra.connect_timeout_s or settings.connect_timeout_s,
    )
