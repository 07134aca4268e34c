"""Whether a table of Amazon Keyspaces can take dual writes: what they need of it, and what keeps it from that."""

from collections.abc import Iterator, Mapping
from typing import Any

_ENABLED = "ENABLED"


def why_no_dual_writes(live: Mapping[str, Any], *, expires: bool) -> Iterator[str]:
    """Yield what keeps a table from taking dual writes; nothing where it may.

    Args:
        live: What GetTable answers.
        expires: Whether the migration file gives its rows a time to live.
    """
    if (status := live.get("status")) != "ACTIVE":
        yield f"its status is {status}; wanted ACTIVE"
    if _status(live, "clientSideTimestamps") != _ENABLED:
        yield "its client-side timestamps are off, and every dual write carries one"
    if expires and _status(live, "ttl") != _ENABLED:
        yield "its time to live is off, and the migration file gives its rows one"


def _status(live: Mapping[str, Any], name: str) -> object:
    return (live.get(name) or {}).get("status")
