"""What happened in a rehearsal, in figures, as the ledger has it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.table import Table

from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.canaries import CanaryLedger
from keyspaces_migration.ledger.canary_records import CanaryEvent
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.status import words
from keyspaces_migration.status.status import MigrationStatus, read_status
from rehearsal.servers.airflow import ledger_keyring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def summary(home: Path, migration: str) -> Table:
    """The figures, as a table for a console.

    Raises:
        LedgerUnreachableError, LedgerSignatureError: The ledger does not answer, or is not as it was signed.
    """
    ledger = Ledger(f"sqlite:///{home.resolve() / 'ledger' / 'ledger.db'}", keyring=ledger_keyring(home))
    table = Table(title=f"What happened to {migration}, from the ledger", title_justify="left", show_header=False)
    for name, said in _lines(ledger, read_status(ledger, migration, now=datetime.now(UTC))):
        table.add_row(name, said)
    return table


def _lines(ledger: Ledger, status: MigrationStatus) -> Iterator[tuple[str, str]]:
    yield "now", words.headline(status)
    for milestone in ledger.milestones(status.name):
        yield f"{milestone.reached_at:%H:%M:%S}", f"{milestone.milestone} ({milestone.dag_id})"
    if status.load is not None:
        for load in status.load.tables:
            rate = f"{load.rows_per_s:,.0f} rows/s" if load.rows_per_s else "nothing to load"
            yield f"newest load of {load.table}", f"{load.rows_done:,} of {load.rows:,} keys; {rate}"
    for run in CheckLedger(ledger).runs(status.name):
        yield f"check of {run.finished_at:%H:%M:%S}", f"{run.verdict.value.upper()}: {run.sentence}"
    reversals = [each for each in CanaryLedger(ledger).records(status.name) if each.event is CanaryEvent.REVERSED]
    for each in reversals:
        yield f"canary of {each.at:%H:%M:%S}", f"went back from {each.target_read_percent} %: {each.reason}"
    letters = LetterLedger(ledger).counts(status.name)
    yield "dead letters", f"{letters.replayed} replayed, {letters.parked} parked, {letters.closed} closed"
    for approval in reversed(status.approvals):
        yield (
            f"approved at {approval.approved_at:%H:%M:%S}",
            f"{approval.task_id} of {approval.dag_id} by {', '.join(approval.approved_by)}",
        )
    for sentence in words.way_back(status):
        yield "the way back", sentence
