"""The record of a consistency check, of which a test says only what it cares about."""

from datetime import UTC, datetime
from typing import Any

from keyspaces_migration.consistency.kinds import Leader, Verdict
from keyspaces_migration.ledger.check_records import CheckRun

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def a_check(**changes: Any) -> CheckRun:  # fields of the record
    """A check that passed at noon."""
    fields: dict[str, Any] = {
        "dag_id": "flights.consistency_check",
        "run_id": "check-1",
        "attempt": 1,
        "verdict": Verdict.PASS,
        "sentence": "s",
        "leader": Leader.SOURCE,
        "seed": 1,
        "confidence": 0.99,
        "max_mismatch_rate": 1e-4,
        "tolerated_mismatch_rate": 0.0,
        "settle_time_s": 5.0,
        "history_as_of": None,
        "started_at": NOON,
        "finished_at": NOON,
    }
    return CheckRun(**fields | changes)
