"""What the world asks of each of its parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from rehearsal.processes import NO_ANSWER, Child, Program

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from rehearsal.ports import PortNeed

REPOSITORY = Path(__file__).resolve().parents[2]
PROBE_TIMEOUT_S = 3.0


class Service(Protocol):
    """A part of the world. `launch` returns at once; `why_not_healthy` is polled until it returns None."""

    name: str
    start_timeout_s: float

    @property
    def log(self) -> Path:
        """The log to look in when it does not come up."""

    def ports(self) -> Sequence[PortNeed]:
        """Ports it will listen on."""

    def launch(self) -> None:
        """Start its processes from the calling thread, which must outlive them."""

    def why_not_healthy(self) -> str | None:
        """What is missing, or None. Raises ProgramDiedError when a process has ended."""

    def check(self) -> None:
        """Raise ProgramDiedError when a process of it has ended."""

    def after_start(self) -> None:
        """What remains to be done once it answers."""

    def stop(self) -> None:
        """End its processes. No harm when none runs."""


class HttpService:
    """One process, healthy when a GET on its health address answers 200."""

    start_timeout_s = 120.0

    def __init__(self, *, name: str, home: Path, log: Path) -> None:
        self.name = name
        self.home = home
        self._log = log
        self._child: Child | None = None

    @property
    def log(self) -> Path:
        """The process's output."""
        return self._log

    def why_not_healthy(self) -> str | None:
        """What is missing, or None. Raises ProgramDiedError when the process has ended."""
        if self._child is None:
            return "not started"
        self._child.check()
        return why_no_answer(self.health_url(), context=self.tls())

    def check(self) -> None:
        """Raise ProgramDiedError when the process has ended."""
        if self._child is not None:
            self._child.check()

    def health_url(self) -> str:
        """Address that answers 200 when the service works."""
        raise NotImplementedError

    def tls(self) -> ssl.SSLContext | None:
        """How to trust the service, if it speaks TLS."""
        return None

    def after_start(self) -> None:
        """Nothing remains."""

    def stop(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def start_child(self, command: tuple[str, ...], *, environment: Mapping[str, str], folder: Path) -> None:
        """Start the process."""
        self._child = Child(
            Program(
                name=self.name,
                command=command,
                log=self._log,
                home=self.home,
                environment=environment,
                folder=folder,
            )
        )
        self._child.start()


def why_no_answer(url: str, *, context: ssl.SSLContext | None = None) -> str | None:
    """None when a GET of `url` answers 200, else what happened. Goes through no proxy."""
    try:
        response = httpx.get(url, verify=context or True, timeout=PROBE_TIMEOUT_S, trust_env=False)
    except httpx.HTTPError as error:
        return f"{NO_ANSWER} {url} ({error})"
    return None if response.status_code == httpx.codes.OK else f"{url} answered {response.status_code}"


def without_proxy() -> dict[str, str]:
    """Environment that sends nothing for loopback addresses through a proxy."""
    names = [part for part in os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")).split(",") if part]
    value = ",".join(dict.fromkeys([*names, "127.0.0.1", "127.0.0.2", "localhost"]))
    return {"NO_PROXY": value, "no_proxy": value}
