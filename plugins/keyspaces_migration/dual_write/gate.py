"""Which state of the flag all of a writer's work has arrived at: what it reports, and what stages wait for."""

import itertools
import threading
from typing import Protocol

from keyspaces_migration.dual_write.errors import WriterClosedError
from keyspaces_migration.dual_write.flag import FlagState


class FlagSource(Protocol):
    """Where the flag's state comes from: `flag_reader.FlagReader`, or a constant in tests."""

    def current(self) -> FlagState:
        """Return the last known state. Never blocks."""

    def refresh(self) -> None:
        """Ask for the newest state and wait for it. Raises FlagUnavailableError where it can't be had."""


class Door:
    """Through which calls go while it is open; who closes it waits for those inside."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_open = False
        self._inside = 0

    def open(self) -> None:
        """Let calls in."""
        with self._changed:
            self._is_open = True

    def close(self, *, timeout_s: float) -> int:
        """Let no more in, and wait for those inside; return how many have not ended in time."""
        with self._changed:
            self._is_open = False
            self._changed.wait_for(lambda: not self._inside, timeout=timeout_s)
            return self._inside

    def __enter__(self) -> None:
        """Go in. Raises WriterClosedError where it is not open."""
        with self._changed:
            if not self._is_open:
                raise WriterClosedError("this writer is not open: nothing was written. Open it, or make a new one")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        """Go out."""
        with self._changed:
            self._inside -= 1
            if not self._inside:
                self._changed.notify_all()


class ModeGate:
    """Holds each write to the state in which it began.

    A stage that waits for a mode must not be told of it while a write of the mode before can still reach a store:
    it would be missing from what is recorded, or from the recopy.
    """

    def __init__(self, flag: FlagSource) -> None:
        self._flag = flag
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._held: dict[int, FlagState] = {}
        self._older: dict[int, FlagState] = {}
        """Of earlier processes, the oldest last."""

    def enter(self) -> tuple[int, FlagState]:
        """Begin a write: return its pass, to be given back by `leave`, and the state that it obeys."""
        with self._lock:
            number, state = next(self._numbers), self._flag.current()
            self._held[number] = state
            return number, state

    def hold(self, state: FlagState) -> int:
        """Return a pass for a write that began in an earlier process, in `state`, before those held so far."""
        with self._lock:
            number = -1 - next(self._numbers)
            self._older[number] = state
            return number

    def leave(self, number: int | None) -> None:
        """End a write: the leader's answer is known. None is no pass, and needs nothing; nor does one given back."""
        if number is not None:
            with self._lock:
                (self._held if number >= 0 else self._older).pop(number, None)

    def settled(self) -> FlagState:
        """Return the state of the oldest write that has not ended, or the current one."""
        with self._lock:
            oldest = next(reversed(self._older.values()), None) or next(iter(self._held.values()), None)
            return oldest or self._flag.current()

    def current(self) -> FlagState:
        """Return the flag's own state, which new writes obey."""
        return self._flag.current()
