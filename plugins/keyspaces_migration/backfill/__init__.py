"""The historical backfill: snapshot, plan, load by splits, logged deletes, counts.

The order of calls is `plan_backfill`, `load_splits` in as many workers as one likes, `apply_deletes` for each table
where there is a barrier, `verify_counts`. Importing this package imports the driver.
"""

from keyspaces_migration.backfill.deletes import (
    DeletesApplied,
    DeletesNotAppliedError,
    RecordedDelete,
    apply_deletes,
)
from keyspaces_migration.backfill.errors import (
    BackfillError,
    DeadlineError,
    FilesChangedError,
    FilesUnusableError,
    HistoryUnusableError,
    NotUnloadedError,
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
from keyspaces_migration.backfill.load import Loading, LoadSummary, load_splits
from keyspaces_migration.backfill.plan import BackfillPlan, TablePlan, plan_backfill
from keyspaces_migration.backfill.report import load_report, plan_report
from keyspaces_migration.backfill.snapshot import Snapshot, drop_snapshot, take_snapshot
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.unload import unload_folder, unload_table
from keyspaces_migration.backfill.unloaded import FileSystem, Manifest, Storage
from keyspaces_migration.backfill.verify import TableCounts, Verification, count_rows, verify_counts
from keyspaces_migration.backfill.write import Pacing

__all__ = [
    "ArrowCursor",
    "BackfillError",
    "BackfillPlan",
    "DeadlineError",
    "DeletesApplied",
    "DeletesNotAppliedError",
    "FileSystem",
    "FilesChangedError",
    "FilesUnusableError",
    "History",
    "HistoryUnusableError",
    "LoadSummary",
    "Loading",
    "Manifest",
    "NotUnloadedError",
    "Pacing",
    "PlanRefusedError",
    "RecordedDelete",
    "Refusal",
    "RefusalReason",
    "Snapshot",
    "SnapshotChangedError",
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
    "count_rows",
    "drop_snapshot",
    "load_report",
    "load_splits",
    "plan_backfill",
    "plan_report",
    "take_snapshot",
    "unload_folder",
    "unload_table",
    "verify_counts",
]
