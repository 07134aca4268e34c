"""A Snowflake query: its columns before it runs, and its rows as Arrow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from snowflake.connector.constants import FIELD_ID_TO_NAME

from keyspaces_migration.snowflake_names import quote_name
from keyspaces_migration.transfer.errors import QueryRefusedError

if TYPE_CHECKING:
    import pyarrow as pa

Parameters = Sequence[Any] | Mapping[str, Any]

_MOMENT = "TIMESTAMP"


class QueryCursor(Protocol):
    """The part of `snowflake.connector.cursor.SnowflakeCursor` that is used."""

    def describe(self, command: str, params: Any = None) -> Sequence[Any]:  # noqa: ANN401 # as the connector's
        """Return what is known of each column of a query's result, without running it."""

    def execute(self, command: str, params: Any = None) -> Any:  # noqa: ANN401 # as the connector's
        """Run a statement."""

    def fetch_arrow_batches(self) -> Iterator["pa.Table"]:
        """Yield the answer in parts, each fetched when it is asked for."""


@dataclass(frozen=True, kw_only=True)
class ResultColumn:
    """A column of a query's result; `kind` is Snowflake's name of its type, without size or precision."""

    name: str
    kind: str

    @property
    def is_moment(self) -> bool:
        """Whether it holds dates with a time, of one of Snowflake's three kinds."""
        return self.kind.startswith(_MOMENT)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A SELECT.

    Attributes:
        cursor: Open; stays its owner's.
        database_error: The class of the errors that its statements raise.
        sql: With %s or %(name)s where values go.
        parameters: The values.
    """

    cursor: QueryCursor
    database_error: type[Exception]
    sql: str
    parameters: Parameters | None = None

    def columns(self) -> tuple[ResultColumn, ...]:
        """Return the result's columns. Snowflake compiles the query, and does not run it.

        Raises:
            QueryRefusedError: Snowflake refuses it or does not answer.
        """
        try:
            found = self.cursor.describe(self._statement, self.parameters or None)
        except self.database_error as error:
            raise self._refused(error) from error
        return tuple(ResultColumn(name=each.name, kind=FIELD_ID_TO_NAME[each.type_code]) for each in found)

    def batches(self, columns: Sequence[ResultColumn]) -> Iterator["pa.Table"]:
        """Run the query, and yield these columns of its result, in Snowflake's parts of bounded size.

        Moments are whole milliseconds since 1970: Arrow's nanoseconds end in the year 2262.

        Raises:
            QueryRefusedError: Snowflake refuses it or stops answering.
        """
        # The line's end keeps a comment in the query's last line from taking the bracket with it.
        wrapped = f"SELECT {', '.join(map(_selected, columns))} FROM (\n{self._statement}\n)"  # noqa: S608 # quoted
        try:
            self.cursor.execute(wrapped, self.parameters or None)
            yield from self.cursor.fetch_arrow_batches()
        except self.database_error as error:
            raise self._refused(error) from error

    @property
    def _statement(self) -> str:
        return self.sql.strip().rstrip(";")

    def _refused(self, error: Exception) -> QueryRefusedError:
        found = (str(error).strip() or type(error).__name__).splitlines()[0]
        return QueryRefusedError(
            f"Snowflake refuses the query or does not answer: {found}. Give one SELECT, and check what the "
            f"connection's role may read. Query: {self.sql}"
        )


def _selected(column: ResultColumn) -> str:
    name = quote_name(column.name)
    return f"DATE_PART(EPOCH_MILLISECOND, {name}) AS {name}" if column.is_moment else name
