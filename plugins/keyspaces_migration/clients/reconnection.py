"""How the driver connects again to a store that let us in before."""

from typing import Any

from cassandra import AuthenticationFailed
from cassandra.cluster import Cluster
from cassandra.connection import ConnectionException


def connection_class() -> Any:  # noqa: ANN401 - the driver ships no types
    """Return a class of connections for one cluster object, made of the one that the driver chooses here.

    After a refused login the driver never tries that node again. Before the first login that is right: the user or the
    password is wrong. A store that took them once may refuse them for a while: Cassandra that starts and finds no
    quorum of system_auth, a password that is being changed, credentials that are being renewed. So from the first
    login on, a refused one is a ConnectionException, after which the reconnection policy says when to try again.
    """
    default = Cluster.connection_class

    class PersistentConnection(default):  # type: ignore[misc,valid-type]  # as above
        has_connected = False
        """Whether a node let this cluster object in; kept on the class."""

        @classmethod
        def initialize_reactor(cls) -> None:
            # Some of the driver's classes keep their event loop on themselves: there is to be one, not one a cluster.
            default.initialize_reactor()

        @classmethod
        def factory(cls, endpoint: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as above
            try:
                connection = super().factory(endpoint, *arguments, **options)
            except AuthenticationFailed as error:
                if not cls.has_connected:
                    raise
                raise ConnectionException(f"login refused, as it was not before: {error}", endpoint) from error
            cls.has_connected = True
            return connection

    return PersistentConnection
