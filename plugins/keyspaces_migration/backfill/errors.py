"""What can go wrong in a backfill: one class for each decision that a caller can take."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keyspaces_migration.errors import MigrationError, StandingError


class BackfillError(MigrationError):
    """Something about a historical backfill."""


class HistoryUnusableError(BackfillError):
    """The history could not be read or copied, so what it holds is unknown: repair the access and run again."""


class SnapshotChangedError(BackfillError, StandingError):
    """The snapshot is not what was planned: somebody changed it. Start a new run."""


class NotUnloadedError(BackfillError, StandingError):
    """The table's files are not there yet: unload its snapshot, then load."""


class FilesUnusableError(BackfillError):
    """The storage of the unloaded files refused or did not answer: repair the access and run again."""


class FilesChangedError(BackfillError, StandingError):
    """The unloaded files are not those that Snowflake wrote: start a new run."""


class UnloadDiffersError(BackfillError):
    """What was unloaded is not what was planned, or is not where it should be: nothing was recorded as unloaded."""


class RefusalReason(StrEnum):
    """Why a table can't be loaded as things stand."""

    KEYS_REPEAT = "keys_repeat"
    VERSIONS_TIE = "versions_tie"
    NO_BARRIER = "no_barrier"
    BEYOND_DEADLINE = "beyond_deadline"
    LIST_STAMPED_ALIKE = "list_stamped_alike"
    STATIC_WITH_TTL = "static_with_ttl"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a table is refused: what was found, and what to do."""

    table: str
    reason: RefusalReason
    found: str
    advice: str

    def __str__(self) -> str:
        return f"table {self.table}: {self.found}. {self.advice}"


class PlanRefusedError(BackfillError):
    """Nothing safe can be planned for some tables; nothing was recorded.

    Attributes:
        refusals: Every reason, of every table.
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("\n".join(map(str, refusals)))
        self.refusals = tuple(refusals)


class PlanChangedError(BackfillError, StandingError):
    """What workers would load is not what was planned and shown: nothing was written. Start a new run."""


class DeadlineError(BackfillError, StandingError):
    """The load would not end in good time before its timestamps become too old: it stopped before that."""


class DualWritesStartingError(BackfillError):
    """A barrier is fixed, and not every writer is above it: no load is safe until `start_dual_writes` has ended."""


class BarrierUnknownError(BackfillError, StandingError):
    """Dual writes have begun, and the ledger has no barrier: no write can be stamped rightly. Nothing was loaded."""


class StampChangedError(BackfillError, StandingError):
    """The barrier is not the one that was planned with: writes would be stamped wrongly. Plan a new run."""


class OverBudgetError(BackfillError, StandingError):
    """The load has cost more than was allowed: it stopped between two splits, and waits for an approval."""


class TooManyDeadLettersError(BackfillError, StandingError):
    """So many rows of a split could not be written that something is wrong with all of them."""


class TargetOverloadedError(BackfillError):
    """The target kept refusing or timing out after every retry: wait or raise its capacity, then run again."""
