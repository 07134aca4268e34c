"""The world's folder: who holds it, and how it is emptied."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, Self

from rehearsal.processes import POLL_S, WorldError, end_processes_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

MARK = "this-is-a-local-world"
LOCK = "supervisor.lock"
DOWN_TIMEOUT_S = 180.0


class WorldHeldError(WorldError):
    """Another supervisor runs the world of this folder. The message has its process id."""


class HomeLock:
    """Held by one supervisor at a time; the kernel lets go of it when the process dies, however it dies."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._descriptor: int | None = None

    def take(self) -> None:
        """Make the folder if need be, and take its lock.

        Raises:
            WorldHeldError: Another supervisor has it.
            WorldError: The folder exists and is no world's.
        """
        _make_home(self.home)
        descriptor = os.open(self.home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        while not _locked(descriptor):
            # `holder` takes the lock for a moment to see whether it is free; only a supervisor is named by it.
            if pid := holder(self.home):
                os.close(descriptor)
                raise WorldHeldError(
                    f"the world in {self.home} is run by process {pid} already. "
                    f"Use that one, or end it: python -m rehearsal down --home {self.home}"
                )
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go. No harm when not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        """Take."""
        self.take()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release."""
        self.release()


def holder(home: Path) -> int | None:
    """Process id of the supervisor that holds the world, or None when nobody does."""
    try:
        descriptor = os.open(home / LOCK, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or 0) or None
    finally:
        os.close(descriptor)
    return None


def take_down(home: Path) -> list[str]:
    """Ask the supervisor to end, if one runs, and end what an earlier one left behind.

    Returns:
        What was ended: the supervisor, and each process that had been left behind.
    """
    ended = []
    if pid := holder(home):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        _wait_for_release(home, pid)
        ended.append(f"{pid} the supervisor")
    return ended + end_processes_of(home)


def wipe(home: Path, *, keep: frozenset[str] = frozenset()) -> None:
    """Remove what the folder holds, less the names in `keep`.

    Raises:
        WorldError: The folder is no world's, so nothing is removed.
    """
    if not home.exists():
        return
    _require_world(home)
    for entry in sorted(home.iterdir()):
        if entry.name in keep | {MARK}:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def remove(home: Path) -> None:
    """Remove the folder and all in it. Raises WorldError if it is no world's."""
    wipe(home)
    (home / MARK).unlink(missing_ok=True)
    if home.exists():
        home.rmdir()


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_home(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    if not any(home.iterdir()):
        (home / MARK).write_text("python -m rehearsal made this folder, and removes it with `clean`.\n")
    _require_world(home)


def _require_world(home: Path) -> None:
    if not (home / MARK).exists() and any(home.iterdir()):
        raise WorldError(
            f"{home} is not a local world's folder (it has no {MARK}), so nothing in it is touched. "
            "Name another: --home"
        )


def _wait_for_release(home: Path, pid: int) -> None:
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    while holder(home) == pid:
        if time.monotonic() > deadline:
            raise WorldError(f"supervisor {pid} of the world in {home} has not ended after {DOWN_TIMEOUT_S:.0f} s")
        time.sleep(POLL_S)
