"""What both hooks share: from an Airflow connection to a session."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from airflow.sdk import BaseHook
from airflow.sdk.log import mask_secret
from pydantic import SecretStr

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.hooks.extras import CassandraExtra, ConnectionFieldsError, read_extra

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    import pyarrow as pa
    from airflow.sdk import Connection
    from cassandra.cluster import Session

    from keyspaces_migration.clients import Consistency, PasswordAuth, SessionSettings, StoreDescription, TlsSettings
    from keyspaces_migration.cql_access import CqlAccess, TableDescription, Values
    from keyspaces_provider.hooks.frames import PandasFrame, PolarsFrame


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
        return self._settings_of(self.get_connection(self.conn_id))

    def _settings_of(self, connection: Connection) -> SessionSettings:
        from keyspaces_migration.clients import SessionSettingsError

        if connection.password:
            mask_secret(connection.password)
        extra = read_extra(connection.extra, self.extra_model, conn_id=self.conn_id)
        try:
            return with_timeouts(self._settings(connection, extra), extra)
        except SessionSettingsError as error:
            raise ConnectionFieldsError(f"connection {self.conn_id!r}: {error}") from error

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session of one's own and close it at the end of the block.

        Raises:
            ConnectionFieldsError: as `settings`.
            StoreError: as `keyspaces_migration.clients.open_session`.
        """
        from keyspaces_migration.clients import open_session

        with open_session(self.settings()) as session:
            yield session

    def get_conn(self) -> Session:
        """Return the process's session of this connection, opened if there is none that works. Don't close it.

        It is closed when the process ends. Errors of its statements are the driver's own.

        Raises:
            ConnectionFieldsError: as `settings`.
            StoreError: as `keyspaces_migration.clients.open_session`.
        """
        from keyspaces_migration.clients import SHARED

        return SHARED.get(*self._shared())

    @contextmanager
    def access(self, *, page_rows: int = 5_000, in_flight: int = 16) -> Iterator[CqlAccess]:
        """Run statements over the process's session in a block: bound, paged, tried again where throttled.

        Cancelled, it gives up its own statements alone; the session is given out no more, and is closed when the last
        who uses it is done.

        Args:
            page_rows: Rows in a page, at most.
            in_flight: Requests under way at once, at most.

        Raises:
            ConnectionFieldsError: as `settings`.
            StoreError: as `keyspaces_migration.clients.open_session`.
        """
        from keyspaces_migration.clients import SHARED
        from keyspaces_migration.cql_access import CqlAccess

        key, settings = self._shared()
        with SHARED.lease(key, settings) as session:
            yield CqlAccess(
                session=session,
                settings=settings,
                page_rows=page_rows,
                in_flight=in_flight,
                on_throttle=self.log.warning,
                on_cancel=lambda: SHARED.discard(session),
            )

    def _shared(self) -> tuple[Hashable, SessionSettings]:
        """Return the session's key and settings. A connection that was changed has another key."""
        connection = self.get_connection(self.conn_id)
        return (type(self), self.conn_id, connection.get_uri()), self._settings_of(connection)

    def get_arrow(self, cql: str, values: Values = ()) -> pa.Table:
        """Return the whole answer to a SELECT as an Arrow table; see `CqlAccess.ask` for values and errors.

        Values are exact: varint, decimal and UUIDs are text, sets are lists, user types structs.

        Raises:
            ConnectionFieldsError: as `settings`.
            ResultTypeError: a type or a value has no form in Arrow.
            CqlAccessError, StoreError: as `CqlAccess.ask`.
        """
        import pyarrow as pa

        from keyspaces_migration.cql_access import schema_of, to_record_batch

        with self.access() as access:
            answer = access.ask(cql, values)
            batches = [to_record_batch(answer.columns, page) for page in answer.pages()]
        return pa.Table.from_batches(batches, schema_of(answer.columns))

    def get_df(
        self, sql: str, parameters: Values = (), *, df_type: Literal["pandas", "polars"] = "pandas"
    ) -> PandasFrame | PolarsFrame:
        """Return the whole answer to a SELECT as a DataFrame; named and called as in Airflow's `DbApiHook`.

        Columns of pandas have Arrow's types, so that whole numbers with nulls stay whole. polars is not installed with
        this package.

        Args:
            sql: CQL.
            parameters: values, by place or by name.
            df_type: of which library.

        Raises:
            FrameLibraryError: there is no such library, or it is not installed.
            CqlAccessError, StoreError: as `get_arrow`.
        """
        from keyspaces_provider.hooks.frames import frame_of, require

        require(df_type)
        return frame_of(self.get_arrow(sql, parameters), df_type)

    def get_keyspaces(self) -> list[str]:
        """Return the names of the store's keyspaces, sorted; errors are those of `access`."""
        from keyspaces_migration.cql_access import list_keyspaces

        with self.access() as access:
            return list_keyspaces(access)

    def get_tables(self, keyspace: str) -> list[str]:
        """Return the names of a keyspace's tables, sorted.

        Raises:
            UnknownKeyspaceError: there is no such keyspace.
            ConnectionFieldsError, StoreError: as `access`.
        """
        from keyspaces_migration.cql_access import list_tables

        with self.access() as access:
            return list_tables(access, keyspace)

    def get_table(self, keyspace: str, table: str) -> TableDescription:
        """Return a table's columns with their types, and its keys.

        Raises:
            UnknownTableError: there is no such table.
            ConnectionFieldsError, StoreError: as `access`.
        """
        from keyspaces_migration.cql_access import describe_table

        with self.access() as access:
            return describe_table(access, keyspace=keyspace, table=table)

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
