"""Nodes that several modules share: one a session, as each takes seconds and a gigabyte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import snowflake.connector

from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.servers.aws import AwsStandIn
from rehearsal.servers.snowflake import SnowflakeStandIn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake.connector.cursor import SnowflakeCursor


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


@pytest.fixture(scope="module")
def snowflake_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnowflakeStandIn]:
    """A Snowflake stand-in of a module, empty at its start."""
    home = tmp_path_factory.mktemp("snowflake")
    made = SnowflakeStandIn(home=home, port=free_ports(1)[0], log=home / "log")
    made.launch()
    try:
        wait_until(made.why_not_healthy, name=made.name, log=made.log, timeout_s=made.start_timeout_s)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def snowflake_cursor(snowflake_stand_in: SnowflakeStandIn) -> Iterator[SnowflakeCursor]:
    """A cursor of the connector on that stand-in."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REQUESTS_CA_BUNDLE", str(snowflake_stand_in.ca_file))
        with snowflake.connector.connect(**snowflake_stand_in.connection()) as opened, opened.cursor() as cursor:
            yield cursor


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
