"""The record of a writer, of which a test says only what it cares about."""

from datetime import timedelta
from typing import Any

from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.registry import WriterRecord


def a_writer(flag: FlagState, **changes: Any) -> WriterRecord:  # fields of the record
    """A writer that follows a state of the flag, was heard of just now, and has nothing unsent."""
    fields: dict[str, Any] = {
        "writer_id": "one",
        "mode": flag.mode,
        "flag_version": flag.version,
        "barrier_us": flag.barrier_us,
        "target_read_percent": flag.target_read_percent,
        "host": "host",
        "pid": 1,
        "journal_depth": 0,
        "parked": 0,
        "follower_lag": timedelta(),
        "oldest_unsent_at": None,
        "clock_skew": timedelta(),
        "heartbeat_age": timedelta(seconds=2),
    }
    return WriterRecord(**fields | changes)
