"""The target's control plane, and the provider through which Pulumi's engine reaches it, as parts of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from rehearsal.keyspaces_control_plane.operations import Account
from rehearsal.keyspaces_control_plane.process import ControlPlaneSettings, KeyspacesControlPlane
from rehearsal.ports import PortNeed
from rehearsal.processes import NO_ANSWER
from rehearsal.pulumi_aws_provider.process import ProviderSettings, PulumiAwsProvider
from rehearsal.servers.aws import REGION

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.servers.cassandra import WorldNode

ACCOUNT = Account(region=REGION, account_id="000000000000")


class WorldControlPlane(KeyspacesControlPlane):
    """Speaks Amazon Keyspaces' API over the target node; it is started once that node answers."""

    start_timeout_s = 240.0

    def __init__(self, *, home: Path, port: int, node: WorldNode) -> None:
        super().__init__(
            ControlPlaneSettings(
                home=home / "keyspaces",
                port=port,
                cassandra_host=node.host,
                cassandra_port=node.port,
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
