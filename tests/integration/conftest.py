"""Nodes that several modules share: one a session, as each takes seconds and a gigabyte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.servers.aws import AwsStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def local_keyspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKeyspacesNode]:
    """A local Keyspaces of this session: plain, without authentication, changes of the schema at once.

    Its capacity is off, as tests of other rules write rows of a megabyte; those of capacity turn it on.
    """
    native, storage, admin = free_ports(3)
    settings = LocalKeyspacesSettings(
        home=tmp_path_factory.mktemp("local-keyspaces"),
        native_port=native,
        storage_port=storage,
        admin_port=admin,
        capacity=False,
    )
    with LocalKeyspacesNode(settings) as node:
        yield node


@pytest.fixture(scope="session")
def aws_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsStandIn]:
    """An AWS stand-in of this session; who makes something in it gives it a name of its own."""
    home = tmp_path_factory.mktemp("aws")
    server = AwsStandIn(home=home, port=free_ports(1)[0], log=home / "aws.log")
    server.launch()
    try:
        wait_until(server.why_not_healthy, name=server.name, log=server.log, timeout_s=120)
        yield server
    finally:
        server.stop()
