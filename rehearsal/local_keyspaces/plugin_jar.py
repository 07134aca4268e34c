"""The jar of the server plug-in, built when it is not there."""

from __future__ import annotations

import subprocess
from pathlib import Path

from rehearsal.processes import WorldError

BUILD = Path(__file__).parents[2] / "tools" / "build-local-keyspaces.sh"
HANDLER = "keyspaces.local.LocalKeyspacesQueryHandler"


def plugin_jar() -> Path:
    """The jar made from the sources as they are now, built first if need be (4 s with Maven's cache filled).

    Raises:
        WorldError: The build failed; the end of its output is in the message.
    """
    done = subprocess.run([str(BUILD)], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise WorldError(f"{BUILD} failed with status {done.returncode}:\n{done.stderr[-2000:]}")
    return Path(done.stdout.strip().splitlines()[-1])
