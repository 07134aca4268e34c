"""The hook for a connection whose store is not known when the DAG is written."""

from airflow.sdk import BaseHook

from keyspaces_provider.hooks.base import StoreHook
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.extras import ConnectionFieldsError
from keyspaces_provider.hooks.keyspaces import KeyspacesHook

_HOOKS: tuple[type[CassandraHook | KeyspacesHook], ...] = (CassandraHook, KeyspacesHook)


def store_hook(conn_id: str) -> StoreHook:
    """Return the hook for the type of a connection.

    Raises:
        ConnectionFieldsError: The connection is of another type.
        AirflowNotFoundException: There is none of that id.
    """
    found = BaseHook.get_connection(conn_id).conn_type
    for hook in _HOOKS:
        if hook.conn_type == found:
            return hook(conn_id)
    allowed = ", ".join(hook.conn_type for hook in _HOOKS)
    raise ConnectionFieldsError(f"connection {conn_id!r} has the type {found!r}. Allowed: {allowed}.")
