"""The barrier that a load is stamped with, as the ledger has it now."""

from keyspaces_migration.backfill.errors import BarrierUnknownError
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.lifecycle import Milestone, standing


def current_barrier_us(ledger: Ledger, migration: str) -> int | None:
    """Return the barrier of dual writes in microseconds since 1970; None before they have begun.

    Raises:
        BarrierUnknownError: Dual writes have begun, and their barrier is not in the ledger.
    """
    with ledger.one_state():
        reached = standing(record.milestone for record in ledger.milestones(migration))
        recorded = FlagLedger(ledger).barrier_us(migration)
    if Milestone.DUAL_WRITES_STARTED not in reached:
        return None
    if recorded is None:
        raise BarrierUnknownError(
            f"Dual writes of {migration} have begun, and their barrier is not in the ledger: a load stamped otherwise "
            "could overwrite what was dual-written. Nothing was loaded"
        )
    return recorded
