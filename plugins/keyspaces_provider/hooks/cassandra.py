"""The hook for Apache Cassandra."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_provider.hooks.base import StoreHook, auth_of, consistency_of, hosts_of, tls_of
from keyspaces_provider.hooks.extras import CassandraExtra

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from keyspaces_migration.clients import SessionSettings


class CassandraHook(StoreHook):
    """Sessions with an Apache Cassandra cluster, from a connection of type `apache_cassandra`.

    Args:
        cassandra_conn_id: id of the Airflow connection.
    """

    conn_name_attr = "cassandra_conn_id"
    conn_type = "apache_cassandra"
    hook_name = "Apache Cassandra"
    extra_model = CassandraExtra

    def __init__(self, cassandra_conn_id: str) -> None:
        super().__init__(cassandra_conn_id)

    def _settings(self, connection: Connection, extra: CassandraExtra) -> SessionSettings:
        from keyspaces_migration.clients import Consistency, SessionSettings
        from keyspaces_migration.clients.settings import CQL_PORT

        default = Consistency.QUORUM
        return SessionSettings(
            hosts=hosts_of(connection),
            port=connection.port or CQL_PORT,
            tls=tls_of(extra, server_hostname=None) if extra.tls else None,
            auth=auth_of(connection),
            local_data_center=extra.local_data_center,
            keyspace=connection.schema or None,
            consistency=consistency_of(extra, [default, *(one for one in Consistency if one is not default)]),
        )
