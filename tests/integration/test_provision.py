"""Provisioning by the real Pulumi engine, on a real Cassandra node behind the AWS `keyspaces` API."""

from __future__ import annotations

import textwrap
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.config import Migration, load_migration
from rehearsal.keyspaces_control_plane.operations import Account
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.pulumi_aws_provider.process import ProviderSettings, PulumiAwsProvider
from tests.integration.provisioning import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cassandra.node import CassandraNode


@pytest.fixture(scope="module")
def control_plane(
    cassandra_node: CassandraNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesControlPlane]:
    control_plane = KeyspacesControlPlane(
        ControlPlaneSettings(
            home=tmp_path_factory.mktemp("control-plane"),
            port=free_ports(1)[0],
            cassandra_host=cassandra_node.host,
            cassandra_port=cassandra_node.port,
            account=Account(region="us-east-1", account_id="000000000000"),
        )
    )
    yield from started(control_plane)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiAwsProvider]:
    home = tmp_path_factory.mktemp("provider")
    yield from started(PulumiAwsProvider(ProviderSettings(home=home, port=free_ports(1)[0])))


def started(program: Any) -> Iterator[Any]:
    program.launch()
    try:
        wait_until(program.why_not_healthy, name=program.name, log=program.log, timeout_s=60)
        yield program
    finally:
        program.stop()


@pytest.fixture
def stack(control_plane: KeyspacesControlPlane, provider: PulumiAwsProvider, tmp_path: Path) -> Stack:
    return Stack(home=tmp_path, control_plane=control_plane, provider=provider)


@pytest.fixture
def migration() -> Migration:
    """The rehearsal's migration into a keyspace of this test's own."""
    whole = load_migration(ROOT / "dags/migrations/flights.yaml").model_dump(mode="json", by_alias=True)
    whole["target"]["keyspace"] = f"t{uuid.uuid4().hex[:12]}"
    return Migration.model_validate_json(__import__("json").dumps(whole))


def test_tables_are_made_from_the_file_and_a_second_run_changes_nothing(stack: Stack, migration: Migration) -> None:
    done = stack.provision(migration)
    assert done.code == 0, done
    print(textwrap.indent("\n".join(done.lines), "   "))
    print(done.last)
    again = stack.run("preview", migration)
    assert (again.code, again.last["changes"], again.last["refused"]) == (0, [], []), again
