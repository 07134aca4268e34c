"""What can go wrong with the ledger: one class for each decision that a caller can take."""

from keyspaces_migration.errors import MigrationError, StandingError


class LedgerError(MigrationError):
    """Something about the ledger."""


class LedgerAddressError(LedgerError, StandingError):
    """The address names no ledger that can be used: correct the connection or install the driver."""


class LedgerUnreachableError(LedgerError):
    """The ledger could not be read or written, so what it holds is unknown: try again, or repair it."""


class LedgerSchemaError(LedgerError, StandingError):
    """The ledger's schema is not the one this code was written for: upgrade the ledger or the code."""


class ConfigurationChangedError(LedgerError, StandingError):
    """The migration file is not the one that the run began with: start a new run, or put the file back."""


class RunNotRecordedError(LedgerError, StandingError):
    """The run has no configuration in the ledger: its first task has to record one before anything else."""


class CheckNotRecordedError(LedgerError, StandingError):
    """There is no such check in the ledger: its task has not finished, or never ran."""


class PlanNotRecordedError(LedgerError, StandingError):
    """The run has no plan in the ledger, so nothing may be loaded: a dry run has none, and one that failed."""


class RecordDamagedError(LedgerError, StandingError):
    """A record contradicts itself, as when a configuration does not have the digest stored beside it."""


class LedgerDamagedError(LedgerError, StandingError):
    """The ledger's rows contradict each other: nothing was changed, and a person has to look."""


class LeaseLostError(LedgerError):
    """A lease ended, and another took what it was on: whoever held it must not go on as if it still did."""


class KeyringError(LedgerError, StandingError):
    """The keys that sign the ledger's records are missing or weak: put the secret right."""


class LedgerSignatureError(LedgerError, StandingError):
    """A record is not as this software wrote it, so no gate may rely on it: a person has to look.

    Attributes:
        table: The table of the ledger.
        record: Which record of it, for people.
        found: What is wrong with it.
    """

    def __init__(self, *, table: str, record: str, found: str, advice: str) -> None:
        super().__init__(f"The ledger's table {table}, {record}: {found}. {advice}")
        self.table = table
        self.record = record
        self.found = found
