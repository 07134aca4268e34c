"""Asks a node over its own protocol whether it serves, without a driver and its pools."""

from __future__ import annotations

import socket
import ssl
import struct
from typing import TYPE_CHECKING

from rehearsal.processes import NO_ANSWER

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 3.0
PROTOCOL_V4 = 4
HEADER = struct.Struct(">BBhBI")

STARTUP, SUPPORTED, OPTIONS = 0x01, 0x06, 0x05
AUTHENTICATE, AUTH_RESPONSE, AUTH_SUCCESS = 0x03, 0x0F, 0x10


def why_not_serving(
    *, host: str, port: int, ca_file: Path | None = None, login: tuple[str, str] | None = None
) -> str | None:
    """Ask for OPTIONS and, when `login` (user, password) is given, log in: a new node has no roles for a moment.

    Returns:
        None when the node gave the answers that a serving node gives, else what it did instead.
    """
    try:
        with _connect(host=host, port=port, ca_file=ca_file) as connection:
            answers = [(OPTIONS, b"", SUPPORTED)]
            if login:
                user, password = login
                credentials = f"\0{user}\0{password}".encode()
                answers += [
                    (STARTUP, b"\0\1" + _string("CQL_VERSION") + _string("3.0.0"), AUTHENTICATE),
                    (AUTH_RESPONSE, struct.pack(">i", len(credentials)) + credentials, AUTH_SUCCESS),
                ]
            for request, body, wanted in answers:
                given, detail = _ask(connection, request, body)
                if given != wanted:
                    return f"{host}:{port} answered request {request:#x} with {given:#x} {detail[:200]!r}"
    except OSError as error:
        return f"{NO_ANSWER} {host}:{port} ({error})"
    return None


def _connect(*, host: str, port: int, ca_file: Path | None) -> socket.socket:
    plain = socket.create_connection((host, port), TIMEOUT_S)
    if ca_file is None:
        return plain
    context = ssl.create_default_context(cafile=str(ca_file))
    return context.wrap_socket(plain, server_hostname=host)


def _ask(connection: socket.socket, request: int, body: bytes) -> tuple[int, bytes]:
    connection.sendall(HEADER.pack(PROTOCOL_V4, 0, 0, request, len(body)) + body)
    *_, answer, length = HEADER.unpack(_read(connection, HEADER.size))
    return answer, _read(connection, length)


def _read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionResetError("the node closed the connection")
        received += part
    return received


def _string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
