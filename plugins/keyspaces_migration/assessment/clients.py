"""Who is connected to the source: the inventory of possible writers.

`system_views.clients` (Cassandra 4.0 and later) is a table of each node about itself, so every node is asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from keyspaces_migration.assessment.errors import CannotLookError, NotThereError
from keyspaces_migration.assessment.model import Part, Unseen
from keyspaces_migration.assessment.queries import Row, SourceQueries

NOT_IN_THIS_VERSION = (
    "this version of Cassandra has no table of its clients (it came with 4.0): run `nodetool clientstats --all` "
    "on every node, and list the clients from its output"
)


@dataclass(frozen=True, kw_only=True)
class Client:
    """One program as the nodes see it: same address, user, driver and options, with all its connections.

    Attributes:
        address: Where its connections come from.
        connections: How many, over all nodes that answered.
        requests: How many requests they have sent since each was opened.
        nodes: The nodes that it is connected to.
        keyspaces: Those that its connections have chosen with USE; a statement may name another.
        application: What the driver says of it (APPLICATION_NAME); most drivers say nothing.
        options: All that the driver said at start (Cassandra 5.0 and later), without the parts above.
        ours: Whether at least one of its connections is known to be this assessment's own.
    """

    address: str
    hostname: str
    username: str
    driver: str
    protocol_version: int
    tls: bool
    application: str
    options: Mapping[str, str]
    connections: int
    requests: int
    nodes: tuple[str, ...]
    keyspaces: tuple[str, ...]
    ours: bool


@dataclass(frozen=True, kw_only=True)
class Clients:
    """All clients of the nodes that answered; `unseen` names those that did not."""

    clients: tuple[Client, ...]
    nodes_asked: tuple[str, ...]
    unseen: tuple[Unseen, ...]

    @property
    def others(self) -> tuple[Client, ...]:
        """Those that are not this assessment."""
        return tuple(client for client in self.clients if not client.ours)


def read_clients(queries: SourceQueries) -> Clients:
    """Asks every node of the cluster for its clients and merges what they say; never raises for a silent node."""
    connections: list[tuple[str, Row]] = []
    unseen: list[Unseen] = []
    for node in queries.nodes:
        try:
            connections += [(node, row) for row in queries.rows("SELECT * FROM system_views.clients", node=node)]
        except NotThereError:
            unseen.append(Unseen(part=Part.CLIENTS, why=f"node {node}: {NOT_IN_THIS_VERSION}"))
        except CannotLookError as reason:
            unseen.append(Unseen(part=Part.CLIENTS, why=f"node {node}: {reason}"))
    merged = merge(connections, own_addresses=queries.own_addresses)
    return Clients(clients=merged, nodes_asked=queries.nodes, unseen=tuple(unseen))


def merge(connections: Iterable[tuple[str, Row]], *, own_addresses: frozenset[tuple[str, int]]) -> tuple[Client, ...]:
    """Connections (node, row of `system_views.clients`) to clients, the busiest first."""
    groups: dict[tuple[object, ...], list[tuple[str, Row]]] = {}
    for node, row in connections:
        ours = (str(row.get("address")), _integer(row, "port")) in own_addresses
        groups.setdefault((ours, *_identity(row)), []).append((node, row))
    clients = [_client(group, ours=bool(key[0])) for key, group in groups.items()]
    return tuple(sorted(clients, key=lambda client: (-client.requests, client.address, client.driver)))


def _identity(row: Row) -> tuple[object, ...]:
    names = ("address", "username", "driver_name", "driver_version", "protocol_version", "ssl_enabled")
    return (*(row.get(name) for name in names), tuple(sorted(_options(row).items())))


def _client(group: list[tuple[str, Row]], *, ours: bool) -> Client:
    first = group[0][1]
    options = _options(first)
    return Client(
        address=_text(first, "address"),
        hostname=_text(first, "hostname"),
        username=_text(first, "username"),
        driver=" ".join(part for part in (_text(first, "driver_name"), _text(first, "driver_version")) if part),
        protocol_version=_integer(first, "protocol_version"),
        tls=bool(first.get("ssl_enabled")),
        application=options.pop("APPLICATION_NAME", ""),
        options={name: value for name, value in options.items() if name not in {"DRIVER_NAME", "DRIVER_VERSION"}},
        connections=len(group),
        requests=sum(_integer(row, "request_count") for _, row in group),
        nodes=tuple(sorted({node for node, _ in group})),
        keyspaces=tuple(sorted({_text(row, "keyspace_name") for _, row in group} - {""})),
        ours=ours,
    )


def _options(row: Row) -> dict[str, str]:
    found = row.get("client_options")
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _integer(row: Row, name: str) -> int:
    return int(_text(row, name) or 0)
