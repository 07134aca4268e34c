"""spark-submit as a child process that leaves nothing behind."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_GRACE_S = 20.0
"""For Spark to end its executors, before its processes on this machine are killed."""


class SparkProcess:
    """One submission: the JVM, the driver's Python and, on one machine, its workers share a process group."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], report: Callable[[str], object]
    ) -> None:
        """Store: `report` is given each line that it prints."""
        self._command = list(command)
        self._environment = dict(environment)
        self._report = report
        self._process: subprocess.Popen[str] | None = None

    def run(self) -> int:
        """Run it to its end and return its exit status; whatever ends this call ends its processes."""
        self._process = subprocess.Popen(  # noqa: S603 # our own script, arguments as a list
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            assert self._process.stdout is not None  # noqa: S101 # a pipe was asked for
            for line in self._process.stdout:
                self._report(line.rstrip())
            return self._process.wait()
        finally:
            self.stop()

    def stop(self) -> None:
        """End every process of it: asked first, then killed."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=_GRACE_S)
        # Python workers outlive a JVM that was killed.
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
