"""Locks of a stack in a backend of files: who holds one, and whether that process is still there."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, kw_only=True)
class Lock:
    """A lock file of the backend.

    Attributes:
        path: The file.
        pid: Process that wrote it.
        host: Machine of that process.
        since: When it was written, in the engine's own words.
    """

    path: Path
    pid: int
    host: str
    since: str

    @property
    def is_here(self) -> bool:
        """Whether it was written on this machine, so that its process can be looked for."""
        return self.host == socket.gethostname()

    @property
    def is_dead(self) -> bool:
        """Whether its process is proven gone: written here, and nothing runs under its id."""
        return self.is_here and not _runs(self.pid)

    def __str__(self) -> str:
        """For a message."""
        state = "is gone" if self.is_dead else "still runs" if self.is_here else "can't be looked for from this machine"
        return f"process {self.pid} on {self.host} since {self.since}, which {state} ({self.path})"


def read_locks(*, backend_url: str, project: str, stack: str) -> tuple[Lock, ...]:
    """Read the locks of one stack. Empty for a backend that is no folder: its locks can't be read from here."""
    parts = urlsplit(backend_url)
    if parts.scheme != "file":
        return ()
    folder = Path(unquote(parts.path)) / ".pulumi" / "locks"
    return tuple(_read(path) for path in sorted(folder.glob(f"*/{project}/{stack}/*.json")))


def _read(path: Path) -> Lock:
    content = json.loads(path.read_text(encoding="utf-8"))
    return Lock(
        path=path,
        pid=int(content.get("pid", 0)),
        host=str(content.get("hostname", "")),
        since=str(content.get("timestamp", "an unknown time")),
    )


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
