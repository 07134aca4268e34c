"""The hook for Amazon Keyspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowNotFoundException

from keyspaces_provider.hooks.base import StoreHook, auth_of, consistency_of, hosts_of, tls_of
from keyspaces_provider.hooks.extras import CassandraExtra, ConnectionFieldsError, KeyspacesExtra, read_extra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from keyspaces_migration.clients import (
        PasswordAuth,
        SessionCredentials,
        SessionSettings,
        SigV4Auth,
        StoreDescription,
    )


class KeyspacesHook(StoreHook):
    """Sessions with Amazon Keyspaces, from a connection of type `amazon_keyspaces`.

    The Region gives the endpoint, or the endpoint the Region; TLS, port 9142 and LOCAL_QUORUM are the defaults. The
    login is a user with service-specific credentials, or signed (SigV4) with the credentials of an AWS connection that
    the extra field `aws_conn_id` names: every new connection to the store signs with those that are valid then.

    Args:
        keyspaces_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "keyspaces_conn_id"
    conn_type = "amazon_keyspaces"
    hook_name = "Amazon Keyspaces"
    extra_model = KeyspacesExtra

    def __init__(self, keyspaces_conn_id: str) -> None:
        super().__init__(keyspaces_conn_id)

    def region(self) -> str | None:
        """Return the Region of the connection, or None where neither it nor the endpoint names one.

        Raises:
            ConnectionFieldsError: as `settings`.
        """
        from keyspaces_migration.clients import SessionSettingsError, keyspaces

        connection = self.get_connection(self.conn_id)
        extra = read_extra(connection.extra, KeyspacesExtra, conn_id=self.conn_id)
        try:
            return keyspaces.region_of(hosts_of(connection), region=extra.region)
        except SessionSettingsError as error:
            raise ConnectionFieldsError(f"connection {self.conn_id!r}: {error}") from error

    def _settings(self, connection: Connection, extra: CassandraExtra) -> SessionSettings:
        from keyspaces_migration.clients import SessionSettings, keyspaces

        assert isinstance(extra, KeyspacesExtra)  # noqa: S101 -- read with this class's extra_model
        hosts = hosts_of(connection)
        region = keyspaces.region_of(hosts, region=extra.region)
        hosts = hosts or (keyspaces.endpoint(region),)
        return SessionSettings(
            hosts=hosts,
            port=connection.port or keyspaces.KEYSPACES_PORT,
            tls=None if extra.tls is False else tls_of(extra, server_hostname=keyspaces.certificate_name(hosts)),
            auth=self._auth(connection, extra, region),
            local_data_center=extra.local_data_center or region,
            keyspace=connection.schema or None,
            consistency=consistency_of(extra, keyspaces.KEYSPACES_CONSISTENCIES),
        )

    def _auth(
        self, connection: Connection, extra: KeyspacesExtra, region: str | None
    ) -> PasswordAuth | SigV4Auth | None:
        from keyspaces_migration.clients import SessionSettingsError, SigV4Auth

        if extra.aws_conn_id is None:
            return auth_of(connection)
        if connection.login or connection.password:
            raise SessionSettingsError(
                "both a user or password and the extra field aws_conn_id are given, and a login can use only one of "
                "them. Empty Login and Password to sign with the AWS connection, or empty aws_conn_id."
            )
        if region is None:
            raise SessionSettingsError("aws_conn_id needs a Region to sign for. Fill in the extra field region.")
        return SigV4Auth(region=region, credentials=self._aws_credentials(extra.aws_conn_id, region))

    def _aws_credentials(self, aws_conn_id: str, region: str) -> SessionCredentials:
        from keyspaces_migration.clients import SessionCredentials

        # Asked for here: of an id that is not there, AwsBaseHook only warns, and takes the machine's own credentials.
        try:
            self.get_connection(aws_conn_id)
        except AirflowNotFoundException as error:
            raise ConnectionFieldsError(
                f"connection {self.conn_id!r}: extra field aws_conn_id is {aws_conn_id!r}, and Airflow has no "
                "connection of that id. Create it with type Amazon Web Services, or correct the field."
            ) from error

        def open_session() -> Any:  # noqa: ANN401 - boto3 is imported late
            from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

            return AwsBaseHook(aws_conn_id=aws_conn_id, client_type="keyspaces").get_session(region_name=region)

        return SessionCredentials(open_session, name=f"AWS connection {aws_conn_id!r}")

    def _sentence(self, store: StoreDescription) -> str:
        from keyspaces_migration.clients.keyspaces import ONE_HOST_NOTE

        sentence = super()._sentence(store)
        return f"{sentence} {ONE_HOST_NOTE}" if store.host_count == 1 else sentence
