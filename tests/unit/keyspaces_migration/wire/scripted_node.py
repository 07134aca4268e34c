"""A node that speaks protocol version 4 over a real socket, and answers each write as a test says."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

HEADER = struct.Struct(">BBhBi")
STARTUP, QUERY, PREPARE, EXECUTE, BATCH = 0x01, 0x07, 0x09, 0x0A, 0x0D
ERROR, READY, RESULT = 0x00, 0x02, 0x08
VOID = struct.pack(">i", 1)
CLOSE = b"close"
"""As an answer: the connection is closed."""
NOTHING = b"nothing"
"""As an answer: none ever comes."""

Values = tuple[bytes | str | None, ...]
"""Of one statement; "unset" is a value that is not set."""


@dataclass(frozen=True)
class Request:
    """What came: the values of each statement, one unless it is a batch."""

    opcode: int
    statements: tuple[Values, ...]
    consistency: int


def error(code: int, message: str, details: bytes = b"") -> bytes:
    """The body of an ERROR, marked as one."""
    text = message.encode()
    return b"E" + struct.pack(">iH", code, len(text)) + text + details


def write_timeout() -> bytes:
    """What Keyspaces says when it throttles."""
    return error(0x1100, "throttled", struct.pack(">HiiH", 6, 0, 2, 6) + b"SIMPLE")


def invalid(message: str) -> bytes:
    """A statement that is refused."""
    return error(0x2200, message)


@dataclass
class ScriptedNode:
    """Use as a context manager; `answer` gives the body of a RESULT, an error, `CLOSE` or `NOTHING`.

    Attributes:
        backwards: Answer what came together from its end.
        twice: Answer the first of what came together once more, and the last not at all.
        new_ids: Give a statement another id when it is prepared again.
        prepared: The statements in the order in which they were prepared, on any connection.
    """

    answer: Callable[[Request], bytes] = lambda _: VOID
    backwards: bool = False
    twice: bool = False
    new_ids: bool = False
    host: str = "127.0.0.1"
    requests: list[Request] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    forgotten: bool = False
    ids: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server((self.host, 0))
        self.port = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._open:
            _end(each)
        for thread in self._threads:
            thread.join(timeout=10)

    def _listen(self) -> None:
        while True:
            try:
                opened, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(opened)
            self._threads.append(threading.Thread(target=self._serve, args=(opened,)))
            self._threads[-1].start()

    def _serve(self, opened: socket.socket) -> None:
        unread = b""
        while True:
            try:
                part = opened.recv(1 << 16)
            except OSError:
                return
            if not part:
                return
            answers, unread = self._answers(unread + part)
            if self.twice and len(answers) > 1:
                answers[-1] = answers[0]
            if self.backwards:
                answers.reverse()
            try:
                opened.sendall(b"".join(each for each in answers if each not in {CLOSE, NOTHING}))
            except OSError:
                return
            if CLOSE in answers:
                _end(opened)
                return

    def _answers(self, data: bytes) -> tuple[list[bytes], bytes]:
        answers = []
        while len(data) >= HEADER.size:
            _, _, stream, opcode, length = HEADER.unpack_from(data)
            if len(data) < HEADER.size + length:
                break
            body, data = data[HEADER.size : HEADER.size + length], data[HEADER.size + length :]
            answers.append(self._answer(stream, opcode, body))
        return answers, data

    def _answer(self, stream: int, opcode: int, body: bytes) -> bytes:
        if opcode == STARTUP:
            return _frame(stream, READY, b"")
        if opcode == PREPARE:
            self.prepared.append(body[4:].decode())
            self.forgotten = False
            query_id = statement_id(body[4:]) + (bytes([len(self.prepared)]) if self.new_ids else b"")
            self.ids.append(query_id)
            nothing = struct.pack(">iii", 0, 0, 0) + struct.pack(">ii", 4, 0)
            return _frame(stream, RESULT, struct.pack(">iH", 4, len(query_id)) + query_id + nothing)
        request = read_execute(body) if opcode == EXECUTE else read_batch(body)
        if self.forgotten:
            known = self.ids[-1]
            return _frame(stream, ERROR, error(0x2500, "who?", struct.pack(">H", len(known)) + known)[1:])
        self.requests.append(request)
        found = self.answer(request)
        if found in {CLOSE, NOTHING}:
            return found
        return _frame(stream, ERROR, found[1:]) if found[:1] == b"E" else _frame(stream, RESULT, found)


def statement_id(text: bytes) -> bytes:
    """The id of a prepared statement."""
    return b"id of " + text[-10:]


def read_execute(body: bytes) -> Request:
    """Read an EXECUTE to its last byte."""
    at = 2 + int.from_bytes(body[:2], "big")
    consistency, flags, count = struct.unpack_from(">HBH", body, at)
    assert flags == 1
    values, at = _values(body, at + 5, count)
    assert at == len(body)
    return Request(EXECUTE, (values,), consistency)


def read_batch(body: bytes) -> Request:
    """Read a BATCH to its last byte."""
    kind, count = struct.unpack_from(">BH", body)
    assert kind == 1
    at, statements = 3, []
    for _ in range(count):
        assert body[at] == 1
        at += 3 + int.from_bytes(body[at + 1 : at + 3], "big")
        values, at = _values(body, at + 2, int.from_bytes(body[at : at + 2], "big"))
        statements.append(values)
    consistency, flags = struct.unpack_from(">HB", body, at)
    assert (flags, at + 3) == (0, len(body))
    return Request(BATCH, tuple(statements), consistency)


def _values(body: bytes, at: int, count: int) -> tuple[Values, int]:
    values: list[bytes | str | None] = []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", body, at)
        at += 4
        if length >= 0:
            values.append(body[at : at + length])
            at += length
        else:
            values.append({-1: None, -2: "unset"}[length])
    return tuple(values), at


def _frame(stream: int, opcode: int, body: bytes) -> bytes:
    return HEADER.pack(0x84, 0, stream, opcode, len(body)) + body


def _end(opened: socket.socket) -> None:
    try:
        opened.shutdown(socket.SHUT_RDWR)
    except OSError:  # the other side was first
        return
    finally:
        opened.close()
