"""The one place that opens a session with a store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.auth import AuthProvider, PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import DCAwareRoundRobinPolicy, ExponentialReconnectionPolicy

from keyspaces_migration.clients.diagnosis import diagnose
from keyspaces_migration.clients.errors import DataCenterError, StoreError
from keyspaces_migration.clients.reconnection import connection_class
from keyspaces_migration.clients.retries import IdempotentRetryPolicy
from keyspaces_migration.clients.settings import PROTOCOL_VERSION, Auth, SessionSettings, SigV4Auth
from keyspaces_migration.clients.sigv4 import SigningAuthProvider
from keyspaces_migration.clients.tls import ssl_context
from keyspaces_migration.clients.translation import DRIVER_ERRORS, conclusive, store_errors, translate

FIRST_RECONNECT_S = 1.0
LONGEST_RECONNECT_S = 15.0
"""How long a node that is away is left alone at most, in seconds; the driver's own is ten minutes."""


@contextmanager
def open_session(settings: SessionSettings) -> Iterator[Session]:
    """Open a session and close it, with its connections and threads, whatever happens.

    Statements go round the nodes of the local data centre and to no other. Without one in the settings, the driver
    takes the first contact point's, and that is accepted only if it is the cluster's only one: LOCAL_QUORUM counts
    replicas there, so with several data centres a person has to choose. The driver sends a statement again only if it
    is marked idempotent or cannot have run. A node that is away is looked for every 15 s, for as long as it takes: by
    itself the driver would come to look every ten minutes, and no more at all after 64 times, or after a refused login.
    A login that is refused after one was accepted is tried again as well: passwords and tokens change while we run.

    Errors of statements inside the block are the driver's own; put `store_errors(settings)` around them.

    Raises:
        SessionSettingsError: the file of authorities cannot be used.
        StoreUnreachableError, TlsRefusedError, AuthenticationRefusedError: no node lets us in.
        DataCenterError: the local data centre is not in the cluster, or none was named and there are several.
        UnknownKeyspaceError: `settings.keyspace` does not exist.
    """
    with store_errors(settings):
        cluster = Cluster(**_cluster_arguments(settings))
    try:
        yield _connect(cluster, settings)
    finally:
        cluster.shutdown()


def _connect(cluster: Cluster, settings: SessionSettings) -> Session:
    try:
        session = cluster.connect()
    except DRIVER_ERRORS as error:
        raise _explain(error, cluster, settings) from error
    _check_data_center(cluster, settings)
    if settings.keyspace:
        with store_errors(settings):
            session.set_keyspace(settings.keyspace)
    return session


def _cluster_arguments(settings: SessionSettings) -> dict[str, Any]:
    profile = ExecutionProfile(
        load_balancing_policy=DCAwareRoundRobinPolicy(local_dc=settings.local_data_center or ""),
        retry_policy=IdempotentRetryPolicy(),
        consistency_level=ConsistencyLevel.name_to_value[settings.consistency.value],
        request_timeout=settings.request_timeout_s,
    )
    return {
        "contact_points": list(settings.hosts),
        "port": settings.port,
        "protocol_version": PROTOCOL_VERSION,
        "execution_profiles": {EXEC_PROFILE_DEFAULT: profile},
        "auth_provider": auth_provider(settings.auth),
        "connection_class": connection_class(),
        "connect_timeout": settings.connect_timeout_s,
        "control_connection_timeout": settings.connect_timeout_s,
        "reconnection_policy": ExponentialReconnectionPolicy(FIRST_RECONNECT_S, LONGEST_RECONNECT_S, max_attempts=None),
        "schema_metadata_enabled": settings.schema_metadata,
        **_tls_arguments(settings),
    }


def _tls_arguments(settings: SessionSettings) -> dict[str, Any]:
    if settings.tls is None:
        return {}
    name = settings.tls.server_hostname
    return {"ssl_context": ssl_context(settings.tls), "ssl_options": {"server_hostname": name} if name else None}


def auth_provider(auth: Auth | None) -> AuthProvider | None:
    """Return what gives the driver's authenticators; None for a store without authentication.

    Raises:
        CredentialsError: there is nothing to sign with.
    """
    if auth is None:
        return None
    if isinstance(auth, SigV4Auth):
        auth.credentials.current()  # the first ones are fetched in this thread, and not in the driver's event loop
        return SigningAuthProvider(auth)
    return PlainTextAuthProvider(username=auth.username, password=auth.password.get_secret_value())


def _explain(error: Exception, cluster: Cluster, settings: SessionSettings) -> StoreError:
    # A wrong local data centre lets the driver read the cluster's nodes and then use none of them.
    names = _data_centers(cluster)
    if isinstance(error, NoHostAvailable) and names and settings.local_data_center not in {None, *names}:
        return DataCenterError(
            host=settings.address,
            found=f"the cluster has no data centre {settings.local_data_center!r}, but {', '.join(names)}",
            hint="Give one of these as the local data centre.",
        )
    looked = None if conclusive(error) else diagnose(settings)
    return looked or translate(error, settings=settings)


def _check_data_center(cluster: Cluster, settings: SessionSettings) -> None:
    names = _data_centers(cluster)
    if settings.local_data_center is None and len(names) > 1:
        raise DataCenterError(
            host=settings.address,
            found=f"the cluster has several data centres ({', '.join(names)}) and the settings name none",
            hint="Give the one that is near as the local data centre.",
        )


def _data_centers(cluster: Cluster) -> list[str]:
    return sorted({host.datacenter for host in cluster.metadata.all_hosts() if host.datacenter})
