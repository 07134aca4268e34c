"""Waiting for what is seen from outside."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from rehearsal.processes import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_S = 240
POLL_S = 0.5
T = TypeVar("T")


def wait_for(
    look: Callable[[], T], is_wanted: Callable[[T], bool], problem: Callable[[T], str], *, timeout_s: float = TIMEOUT_S
) -> T:
    """Look again and again until what is seen is wanted, and return it.

    Raises:
        WorldError: It was not in time; the message is `problem` of what was seen last.
    """
    deadline = time.monotonic() + timeout_s
    while not is_wanted(seen := look()):
        if time.monotonic() > deadline:
            raise WorldError(f"After {timeout_s} s: {problem(seen)}")
        time.sleep(POLL_S)
    return seen
