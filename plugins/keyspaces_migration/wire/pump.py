"""Sends requests over several connections with several nodes, and says what became of each."""

import selectors
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from keyspaces_migration.clients.errors import StoreError
from keyspaces_migration.wire.connection import Connection
from keyspaces_migration.wire.frames import STREAMS
from keyspaces_migration.wire.link import Budget, Finished, Link, Unlimited
from keyspaces_migration.wire.requests import Requests

_WAKE_S = 0.005
"""How soon a budget that is used up is looked at again."""
_LOOK_S = 0.01
"""How soon answers are read that are too few for a socket to be called readable."""
_MOST_IN_FLIGHT = STREAMS // 4
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 10.0


class ConnectionLostError(ConnectionError):
    """A connection broke, or its node went silent; whether its requests took effect is not known."""


@dataclass(frozen=True, kw_only=True)
class PumpSettings:
    """How the pump works.

    Attributes:
        hosts: The nodes, one connection for each time that one is named.
        in_flight: Requests that wait for an answer at a time, of each connection; at most `frames.STREAMS` / 4.
        silence_s: A connection with requests from which nothing came for so long counts as lost.
        attempts: How often a lost connection is opened anew, while no other works, before the pump gives up.
    """

    hosts: Sequence[str]
    in_flight: int = 1024
    silence_s: float = 15.0
    attempts: int = 8

    def __post_init__(self) -> None:
        if not self.hosts:
            raise ValueError("no host to open a connection with")
        if not 0 < self.in_flight <= _MOST_IN_FLIGHT:
            raise ValueError(f"in_flight is {self.in_flight}. Allowed: 1 to {_MOST_IN_FLIGHT}")


@dataclass
class _Lost:
    host: str
    attempt: int
    due: float
    error: Exception


class Pump:
    """The event loop of a load, in the caller's thread. Use as a context manager: it closes its connections."""

    def __init__(
        self,
        settings: PumpSettings,
        *,
        connect: Callable[[str], Connection],
        clock: Callable[[], float],
        budget: Budget | None = None,
    ) -> None:
        """Store. `connect` opens a connection with a host; `clock` counts seconds and never goes back."""
        self._settings = settings
        self._connect = connect
        self._clock = clock
        self._budget = budget or Unlimited()
        self._selector = selectors.DefaultSelector()
        self._links: dict[Link, str] = {}
        self._lost: list[_Lost] = []
        self._queue: deque[Requests] = deque()
        self._finished: list[Finished] = []

    def __enter__(self) -> Self:
        """Open the connections.

        Raises:
            StoreError: As `connection.connect`.
        """
        try:
            for host in self._settings.hosts:
                self._open(host)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections; requests that are under way are left to their nodes."""
        for link in self._links:
            link.connection.close()
        self._links.clear()
        self._selector.close()

    @property
    def hungry(self) -> bool:
        """Whether more requests can be taken."""
        return not self._queue

    @property
    def idle(self) -> bool:
        """Whether all requests are finished."""
        return not self._queue and not self._finished and all(link.idle for link in self._links)

    def submit(self, requests: Requests) -> None:
        """Take requests; they are sent in the next turns."""
        self._queue.append(requests)

    def turn(self, timeout_s: float) -> Sequence[Finished]:
        """Send and receive what can be, wait for more for so long at most, and return what is finished.

        Raises:
            StoreError: Every connection is lost, and none could be opened anew; why is that of the last attempt.
        """
        self._reopen()
        self._feed()
        for key, events in self._selector.select(self._patience(timeout_s)):
            self._serve(key.data, events)
        for link in self._unheard():
            self._serve(link, selectors.EVENT_READ)
        self._feed()
        self._find_silent()
        done, self._finished = self._finished, []
        return done

    def _patience(self, timeout_s: float) -> float:
        if self._finished:
            return 0.0
        if any(link.held_back for link in self._links):
            return min(timeout_s, _WAKE_S)
        silent = [link.heard_at + self._settings.silence_s for link in self._links if link.expects_answer]
        due = [*silent, *(lost.due for lost in self._lost)]
        longest = _LOOK_S if silent else timeout_s
        return max(0.0, min([timeout_s, longest, *(each - self._clock() for each in due)]))

    def _unheard(self) -> list[Link]:
        """Return the connections that may have answers too few for their sockets to be called readable."""
        now = self._clock()
        return [link for link in self._links if link.expects_answer and now - link.read_at >= _LOOK_S]

    def _serve(self, link: Link, events: int) -> None:
        if link not in self._links:
            return
        try:
            if events & selectors.EVENT_READ:
                link.receive(now=self._clock())
                self._finished += link.finished()
            if events & selectors.EVENT_WRITE:
                link.send(now=self._clock())
        except OSError as error:
            self._lose(link, error)

    def _feed(self) -> None:
        for link in list(self._links):
            while self._queue and link.wants_requests and link.takes(self._queue[0].count):
                link.take(self._queue.popleft())
            try:
                if not link.wants_to_write:
                    link.send(now=self._clock())
            except OSError as error:
                self._lose(link, error)
                continue
            self._watch(link)

    def _watch(self, link: Link) -> None:
        link.await_answers()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.wants_to_write else 0)
        if self._selector.get_key(link.connection.socket).events != events:
            self._selector.modify(link.connection.socket, events, link)

    def _find_silent(self) -> None:
        now = self._clock()
        for link in list(self._links):
            if link.expects_answer and now - link.heard_at > self._settings.silence_s:
                self._lose(link, TimeoutError(f"nothing came for {self._settings.silence_s:g} s"))

    def _lose(self, link: Link, error: OSError) -> None:
        lost = ConnectionLostError(f"{link.connection.address}: {error or type(error).__name__}")
        host = self._links.pop(link)
        self._selector.unregister(link.connection.socket)
        self._finished += link.abandon(lost)
        self._lost.append(_Lost(host, 0, self._clock(), lost))

    def _reopen(self) -> None:
        """Open one lost connection anew: it may take seconds, in which no answer is read."""
        lost = next((each for each in self._lost if each.due <= self._clock()), None)
        if lost is None:
            return
        self._lost.remove(lost)
        try:
            self._open(lost.host)
        except StoreError as error:
            self._defer(lost, error)

    def _defer(self, lost: _Lost, error: StoreError) -> None:
        attempt = lost.attempt + 1
        if attempt >= self._settings.attempts and not self._links:
            raise error
        wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0**lost.attempt)
        due = self._clock() + wait
        self._lost.append(_Lost(lost.host, attempt, due, error))
        for other in self._lost:
            # They are of the same node, and one look at it was enough for now.
            if other.host == lost.host:
                other.due = max(other.due, due)

    def _open(self, host: str) -> None:
        link = Link(self._connect(host), in_flight=self._settings.in_flight, budget=self._budget, now=self._clock())
        self._links[link] = host
        self._selector.register(link.connection.socket, selectors.EVENT_READ, link)
