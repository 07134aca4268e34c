"""Taking a canary back: the share first, and then the records."""

from dataclasses import dataclass, replace
from datetime import datetime

from keyspaces_migration.cutover.flag_writer import FlagWriter, Lowered
from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.canaries import CanaryLedger
from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
from keyspaces_migration.ledger.flags import FlagLedger


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The run in whose name a change of the flag is recorded."""

    migration: str
    dag_id: str
    run_id: str


def take_back(  # noqa: PLR0913 -- all by keyword
    writer: FlagWriter, ledger: Ledger, *, migration: str, raised: CanaryRecord, reason: str, now: datetime
) -> Lowered:
    """Put all reads on the source, then record it, and that the attempt is over.

    Args:
        writer: Of the flag.
        ledger: Where it is recorded.
        migration: Its name.
        raised: The step that is taken back.
        reason: Why, in words.
        now: The time, with a time zone.

    Raises:
        FlagWriteError: The share was not lowered; nothing was recorded.
        LedgerError: The share is lowered, and the ledger does not know: `rollback` records it.
    """
    done = writer.lower()
    if done is None:
        raise RuntimeError(f"a step of {migration} was raised, and there is no flag")
    origin = Origin(migration=migration, dag_id=raised.dag_id, run_id=raised.run_id)
    record_lowered(ledger, done.state, origin=origin, now=now)
    CanaryLedger(ledger).record(
        replace(raised, event=CanaryEvent.REVERSED, flag_version=done.state.version, seen="{}", reason=reason, at=now)
    )
    return done


def record_lowered(ledger: Ledger, state: FlagState, *, origin: Origin, now: datetime) -> None:
    """Record the state in force as the newest change, unless it is already: after that nothing above it is allowed."""
    flags = FlagLedger(ledger)
    changes = flags.changes(origin.migration)
    if not changes or changes[-1].state != state:
        flags.record_change(state, dag_id=origin.dag_id, run_id=origin.run_id, now=now)
