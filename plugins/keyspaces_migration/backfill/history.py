"""What the backfill needs of the history: a cursor that answers in rows or in Arrow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from keyspaces_migration.backfill.errors import HistoryUnusableError

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowCursor(Protocol):
    """The part of `snowflake.connector.cursor.SnowflakeCursor` that is used."""

    def execute(self, command: str, params: Sequence[Any] | None = None) -> Any:  # noqa: ANN401 # as the connector's
        """Run a statement; `%s` in it takes a value of `params`."""

    def describe(self, command: str) -> Any:  # noqa: ANN401 # as the connector's
        """Return what is known of each column of a query's answer, without running it."""

    def fetchall(self) -> list[Any]:
        """Return the rows of the answer."""

    def fetch_arrow_batches(self) -> Iterator["pa.Table"]:
        """Yield the answer in parts, each fetched when it is asked for."""


@dataclass(frozen=True)
class History:
    """A cursor, and the class of the errors that its statements raise."""

    cursor: ArrowCursor
    database_error: type[Exception]

    def run(self, statement: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a statement's answer.

        Raises:
            HistoryUnusableError: The history refused it or does not answer.
        """
        try:
            self.cursor.execute(statement, values or None)
            return self.cursor.fetchall()
        except self.database_error as error:
            raise _unusable(error, statement) from error

    def column_kinds(self, statement: str) -> dict[str, str]:
        """Return Snowflake's type of each column of a query's answer, without size or precision; it is not run.

        Raises:
            HistoryUnusableError: The history refused it or does not answer.
        """
        from snowflake.connector.constants import FIELD_ID_TO_NAME  # noqa: PLC0415 # brings the whole connector

        try:
            return {each.name: FIELD_ID_TO_NAME[each.type_code] for each in self.cursor.describe(statement)}
        except self.database_error as error:
            raise _unusable(error, statement) from error

    def batches(self, statement: str, values: Sequence[object] = ()) -> Iterator["pa.Table"]:
        """Yield a statement's answer as Arrow tables of bounded size.

        Raises:
            HistoryUnusableError: The history refused it or stopped answering.
        """
        try:
            self.cursor.execute(statement, values or None)
            yield from self.cursor.fetch_arrow_batches()
        except self.database_error as error:
            raise _unusable(error, statement) from error


def _unusable(error: Exception, statement: str) -> HistoryUnusableError:
    found = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HistoryUnusableError(
        f"the history refused or did not answer: {found}. Check that the connection's role may read the history's "
        f"tables and create tables beside them, and the columns that the migration file names. Statement: {statement}"
    )
