"""Connections to the session's local Keyspaces, its control plane, and a keyspace of the module."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.clients import open_session
from keyspaces_migration.cql_access import Backoff, CqlAccess
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.local_keyspaces.contact import DATA_CENTER
from rehearsal.ports import free_ports
from rehearsal.servers import connections as of_the_rehearsal
from tests.integration.keyspaces_control_plane.calls import client_of, start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.snowflake import SnowflakeStandIn

CASSANDRA, KEYSPACES, AWS, SNOWFLAKE = "my_cassandra", "my_keyspaces", "my_aws", "my_snowflake"


@pytest.fixture(scope="module")
def control_plane(
    local_keyspaces: LocalKeyspacesNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyspacesControlPlane]:
    home = tmp_path_factory.mktemp("control-plane")
    plane = KeyspacesControlPlane(ControlPlaneSettings(home=home, port=free_ports(1)[0], node=local_keyspaces.contact))
    start(plane)
    yield plane
    plane.stop()


@pytest.fixture(scope="module")
def client(control_plane: KeyspacesControlPlane) -> Any:
    return client_of("keyspaces", control_plane)


@pytest.fixture(scope="module")
def keyspace(client: Any, session: Session) -> Iterator[str]:
    """Gone afterwards, with its tables."""
    name = f"o{uuid.uuid4().hex[:10]}"
    client.create_keyspace(keyspaceName=name)
    yield name
    session.execute(f"DROP KEYSPACE {name}")


@pytest.fixture(scope="module")
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    with open_session(local_keyspaces.contact.session_settings(request_timeout_s=30.0)) as opened:
        yield opened


@pytest.fixture
def access(session: Session, local_keyspaces: LocalKeyspacesNode) -> CqlAccess:
    settings = local_keyspaces.contact.session_settings()
    return CqlAccess(session=session, settings=settings, backoff=Backoff(first_s=0.05, tries=4))


@pytest.fixture
def admin(local_keyspaces: LocalKeyspacesNode) -> Iterator[LocalKeyspacesAdmin]:
    """The node's admin server; afterwards settings are as they were, and no fault is left."""
    client = local_keyspaces.admin
    settings = client.settings()
    yield client
    client.clear_faults()
    client.change_settings(**settings)


@pytest.fixture(scope="module")
def environment(local_keyspaces: LocalKeyspacesNode, control_plane: KeyspacesControlPlane) -> dict[str, str]:
    """Airflow connections to the node, as what a Cassandra and what Keyspaces would be, and to the control plane."""
    node = {"host": local_keyspaces.host, "port": local_keyspaces.port}
    extra = {"tls": False, "local_data_center": DATA_CENTER, "consistency": "LOCAL_QUORUM"}
    aws = {"region_name": "us-east-1", "service_config": {"keyspaces": {"endpoint_url": control_plane.url}}}
    return dict(
        [
            connection(CASSANDRA, conn_type="apache_cassandra", extra=extra, **node),
            connection(KEYSPACES, conn_type="amazon_keyspaces", extra=extra, **node),
            connection(AWS, conn_type="aws", login="test", password="test", extra=aws),
        ]
    )


@pytest.fixture(autouse=True)
def connections(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def snowflake_environment(snowflake_stand_in: SnowflakeStandIn) -> dict[str, str]:
    """The Airflow connection to the stand-in, and whom to trust for it."""
    made = of_the_rehearsal.history(snowflake_stand_in)
    fields = {"conn_type": made.conn_type, "login": made.login, "password": made.password, "schema": made.schema}
    named = dict([connection(SNOWFLAKE, **fields, extra=made.extra)])
    return {**named, "REQUESTS_CA_BUNDLE": str(snowflake_stand_in.ca_file)}


def connection(conn_id: str, **fields: Any) -> tuple[str, str]:
    """The environment variable that Airflow takes for a connection."""
    return f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields)
