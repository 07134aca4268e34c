"""A Cassandra node as a part of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.ports import PortNeed

if TYPE_CHECKING:
    from pathlib import Path


class WorldNode(CassandraNode):
    """The source: plain, on 127.0.0.1, with its data under the world's home."""

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
        return node_ports(self, self.role)

    def after_start(self) -> None:
        """Nothing remains."""


def node_ports(node: CassandraNode, role: str) -> list[PortNeed]:
    """The ports that a node of the world needs, by the names under which they are moved."""
    settings = node.settings
    named = ((role, settings.native_port), (f"{role}-storage", settings.storage_port))
    return [
        PortNeed(setting=setting, address=settings.address, port=port, wanted_by=f"the {node.name}")
        for setting, port in named
    ]
