"""The facts that readiness rests on, and their reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from keyspaces_migration.config import Migration
from keyspaces_migration.cutover.alarms import AlarmState
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.dual_write.registry import WriterRecord
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.check_records import CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.flags import FlagChange, FlagLedger
from keyspaces_migration.ledger.letter_records import LetterCounts
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.records import MilestoneReached
from keyspaces_migration.ledger.stacks import DriftLook, StackLedger
from keyspaces_migration.ledger.sweeps import SweepLedger, SweepRecord
from keyspaces_migration.observed.throttles import Throttling


@dataclass(frozen=True, kw_only=True)
class LetterQueue:
    """The dead letter queue.

    Attributes:
        letters: About how many wait, those included that are being replayed.
        oldest_age: None where nobody knows.
    """

    letters: int
    oldest_age: timedelta | None


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What is read elsewhere than in the ledger. None: could not be looked at.

    Attributes:
        writers: As listed just now.
        flag: The state in force.
        queue: The dead letter queue.
        alarms: Those that a canary's deployment bakes under.
        throttling: Of the target's tables, in the last hour, or since the last load.
    """

    writers: Sequence[WriterRecord] | None
    flag: FlagState | None
    queue: LetterQueue | None
    alarms: Sequence[AlarmState] | None
    throttling: Throttling | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the judgement rests on. None: could not be looked at.

    Attributes:
        milestones: All that the migration reached, oldest first.
        checks: Every attempt of every check, oldest first.
        sweeps: With which record of each table the newest pass of a sweep over its whole token ring ended.
        letters: How the letters stand that the ledger has.
        drift: The newest look for it; empty where there was none.
        changes: Of the flag, oldest first.
        outside: What is not in the ledger.
    """

    milestones: Sequence[MilestoneReached] | None
    checks: Sequence[CheckRun] | None
    sweeps: Mapping[str, SweepRecord] | None
    letters: LetterCounts | None
    drift: Sequence[DriftLook] | None
    changes: Sequence[FlagChange] | None
    outside: Outside


def read_facts(ledger: Ledger, migration: Migration, *, outside: Outside) -> Facts:
    """Return the facts of the ledger, all of one moment, beside those given. Errors are the ledger's."""
    with ledger.one_state():
        look = StackLedger(ledger).newest_look(migration.name)
        return Facts(
            milestones=ledger.milestones(migration.name),
            checks=CheckLedger(ledger).runs(migration.name),
            sweeps=SweepLedger(ledger).completed(migration.name),
            letters=LetterLedger(ledger).counts(migration.name),
            drift=() if look is None else (look,),
            changes=FlagLedger(ledger).changes(migration.name),
            outside=outside,
        )
