"""What a caller of the statements' judgement can decide on."""

from keyspaces_migration.errors import MigrationError


class UnknownFormatError(MigrationError):
    """The first lines are of no format that we know: name the format, or give another file."""


class SchemaFileError(MigrationError):
    """A schema file can't be used: a statement in it can't be read, or it has no table."""
