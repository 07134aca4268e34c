"""Each bad case has a stack of its own, and a row in each table whose loss would be counted."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.clients import open_session
from keyspaces_migration.config import Migration, load_migration
from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until
from rehearsal.pulumi_aws_provider.process import ProviderSettings, PulumiAwsProvider
from tests.integration.provisioning import ROOT, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.aws import AwsStandIn

QUICK_MS, SLOW_MS = 100, 8_000


def running(program: KeyspacesControlPlane | PulumiAwsProvider) -> Iterator[Any]:
    program.launch()
    try:
        wait_until(program.why_not_healthy, name=program.name, log=program.log, timeout_s=60)
        yield program
    finally:
        program.stop()


@dataclass(kw_only=True)
class Case:
    """One bad case: its stack, its migration, and the rows that must be there at its end."""

    stack: Stack
    content: dict[str, Any]
    session: Session
    node: LocalKeyspacesNode
    planted: set[str] = field(default_factory=set)

    @property
    def keyspace(self) -> str:
        return str(self.content["target"]["keyspace"])

    def migration(self, *edits: Callable[[dict[str, Any]], object]) -> Migration:
        """The migration file after edits of its content."""
        whole = json.loads(json.dumps(self.content))
        for edit in edits:
            edit(whole)
        return Migration.model_validate_json(json.dumps(whole))

    def provisioned(self) -> Migration:
        """The migration, provisioned, with a row planted in each table."""
        migration = self.migration()
        done = self.stack.provision(migration)
        assert done.code == 0, done
        for table in migration.tables:
            self.plant(table)
        return migration

    def plant(self, table: str) -> None:
        key = {"weather": "(origin, time_hour) VALUES ('JFK', 1)", "carriers": "(carrier) VALUES ('AA')"}[table]
        self.session.execute(f"INSERT INTO {self.keyspace}.{table} {key}")
        self.planted.add(table)

    def lost(self) -> list[str]:
        """Tables whose planted row is not there any more."""
        return [table for table in sorted(self.planted) if not self._holds(table)]

    def slow(self) -> None:
        """From now on tables take seconds to become ACTIVE, so that an engine can be met in the middle."""
        self.node.admin.change_settings(ddl_delay_ms=SLOW_MS)

    def _holds(self, table: str) -> bool:
        query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s AND table_name = %s"
        if self.session.execute(query, (self.keyspace, table)).one() is None:
            return False
        return self.session.execute(f"SELECT * FROM {self.keyspace}.{table} LIMIT 1").one() is not None


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PulumiAwsProvider]:
    home = tmp_path_factory.mktemp("provider")
    yield from running(PulumiAwsProvider(ProviderSettings(home=home, port=free_ports(1)[0])))


@pytest.fixture(scope="session")
def control_plane(
    local_keyspaces: LocalKeyspacesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesControlPlane]:
    settings = ControlPlaneSettings(
        home=tmp_path_factory.mktemp("control-plane"),
        port=free_ports(1)[0],
        node=local_keyspaces.contact,
        account=Account(region="us-east-1", account_id="000000000000"),
    )
    yield from running(KeyspacesControlPlane(settings))


@pytest.fixture(scope="session")
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    settings = local_keyspaces.contact.session_settings(request_timeout_s=30.0, schema_metadata=False)
    with open_session(settings) as opened:
        yield opened


def small(keyspace: str) -> dict[str, Any]:
    """The rehearsal's migration file with two tables, into a keyspace of its own."""
    whole: dict[str, Any] = load_migration(ROOT / "dags/migrations/flights.yaml").model_dump(mode="json", by_alias=True)
    whole["target"]["keyspace"] = keyspace
    # Resources beside the tables are named after the migration, and all stacks are in one account.
    whole["migration"] = keyspace
    whole["comparison_lambda"] = None
    carriers = {
        "schema": {"columns": [{"carrier": "text"}, {"name": "text"}], "partition_keys": ["carrier"]},
        "throughput": {"mode": "PAY_PER_REQUEST"},
        "history": {"table": "ANALYTICS.PUBLIC.CARRIERS"},
    }
    whole["tables"] = {"weather": whole["tables"]["weather"], "carriers": carriers}
    return whole


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the cases share."""

    node: LocalKeyspacesNode
    control_plane: KeyspacesControlPlane
    provider: PulumiAwsProvider
    aws: AwsStandIn
    session: Session

    def new_case(self, home: Path) -> Case:
        """A case with a stack and a keyspace of its own."""
        stack = Stack(home=home, control_plane=self.control_plane, aws=self.aws, provider=self.provider)
        content = small(f"c{uuid.uuid4().hex[:12]}")
        return Case(stack=stack, content=content, session=self.session, node=self.node)

    def calm(self) -> None:
        """No faults, and tables are ACTIVE soon."""
        self.control_plane.fail()
        self.node.admin.change_settings(ddl_delay_ms=QUICK_MS)


@pytest.fixture(scope="session")
def parts(
    local_keyspaces: LocalKeyspacesNode,
    control_plane: KeyspacesControlPlane,
    provider: PulumiAwsProvider,
    aws_stand_in: AwsStandIn,
    session: Session,
) -> Parts:
    return Parts(
        node=local_keyspaces, control_plane=control_plane, provider=provider, aws=aws_stand_in, session=session
    )


@pytest.fixture(scope="module", autouse=True)
def changes_at_once_afterwards(parts: Parts) -> Iterator[None]:
    """The node is that of the session: tests of other modules do not wait for their tables."""
    yield
    parts.node.admin.change_settings(ddl_delay_ms=0)


def kept(request: pytest.FixtureRequest, case: Case) -> None:
    """Count the tables that the case has lost, which must be none."""
    lost = case.lost()
    request.node.user_properties.append(("tables_lost", len(lost)))
    assert lost == []


@pytest.fixture
def case(request: pytest.FixtureRequest, parts: Parts, tmp_path: Path) -> Iterator[Case]:
    """A case with a stack of its own, in which nothing is made yet."""
    parts.calm()
    case = parts.new_case(tmp_path)
    yield case
    parts.calm()
    kept(request, case)


@pytest.fixture(scope="session")
def settled_case(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A provisioned stack for the cases that leave it as it is."""
    parts.calm()
    case = parts.new_case(tmp_path_factory.mktemp("settled"))
    case.provisioned()
    return case


@pytest.fixture
def settled(request: pytest.FixtureRequest, parts: Parts, settled_case: Case) -> Iterator[Case]:
    """The provisioned stack; at the end of each case all its rows are there."""
    yield settled_case
    parts.calm()
    kept(request, settled_case)
