"""Programs of the local world: started so that they can always be found again, and ended one by one."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MARKER = "KEYSPACES_MIGRATION_WORLD"
"""Environment variable that every process of a world carries, grandchildren included: the world's home."""

NO_ANSWER = "no answer from"
"""How the reasons of parts begin that are simply not there yet."""

GUARD = Path(__file__).with_name("guard.py")
TAIL_LINES = 25
POLL_S = 0.1


class WorldError(Exception):
    """The local world can't do what was asked; the message says what to do."""


class ProgramDiedError(WorldError):
    """A program of the world ended by itself. Its log's tail is in the message."""


class ProgramNotHealthyError(WorldError):
    """A program runs, but did not answer before its deadline. Its log's tail is in the message."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and where its output goes.

    Attributes:
        name: Shown in messages.
        command: Program and arguments. They are visible to every user of the machine: no secrets.
        log: File that output is appended to.
        home: Home of the world (or of the node) that the process belongs to; the marker's value.
        environment: Added to this process's own environment.
        folder: Working folder.
        forget: Beginnings of names of variables that are not handed down from this process's environment.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    forget: tuple[str, ...] = ()


class Child:
    """One program in a session of its own, which the kernel ends when this process dies.

    Start it from a thread that lives as long as the child should: Linux ties the signal to the thread that
    started the process, so a pool's worker that goes away would take the child with it.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while one was started and not stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the program. Returns at once."""
        if self._process is not None and self._process.poll() is None:
            raise WorldError(f"{self.program.name} runs already, as process {self._process.pid}")
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        command = (sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), *self.program.command)
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.program.folder,
                env=marked_environment(self.program.home, self.program.environment, forget=self.program.forget),
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Whether the program was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def exit_code(self) -> int | None:
        """Exit code of a program that was started and has ended, else None."""
        return self._process.poll() if self._process else None

    def check(self) -> None:
        """Raise ProgramDiedError if the program was started and has ended."""
        if self._process is not None and (code := self._process.poll()) is not None:
            raise ProgramDiedError(
                f"{self.program.name} ended by itself with exit code {code}. The end of {self.program.log}:\n"
                f"{tail(self.program.log)}"
            )

    def ask_to_end(self) -> None:
        """Send SIGTERM to the program's process group, and return."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the program's process group at once, as a power cut would. No harm when it does not run."""
        if self._process is not None:
            _signal_group(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
            self._process = None

    def stop(self, *, grace_s: float = 30) -> None:
        """Ask the program's process group to end, and kill what is left of it after `grace_s`."""
        if self._process is None:
            return
        for step, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
            if not _group_alive(self._process.pid):
                break
            _signal_group(self._process.pid, step)
            _wait_for_group(self._process, wait_s)
        self._process.wait(timeout=5)
        self._process = None


def marked_environment(home: Path, extra: Mapping[str, str], *, forget: tuple[str, ...] = ()) -> dict[str, str]:
    """This process's environment, less what begins with `forget`, with `extra` and the marker of the world."""
    # setproctitle (Airflow uses it) writes over the memory that /proc/PID/environ shows, and the marker with it.
    inherited = (
        {name: value for name, value in os.environ.items() if not name.startswith(forget)} if forget else os.environ
    )
    return {**inherited, **extra, MARKER: str(home.resolve()), "SPT_NOENV": "1"}


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, or a remark that there is none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return f"(no log at {log})"
    return "\n".join(text.splitlines()[-lines:])


def wait_until(answer: Callable[[], str | None], *, name: str, log: Path, timeout_s: float) -> None:
    """Poll `answer` until it returns None.

    Raises:
        ProgramNotHealthyError: It still returned a reason when `timeout_s` had passed.
    """
    deadline = time.monotonic() + timeout_s
    while (missing := answer()) is not None:
        if time.monotonic() > deadline:
            raise ProgramNotHealthyError(
                f"{name} is not healthy after {timeout_s:.0f} s: {missing}. The end of {log}:\n{tail(log)}"
            )
        time.sleep(POLL_S)


def processes_of(home: Path) -> Iterator[psutil.Process]:
    """Processes that carry the marker of the world at `home`, this one and zombies left out."""
    wanted = str(home.resolve())
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.environ().get(MARKER) == wanted:
                yield process


def end_processes_of(home: Path, *, grace_s: float = 20) -> list[str]:
    """End what is left of a world whose supervisor has gone, grandchildren in sessions of their own included.

    Returns:
        A line for each process that was found: its id and its command.

    Raises:
        WorldError: One outlived SIGKILL.
    """
    found: dict[int, str] = {}
    for step, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        survivors = list(processes_of(home))
        for process in survivors:
            with contextlib.suppress(psutil.NoSuchProcess):
                found.setdefault(process.pid, f"{process.pid} {' '.join(process.cmdline())[:100]}")
                process.send_signal(step)
        psutil.wait_procs(survivors, timeout=wait_s)
        # Those that were born meanwhile are found by the next look.
        if not list(processes_of(home)):
            return list(found.values())
    left = [str(process.pid) for process in processes_of(home)]
    raise WorldError(f"processes {', '.join(left)} of the world at {home} outlived SIGKILL. End them, and try again.")


def _signal_group(group: int, step: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, step)


def _group_alive(group: int) -> bool:
    return any(_in_group(process, group) for process in psutil.process_iter())


def _in_group(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


def _wait_for_group(leader: subprocess.Popen[bytes], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        leader.poll()
        if not _group_alive(leader.pid):
            return
        time.sleep(POLL_S)
