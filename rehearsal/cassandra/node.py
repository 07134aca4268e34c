"""One Cassandra node: its settings, its start, its health, its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import yaml

from rehearsal.cassandra import jvm, probe
from rehearsal.cassandra.jvm import Compiler
from rehearsal.processes import Child, Program, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

START_TIMEOUT_S = 180.0
FIRST_TOKEN = -(2**63)


@dataclass(frozen=True, kw_only=True)
class NodeTls:
    """What a node needs to speak TLS to clients, and clients to trust it.

    Attributes:
        keystore: PKCS #12 file with the node's key and certificate chain.
        password: The keystore's.
        ca_file: PEM file with the authority that signed the certificate.
    """

    keystore: Path
    password: str = field(repr=False)
    ca_file: Path


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """A node of one, on a loopback address.

    Attributes:
        home: Folder of the node: data, commit log, configuration, log. Kept between starts.
        name: The cluster's name too. Cassandra refuses to start on data of a cluster with another name.
        address: Address that clients and the node itself use.
        native_port: For CQL.
        storage_port: For other nodes; there are none, but Cassandra opens it.
        heap_mb: Java heap; the process takes about 300 MB more.
        compiler: Quick start or full speed.
        authentication: Demand user and password, and check permissions.
        user: The superuser that Cassandra makes at first start.
        password: Its password, also Cassandra's own.
        tls: Speak TLS only; None for plain.
        start_timeout_s: How long a start may take. A loaded machine needs 40 s.
        overrides: Settings of cassandra.yaml on top of ours.
        java_options: Options of Java on top of ours, such as -D properties.
        class_path: Jars or folders after Cassandra's, for a server plug-in.
        world: Home of the world that the node belongs to, if not its own.
        log: File for its output; by default cassandra.log in `home`.
    """

    home: Path
    native_port: int
    storage_port: int
    name: str = "cassandra"
    address: str = "127.0.0.1"
    heap_mb: int = 512
    compiler: Compiler = Compiler.QUICK
    authentication: bool = False
    user: str = "cassandra"
    password: str = field(default="cassandra", repr=False)
    tls: NodeTls | None = None
    start_timeout_s: float = START_TIMEOUT_S
    overrides: Mapping[str, Any] = field(default_factory=dict)
    java_options: tuple[str, ...] = ()
    class_path: tuple[Path, ...] = ()
    world: Path | None = None
    log: Path | None = None


class CassandraNode:
    """A node that is started, waited for and stopped. A context manager does all three."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self.name = f"Cassandra node {settings.name}"
        self._child: Child | None = None

    @property
    def host(self) -> str:
        """Contact point of clients."""
        return self.settings.address

    @property
    def port(self) -> int:
        """Port of CQL."""
        return self.settings.native_port

    @property
    def log(self) -> Path:
        """What the node wrote."""
        return self.settings.log or self.settings.home / "cassandra.log"

    @property
    def pid(self) -> int | None:
        """Process id while launched."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start the node and wait until it serves CQL, and lets its superuser in if it asks who one is.

        Raises:
            ProgramDiedError: The process ended; its log's tail is in the message.
            ProgramNotHealthyError: It did not serve within `start_timeout_s`.
        """
        self.launch()
        timeout_s = self.settings.start_timeout_s
        wait_until(self.why_not_healthy, name=self.name, log=self.log, timeout_s=timeout_s)

    def launch(self) -> None:
        """Start the process only. Start it from a thread that outlives it (see Child)."""
        home = self.settings.home.resolve()
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        (home / "cassandra.yaml").write_text(yaml.safe_dump(configuration(self.settings)), encoding="utf-8")
        command = jvm.command(
            home=home,
            heap_mb=self.settings.heap_mb,
            compiler=self.settings.compiler,
            options=self.settings.java_options,
            class_path=self.settings.class_path,
        )
        self._child = Child(
            Program(name=self.name, command=command, log=self.log, home=self.settings.world or home, folder=home)
        )
        self._child.start()

    def why_not_healthy(self) -> str | None:
        """What is missing before the node serves, or None. Raises ProgramDiedError when it has ended."""
        if self._child is None:
            return "not started"
        self._child.check()
        settings = self.settings
        return probe.why_not_serving(
            host=settings.address,
            port=settings.native_port,
            ca_file=settings.tls.ca_file if settings.tls else None,
            login=(settings.user, settings.password) if settings.authentication else None,
        )

    def check(self) -> None:
        """Raise ProgramDiedError when the node was launched and has ended."""
        if self._child is not None:
            self._child.check()

    def healthy(self) -> bool:
        """Whether the node serves now."""
        return self.why_not_healthy() is None

    def stop(self, *, grace_s: float = 60) -> None:
        """End the node: it writes out what it holds first. Killed after `grace_s`. No harm when it does not run."""
        if self._child is not None:
            self._child.stop(grace_s=grace_s)
            self._child = None
            jvm.keep_archive(self.settings.home)

    def __enter__(self) -> Self:
        """Start."""
        try:
            self.start()
        except BaseException:
            self.stop(grace_s=5)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()


def configuration(settings: NodeSettings) -> dict[str, Any]:
    """The node's cassandra.yaml as a mapping."""
    home = settings.home.resolve()
    made: dict[str, Any] = {
        "cluster_name": settings.name,
        "num_tokens": 1,
        "initial_token": str(FIRST_TOKEN),
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "SimpleSnitch",
        "listen_address": settings.address,
        "rpc_address": settings.address,
        "native_transport_port": settings.native_port,
        "storage_port": settings.storage_port,
        "seed_provider": [
            {
                "class_name": "org.apache.cassandra.locator.SimpleSeedProvider",
                "parameters": [{"seeds": f"{settings.address}:{settings.storage_port}"}],
            }
        ],
        "data_file_directories": [str(home / "data")],
        **{f"{kind}_directory": str(home / kind) for kind in ("commitlog", "saved_caches", "hints", "cdc_raw")},
        "commitlog_sync": "periodic",
        "commitlog_sync_period": "1s",
        "commitlog_segment_size": "32MiB",
        "auto_snapshot": False,
        "hinted_handoff_enabled": False,
        "materialized_views_enabled": True,
        # A busy laptop is no failing cluster: with the defaults of 2 to 10 s, a pause of the machine fails a load.
        **{f"{kind}_request_timeout": "30s" for kind in ("read", "range", "write", "counter_write", "truncate")},
    }
    if settings.authentication:
        made |= {
            "authenticator": "PasswordAuthenticator",
            "authorizer": "CassandraAuthorizer",
            "role_manager": "CassandraRoleManager",
        }
    if settings.tls:
        made["client_encryption_options"] = {
            "enabled": True,
            "optional": False,
            "keystore": str(settings.tls.keystore.resolve()),
            "keystore_password": settings.tls.password,
            "store_type": "PKCS12",
            "require_client_auth": False,
        }
    return made | dict(settings.overrides)
