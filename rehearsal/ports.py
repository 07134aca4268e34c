"""Ports of the loopback interface: free ones, and who holds the others."""

from __future__ import annotations

import socket


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
