"""The ledger: a relational store of what must outlive an Airflow run."""

import sqlalchemy as sa

from keyspaces_migration.ledger.errors import (
    CheckNotRecordedError,
    ConfigurationChangedError,
    KeyringError,
    LeaseLostError,
    LedgerAddressError,
    LedgerError,
    LedgerSchemaError,
    LedgerSignatureError,
    LedgerUnreachableError,
    RecordDamagedError,
    RunNotRecordedError,
)
from keyspaces_migration.ledger.keyring import Keyring
from keyspaces_migration.ledger.records import ApprovalRecord, MilestoneReached, Report, ReportKind, RunConfiguration
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.revision import is_current

__all__ = [
    "ApprovalRecord",
    "CheckNotRecordedError",
    "ConfigurationChangedError",
    "Keyring",
    "KeyringError",
    "LeaseLostError",
    "Ledger",
    "LedgerAddressError",
    "LedgerError",
    "LedgerSchemaError",
    "LedgerSignatureError",
    "LedgerUnreachableError",
    "MilestoneReached",
    "RecordDamagedError",
    "Report",
    "ReportKind",
    "RunConfiguration",
    "RunNotRecordedError",
    "open_ledger",
]


def open_ledger(url: str | sa.URL, *, keyring: Keyring) -> Ledger:
    """The ledger at `url`, created or brought to this code's schema where needed; safe in several tasks at once.

    Raises:
        LedgerAddressError: `url` names no ledger.
        LedgerSchemaError: The ledger is newer than this code.
        LedgerUnreachableError: The database does not answer.
    """
    ledger = Ledger(url, keyring=keyring)
    if not is_current(ledger.database):
        from keyspaces_migration.ledger.migrate import upgrade  # noqa: PLC0415 # brings Alembic

        upgrade(ledger.database)
    return ledger
