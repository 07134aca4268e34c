"""The attached provider as a program of the local world."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.processes import NO_ANSWER, Child, Program

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_TIMEOUT_S = 5.0
USE_PLUGIN = "REHEARSAL_AWS_PLUGIN"
"""Set to 1, the engine uses pulumi-resource-aws itself, which it installs, against the same stand-ins. Never tried: it
can't be had where this was written, and the stand-in's Cloud Control does not know AWS::Cassandra::Table."""


@dataclass(frozen=True, kw_only=True)
class ProviderSettings:
    """Where the provider listens.

    Attributes:
        home: Folder for its log.
        port: Its port on 127.0.0.1.
        world: Home of the world it belongs to, if not its own.
        log_file: Its log, if not in `home`.
    """

    home: Path
    port: int
    world: Path | None = None
    log_file: Path | None = None


class PulumiAwsProvider:
    """Starts, watches and ends the program; a `Waitable` of the world."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self.name = "attached AWS provider of Pulumi"
        self._child: Child | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What Pulumi's engine needs in its environment to attach to it; nothing where the real plugin is wanted.

        Without the second variable the engine would first try to download the provider that it then does not use:
        seconds of retries at each step without internet, and hundreds of megabytes with it.
        """
        if os.environ.get(USE_PLUGIN) == "1":
            return {}
        attached = {"PULUMI_DEBUG_PROVIDERS": f"aws:{self.settings.port}"}
        return {**attached, "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.settings.log_file or self.settings.home / "pulumi-aws-provider.log"

    def launch(self) -> None:
        """Start the process only."""
        command = (sys.executable, "-m", __package__, "--port", str(self.settings.port))
        home = self.settings.world or self.settings.home
        self._child = Child(Program(name=self.name, command=command, log=self.log, home=home))
        self._child.start()

    def why_not_healthy(self) -> str | None:
        """What is missing before the engine can attach, or None."""
        if self._child is None:
            return "not started"
        self._child.check()
        try:
            socket.create_connection(("127.0.0.1", self.settings.port), timeout=ANSWER_TIMEOUT_S).close()
        except OSError as error:
            return f"{NO_ANSWER} 127.0.0.1:{self.settings.port} ({error})"
        return None

    def check(self) -> None:
        """Raise ProgramDiedError when it has ended by itself."""
        if self._child is not None:
            self._child.check()

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.stop()
            self._child = None
