from __future__ import annotations

import os
import socket
import sys

import pytest

from rehearsal.ports import PortNeed, PortTakenError, free_ports, require_free


def need(port: int, *, setting: str = "source", wanted_by: str = "the source node") -> PortNeed:
    return PortNeed(setting=setting, address="127.0.0.1", port=port, wanted_by=wanted_by)


def test_free_ports_are_different_and_pass_the_check() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    require_free(need(port) for port in ports)


def test_a_taken_port_is_named_with_who_wants_it_who_holds_it_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(PortTakenError) as raised:
            require_free([need(port)])
    message = str(raised.value)
    assert f"port {port} on 127.0.0.1, which the source node needs" in message
    assert f"held by process {os.getpid()} (" in message
    assert "--port source=NUMBER" in message


def test_all_taken_ports_are_named_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = [server.getsockname()[1] for server in (one, two)]
        with pytest.raises(PortTakenError) as raised:
            require_free(need(port) for port in ports)
    assert all(str(port) in str(raised.value) for port in ports)


def test_two_programs_may_not_want_one_port() -> None:
    (port,) = free_ports(1)
    with pytest.raises(PortTakenError, match="wanted by the source node as well"):
        require_free([need(port), need(port, setting="aws", wanted_by="the AWS stand-in")])


@pytest.mark.skipif(sys.platform != "linux", reason="TIME_WAIT is told apart by SO_REUSEADDR on Linux")
def test_a_port_of_a_connection_that_has_just_ended_counts_as_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # the side that closes first is left in TIME_WAIT
        client.close()
    require_free([need(port)])
