"""What a person sees while the world works: a line for each thing done, and something at least every few seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.status import Status

QUIET_AT_MOST_S = 5.0


class Reporter(Protocol):
    """Receives progress."""

    def done(self, text: str) -> None:
        """Something was done: keep it in sight."""

    def working(self, text: str) -> None:
        """Something goes on. Called as often as there is news; what is shown is the reporter's choice."""


class Silent:
    """Shows nothing: for tests."""

    def done(self, text: str) -> None:
        """Ignore."""

    def working(self, text: str) -> None:
        """Ignore."""


class ConsoleReporter:
    """Lines on a console, each with the seconds since the start.

    On a terminal, a moving line shows what goes on; without one (CI), a line appears at least every five seconds.
    """

    def __init__(self, console: Console | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self._started = clock()
        self._last_line = self._started
        self._status: Status | None = None

    def done(self, text: str) -> None:
        """Print a line."""
        self._hide()
        self._line(f"[green]✓[/] {escape(text)}")

    def working(self, text: str) -> None:
        """Update the moving line, or print one when nothing was printed for a while."""
        if self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status(escape(text))
                self._status.start()
            self._status.update(f"[dim]{self._elapsed()}[/] {escape(text)}")
        elif self._clock() - self._last_line >= QUIET_AT_MOST_S:
            self._line(f"… {escape(text)}")

    def close(self) -> None:
        """Take the moving line away."""
        self._hide()

    def _hide(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def _line(self, markup: str) -> None:
        self._last_line = self._clock()
        self._console.print(f"[dim]{self._elapsed()}[/] {markup}", soft_wrap=True)

    def _elapsed(self) -> str:
        return f"{self._clock() - self._started:6.1f} s"
