"""One connection with a node: opened, logged in, and with statements prepared on it.

The driver's own classes say what goes over it; what they are not used for is the traffic of bulk writes.
"""

import socket
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cassandra import AuthenticationFailed
from cassandra.auth import Authenticator
from cassandra.connection import ConnectionException
from cassandra.protocol import (
    AuthChallengeMessage,
    AuthenticateMessage,
    AuthResponseMessage,
    AuthSuccessMessage,
    BadCredentials,
    ErrorMessage,
    PrepareMessage,
    ProtocolHandler,
    ReadyMessage,
    StartupMessage,
)

from keyspaces_migration.clients.errors import StoreError, StoreUnreachableError, TlsRefusedError
from keyspaces_migration.clients.session import auth_provider
from keyspaces_migration.clients.settings import PROTOCOL_VERSION, SessionSettings, host_and_port
from keyspaces_migration.clients.tls import ssl_context
from keyspaces_migration.clients.translation import DRIVER_ERRORS, translate
from keyspaces_migration.wire.frames import HEADER_BYTES, STREAMS

_CQL_VERSION = "3.0.0"
_OWN_STREAM = STREAMS
"""For what a connection asks on its own behalf."""


@dataclass
class Connection:
    """A logged-in connection whose socket does not block.

    Attributes:
        address: Host and port of the node.
        ids: By statement, the id that the node gave when it was prepared.
    """

    socket: socket.socket
    address: str
    ids: Mapping[str, bytes] = field(default_factory=dict)

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def connect(settings: SessionSettings, *, host: str, statements: Iterable[str]) -> Connection:
    """Open a connection with a node, log in, and prepare the statements.

    Raises:
        StoreUnreachableError, TlsRefusedError: The node is not to be reached, or its certificate is not trusted.
        StoreError: It refused the login or a statement; one of its subclasses, as `clients.translate` chooses it.
    """
    try:
        return _connect(settings, host, statements)
    except DRIVER_ERRORS as error:
        raise translate(error, settings=settings) from error
    except OSError as error:
        raise _unreachable(error, host_and_port(host, settings.port)) from error


def _connect(settings: SessionSettings, host: str, statements: Iterable[str]) -> Connection:
    opened = socket.create_connection((host, settings.port), timeout=settings.connect_timeout_s)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened = _encrypted(opened, settings, host)
        _log_in(opened, settings, host)
        ids = {statement: _prepare(opened, statement) for statement in statements}
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return Connection(socket=opened, address=host_and_port(host, settings.port), ids=ids)


def _unreachable(error: OSError, address: str) -> StoreError:
    kind = TlsRefusedError if isinstance(error, ssl.SSLError) else StoreUnreachableError
    return kind(
        host=address,
        found=f"no connection ({error or type(error).__name__})",
        hint="Check that the node is up, that this machine may reach it, and the connection's TLS settings.",
    )


def prepare_frame(statement: str) -> bytes:
    """Return the frame that prepares a statement; its answer comes on a stream beyond those of data."""
    return _encoded(PrepareMessage(query=statement))


def _encrypted(opened: socket.socket, settings: SessionSettings, host: str) -> socket.socket:
    if settings.tls is None:
        return opened
    return ssl_context(settings.tls).wrap_socket(opened, server_hostname=settings.tls.server_hostname or host)


def _log_in(opened: socket.socket, settings: SessionSettings, host: str) -> None:
    answer = _ask(opened, StartupMessage(cqlversion=_CQL_VERSION, options={}))
    if isinstance(answer, ReadyMessage):
        return
    if not isinstance(answer, AuthenticateMessage):
        raise _unexpected(answer, host)
    provider = auth_provider(settings.auth)
    if provider is None:
        raise AuthenticationFailed(f"{host} wants a login ({answer.authenticator}), and the settings have none")
    _authenticate(opened, provider.new_authenticator(host), answer.authenticator, host)


def _authenticate(opened: socket.socket, authenticator: Authenticator, server_class: str, host: str) -> None:
    authenticator.server_authenticator_class = server_class
    response = authenticator.initial_response()
    while True:
        answer = _ask(opened, AuthResponseMessage(response or ""))
        if isinstance(answer, AuthSuccessMessage):
            authenticator.on_authentication_success(answer.token)
            return
        if not isinstance(answer, AuthChallengeMessage):
            raise _unexpected(answer, host)
        response = authenticator.evaluate_challenge(answer.challenge)


def _prepare(opened: socket.socket, statement: str) -> bytes:
    answer = _ask(opened, PrepareMessage(query=statement))
    if isinstance(answer, ErrorMessage):
        raise answer.to_exception()
    prepared: bytes = answer.query_id
    return prepared


def _unexpected(answer: Any, host: str) -> Exception:  # noqa: ANN401 # the driver ships no types
    refused: Exception
    if isinstance(answer, BadCredentials):
        # The driver makes of it what its callers know, in its connections; here it is raw.
        refused = AuthenticationFailed(f"{host}: {answer}")
    elif isinstance(answer, ErrorMessage):
        refused = answer.to_exception()
    else:
        refused = ConnectionException(f"{host} answered {answer.name} where a login was to be answered")
    return refused


def _ask(opened: socket.socket, message: Any) -> Any:  # noqa: ANN401 # as above
    opened.sendall(_encoded(message))
    header = _received(opened, HEADER_BYTES)
    body = _received(opened, int.from_bytes(header[5:], "big"))
    stream = int.from_bytes(header[2:4], "big", signed=True)
    return ProtocolHandler.decode_message(PROTOCOL_VERSION, {}, stream, header[1], header[4], body, None, None)


def _encoded(message: Any) -> bytes:  # noqa: ANN401 # as above
    frame: bytes = ProtocolHandler.encode_message(message, _OWN_STREAM, PROTOCOL_VERSION, None, False)
    return frame


def _received(opened: socket.socket, count: int) -> bytes:
    parts: list[bytes] = []
    while count:
        part = opened.recv(count)
        if not part:
            raise ConnectionResetError("the node closed the connection during the login")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def nodes_of(session: Any) -> tuple[str, ...]:  # noqa: ANN401 # as above
    """Return the addresses of the nodes that the driver's session sends statements to, those of its data centre."""
    return tuple(str(host.endpoint.address) for host in session.get_pool_state())
