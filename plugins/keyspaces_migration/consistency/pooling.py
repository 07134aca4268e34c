"""The checks of the epoch that lasts now, from the ledger."""

from collections import defaultdict
from collections.abc import Sequence

from keyspaces_migration.consistency.epoch import Day, Epoch, epoch_began, pool
from keyspaces_migration.consistency.kinds import Draw
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.repairs import RepairLedger
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.lifecycle import EPOCH_BEGUN_BY


def current_epoch(ledger: Ledger, migration: str, *, tables: Sequence[str], confidence: float) -> Epoch:
    """Pool the recorded checks of the epoch that lasts now.

    A check that began before the epoch did is not of it.

    Raises:
        LedgerUnreachableError, LedgerSignatureError: The ledger does not answer, or is not as it was signed.
    """
    moments = [each.reached_at for each in ledger.milestones(migration) if each.milestone in EPOCH_BEGUN_BY]
    # Repairs and replays write rows, as often as they run; they are no milestones.
    written_at = RepairLedger(ledger).repaired_at(migration), LetterLedger(ledger).replayed_at(migration)
    began = epoch_began([*moments, *(moment for moment in written_at if moment is not None)])
    checks = CheckLedger(ledger)
    days: dict[str, list[Day]] = defaultdict(list)
    for run in checks.runs(migration):
        if began is None or run.started_at >= began:
            parts = checks.coverage(dag_id=run.dag_id, run_id=run.run_id, attempt=run.attempt)
            for part in parts:
                if part.draw is Draw.HISTORY_KEYS:
                    days[part.table_name].append(_day(run, part))
    pooled = tuple(pool(table, days[table], tables=len(tables), confidence=confidence) for table in tables)
    return Epoch(began=began, confidence=confidence, tables=pooled)


def _day(run: CheckRun, part: CheckCoverage) -> Day:
    return Day(
        finished_at=run.finished_at,
        compared=part.compared,
        mismatched=part.mismatched,
        could_not_look=part.could_not_look,
    )
