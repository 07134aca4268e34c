"""The barrier that a load is stamped with, as the ledger has it now."""

from keyspaces_migration.backfill.errors import BarrierUnknownError, DualWritesStartingError
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.lifecycle import Milestone, standing


def current_barrier_us(ledger: Ledger, migration: str) -> int | None:
    """Return the barrier of dual writes in microseconds since 1970; None before they have begun.

    Raises:
        DualWritesStartingError: A barrier is fixed, and start_dual_writes has not ended.
        BarrierUnknownError: Dual writes have begun, and their barrier is not in the ledger.
    """
    with ledger.one_state():
        milestones = [record.milestone for record in ledger.milestones(migration)]
        recorded = FlagLedger(ledger).barrier_us(migration)
    if Milestone.DUAL_WRITES_STARTED not in standing(milestones):
        # A barrier of before the target was destroyed says nothing any more.
        if recorded is None or Milestone.DESTROYED in milestones:
            return None
        raise DualWritesStartingError(
            f"start_dual_writes of {migration} has fixed barrier {recorded} and has not ended: a load stamped "
            "otherwise could overwrite what is dual-written. Let it end, then start a new run of historical_backfill"
        )
    if recorded is None:
        raise BarrierUnknownError(
            f"Dual writes of {migration} have begun, and their barrier is not in the ledger: a load stamped otherwise "
            "could overwrite what was dual-written. Nothing was loaded"
        )
    return recorded
