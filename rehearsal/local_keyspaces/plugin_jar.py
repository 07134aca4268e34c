"""The jar of the server plug-in: where it is, and its build when it is not there."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from rehearsal.cassandra.jvm import user_cache
from rehearsal.processes import WorldError

SOURCES = Path(__file__).with_name("plugin")
BUILD = Path(__file__).parents[2] / "tools" / "build-local-keyspaces.sh"
HANDLER = "keyspaces.local.LocalKeyspacesQueryHandler"


def plugin_jar() -> Path:
    """The jar made from the sources as they are now, built first if need be (4 s with Maven's cache filled).

    Raises:
        WorldError: The build failed; the end of its output is in the message.
    """
    jar = user_cache() / "local-keyspaces" / _stamp() / "local-keyspaces.jar"
    if jar.exists():
        return jar
    done = subprocess.run([str(BUILD)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise WorldError(f"{BUILD} failed with status {done.returncode}:\n{done.stderr[-2000:]}")
    return Path(done.stdout.strip().splitlines()[-1])


def _stamp() -> str:
    """The same as the build script's: a digest over the lines that sha256sum prints for the sources."""
    files = sorted(
        path.relative_to(SOURCES).as_posix()
        for path in [SOURCES / "pom.xml", *(SOURCES / "src").rglob("*")]
        if path.is_file()
    )
    lines = "".join(f"{hashlib.sha256((SOURCES / name).read_bytes()).hexdigest()}  {name}\n" for name in files)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
