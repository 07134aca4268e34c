"""Canaries in the ledger: what each attempt at a cutover has raised, watched and taken back."""

from dataclasses import asdict, fields

from keyspaces_migration.ledger.canary_records import CanaryRecord
from keyspaces_migration.ledger.chains import CANARY_EVENTS
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run

_FIELDS = [field.name for field in fields(CanaryRecord)]


class CanaryLedger:
    """Each call is one transaction; nothing recorded is changed. Errors are the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def record(self, record: CanaryRecord) -> None:
        """Record an event.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, dag_id=record.dag_id, run_id=record.run_id)
            self._chains.append(connection, CANARY_EVENTS, asdict(record), run=run)

    def records(self, migration: str) -> tuple[CanaryRecord, ...]:
        """All events of a migration's attempts, in the order of recording."""
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, CANARY_EVENTS, migration)
        return tuple(CanaryRecord(**{name: row[name] for name in _FIELDS}) for row in rows)
