"""A load of the sample data, as a process that the supervisor watches."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Protocol

from rehearsal.data import manifest
from rehearsal.processes import Child, Program, ProgramDiedError, tail
from rehearsal.servers.service import REPOSITORY, without_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Choice(Protocol):
    """Which data a store gets, and what loads them."""

    @property
    def module(self) -> str:
        """The module that is run, with the store's name and these options."""

    @property
    def options(self) -> tuple[str, ...]:
        """Options beside the store's address and its manifest."""

    @property
    def digest(self) -> str:
        """Changes with the loader's code and with the choice."""


class Load:
    """Fills one store, once: its manifest says that it was done."""

    def __init__(  # noqa: PLR0913 - one place to say what a load needs
        self,
        *,
        store: str,
        world: Path,
        manifest: Path,
        address: Mapping[str, Any],
        choice: Choice,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = f"sample data of the {store}"
        self._manifest = manifest
        self._choice = choice
        self._log = world / "logs" / f"load-{store}.log"
        # The address is on the command line: the stand-ins' passwords are no secrets.
        options = ("--address", json.dumps(dict(address)), "--manifest", str(manifest), *choice.options)
        self._child = Child(
            Program(
                name=f"load of the {store}",
                command=(sys.executable, "-m", choice.module, store, *options),
                log=self._log,
                home=world,
                environment={**without_proxy(), **(environment or {})},
                folder=REPOSITORY,
            )
        )

    def is_done(self) -> bool:
        """Whether the store holds the sample already."""
        return manifest.is_loaded(self._manifest, digest=self._choice.digest)

    def launch(self) -> None:
        """Start the process."""
        self._log.unlink(missing_ok=True)
        self._manifest.unlink(missing_ok=True)
        self._child.start()

    def is_finished(self) -> bool:
        """Whether it has ended well.

        Raises:
            ProgramDiedError: It has ended otherwise.
        """
        code = self._child.exit_code()
        if code:
            raise ProgramDiedError(
                f"{self._child.program.name} failed with exit code {code}. The end of {self._log}:\n{tail(self._log)}"
            )
        return code == 0

    def newest_line(self) -> str:
        """What it reported last."""
        return tail(self._log, lines=1) or "starting"

    def stop(self) -> None:
        """End the process. No harm when it does not run."""
        self._child.stop()
