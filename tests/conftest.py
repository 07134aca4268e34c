from __future__ import annotations

import datetime as dt
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from rehearsal.cassandra.node import CassandraNode, NodeSettings, NodeTls
from rehearsal.certificates import make_keystore, make_server_files
from rehearsal.ports import free_ports
from tests.keyring import KEYRING, VARIABLE
from tests.postgresql import Postgresql, running

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long an example takes says how busy the machine is, and nothing about the code.
_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _ANY_MACHINE, max_examples=25)
settings.register_profile("thorough", _ANY_MACHINE, max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
# Processes that tests start run the sources under test, and not whatever checkout the environment has installed.
os.environ["PYTHONPATH"] = os.pathsep.join(str(Path(__file__).parents[1] / path) for path in (".", "plugins", "infra"))

# Airflow reads its home when it is first imported, and would make one in the home of whoever runs the tests.
_AIRFLOW_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-")
os.environ["AIRFLOW_HOME"] = _AIRFLOW_HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "false"
# What a secrets backend gives where there is one.
os.environ[VARIABLE] = KEYRING.to_json()


@dataclass(frozen=True, kw_only=True)
class SecureNode:
    """A node that speaks TLS only and asks for user and password."""

    node: CassandraNode
    ca_file: Path
    user: str
    password: str

    @property
    def host(self) -> str:
        return self.node.host

    @property
    def port(self) -> int:
        return self.node.port


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Postgresql]:
    """A real PostgreSQL with its own defaults. One a session (a worker, under xdist)."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def cassandra_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CassandraNode]:
    """A real, empty Cassandra 5.0: plain, without authentication. One a session (a worker, under xdist)."""
    native, storage = free_ports(2)
    home = tmp_path_factory.mktemp("cassandra")
    with CassandraNode(NodeSettings(home=home, name="plain", native_port=native, storage_port=storage)) as node:
        yield node


@pytest.fixture(scope="session")
def secure_cassandra_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureNode]:
    """A real Cassandra 5.0 with TLS and PasswordAuthenticator."""
    native, storage = free_ports(2)
    home = tmp_path_factory.mktemp("secure-cassandra")
    files = make_server_files(home / "tls", address="127.0.0.1", now=dt.datetime.now(tz=dt.UTC))
    tls = NodeTls(keystore=make_keystore(files, password="keystore"), password="keystore", ca_file=files.ca_file)
    settings = NodeSettings(
        home=home, name="secure", native_port=native, storage_port=storage, authentication=True, tls=tls
    )
    with CassandraNode(settings) as node:
        yield SecureNode(node=node, ca_file=files.ca_file, user=settings.user, password=settings.password)
