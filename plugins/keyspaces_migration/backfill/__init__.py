"""The historical backfill: snapshot, plan, load by splits, logged deletes, counts.

The order of calls is `plan_backfill`, `load_splits` in as many workers as one likes, `verify_counts`; the latter two
with `LoggedDeletes` where there is a barrier. Importing this package imports the driver.
"""

from keyspaces_migration.backfill.deletes import (
    DeletesApplied,
    DeletesNotAppliedError,
    apply_deletes,
)
from keyspaces_migration.backfill.errors import (
    BackfillError,
    BarrierUnknownError,
    DeadlineError,
    DualWritesStartingError,
    FilesChangedError,
    FilesUnusableError,
    HistoryUnusableError,
    NotUnloadedError,
    OverBudgetError,
    PlanChangedError,
    PlanRefusedError,
    Refusal,
    RefusalReason,
    SnapshotChangedError,
    StampChangedError,
    TargetOverloadedError,
    TooManyDeadLettersError,
    UnloadDiffersError,
)
from keyspaces_migration.backfill.history import ArrowCursor, History
from keyspaces_migration.backfill.load import LoadedSplit, LoadSummary, each_split, load_splits
from keyspaces_migration.backfill.loading import Loading
from keyspaces_migration.backfill.logged import LoggedDeletes
from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan, plan_backfill
from keyspaces_migration.backfill.plan_page import plan_report, refusal_report
from keyspaces_migration.backfill.recorded_plan import approval_counts_for, require_planned
from keyspaces_migration.backfill.report import load_facts, load_report
from keyspaces_migration.backfill.snapshot import Snapshot, drop_snapshot, take_snapshot
from keyspaces_migration.backfill.spending import Spending
from keyspaces_migration.backfill.stamp import current_barrier_us
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.unload import unload_folder, unload_table
from keyspaces_migration.backfill.unloaded import FileSystem, Manifest, Storage
from keyspaces_migration.backfill.verify import TableCounts, Verification, count_rows, verify_counts
from keyspaces_migration.backfill.write import Pacing

__all__ = [
    "ArrowCursor",
    "BackfillError",
    "BackfillPlan",
    "BarrierUnknownError",
    "DeadlineError",
    "DeletesApplied",
    "DeletesNotAppliedError",
    "DualWritesStartingError",
    "FileSystem",
    "FilesChangedError",
    "FilesUnusableError",
    "History",
    "HistoryUnusableError",
    "LoadSummary",
    "LoadedSplit",
    "Loading",
    "LoggedDeletes",
    "Manifest",
    "NotUnloadedError",
    "OverBudgetError",
    "Pacing",
    "PlanChangedError",
    "PlanRefusedError",
    "Refusal",
    "RefusalReason",
    "Snapshot",
    "SnapshotChangedError",
    "Spending",
    "StampChangedError",
    "Storage",
    "TableCounts",
    "TablePlan",
    "Target",
    "TargetOverloadedError",
    "TooManyDeadLettersError",
    "UnloadDiffersError",
    "Verification",
    "apply_deletes",
    "approval_counts_for",
    "count_rows",
    "current_barrier_us",
    "drop_snapshot",
    "each_split",
    "load_facts",
    "load_report",
    "load_splits",
    "plan_backfill",
    "plan_report",
    "refusal_report",
    "require_planned",
    "take_snapshot",
    "unload_folder",
    "unload_table",
    "verify_counts",
]
