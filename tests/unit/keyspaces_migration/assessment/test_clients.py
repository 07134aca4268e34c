"""Live clients: every node is asked, connections become clients, our own are known, silence is told."""

from keyspaces_migration.assessment.clients import merge, read_clients
from keyspaces_migration.assessment.errors import NoAnswerError, NotThereError
from tests.unit.keyspaces_migration.assessment.builders import FakeQueries


def connection(**more: object) -> dict[str, object]:
    return {
        "address": "10.1.1.1",
        "port": 5000,
        "username": "shop",
        "driver_name": "DataStax Java driver",
        "driver_version": "4.17.0",
        "protocol_version": 5,
        "request_count": 10,
        "ssl_enabled": True,
        **more,
    }


def test_every_node_is_asked_and_the_silent_one_is_named() -> None:
    queries = FakeQueries(
        {
            "system_views.clients@a:1": [connection()],
            "system_views.clients@b:1": NoAnswerError("not connected"),
            "system_views.clients@c:1": [connection(port=5001, request_count=7)],
        },
        nodes=("a:1", "b:1", "c:1"),
    )
    found = read_clients(queries)
    (client,) = found.clients
    assert (client.connections, client.requests, client.nodes) == (2, 17, ("a:1", "c:1"))
    assert [part.why for part in found.unseen] == ["node b:1: not connected"]


def test_a_version_without_the_table_is_told_with_the_command_to_run() -> None:
    found = read_clients(FakeQueries({"system_views.clients": NotThereError("keyspace system_views does not exist")}))
    assert found.clients == ()
    assert "nodetool clientstats --all" in found.unseen[0].why


def test_other_users_drivers_and_addresses_are_other_clients_and_the_busiest_comes_first() -> None:
    rows = [
        connection(),
        connection(username="batch", request_count=99),
        connection(driver_version="3.11.0", request_count=2),
        connection(address="10.1.1.2", request_count=1),
    ]
    found = merge([("a:1", row) for row in rows], own_addresses=frozenset())
    assert [client.requests for client in found] == [99, 10, 2, 1]


def test_our_own_connections_are_marked_by_address_and_port_and_kept_apart() -> None:
    rows = [connection(port=6000), connection(port=6001)]
    found = merge([("a:1", row) for row in rows], own_addresses=frozenset({("10.1.1.1", 6001)}))
    assert sorted(client.ours for client in found) == [False, True]
    assert all(client.connections == 1 for client in found)


def test_what_the_driver_says_of_itself_is_kept() -> None:
    options = {"APPLICATION_NAME": "checkout", "CQL_VERSION": "3.0.0", "DRIVER_NAME": "x", "DRIVER_VERSION": "1"}
    (client,) = merge([("a:1", connection(client_options=options, keyspace_name="shop"))], own_addresses=frozenset())
    assert client.application == "checkout"
    assert client.options == {"CQL_VERSION": "3.0.0"}
    assert client.keyspaces == ("shop",)


def test_a_4_0_row_without_options_and_with_nulls_is_read() -> None:
    bare = {"address": "10.1.1.1", "port": 1, "driver_name": None, "username": None, "request_count": None}
    (client,) = merge([("a:1", bare)], own_addresses=frozenset())
    assert (client.driver, client.username, client.requests, client.tls) == ("", "", 0, False)
