"""Becomes the command in its arguments, after asking Linux to end it when its parent dies.

Run as a script of its own, as nothing else is safe to do between fork and exec in a process with threads.
Only the standard library, so that it starts in a few milliseconds without site-packages.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Arguments: process id of the parent, then the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the parent died before this program was started")
    os.execvp(command[0], command)  # noqa: S606 - the command is ours, and no shell is wanted


if __name__ == "__main__":
    main()
