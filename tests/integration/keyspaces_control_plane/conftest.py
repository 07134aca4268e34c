from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.clients import open_session
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import free_ports
from tests.integration.keyspaces_control_plane.calls import client_of, start, thaw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode


@pytest.fixture(scope="module")
def control_plane(
    local_keyspaces: LocalKeyspacesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesControlPlane]:
    control_plane = KeyspacesControlPlane(
        ControlPlaneSettings(
            home=tmp_path_factory.mktemp("control-plane"),
            port=free_ports(1)[0],
            node=local_keyspaces.contact,
        )
    )
    start(control_plane)
    yield control_plane
    control_plane.stop()


@pytest.fixture(scope="module")
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    settings = local_keyspaces.contact.session_settings(request_timeout_s=30.0, schema_metadata=False)
    with open_session(settings) as session:
        yield session


@pytest.fixture
def client(control_plane: KeyspacesControlPlane) -> Any:
    return client_of("keyspaces", control_plane)


@pytest.fixture
def keyspace(client: Any) -> Iterator[str]:
    name = f"c{uuid.uuid4().hex[:10]}"
    client.create_keyspace(keyspaceName=name, tags=[{"key": "Project", "value": "p"}])
    yield name
    client.delete_keyspace(keyspaceName=name)


@pytest.fixture
def freeze(session: Session) -> Iterator[Callable[[], None]]:
    """Once called, no change of the schema ends until `thaw`. Ask for it after the keyspace, which is dropped later."""
    yield lambda: session.execute("UPDATE local_keyspaces.settings SET value = 1 WHERE name = 'ddl_frozen'")
    thaw(session)
