"""The hook for Amazon Keyspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.clients import SessionSettings, SessionSettingsError, TlsSettings
from keyspaces_migration.clients.keyspaces import (
    KEYSPACES_CONSISTENCIES,
    KEYSPACES_PORT,
    ONE_HOST_NOTE,
    certificate_name,
    endpoint,
    region_of,
)
from keyspaces_provider.hooks.base import StoreHook, auth_of, hosts_of, timeouts_of
from keyspaces_provider.hooks.extras import CassandraExtra, KeyspacesExtra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from keyspaces_migration.clients import Consistency, StoreDescription


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
        assert isinstance(extra, KeyspacesExtra)  # noqa: S101 -- read with this class's extra_model
        hosts = hosts_of(connection)
        region = region_of(hosts, region=extra.region)
        if not hosts:
            hosts = (_endpoint(region),)
        return SessionSettings(
            hosts=hosts,
            port=connection.port or KEYSPACES_PORT,
            tls=None if extra.tls is False else _tls(extra, hosts),
            auth=auth_of(connection),
            local_data_center=extra.local_data_center or region,
            keyspace=connection.schema or None,
            consistency=_consistency(extra),
            **timeouts_of(extra),
        )

    def _sentence(self, store: StoreDescription) -> str:
        sentence = super()._sentence(store)
        return f"{sentence} {ONE_HOST_NOTE}" if store.host_count == 1 else sentence


def _endpoint(region: str | None) -> str:
    if not region:
        raise SessionSettingsError("neither a Region nor a service endpoint. Fill in one of them.")
    return endpoint(region)


def _tls(extra: KeyspacesExtra, hosts: tuple[str, ...]) -> TlsSettings:
    return TlsSettings(
        ca_file=extra.ca_certificate_file,
        check_hostname=extra.tls_check_hostname is not False,
        server_hostname=extra.tls_server_hostname or certificate_name(hosts),
    )


def _consistency(extra: KeyspacesExtra) -> Consistency:
    if extra.consistency and extra.consistency not in KEYSPACES_CONSISTENCIES:
        raise SessionSettingsError(
            f"consistency is {extra.consistency}. Allowed on Amazon Keyspaces: {', '.join(KEYSPACES_CONSISTENCIES)}."
        )
    return extra.consistency or KEYSPACES_CONSISTENCIES[0]
