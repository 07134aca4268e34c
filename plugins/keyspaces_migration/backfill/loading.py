"""What a worker of a load is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.logged import LoggedDeletes
from keyspaces_migration.backfill.unloaded import Storage
from keyspaces_migration.backfill.write import Pacing
from keyspaces_migration.clients import SessionSettings
from keyspaces_migration.config import Migration
from keyspaces_migration.ledger.backfill_records import ClaimedSplit
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.plan_records import LoadPlan

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from keyspaces_migration.backfill.load import LoadedSplit

LEASE = timedelta(minutes=5)
MAX_DEAD_LETTERS = 1_000
"""Of one split. More say that a column's type or the target is wrong, not a row."""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """What a worker loads with.

    Attributes:
        settings: Of the target; the load opens connections of its own.
        session: Of the target; says which nodes there are.
        worker: The worker's name, the same when its task is tried again, and of no other that runs beside it.
        clock: The time now, with a time zone.
        deletes: The deletes that applications log, applied to each split that was written, before it is done; None
            where they log none, as before dual writes.
        barrier_now: The barrier as it is now, asked before each split of a load that was planned without one.
        after_split: Called with each split that was written, before it is done.
        begun: Called with each split before it is loaded.
        finished: Called with each split that `load_splits` has loaded.
        progress: Called with a line for the log.
        plan: What was planned; without it, the log says nothing of money, and no load stops for it.
        unloaded: Where unloaded snapshots are; needed where the migration file has backfill.unload.
    """

    history: History
    settings: SessionSettings
    session: "Session"
    ledger: BackfillLedger
    migration: Migration
    worker: str
    clock: Callable[[], datetime]
    pacing: Pacing
    lease: timedelta = LEASE
    max_dead_letters: int = MAX_DEAD_LETTERS
    deletes: LoggedDeletes | None = None
    barrier_now: Callable[[], int | None] = lambda: None
    after_split: Callable[[ClaimedSplit], None] = lambda _: None
    begun: Callable[[ClaimedSplit], None] = lambda _: None
    finished: Callable[["LoadedSplit"], None] = lambda _: None
    progress: Callable[[str], None] = lambda _: None
    plan: LoadPlan | None = None
    unloaded: Storage | None = None
