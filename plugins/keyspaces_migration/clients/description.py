"""What a store says about itself, for a connection test and for reports."""

from dataclasses import dataclass

from cassandra.cluster import Session

from keyspaces_migration.clients.settings import SessionSettings
from keyspaces_migration.clients.translation import store_errors


@dataclass(frozen=True, kw_only=True)
class StoreDescription:
    """A store as its coordinator describes it.

    Attributes:
        host_count: nodes of the local data centre that the session knows; it opens one connection to each.
    """

    cluster_name: str
    release_version: str
    partitioner: str
    data_center: str
    host_count: int
    keyspace: str | None


def describe_store(session: Session, *, settings: SessionSettings) -> StoreDescription:
    """Ask the store who it is.

    Raises:
        StoreError: the store does not answer.
    """
    with store_errors(settings):
        row = session.execute("SELECT cluster_name, release_version, partitioner, data_center FROM system.local").one()
    return StoreDescription(
        cluster_name=row.cluster_name,
        release_version=row.release_version,
        partitioner=row.partitioner,
        data_center=row.data_center,
        host_count=sum(host.datacenter == row.data_center for host in session.cluster.metadata.all_hosts()),
        keyspace=session.keyspace,
    )
