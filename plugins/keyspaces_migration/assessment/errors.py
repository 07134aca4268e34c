"""What can keep an assessment from being made at all.

Whatever else can't be read does not stop it: it stands in the report as "could not look".
"""

from keyspaces_migration.errors import MigrationError


class AssessmentError(MigrationError):
    """The root of the errors of this room."""


class SourceKeyspaceNotFoundError(AssessmentError):
    """The keyspace to assess is not on the source; the message lists those that are. Correct the name."""


class SystemKeyspaceError(AssessmentError):
    """The keyspace to assess is one of Cassandra's own; it is never migrated. Name one of the application's."""


class SchemaUnreadableError(AssessmentError):
    """The tables or columns of the source can't be read, so there is nothing to judge. Grant SELECT, or retry."""


class CannotLookError(AssessmentError):
    """One question to a store had no answer. Callers inside this room turn it into "could not look: why"."""


class NotPermittedError(CannotLookError):
    """The store answered, and refused: a permission is missing."""


class NotThereError(CannotLookError):
    """The store answered that it has no such table: it belongs to another version."""


class NoAnswerError(CannotLookError):
    """The node did not answer: down, not connected, or too slow."""


class HistoryUnreadableError(AssessmentError):
    """The history's catalogue can't be read. Check database, schema and role; or assess without a history."""


class LoadParameterError(AssessmentError):
    """The load that a person gave is of another form, or of tables that are not there. Correct the parameter."""
