"""A relay in front of a port, which can be told to go silent or to be gone: a node that is stopped, without a stop."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

_CHUNK = 65_536
_LOOK_S = 0.05


class Relay:
    """Listens on a port of its own on 127.0.0.1, and passes bytes on to another. A context manager."""

    def __init__(self, *, to_port: int, host: str = "127.0.0.1") -> None:
        self._to = (host, to_port)
        self._host = host
        self._listener: socket.socket | None = None
        self._passing = threading.Event()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._port = 0
        self._is_gone = False

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._listener = socket.create_server((self._host, 0))
        self._port = int(self._listener.getsockname()[1])
        self._passing.set()
        self._start(self._accept, self._listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything, and wait for the threads."""
        self._ended.set()
        self.vanish()
        for thread in self._threads:
            thread.join()

    @property
    def port(self) -> int:
        """Where it listens.

        Raises:
            ValueError: It does not.
        """
        if not self._port:
            raise ValueError("the relay does not listen")
        return self._port

    def fall_silent(self) -> None:
        """Take bytes, and pass none on: connections stay open, and nobody answers."""
        self._passing.clear()

    def resume(self) -> None:
        """Pass bytes on again, those too that came in the silence."""
        self._passing.set()

    def vanish(self) -> None:
        """Close every connection and take no new one, as a node that was killed."""
        self._passing.clear()
        self._is_gone = True
        for opened in [self._listener, *self._open]:
            if opened is not None:
                with suppress(OSError):
                    # Wakes the thread that waits for it, which a close does not.
                    opened.shutdown(socket.SHUT_RDWR)
                opened.close()
        self._open.clear()

    def come_back(self) -> None:
        """Listen on the same port again after `vanish`, and pass on what `fall_silent` held up."""
        port = self.port
        if self._is_gone:
            self._listener = socket.create_server((self._host, port))
            self._is_gone = False
            self._start(self._accept, self._listener)
        self._passing.set()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._to)
            except OSError:
                # Whom it passes on to is not there: the client finds nobody, too.
                client.close()
                continue
            self._open |= {client, server}
            self._start(self._pass_on, client, server)
            self._start(self._pass_on, server, client)

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while not self._ended.is_set():
                ready, _, _ = select.select([one], [], [], _LOOK_S)
                if not ready or not self._passing.is_set():
                    self._passing.wait(_LOOK_S)
                    continue
                data = one.recv(_CHUNK)
                if not data:
                    break
                other.sendall(data)
        except (OSError, ValueError):
            # Closed by the other direction, or by `vanish`.
            pass
        finally:
            with suppress(OSError):
                other.shutdown(socket.SHUT_WR)
