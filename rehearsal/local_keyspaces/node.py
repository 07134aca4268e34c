"""A local Keyspaces node: a Cassandra node with the server plug-in."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from rehearsal.cassandra.jvm import Compiler
from rehearsal.cassandra.node import START_TIMEOUT_S, CassandraNode, NodeSettings, NodeTls
from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin
from rehearsal.local_keyspaces.contact import Contact
from rehearsal.local_keyspaces.credentials import User
from rehearsal.local_keyspaces.plugin_jar import HANDLER, plugin_jar

if TYPE_CHECKING:
    import signal
    from collections.abc import Mapping
    from pathlib import Path


CREDENTIALS_OPTION = "-Dlocal_keyspaces.credentials"


@dataclass(frozen=True, kw_only=True)
class LocalKeyspacesSettings:
    """A local Keyspaces on a loopback address.

    Attributes:
        home: Folder of the node: data, table properties, configuration, log. Kept between starts.
        native_port: For CQL.
        storage_port: For other nodes; there are none, but Cassandra opens it.
        name: The cluster's name too. Cassandra refuses to start on data of a cluster with another name.
        address: Address that clients use.
        region: The AWS Region that it claims to be in: clients' signatures are checked against it.
        ddl_delay_ms: How long a table stays CREATING, UPDATING or DELETING.
        capacity: Meter requests, and throttle what is above a table's, a partition's or a connection's limit.
        admin_port: For the admin server (`admin.LocalKeyspacesAdmin`), on 127.0.0.1; None for no such server.
        credentials: File that says who may log in, written by `write_credentials`; None lets everybody in.
        user: A user in that file, with which the node's health is asked for.
        password: Its password.
        tls: Speak TLS only; None for plain. Amazon Keyspaces speaks TLS only.
        heap_mb: Java heap; the process takes about 300 MB more.
        compiler: Quick start or full speed.
        start_timeout_s: How long a start may take.
        java_options: Options of Java on top of ours, such as -D properties of the plug-in.
        overrides: Settings of cassandra.yaml on top of ours.
        world: Home of the world that the node belongs to, if not its own.
        log: File for its output; by default cassandra.log in `home`.
    """

    home: Path
    native_port: int
    storage_port: int
    name: str = "local-keyspaces"
    address: str = "127.0.0.1"
    region: str = "us-east-1"
    ddl_delay_ms: int = 0
    capacity: bool = True
    admin_port: int | None = None
    credentials: Path | None = None
    user: str = "local"
    password: str = field(default="local", repr=False)
    tls: NodeTls | None = None
    heap_mb: int = 512
    compiler: Compiler = Compiler.QUICK
    start_timeout_s: float = START_TIMEOUT_S
    java_options: tuple[str, ...] = ()
    overrides: Mapping[str, Any] = field(default_factory=dict)
    world: Path | None = None
    log: Path | None = None


class LocalKeyspacesNode(CassandraNode):
    """A node that is started, waited for and stopped. A context manager does all three."""

    def __init__(self, settings: LocalKeyspacesSettings) -> None:
        super().__init__(node_settings(settings))
        self.local = settings
        self.name = f"local Keyspaces {settings.name}"

    @override
    def launch(self) -> None:
        """Start the process only, with the plug-in, which is built first if need be."""
        self.settings = replace(self.settings, class_path=(plugin_jar(),))
        super().launch()

    @property
    def contact(self) -> Contact:
        """How clients reach it."""
        local = self.local
        return Contact.of(
            host=local.address,
            port=local.native_port,
            region=local.region,
            ca_file=local.tls.ca_file if local.tls else None,
            user=User(username=local.user, password=local.password) if local.credentials else None,
        )

    @property
    def admin(self) -> LocalKeyspacesAdmin:
        """Client of its admin server.

        Raises:
            ValueError: It was not given a port for one.
        """
        if self.local.admin_port is None:
            raise ValueError(f"{self.name} has no admin server; give LocalKeyspacesSettings an admin_port")
        return LocalKeyspacesAdmin(port=self.local.admin_port)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its process: SIGKILL ends it as a crash would, SIGSTOP freezes it until SIGCONT.

        Raises:
            ProcessLookupError: It does not run.
        """
        if self.pid is None:
            raise ProcessLookupError(f"{self.name} does not run")
        os.kill(self.pid, number)


def node_settings(settings: LocalKeyspacesSettings) -> NodeSettings:
    """What the node under it is started with, the plug-in's jar apart."""
    return NodeSettings(
        home=settings.home,
        native_port=settings.native_port,
        storage_port=settings.storage_port,
        name=settings.name,
        address=settings.address,
        heap_mb=settings.heap_mb,
        compiler=settings.compiler,
        tls=settings.tls,
        start_timeout_s=settings.start_timeout_s,
        authentication=settings.credentials is not None,
        user=settings.user,
        password=settings.password,
        overrides={
            **GUARDRAILS_OFF,
            **({} if settings.credentials is None else AUTHENTICATION),
            **settings.overrides,
        },
        java_options=(
            # Cassandra allocates the length that a value of a frame claims, up to 2 GB, before it looks. That must cost
            # the client its request, and not everybody the node.
            "-XX:-ExitOnOutOfMemoryError",
            f"-Dcassandra.custom_query_handler_class={HANDLER}",
            f"-Dlocal_keyspaces.home={settings.home.resolve()}",
            f"-Dlocal_keyspaces.region={settings.region}",
            f"-Dlocal_keyspaces.ddl_delay_ms={settings.ddl_delay_ms}",
            f"-Dlocal_keyspaces.capacity={str(settings.capacity).lower()}",
            *(() if settings.admin_port is None else (f"-Dlocal_keyspaces.admin_port={settings.admin_port}",)),
            *(
                ()
                if settings.credentials is None
                else (f"-Dlocal_keyspaces.credentials={settings.credentials.resolve()}",)
            ),
            *settings.java_options,
        ),
        world=settings.world,
        log=settings.log,
    )


# Cassandra's own limits must not answer before Keyspaces' do.
GUARDRAILS_OFF: dict[str, Any] = {
    # The default can't store what expires after 2038; Keyspaces takes a time to live of 20 years.
    "storage_compatibility_mode": "NONE",
    "batch_size_warn_threshold": "16MiB",
    "batch_size_fail_threshold": "64MiB",
    "unlogged_batch_across_partitions_warn_threshold": 1000,
    "user_defined_functions_enabled": True,
    "materialized_views_enabled": True,
    "sasi_indexes_enabled": True,
    "dynamic_data_masking_enabled": True,
}

AUTHENTICATION: dict[str, Any] = {
    "authenticator": "keyspaces.local.auth.KeyspacesAuthenticator",
    "authorizer": "AllowAllAuthorizer",
    "role_manager": "keyspaces.local.auth.KeyspacesRoleManager",
}
