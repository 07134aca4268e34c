"""The traffic of one connection: requests go out as far as room and budget go, answers come back in any order."""

import socket
import ssl
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from cassandra.protocol import ErrorMessage, PreparedQueryNotFound, RequestExecutionException, ResultMessage

from keyspaces_migration.wire.answers import VOID_BYTES, Streams, read_answers
from keyspaces_migration.wire.connection import Connection, prepare_frame
from keyspaces_migration.wire.frames import STREAMS, Frames
from keyspaces_migration.wire.requests import Requests

_READ_BYTES = 1 << 18
_MOST_LOW_WATER = 1 << 15
"""Well below a socket's buffer, which would never hold so much."""
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Budget(Protocol):
    """What may be spent on writes, in units of the table's capacity."""

    def available(self) -> float:
        """Return how many units may be spent now; the last request may go beyond. None or fewer than 0: none."""

    def spend(self, units: float) -> None:
        """Take note of units that were sent."""

    def answered(self, *, succeeded: float, throttled: float) -> None:
        """Take note of units that were taken, and of those that the store was too busy for."""


class Unlimited:
    """A budget without an end."""

    def available(self) -> float:
        """Return infinity."""
        return float("inf")

    def spend(self, units: float) -> None:
        """Forget them."""

    def answered(self, *, succeeded: float, throttled: float) -> None:
        """Forget them."""


@dataclass(frozen=True)
class Failure:
    """A request that did not succeed; whether it took effect depends on the error."""

    request: int
    error: Exception


@dataclass(frozen=True)
class Finished:
    """Requests that were all answered, or lost with their connection.

    Attributes:
        failures: Those that did not succeed; all others did.
        told: By request, what a conditional write answered.
    """

    requests: Requests
    failures: tuple[Failure, ...]
    told: tuple[tuple[int, Any], ...]


@dataclass
class _Flight:
    requests: Requests
    first: int
    frames: Frames
    costs: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    answered: "np.ndarray[tuple[int], np.dtype[np.bool_]]"
    sent: int = 0
    remaining: int = 0
    failures: list[Failure] = field(default_factory=list)
    told: list[tuple[int, Any]] = field(default_factory=list)

    def finished(self) -> Finished:
        return Finished(requests=self.requests, failures=tuple(self.failures), told=tuple(self.told))


class Link:
    """A connection at work.

    Requests are numbered in the order in which they are sent, and a request's stream is its number modulo `STREAMS`. As
    at most so many numbers are in use at a time, a stream says which request it is.
    """

    def __init__(self, connection: Connection, *, in_flight: int, budget: Budget, now: float) -> None:
        """Store: `in_flight` is how many requests wait for their answers at most."""
        self.connection = connection
        self.in_flight = in_flight
        self.waiting = 0
        self.heard_at = self.read_at = now
        self._budget = budget
        self._flights: deque[_Flight] = deque()
        self._next = 0
        self._out = memoryview(b"")
        self._unread = b""
        self._low_water = 1
        self._ids = dict(connection.ids)
        self._preparing: str | None = None

    @property
    def wants_requests(self) -> bool:
        """Whether all that it has was sent, and its answers will soon be fewer than it may wait for."""
        if self._preparing is not None or self._unsent():
            return False
        return self.waiting <= self.in_flight // 2 and self._streams_left() >= self.in_flight

    @property
    def expects_answer(self) -> bool:
        """Whether it is the node's turn."""
        return bool(self.waiting) or self._preparing is not None

    @property
    def wants_to_write(self) -> bool:
        """Whether bytes are left that the socket did not take."""
        return bool(self._out)

    @property
    def idle(self) -> bool:
        """Whether nothing is left to send or to wait for."""
        return not self._flights

    @property
    def held_back(self) -> bool:
        """Whether requests are left that the budget did not allow yet."""
        return bool(self._unsent()) and not self._out and self.waiting < self.in_flight

    def take(self, requests: Requests) -> None:
        """Frame requests for this connection; `send` sends them."""
        count = requests.count
        frames = requests.frames(statement_id=self._ids[requests.statement], first_stream=self._next % STREAMS)
        self._flights.append(
            _Flight(requests, self._next, frames, requests.costs(), np.zeros(count, np.bool_), remaining=count)
        )
        self._next += count

    def takes(self, count: int) -> bool:
        """Whether there are streams for so many requests."""
        return count <= self._streams_left()

    def send(self, *, now: float) -> None:
        """Send as much as the socket takes.

        Raises:
            OSError: The connection broke.
        """
        while True:
            if not self._out and not self._fill(now):
                return
            try:
                self._out = self._out[self.connection.socket.send(self._out) :]
            except _NOT_NOW:
                return

    def receive(self, *, now: float) -> None:
        """Read what has come.

        Raises:
            OSError: The connection broke, or the node closed it.
        """
        self.read_at = now
        while True:
            try:
                data = self.connection.socket.recv(_READ_BYTES)
            except _NOT_NOW:
                return
            if not data:
                raise ConnectionResetError(f"{self.connection.address} closed the connection")
            self.heard_at = now
            self._read(self._unread + data)
            if len(data) < _READ_BYTES and not _more_decrypted(self.connection.socket):
                return

    def await_answers(self) -> None:
        """Let the kernel say that there is something to read once there are answers enough to send more requests.

        Each look at a socket costs as much as dozens of answers. Fewer answers than that, or shorter ones, are read by
        whoever looks all the same, which the pump does before long.
        """
        wanted = min(max(1, (self.waiting - self.in_flight // 2) * VOID_BYTES), _MOST_LOW_WATER)
        if wanted != self._low_water:
            self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
            self._low_water = wanted

    def finished(self) -> Iterator[Finished]:
        """Yield requests that are all answered, each once."""
        done = [flight for flight in self._flights if not flight.remaining]
        if done:
            self._flights = deque(flight for flight in self._flights if flight.remaining)
        return (flight.finished() for flight in done)

    def abandon(self, error: Exception) -> Iterator[Finished]:
        """Close the connection, and yield all requests; those without an answer failed with `error`."""
        self.connection.close()
        for flight in self._flights:
            lost = np.flatnonzero(~flight.answered)
            flight.failures += [Failure(int(each), error) for each in lost]
            self._budget.answered(succeeded=0.0, throttled=float((flight.costs[lost + 1] - flight.costs[lost]).sum()))
            yield flight.finished()
        self._flights.clear()

    def _fill(self, now: float) -> bool:
        flight = self._unsent()
        room = self.in_flight - self.waiting
        if flight is None or room <= 0 or self._preparing is not None:
            return False
        count = min(room, len(flight.answered) - flight.sent)
        available = self._budget.available()
        if available <= 0:
            return False
        spent = float(flight.costs[flight.sent])
        affordable = int(np.searchsorted(flight.costs, spent + available)) - flight.sent
        count = min(count, max(affordable, 1))
        end = flight.sent + count
        self._budget.spend(float(flight.costs[end]) - spent)
        self._out = flight.frames.part(flight.sent, end)
        if not self.waiting:
            self.heard_at = now
        flight.sent = end
        self.waiting += count
        return True

    def _unsent(self) -> _Flight | None:
        # They are sent in order, so all before the last one are sent whole, or the last one is not begun.
        return next((flight for flight in self._flights if flight.sent < len(flight.answered)), None)

    def _streams_left(self) -> int:
        return STREAMS - (self._next - self._oldest())

    def _read(self, data: bytes) -> None:
        answers = read_answers(data)
        self._unread = data[answers.used :]
        succeeded = sum(map(self._succeeded, answers.void), 0.0)
        throttled = 0.0
        for stream, message in answers.others:
            if stream >= STREAMS:
                self._heard_of_statement(message)
                continue
            units = self._told(stream, message)
            if _says_busy(message):
                throttled += units
            else:
                succeeded += units
        self._budget.answered(succeeded=succeeded, throttled=throttled)

    def _succeeded(self, streams: Streams) -> float:
        """Take note of requests that are done; return their units."""
        units, known = 0.0, 0
        oldest = self._oldest()
        numbers = oldest + (streams.astype(np.int64) - oldest) % STREAMS
        for flight in self._flights:
            mine = numbers[(numbers >= flight.first) & (numbers < flight.first + flight.sent)] - flight.first
            before = np.count_nonzero(flight.answered)
            flight.answered[mine] = True
            known += int(np.count_nonzero(flight.answered) - before)
            flight.remaining -= len(mine)
            units += float((flight.costs[mine + 1] - flight.costs[mine]).sum())
        if known != len(streams):
            raise self._unasked()
        self.waiting -= len(streams)
        return units

    def _told(self, stream: int, message: Any) -> float:  # noqa: ANN401 # the driver ships no types
        """Take note of an answer that is more than "done"; return the request's units."""
        oldest = self._oldest()
        number = oldest + (stream - oldest) % STREAMS
        flight = next((each for each in self._flights if each.first <= number < each.first + each.sent), None)
        request = number - flight.first if flight else 0
        if flight is None or flight.answered[request]:
            raise self._unasked()
        flight.answered[request] = True
        flight.remaining -= 1
        self.waiting -= 1
        if isinstance(message, ErrorMessage):
            flight.failures.append(Failure(request, _exception(message)))
            if isinstance(message, PreparedQueryNotFound):
                self._prepare_again(message)
        else:
            flight.told.append((request, message))
        return float(flight.costs[request + 1] - flight.costs[request])

    def _oldest(self) -> int:
        return self._flights[0].first if self._flights else self._next

    def _unasked(self) -> ConnectionResetError:
        # An answer that can't be told from others' would let a row count as written that was not.
        return ConnectionResetError(f"{self.connection.address} answered what nobody asked")

    def _prepare_again(self, message: PreparedQueryNotFound) -> None:
        if self._preparing is not None:
            return
        statement = next((text for text, known in self._ids.items() if known == message.info), None)
        if statement is None:
            raise ConnectionResetError(f"{self.connection.address} asks for a statement that is not known")
        self._preparing = statement
        # Between two frames: what is being sent goes out whole first.
        self._out = memoryview(bytes(self._out) + prepare_frame(statement))

    def _heard_of_statement(self, message: Any) -> None:  # noqa: ANN401 # as above
        if isinstance(message, ErrorMessage):
            raise ConnectionResetError(f"{self.connection.address} does not prepare a statement any more: {message}")
        statement, self._preparing = self._preparing, None
        assert isinstance(message, ResultMessage)  # noqa: S101 # the answer to PREPARE
        if statement is None or message.query_id != self._ids[statement]:
            # Frames that are made already have the old id; a new connection begins with the new one.
            raise ConnectionResetError(f"{self.connection.address} gives a statement another id than before")


def _says_busy(message: Any) -> bool:  # noqa: ANN401 # as above
    """Whether it is a time-out, which is how Keyspaces throttles, or a node says that it is overloaded."""
    return isinstance(message, RequestExecutionException)


def _exception(message: ErrorMessage) -> Exception:
    found: Exception = message.to_exception()
    return found


def _more_decrypted(opened: Any) -> bool:  # noqa: ANN401 # either kind of socket
    """Whether a TLS socket holds bytes that no selector knows of."""
    return isinstance(opened, ssl.SSLSocket) and opened.pending() > 0
