from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import FallthroughRetryPolicy, RoundRobinPolicy

from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin

PROFILES = {
    EXEC_PROFILE_DEFAULT: ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.LOCAL_QUORUM,
        retry_policy=FallthroughRetryPolicy(),
        request_timeout=30,
    )
}


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
def session(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    """The ordinary Python driver, as the guide says to configure it: LOCAL_QUORUM, no retries of its own."""
    with Cluster([local_keyspaces.host], port=local_keyspaces.port, execution_profiles=PROFILES) as cluster:
        yield cluster.connect()


@pytest.fixture
def admin(local_keyspaces: LocalKeyspacesNode) -> Iterator[LocalKeyspacesAdmin]:
    """The node's admin server; afterwards settings and rules are as they were, and no fault is left."""
    client = local_keyspaces.admin
    settings, rules = client.settings(), client.rules()
    yield client
    client.clear_faults()
    client.change_settings(**settings)
    client.turn_rules(rules)
