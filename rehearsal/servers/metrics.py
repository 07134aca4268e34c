"""The bridge from the target's counters to CloudWatch as a part of the world, where both run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rehearsal.processes import Child, Program
from rehearsal.servers.aws import REGION
from rehearsal.servers.service import REPOSITORY, without_proxy

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.aws import AwsStandIn

EVERY_S = 5.0
"""AWS sends its metrics once a minute; nobody wants to wait so long here."""


class MetricsBridge:
    """`python -m rehearsal.local_keyspaces.bridge` over a node and the AWS stand-in; start it once both answer."""

    name = "metrics of the target"

    def __init__(self, *, home: Path, node: LocalKeyspacesNode, aws: AwsStandIn, every_s: float = EVERY_S) -> None:
        options = {
            "--admin-host": node.admin.host,
            "--admin-port": str(node.admin.port),
            "--endpoint": aws.endpoint_url,
            "--region": REGION,
            "--every-s": str(every_s),
        }
        self._child = Child(
            Program(
                name=self.name,
                command=(
                    sys.executable,
                    "-m",
                    "rehearsal.local_keyspaces.bridge",
                    *(part for pair in options.items() for part in pair),
                ),
                log=home / "logs" / "metrics.log",
                home=home,
                environment={**without_proxy(), "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}"},
                folder=REPOSITORY,
            )
        )

    @property
    def log(self) -> Path:
        """What it said."""
        return self._child.program.log

    def start(self) -> None:
        """Start it."""
        self._child.start()

    def check(self) -> None:
        """Raise ProgramDiedError when it was started and has ended."""
        self._child.check()

    def stop(self) -> None:
        """End it. No harm when it does not run."""
        self._child.stop()
