"""The target, its control plane, and the provider through which Pulumi's engine reaches it, as parts of the world."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from typing import TYPE_CHECKING

from typing_extensions import override

from keyspaces_migration.clients import open_session
from rehearsal.cassandra.node import NodeTls
from rehearsal.certificates import CA_FILE, KEYSTORE, kept_server_files, make_keystore
from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.local_keyspaces.credentials import Credentials
from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import PortNeed
from rehearsal.processes import NO_ANSWER
from rehearsal.pulumi_aws_provider.process import ProviderSettings, PulumiAwsProvider
from rehearsal.servers.aws import REGION
from rehearsal.servers.cassandra import node_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

ACCOUNT = Account(region=REGION, account_id="000000000000")
USER = "rehearsal-at-000000000000"
"""The form of names of service-specific credentials: an IAM user, and its account."""

KEYSTORE_PASSWORD = "local"  # noqa: S105 - Java wants one; the file is the owner's alone
CREDENTIALS = "credentials.json"
REQUEST_TIMEOUT_S = 60.0
DDL_DELAY_MS = 500
"""How long a change of the schema takes here; at AWS it is seconds to minutes."""


class WorldTarget(LocalKeyspacesNode):
    """Local Keyspaces on 127.0.0.1, with TLS and credentials of its own, its data under the world's home."""

    role = "target"

    def __init__(self, *, home: Path, port: int, storage_port: int, admin_port: int) -> None:
        folder = home / self.role
        tls = folder / "tls"
        self.credentials = Credentials.kept(folder / CREDENTIALS, username=USER)
        super().__init__(
            LocalKeyspacesSettings(
                home=folder,
                name=self.role,
                native_port=port,
                storage_port=storage_port,
                admin_port=admin_port,
                region=REGION,
                ddl_delay_ms=DDL_DELAY_MS,
                credentials=folder / CREDENTIALS,
                user=self.credentials.user.username,
                password=self.credentials.user.password,
                tls=NodeTls(keystore=tls / KEYSTORE, password=KEYSTORE_PASSWORD, ca_file=tls / CA_FILE),
                world=home,
                log=home / "logs" / "target.log",
            )
        )
        self.name = "target node"
        self.start_timeout_s = self.settings.start_timeout_s

    def ports(self) -> list[PortNeed]:
        """CQL, the port for other nodes, and the admin server's: for faults and settings, which AWS has not."""
        admin = PortNeed(
            setting=f"{self.role}-admin",
            address=self.settings.address,
            port=self.admin.port,
            wanted_by=f"the {self.name}",
        )
        return [*node_ports(self, self.role), admin]

    @override
    def launch(self) -> None:
        """Write who may log in, make a certificate where there is none that lasts, and start the process."""
        home = self.local.home
        make_keystore(kept_server_files(home / "tls", now=dt.datetime.now(tz=dt.UTC)), password=KEYSTORE_PASSWORD)
        self.credentials.write(home / CREDENTIALS)
        super().launch()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session of the node's user, past everything that this package does."""
        with open_session(self.contact.session_settings(request_timeout_s=REQUEST_TIMEOUT_S)) as session:
            yield session

    def after_start(self) -> None:
        """Nothing remains: the keyspace is for `provision` to make."""


class WorldControlPlane(KeyspacesControlPlane):
    """Speaks Amazon Keyspaces' API over the target node; it is started once that node answers."""

    start_timeout_s = 240.0

    def __init__(self, *, home: Path, port: int, node: WorldTarget) -> None:
        super().__init__(
            ControlPlaneSettings(
                home=home / "keyspaces",
                port=port,
                node=node.contact,
                account=ACCOUNT,
                world=home,
                log_file=home / "logs" / "keyspaces.log",
            )
        )
        self._node = node
        self._started = False

    def ports(self) -> list[PortNeed]:
        """The API's."""
        return [
            PortNeed(setting="keyspaces", address="127.0.0.1", port=self.settings.port, wanted_by=f"the {self.name}")
        ]

    @override
    def launch(self) -> None:
        """Make its folder; the process ends by itself when there is no node, so it waits for one."""
        self.settings.home.mkdir(parents=True, exist_ok=True)
        self._started = False

    @override
    def why_not_healthy(self) -> str | None:
        """What is missing before the API answers, or None. Starts the process when the node answers."""
        if not self._started:
            if self._node.why_not_healthy() is not None:
                return f"{NO_ANSWER} the {self._node.name}"
            super().launch()
            self._started = True
        return super().why_not_healthy()

    def after_start(self) -> None:
        """Nothing remains: the keyspace is for `provision` to make."""


class WorldPulumiProvider(PulumiAwsProvider):
    """The provider that Pulumi's engine attaches to."""

    start_timeout_s = 120.0

    def __init__(self, *, home: Path, port: int) -> None:
        super().__init__(
            ProviderSettings(home=home, port=port, world=home, log_file=home / "logs" / "pulumi-provider.log")
        )

    def ports(self) -> list[PortNeed]:
        """Its gRPC port."""
        setting = "pulumi-provider"
        return [PortNeed(setting=setting, address="127.0.0.1", port=self.settings.port, wanted_by=f"the {self.name}")]

    def after_start(self) -> None:
        """Nothing remains."""
