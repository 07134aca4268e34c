"""A Cassandra node as a part of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.ports import PortNeed

if TYPE_CHECKING:
    from pathlib import Path


class WorldNode(CassandraNode):
    """The source or the target: plain, on 127.0.0.1, with its data under the world's home."""

    def __init__(self, *, role: str, home: Path, port: int, storage_port: int) -> None:
        super().__init__(
            NodeSettings(
                home=home / role,
                name=role,
                native_port=port,
                storage_port=storage_port,
                world=home,
                log=home / "logs" / f"{role}.log",
            )
        )
        self.name = f"{role} node"
        self.role = role
        self.start_timeout_s = self.settings.start_timeout_s

    def ports(self) -> list[PortNeed]:
        """CQL, and the port for other nodes."""
        named = ((self.role, self.settings.native_port), (f"{self.role}-storage", self.settings.storage_port))
        return [
            PortNeed(setting=setting, address=self.settings.address, port=port, wanted_by=f"the {self.name}")
            for setting, port in named
        ]

    def after_start(self) -> None:
        """Nothing remains."""
