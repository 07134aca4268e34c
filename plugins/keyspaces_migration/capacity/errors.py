"""What can go wrong in an estimate: one class for each decision that a caller can take."""

from keyspaces_migration.errors import MigrationError


class CapacityError(MigrationError):
    """Something about an estimate of capacity or cost."""


class UnknownSizeError(CapacityError):
    """A type that Amazon Keyspaces does not have, or a user type whose fields are not known."""


class RowUnusableError(CapacityError):
    """A row or batch that is none of its table: sizes of it would be invented. Convert it, or repair the query."""


class EmptySampleError(CapacityError):
    """There are no rows to say anything about: the table is empty, or the sample missed it."""
