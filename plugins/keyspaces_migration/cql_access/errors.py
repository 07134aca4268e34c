"""What can go wrong with a statement beside the store's own errors, one class for each decision of a caller."""

from keyspaces_migration.errors import MigrationError


class CqlAccessError(MigrationError):
    """A statement could not be carried out as asked."""


class StatementValuesError(CqlAccessError):
    """The values do not fit the statement: their number, a name, or a type. Nothing was sent."""


class BatchRefusedError(CqlAccessError):
    """The rows can't go in batches of that kind. Nothing was sent. Change the rows, or send them one by one."""


class TooManyRowsError(CqlAccessError):
    """The answer has more rows than may be kept, and there is no path to write them to. Give one, or ask for less."""


class ResultTypeError(CqlAccessError):
    """A column's type or value has no form in Arrow. Leave the column out of the statement."""


class TokenRangeError(CqlAccessError):
    """No such range of tokens, or a table whose partitioner has other tokens. Read the table as a whole."""


class AccessCancelledError(CqlAccessError):
    """Somebody stopped it. What was already sent may have been carried out."""


class NotAQueryError(CqlAccessError):
    """The statement has no answer in rows. Use it to write, or give a SELECT."""
