from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import psutil
import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
from cassandra.policies import RoundRobinPolicy

from rehearsal.cassandra import probe
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.ports import free_ports
from rehearsal.processes import ProgramDiedError, marked_environment, processes_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import SecureNode

PROFILES = {EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy())}


def test_the_node_has_what_the_sample_source_needs(cassandra_node: CassandraNode) -> None:
    with Cluster([cassandra_node.host], port=cassandra_node.port, execution_profiles=PROFILES) as cluster:
        session = cluster.connect()
        session.execute(
            "CREATE KEYSPACE world_node WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
        )
        session.execute("CREATE TYPE world_node.location (lat double, lon double)")
        session.execute("CREATE TABLE world_node.t (a int PRIMARY KEY, b int, place frozen<location>)")
        session.execute(
            "CREATE MATERIALIZED VIEW world_node.v AS SELECT * FROM world_node.t "
            "WHERE b IS NOT NULL AND a IS NOT NULL PRIMARY KEY (b, a)"
        )
        session.execute("INSERT INTO world_node.t (a, b, place) VALUES (1, 2, {lat: 3.5, lon: 4})")
        row = session.execute("SELECT a, place FROM world_node.t").one()
        assert (row.a, row.place.lat) == (1, 3.5)
        assert session.execute("SELECT release_version FROM system.local").one()[0] == "5.0.6"
        session.execute("DROP KEYSPACE world_node")


def test_the_node_listens_on_loopback_only_and_jmx_not_at_all(cassandra_node: CassandraNode) -> None:
    assert cassandra_node.pid is not None
    listening = {
        (connection.laddr.ip, connection.laddr.port)
        for connection in psutil.Process(cassandra_node.pid).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    settings = cassandra_node.settings
    assert listening == {("127.0.0.1", settings.native_port), ("127.0.0.1", settings.storage_port)}


def test_the_node_is_found_by_its_marker(cassandra_node: CassandraNode) -> None:
    assert cassandra_node.pid in {process.pid for process in processes_of(cassandra_node.settings.home)}
    assert list(processes_of(cassandra_node.settings.home / "other")) == []


def connect(node: SecureNode, *, password: str, ca_file: Path | None) -> str:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    cluster = Cluster(
        [node.host],
        port=node.port,
        ssl_context=context,
        auth_provider=PlainTextAuthProvider(node.user, password),
        execution_profiles=PROFILES,
    )
    with cluster:
        name: str = cluster.connect().execute("SELECT cluster_name FROM system.local").one()[0]
    return name


def test_the_secure_node_lets_in_the_right_password_over_tls_only(secure_cassandra_node: SecureNode) -> None:
    node = secure_cassandra_node
    assert connect(node, password=node.password, ca_file=node.ca_file) == "secure"
    with pytest.raises(NoHostAvailable, match=r"credentials|AuthenticationFailed"):
        connect(node, password="wrong", ca_file=node.ca_file)
    with pytest.raises(NoHostAvailable, match="CERTIFICATE_VERIFY_FAILED"):
        connect(node, password=node.password, ca_file=None)
    assert probe.why_not_serving(host=node.host, port=node.port) is not None


def test_a_node_that_dies_says_why_at_once(tmp_path: Path) -> None:
    native, storage = free_ports(2)
    overrides = {"no_such_setting": 1}
    node = CassandraNode(NodeSettings(home=tmp_path, native_port=native, storage_port=storage, overrides=overrides))
    with pytest.raises(ProgramDiedError, match="no_such_setting"), node:
        pytest.fail("a node with a wrong setting started")


def test_processes_carry_the_worlds_home_resolved(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert marked_environment(tmp_path / "link", {})["KEYSPACES_MIGRATION_WORLD"] == str(tmp_path)
