"""The hook for Amazon Keyspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_provider.hooks.base import StoreHook, auth_of, consistency_of, hosts_of, tls_of
from keyspaces_provider.hooks.extras import CassandraExtra, KeyspacesExtra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from keyspaces_migration.clients import SessionSettings, StoreDescription


class KeyspacesHook(StoreHook):
    """Sessions with Amazon Keyspaces, from a connection of type `amazon_keyspaces`.

    The Region gives the endpoint, or the endpoint the Region; TLS, port 9142 and LOCAL_QUORUM are the defaults. The
    user is one with service-specific credentials.

    Args:
        keyspaces_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "keyspaces_conn_id"
    conn_type = "amazon_keyspaces"
    hook_name = "Amazon Keyspaces"
    extra_model = KeyspacesExtra

    def __init__(self, keyspaces_conn_id: str) -> None:
        super().__init__(keyspaces_conn_id)

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
            auth=auth_of(connection),
            local_data_center=extra.local_data_center or region,
            keyspace=connection.schema or None,
            consistency=consistency_of(extra, keyspaces.KEYSPACES_CONSISTENCIES),
        )

    def _sentence(self, store: StoreDescription) -> str:
        from keyspaces_migration.clients.keyspaces import ONE_HOST_NOTE

        sentence = super()._sentence(store)
        return f"{sentence} {ONE_HOST_NOTE}" if store.host_count == 1 else sentence
