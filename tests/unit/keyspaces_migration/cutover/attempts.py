"""Records of attempts at a cutover, as the ledger has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from keyspaces_migration.cutover.attempt import Attempt
from keyspaces_migration.cutover.watching import Baseline
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
from keyspaces_migration.ledger.flags import FlagChange

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
STEPS = (5, 50, 100)
BASE = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=1_790_000_000_000_000, version=2)
NOTHING_SEEN = Baseline(writers={}, source_p99_us=None).to_json()


def at(percent: int, *, version: int) -> FlagState:
    return replace(BASE, target_read_percent=percent, version=version)


def event(step: int, what: CanaryEvent, *, version: int, run_id: str = "run", minutes: float = 0) -> CanaryRecord:
    return CanaryRecord(
        dag_id="flights.cutover",
        run_id=run_id,
        step=step,
        target_read_percent=STEPS[step - 1],
        event=what,
        flag_version=version,
        base_version=BASE.version,
        seen=NOTHING_SEEN,
        reason=None,
        at=NOW + timedelta(minutes=minutes),
    )


def change(state: FlagState, *, run_id: str = "run") -> FlagChange:
    return FlagChange(state=state, dag_id="flights.cutover", run_id=run_id, requested_at=NOW)


def attempt(*records: CanaryRecord, changes: tuple[FlagState, ...] = (BASE,), run_id: str = "run") -> Attempt:
    return Attempt.of(
        steps=STEPS,
        records=records,
        changes=[change(state) for state in changes],
        dag_id="flights.cutover",
        run_id=run_id,
    )
