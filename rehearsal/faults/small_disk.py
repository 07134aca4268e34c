"""A small disk of its own for a folder, which can be filled."""

from __future__ import annotations

import errno
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE_MB = 64
_BLOCK = 1 << 20
FILLER = "filler"


class NoDiskError(WorldError):
    """This machine lets nobody mount a file system here. Run as root, or in a container that may."""


@contextmanager
def small_disk(folder: Path, *, size_mb: int = SIZE_MB) -> Iterator[None]:
    """Within it, `folder` is a file system of its own, in memory, empty at first.

    Raises:
        NoDiskError: It could not be mounted; the message says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0700", "tmpfs", str(folder))
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        raise NoDiskError(f"no file system could be mounted at {folder}: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Within it, the file system of `folder` has no room for one byte more. It must be a small one."""
    filler = folder / FILLER
    with filler.open("wb", buffering=0) as stream:
        size = _BLOCK
        while size:
            try:
                stream.write(b"\0" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    try:
        yield
    finally:
        filler.unlink()
