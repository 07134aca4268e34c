"""The control plane as a program of the local world."""

from __future__ import annotations

import http
import http.client
import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rehearsal.keyspaces_control_plane.account import Account
from rehearsal.processes import NO_ANSWER, Child, Program

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.keyspaces_control_plane.faults import ApiFault
    from rehearsal.local_keyspaces.contact import Contact

ANSWER_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class ControlPlaneSettings:
    """Where the control plane listens, and the node that it makes tables in.

    Attributes:
        home: Folder for its log and its properties. Kept between starts.
        port: Port of the API.
        node: The local Keyspaces node that it makes tables in.
        address: Loopback address of the API.
        account: Region and account.
        world: Home of the world it belongs to, if not its own.
        log_file: Its log, if not in `home`.
    """

    home: Path
    port: int
    node: Contact
    address: str = "127.0.0.1"
    account: Account = field(default_factory=Account)
    world: Path | None = None
    log_file: Path | None = None


class KeyspacesControlPlane:
    """Starts, watches and ends the program; a `Waitable` of the world."""

    def __init__(self, settings: ControlPlaneSettings) -> None:
        self.settings = settings
        self.name = "control plane of local Keyspaces"
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """endpoint_url of boto3's `keyspaces` client."""
        return f"http://{self.settings.address}:{self.settings.port}"

    @property
    def log(self) -> Path:
        """What it wrote."""
        return self.settings.log_file or self.settings.home / "keyspaces-control-plane.log"

    def launch(self) -> None:
        """Start the process only."""
        settings = self.settings
        options = {
            "--address": settings.address,
            "--port": settings.port,
            "--node": settings.node.write(settings.home.resolve() / "node.json"),
            "--properties": settings.home.resolve() / "keyspaces-properties.sqlite",
            "--region": settings.account.region,
            "--account-id": settings.account.account_id,
        }
        command = (sys.executable, "-m", __package__, *(str(part) for pair in options.items() for part in pair))
        self._child = Child(
            Program(name=self.name, command=command, log=self.log, home=settings.world or settings.home)
        )
        self._child.start()

    def fail(self, *faults: ApiFault) -> None:
        """Let calls of the API fail from now on; without any fault, let none."""
        connection = http.client.HTTPConnection(self.settings.address, self.settings.port, timeout=ANSWER_TIMEOUT_S)
        connection.request("PUT", "/faults", body=json.dumps([fault.to_json() for fault in faults]))
        answer = connection.getresponse()
        said = answer.read().decode(errors="replace")
        connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"the control plane takes no such faults: {said}")

    def why_not_healthy(self) -> str | None:
        """What is missing before the API answers, or None."""
        if self._child is None:
            return "not started"
        self._child.check()
        connection = http.client.HTTPConnection(self.settings.address, self.settings.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (http.client.HTTPException, OSError) as error:
            return f"{NO_ANSWER} {self.url} ({error})"
        finally:
            connection.close()
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
