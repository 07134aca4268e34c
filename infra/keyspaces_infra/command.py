"""The Pulumi CLI: where it is, and how it is run and told to stop."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pulumi import automation
from pulumi.automation.errors import create_command_error
from semver import VersionInfo
from typing_extensions import override

from keyspaces_infra.errors import CancelledError, InterruptedStackError, NoEngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PINNED_VERSION = "3.259.0"
_VERSION_TIMEOUT_S = 60.0
_QUIET = {"PULUMI_SKIP_UPDATE_CHECK": "true", "DO_NOT_TRACK": "1"}


def find_engine(environment: Mapping[str, str]) -> Path:
    """Find the CLI: a `pulumi` on PATH of the pinned version, else the one that tools/install-pulumi.sh left.

    Raises:
        NoEngineError: There is neither.
    """
    on_path = shutil.which("pulumi", path=environment.get("PATH"))
    cached = cache_of(environment) / f"pulumi-{PINNED_VERSION}"
    seen = []
    for candidate in (on_path, cached):
        if candidate is None or not Path(candidate).is_file():
            continue
        version = _version(Path(candidate))
        if version == PINNED_VERSION:
            return Path(candidate).resolve()
        seen.append(f"{candidate} is {version}")
    found = "; ".join(seen) or f"no pulumi on PATH, and nothing at {cached}"
    raise NoEngineError(f"Pulumi CLI {PINNED_VERSION} is needed: {found}. Run tools/install-pulumi.sh")


def cache_of(environment: Mapping[str, str]) -> Path:
    """The user's cache folder of this project."""
    base = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "keyspaces-migration"


def _version(candidate: Path) -> str:
    command = [str(candidate), "version"]
    answer = subprocess.run(  # noqa: S603 - a program of the user's own PATH or cache
        command, capture_output=True, text=True, check=False, timeout=_VERSION_TIMEOUT_S, env={**os.environ, **_QUIET}
    )
    return answer.stdout.strip().removeprefix("v") or f"no Pulumi (exit code {answer.returncode})"


class EngineCommand(automation.PulumiCommand):
    """Runs the CLI in a session of its own, so that a signal reaches it once, and only through `interrupt`.

    A signal to the whole group, or a second one, makes the CLI die with the stack locked.
    """

    def __init__(self, binary: Path, *, parent: int | None = None) -> None:
        """Keep the CLI's path.

        Args:
            binary: The CLI.
            parent: Process for which this one works. When it is gone, what is begun is ended, and nothing else begun.
        """
        # Not the base class's constructor: it would look for `pulumi` on PATH and ask its version again.
        self.command = str(binary)
        self.version = VersionInfo.parse(PINNED_VERSION)
        self._parent = parent
        self._asked_to_stop = threading.Event()
        self._running: subprocess.Popen[str] | None = None

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._asked_to_stop.is_set()

    def interrupt(self) -> None:
        """Ask the running engine to stop: it lets what is in flight end, and releases the stack. Only the first counts.

        Called by a signal handler: it must not raise, or the main thread would leave the engine behind.
        """
        if self.interrupted:
            return
        self._asked_to_stop.set()
        if (running := self._running) is not None and running.poll() is None:
            running.send_signal(signal.SIGINT)

    @override
    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], object] | None = None,
        on_error: Callable[[str], object] | None = None,
    ) -> automation.CommandResult:
        """Run one command of the CLI to its end, handing on its lines as they come.

        Raises:
            CancelledError: A signal came before it could start.
            InterruptedStackError: It was killed from outside.
            automation.CommandError: It failed.
        """
        if self._asked_to_stop.is_set():
            raise CancelledError("told to stop before `pulumi` was started: nothing was changed")
        if self._parent is not None and os.getppid() != self._parent:
            raise CancelledError("the task that this was begun for is gone: nothing more is begun")
        command = [self.command, *([] if "--non-interactive" in args else ["--non-interactive"]), *args]
        environment = {**os.environ, **additional_env, **_QUIET, "PULUMI_AUTOMATION_API": "true"}
        with subprocess.Popen(  # noqa: S603 - the engine that find_engine chose
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=environment,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        ) as process:
            self._running = process
            if self._asked_to_stop.is_set():
                process.send_signal(signal.SIGINT)
            streams = [_Pump(process.stdout, on_output), _Pump(process.stderr, on_error)]
            for stream in streams:
                stream.join()
            code = process.wait()
        self._running = None
        result = automation.CommandResult(stdout=streams[0].text, stderr=streams[1].text, code=code)
        if code < 0 and not self.interrupted:
            raise InterruptedStackError(
                f"the engine was killed by signal {-code}. What it was at may be half done, and the stack is locked: "
                "run `python -m keyspaces_infra recover …`, then preview"
            )
        if code != 0:
            raise create_command_error(result)
        return result


class _Pump(threading.Thread):
    """Reads one stream to its end, so that the engine never waits for a full pipe."""

    def __init__(self, stream: IO[str] | None, on_line: Callable[[str], object] | None) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._on_line = on_line
        self._lines: list[str] = []
        self.start()

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    @override
    def run(self) -> None:
        for line in self._stream or ():
            stripped = line.rstrip()
            self._lines.append(stripped)
            if self._on_line is not None:
                self._on_line(stripped)
