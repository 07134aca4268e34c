"""Ports of the loopback interface: free ones, and who holds the others."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable


class PortTakenError(WorldError):
    """A port that the world needs is in use. The message names each, who wants it, and who holds it if known."""


@dataclass(frozen=True, kw_only=True)
class PortNeed:
    """A port that a program of the world will listen on.

    Attributes:
        setting: The port's name on the command line.
        wanted_by: The program, for messages.
    """

    setting: str
    address: str
    port: int
    wanted_by: str


def free_ports(count: int, *, address: str = "127.0.0.1") -> list[int]:
    """Ports that nothing listened on a moment ago, all different.

    Another process may take one before it is used: choose late, and let the start's failure say so.
    """
    sockets = [socket.socket() for _ in range(count)]
    try:
        for opened in sockets:
            opened.bind((address, 0))
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def require_free(needs: Iterable[PortNeed]) -> None:
    """Check all ports before anything is started.

    Raises:
        PortTakenError: One or more are in use, or two programs want the same one.
    """
    wanted: dict[tuple[str, int], PortNeed] = {}
    problems = []
    for need in needs:
        place = (need.address, need.port)
        if place in wanted:
            problems.append(_sentence(need, f"wanted by {wanted[place].wanted_by} as well"))
        elif _is_taken(*place):
            problems.append(_sentence(need, f"held by {_holder(need.port)}"))
        wanted[place] = need
    if problems:
        raise PortTakenError("\n".join(problems))


def _sentence(need: PortNeed, trouble: str) -> str:
    return (
        f"port {need.port} on {need.address}, which {need.wanted_by} needs, is {trouble}. "
        f"Free it, or choose another: --port {need.setting}=NUMBER"
    )


def _is_taken(address: str, port: int) -> bool:
    with socket.socket() as trial:
        # A port of a connection that has just ended (TIME_WAIT) is free to servers that say this, and ours do.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise WorldError(f"port {port} on {address} can't be used: {error}") from error
    return False


def _holder(port: int) -> str:
    try:
        holders = [
            connection.pid
            for connection in psutil.net_connections(kind="tcp")
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN
        ]
        if holders and holders[0]:
            process = psutil.Process(holders[0])
            return f"process {process.pid} ({' '.join(process.cmdline())[:80]})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        pass
    return "a process that this user may not see"
