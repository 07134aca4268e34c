"""What a check refuses: one class for each decision that a caller can take. What it cannot see is a result instead."""

from keyspaces_migration.errors import MigrationError


class ConsistencyError(MigrationError):
    """Something about a check itself."""


class TableNotComparableError(ConsistencyError):
    """The table has a shape that no comparison can judge, such as counters: leave it out of the migration."""


class HistoryRefusedError(ConsistencyError):
    """The history cannot be sampled as the migration file describes it: correct the file, or the history."""


class HistoryValueError(ConsistencyError):
    """A value in the history that its column's CQL type cannot hold; the row could never be in Cassandra."""


class HistoryUnreadError(ConsistencyError):
    """The history did not answer, or not to the end. What it holds is unknown: a check says so in its verdict."""
